#!/usr/bin/env python3
"""H10, H15: With limits for hardware the node does not start where threads are not scheduled in real time and memory is not locked, nor where
ROS 2 runs without security, and says so in one line; by its flags it starts, and diagnostics, whoever loads a plan, and the record are told."""

from diagnostic_msgs.msg import DiagnosticArray

from bench import check, main, until
from sitting_needed import begin_sitting
from wire import Wire, read_events

# As an ordinary user without any rights: also root loses what real time takes.
RIGHTS = "-sys_nice,-ipc_lock"
WITHOUT = ("prlimit", "--rtprio=0", "--memlock=65536", "setpriv", "--bounding-set", RIGHTS, "--inh-caps", RIGHTS)
HARDWARE = ("-p", "limits:=hardware")
NO_REAL_TIME = ("-p", "allow_no_real_time:=true")
UNSECURED = ("-p", "allow_unsecured:=true")
# What SROS2 has each process told; the ROS 2 of these tests has no plugins for it, and there is no keystore.
ENFORCED = ("env", "ROS_SECURITY_ENABLE=true", "ROS_SECURITY_STRATEGY=Enforce", "ROS_SECURITY_KEYSTORE=/nowhere")


def refused(bench, before, *parameters):
    """The one line of a node that does not start."""
    node = bench.start_controller(*HARDWARE, *parameters, before=before)
    node.ended = True
    code = until(lambda: node.poll() is not None and (node.returncode,), "the node to refuse", bench)[0]
    check(code == 2, f"refused with exit code {code}")
    lines = [line for line in node.log.read_text().splitlines() if line.startswith("stipple-controller: ")]
    check(len(lines) == 1, f"refused with the words {lines}")
    return lines[0]


def no_real_time(bench):
    line = refused(bench, WITHOUT, *UNSECURED)
    check("no real time" in line and "allow_no_real_time" in line, f"refused with the words {line}")
    line = refused(bench, WITHOUT, *NO_REAL_TIME)
    check("without security" in line and "allow_unsecured" in line, f"refused with the words {line}")
    # Told to enforce what it cannot, it does not go on without.
    line = refused(bench, (*ENFORCED, *WITHOUT), *NO_REAL_TIME)
    check("allow_unsecured" not in line, f"refused with the words {line}")

    bench.start_sim()
    bench.start_controller(*HARDWARE, *NO_REAL_TIME, *UNSECURED, before=WITHOUT)
    with Wire(bench) as wire:
        told = {}

        def listen(array):
            for status in array.status:
                told[status.name] = (status.level, {pair.key: pair.value for pair in status.values})

        wire.node.create_subscription(DiagnosticArray, "diagnostics", listen, 10)
        level, loop = until(lambda: told.get("stipple_controller: control loop"), "diagnostics of the control loop", bench)
        check(level != b"\x00" and loop["real_time"].startswith("no: "), f"diagnostics do not tell: {loop}")
        check(int(loop["late_max_us"]) >= int(loop["late_worst_us"]), f"the latest of all is less than the latest of a second: {loop}")
        lease = until(lambda: told.get("stipple_controller: operator/lease"), "diagnostics of the lease", bench)[1]
        check(lease["secured"] == "no", f"diagnostics do not tell: {lease}")
        begin_sitting(bench)
        loaded = wire.operator.load(bench.plan, bench.record)
        told_both = "without real time" in loaded.message and "without ROS 2 security" in loaded.message
        check(told_both, f"whoever loads is not told: {loaded.message!r}")
        events = read_events(bench.record, "no_real_time") + read_events(bench.record, "unsecured")
        check("; ".join(events) == loaded.message, f"the record says {events}")
        return f"refused in one line each; allowed: {loaded.message}"


if __name__ == "__main__":
    main(no_real_time, "no_real_time")

#!/usr/bin/env python3
"""H10: With limits for hardware the node does not start where threads are not scheduled in real time and memory is not locked, and says so
in one line; by its flag it starts, and diagnostics, whoever loads a plan, and the record are told."""

from diagnostic_msgs.msg import DiagnosticArray

from bench import check, main, until
from sitting_needed import begin_sitting
from wire import Wire, read_events

# As an ordinary user without any rights: also root loses what real time takes.
RIGHTS = "-sys_nice,-ipc_lock"
WITHOUT = ("prlimit", "--rtprio=0", "--memlock=65536", "setpriv", "--bounding-set", RIGHTS, "--inh-caps", RIGHTS)
HARDWARE = ("-p", "limits:=hardware")
ALLOWED = ("-p", "allow_no_real_time:=true")


def no_real_time(bench):
    refused = bench.start_controller(*HARDWARE, before=WITHOUT)
    refused.ended = True
    code = until(lambda: refused.poll() is not None and (refused.returncode,), "the node to refuse", bench)[0]
    check(code == 2, f"refused with exit code {code}")
    lines = [line for line in refused.log.read_text().splitlines() if line.startswith("stipple-controller: ")]
    check(len(lines) == 1 and "no real time" in lines[0] and "allow_no_real_time" in lines[0], f"refused with the words {lines}")

    bench.start_sim()
    bench.start_controller(*HARDWARE, *ALLOWED, before=WITHOUT)
    with Wire(bench) as wire:
        told = {}

        def listen(array):
            for status in array.status:
                told[status.name] = (status.level, {pair.key: pair.value for pair in status.values})

        wire.node.create_subscription(DiagnosticArray, "diagnostics", listen, 10)
        level, loop = until(lambda: told.get("stipple_controller: control loop"), "diagnostics of the control loop", bench)
        check(level != b"\x00" and loop["real_time"].startswith("no: "), f"diagnostics do not tell: {loop}")
        check(int(loop["late_max_us"]) >= int(loop["late_worst_us"]), f"the latest of all is less than the latest of a second: {loop}")
        begin_sitting(bench)
        loaded = wire.operator.load(bench.plan, bench.record)
        check("without real time" in loaded.message, f"whoever loads is not told: {loaded.message!r}")
        events = read_events(bench.record, "no_real_time")
        check(events == [loaded.message], f"the record says {events}")
        return f"refused in one line; allowed: {loaded.message}"


if __name__ == "__main__":
    main(no_real_time, "no_real_time")

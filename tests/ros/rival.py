#!/usr/bin/env python3
"""H15: A second controller of the same name in the same namespace: each call of a service reaches both, and one of the two answers. Holds that a
session under way stops as soon as another is heard, needle in and arm still, and says why; that nothing starts while both are there; and that
the session goes on once one of the two has ended. A parameter file that says nothing of the node keeps it from starting."""

from stipple_msgs.msg import SessionState

from bench import check, main, until
from diagnosis import ERROR, OK, Diagnosis
from wire import Wire, read_events

# As many as take longer than it takes to hear of another node.
DOTS = 60
WHY = "another controller of the same name"


def refused_file(bench):
    path = bench.folder / "other.yaml"
    path.write_text("stipple_sim:\n  ros__parameters:\n    limits: simulation\n")
    node = bench.start_controller("--params-file", path)
    node.ended = True
    code = until(lambda: node.poll() is not None and (node.returncode,), "the node to refuse", bench)[0]
    lines = [line for line in node.log.read_text().splitlines() if line.startswith("stipple-controller: ")]
    check(code == 2 and len(lines) == 1 and "no section for the node /stipple_controller" in lines[0], f"ended with {code}: {lines}")


def rival(bench):
    refused_file(bench)
    bench.start_sim()
    bench.start_controller()
    with Wire(bench) as wire:
        desk, watcher, told = wire.operator, wire.watcher, Diagnosis(wire)
        loaded = desk.begin(bench.plan, bench.record, DOTS)
        desk.wait_placed(3)
        desk.carry_on()
        other = bench.start_controller()
        until(lambda: read_events(bench.record, "stop"), "the session to stop", bench)
        check(any(WHY in reason for reason in read_events(bench.record, "stop")), f"the record says: {read_events(bench.record, 'stop')}")
        told.wait("rival", ERROR)
        until(watcher.needle_in, "the needle to go in", bench)
        until(lambda: watcher.arm_still_for(0.3), "the arm to stand", bench)
        for _ in range(4):
            check(not desk.try_start(DOTS).accepted, "a session was started with two controllers there")
        watcher.at_rest_for(1.0)
        bench.end(other)
        told.wait("rival", OK)
        until(lambda: watcher.in_state(SessionState.STOPPED), "what is heard to be of the one that is left", bench)
        until(lambda: desk.trigger("clear_fault").success, "clear_fault to be accepted", bench)
        done = desk.load(bench.plan, bench.record).already_done
        desk.start(DOTS - done)
        desk.wait_finished(patience=120.0)
        return watcher.judge(bench.record, loaded.session_id, bench.first(DOTS)) + desk.told_stalls()


if __name__ == "__main__":
    main(rival, "rival")

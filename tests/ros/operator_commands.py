#!/usr/bin/env python3
"""H14: Pauses, resumes, stops, clears and starts again by service calls, and holds that a pause and a stop leave the needle in and the arm
still, that a cleared stop moves nothing by itself, and that the session then finishes with every dot once."""

from stipple_msgs.msg import SessionState

from bench import check, main, until
from wire import Wire, read_events

DOTS = 30
REASON = "the client wants to stretch"


def operator(bench):
    bench.start_sim()
    bench.start_controller()
    with Wire(bench) as wire:
        desk, watcher = wire.operator, wire.watcher
        check(not desk.try_start(DOTS).accepted, "start was accepted with no plan loaded")
        check(not desk.trigger("resume").success, "resume was accepted with nothing paused")
        loaded = desk.begin(bench.plan, bench.record, DOTS)
        desk.wait_placed(5)

        desk.reason = REASON
        desk.command_until("pause", SessionState.PAUSED)
        check(watcher.needle_in(), "paused with the needle out")
        until(watcher.arm_still, "the paused arm to stand", bench)
        watcher.at_rest_for(1.5)
        check("the arm is at its station" in watcher.state.message, f"in the break it is said: {watcher.state.message!r}")
        check(not desk.try_start(DOTS).accepted, "start was accepted in a pause")
        before = len(watcher.placed())
        # Somebody who does not hold the lease resumes nothing.
        for stranger in ("", "somebody else"):
            check(not desk.resume(stranger).accepted, f"{stranger!r} resumed the session of {desk.name}")
        watcher.at_rest_for(0.5)
        until(lambda: desk.trigger("resume").success, "resume to be accepted", bench)
        desk.wait_placed(before + 5)
        # How long the break was, whose, and why, stands in the record.
        breaks = until(lambda: read_events(bench.record, "break"), "the break in the record", bench)
        length = float(breaks[0].split(" s: ")[0])
        check(length >= 1.5 and f"({desk.name}): {REASON}" in breaks[0],
              f"a break of 1.5 s and more was asked for by {desk.name} for {REASON!r}, the record says: {breaks}")

        desk.command_until("stop", SessionState.STOPPED)
        check(watcher.needle_in(), "stopped with the needle out")
        until(watcher.arm_still, "the stopped arm to stand", bench)
        watcher.at_rest_for(1.5)
        check(not desk.trigger("resume").success, "resume was accepted after a stop")
        until(lambda: desk.trigger("clear_fault").success, "clear_fault to be accepted", bench)
        desk.wait_state(SessionState.SAFE, SessionState.READY)
        # A reset is not a start.
        watcher.at_rest_for(1.0)

        reloaded = desk.load(bench.plan, bench.record)
        done = reloaded.already_done
        check(reloaded.session_id == loaded.session_id, "the same record gave another session")
        check(done == len(watcher.results), f"the record has {done} dots done, {len(watcher.results)} were told")
        desk.start(DOTS - done)
        desk.wait_finished(patience=120.0)
        return watcher.judge(bench.record, loaded.session_id, bench.first(DOTS)) + desk.told_stalls()


if __name__ == "__main__":
    main(operator, "operator_commands")

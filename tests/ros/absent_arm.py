#!/usr/bin/env python3
"""H9, H14: An arm that reports its joints and whose controller is not there: nothing starts, and it is said what is missing. Where it was there
once the goal is never answered: the session stops with its fault, a stop is confirmed, and the fault is cleared, though nobody answers; once the controller is there the session is worked off, and the goals from before move
nothing."""

import time

from stipple_msgs.msg import SessionState

from bench import check, main, until
from diagnosis import OK, WARN, Diagnosis
from wire import STALLS, Wire

DOTS = 12


def faults(bench, desk, watcher):
    """The goal that nobody answers is a fault, which can be cleared. Returns how long that took."""
    while True:
        until(lambda: watcher.in_state(SessionState.FAULTED), "the missing controller to be a fault", bench)
        fault = watcher.state.fault
        if fault in STALLS:
            desk.carry_on()
            continue
        check(fault == "arm_silent", f"the fault is {fault}: {watcher.state.message}")
        break
    begun = time.monotonic()
    until(lambda: desk.trigger("clear_fault").success, "clear_fault to be accepted", bench, 15.0)
    took = time.monotonic() - begun
    desk.wait_state(SessionState.SAFE, SessionState.READY)
    watcher.at_rest_for(0.5)
    return took


def stops(bench, desk, watcher):
    """A stop while nobody answers is confirmed."""
    while True:
        desk.begin(bench.plan, bench.record, DOTS)
        until(lambda: watcher.in_state(SessionState.APPROACHING, SessionState.FAULTED), "the session to begin", bench)
        time.sleep(0.3)
        desk.trigger("stop")
        until(lambda: watcher.in_state(SessionState.STOPPED, SessionState.FAULTED), "the stop", bench)
        if watcher.in_state(SessionState.STOPPED):
            break
        # A machine that stood still for a moment made a fault of it before the stop came.
        check(watcher.state.fault in STALLS | {"arm_silent"}, f"the stop ended in {watcher.state.fault}: {watcher.state.message}")
        until(lambda: desk.trigger("clear_fault").success, "clear_fault to be accepted", bench, 15.0)
    until(lambda: desk.trigger("clear_fault").success, "clear_fault to be accepted", bench)
    desk.wait_state(SessionState.SAFE, SessionState.READY)


def absent(bench):
    nobody = ("-p", "arm_controller:=nobody")
    sim = bench.start_sim(*nobody)
    bench.start_controller()
    with Wire(bench) as wire:
        desk, watcher, told = wire.operator, wire.watcher, Diagnosis(wire)
        desk.load(bench.plan, bench.record)
        answer = desk.try_start(DOTS)
        check(not answer.accepted and "nobody serves the action" in answer.message, f"started without anybody to move: {answer.message!r}")
        told.wait("arm", WARN)
        bench.end(sim)
        sim = bench.start_sim()
        told.wait("arm", OK)
        bench.end(sim)
        sim = bench.start_sim(*nobody)
        desk.begin(bench.plan, bench.record, DOTS)
        took = faults(bench, desk, watcher)
        stops(bench, desk, watcher)
        bench.end(sim)
        bench.start_sim()
        loaded = desk.begin(bench.plan, bench.record, DOTS)
        desk.wait_finished(patience=120.0)
        judged = watcher.judge(bench.record, loaded.session_id, bench.first(DOTS))
        return f"cleared after {took:.1f} s; " + judged + desk.told_stalls()


if __name__ == "__main__":
    main(absent, "absent_arm")

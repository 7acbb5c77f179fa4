#!/usr/bin/env python3
"""H14: At a stop of the plan the session pauses with the arm at its station, says what is to be done, and goes on when the operator resumes it,
not before and not for anybody else. The operator at the command line waits for that, too, and passes stops only when told to."""

import json
import subprocess
import time

from stipple_msgs.msg import SessionState

from bench import RUN, check, main, make_plan, program, until
from wire import STALLS, Wire, read_events

DOTS = 25
# Dots that a dip of pigment lasts: two stops.
DIP = 10
ASKS = "planned stop: let the needle take up pigment"


def by_services(bench):
    with Wire(bench) as wire:
        desk, watcher = wire.operator, wire.watcher
        loaded = desk.begin(bench.plan, bench.record, DOTS)
        for _ in range(2):
            until(lambda: desk.carry_on() or watcher.in_state(SessionState.PAUSED), "the session to pause", bench)
            state = watcher.state
            check(state.message.startswith(f"pause_planned: {ASKS}") and "at its station" in state.message, f"it is said: {state.message!r}")
            until(watcher.arm_still, "the arm to stand", bench)
            watcher.at_rest_for(2.0)
            check(not desk.resume("somebody else").accepted, "somebody else resumed the session")
            until(lambda: desk.resume().accepted, "resume to be accepted", bench)
        desk.wait_finished(patience=120.0)
        breaks = until(lambda: read_events(bench.record, "break"), "the stops in the record", bench)
        check(len(breaks) >= 2 and all(ASKS in told for told in breaks), f"the record says: {breaks}")
        return watcher.judge(bench.record, loaded.session_id, bench.first(DOTS)) + desk.told_stalls()


def session(bench, name, *more):
    """The operator at the command line."""
    report = bench.folder / f"{name}.json"
    command = [RUN, program("stipple-controller"), "session", "--plan", bench.plan, "--record", bench.folder / f"{name}.sqlite", "--dots", DOTS,
               "--report", report, *more]
    log = bench.folder / f"{name}.log"
    with log.open("wb") as out:
        return subprocess.Popen([str(word) for word in command], stdout=out, stderr=subprocess.STDOUT, start_new_session=True), report, log


def at_the_command_line(bench):
    for attempt in range(3):
        process, report, log = session(bench, f"passes-{attempt}", "--pass-stops")
        try:
            code = process.wait(120.0)
        finally:
            process.kill()
        # A machine that stood still ends the session of an operator at the command line.
        if not any(f"ended by a fault: {stall}" in log.read_text() for stall in STALLS):
            break
    pauses = [pause["why"] for pause in json.loads(report.read_text())["pauses"]]
    check(code == 0 and len(pauses) == 2 and all(ASKS in why for why in pauses), f"ended with {code} after {pauses}")
    process, _, log = session(bench, "waits")
    try:
        until(lambda: f"{ASKS}; " in log.read_text() and "waiting for ~/resume" in log.read_text(), "what is to be done to be said", bench)
        time.sleep(6.0)
        check(process.poll() is None, "the session went on, or ended, without anybody")
    finally:
        process.terminate()
        code = process.wait(30.0)
    check(code == 130, f"ended with {code}")


def stops(bench):
    bench.plan = make_plan(bench.folder, dots_per_dip=DIP)
    bench.start_sim()
    bench.start_controller()
    told = by_services(bench)
    at_the_command_line(bench)
    return told


if __name__ == "__main__":
    main(stops, "planned_stops")

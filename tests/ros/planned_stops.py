#!/usr/bin/env python3
"""H14: At a stop of the plan the session pauses with the arm at its station, says what is to be done, and goes on when the operator resumes it,
not before and not for anybody else. The operator at the command line waits for that, too, and passes stops only when told to; what is typed
pauses and goes on. Where there is no controller yet, it is said what is waited for."""

import json
import os
import pty
import subprocess
import time

from stipple_msgs.msg import SessionState

from bench import RUN, check, main, make_plan, program, until
from wire import STALLS, Wire, read_events

DOTS = 15
# Dots that a dip of pigment lasts: one stop, or two for more dots.
DIP = 10
MORE = 25
ASKS = "planned stop: let the needle take up pigment"


def by_services(bench):
    with Wire(bench) as wire:
        desk, watcher = wire.operator, wire.watcher
        loaded = desk.begin(bench.plan, bench.record, DOTS)
        until(lambda: (desk.carry_on(), watcher.in_state(SessionState.PAUSED))[1], "the session to pause", bench)
        state = watcher.state
        check(state.message.startswith(f"pause_planned: {ASKS}") and "at its station" in state.message, f"it is said: {state.message!r}")
        until(watcher.arm_still, "the arm to stand", bench)
        watcher.at_rest_for(2.0)
        check(not desk.resume("somebody else").accepted, "somebody else resumed the session")
        until(lambda: desk.resume().accepted, "resume to be accepted", bench)
        desk.wait_finished(patience=120.0)
        breaks = until(lambda: read_events(bench.record, "break"), "the stop in the record", bench)
        check(breaks and all(ASKS in told for told in breaks), f"the record says: {breaks}")
        return watcher.judge(bench.record, loaded.session_id, bench.first(DOTS)) + desk.told_stalls()


def session(bench, name, *more, dots=DOTS, stdin=subprocess.DEVNULL):
    """The operator at the command line."""
    report = bench.folder / f"{name}.json"
    command = [RUN, program("stipple-controller"), "session", "--plan", bench.plan, "--record", bench.folder / f"{name}.sqlite", "--dots", dots,
               "--report", report, *more]
    log = bench.folder / f"{name}.log"
    with log.open("wb") as out:
        return subprocess.Popen([str(word) for word in command], stdin=stdin, stdout=out, stderr=subprocess.STDOUT, start_new_session=True), report, log


def passes(bench, name):
    """An operator who passes every stop, and begins before there is a controller: the session finishes. Returns the log."""
    process, report, log = session(bench, name, "--pass-stops")
    try:
        if not hasattr(bench, "controller"):
            until(lambda: "waiting up to 60 s for stipple_controller/" in log.read_text(), "it to be said what is waited for", bench)
            bench.controller = bench.start_controller()
        code = process.wait(120.0)
    finally:
        process.kill()
    if not stalled(log):
        pauses = [pause["why"] for pause in json.loads(report.read_text())["pauses"]]
        check(code == 0 and len(pauses) == 1 and all(ASKS in why for why in pauses), f"ended with {code} after {pauses}")
    return log


def waits(bench, name):
    """An operator with a keyboard: nothing goes on until Enter is pressed. Returns the log."""
    keyboard, terminal = pty.openpty()
    process, _, log = session(bench, name, dots=MORE, stdin=terminal)

    def asked(times):
        return stalled(log) or log.read_text().count(f"{ASKS}; ") == times

    try:
        until(lambda: asked(1), "what is to be done to be said", bench)
        time.sleep(6.0)
        check(asked(1), "the session went on, or ended, without anybody")
        check(stalled(log) or "press Enter" in log.read_text(), "it is not said how to go on")
        os.write(keyboard, b"\n")
        until(lambda: asked(2), "the session to go on to its next stop", bench)
    finally:
        process.terminate()
        code = process.wait(30.0)
    check(stalled(log) or code == 130, f"ended with {code}")
    return log


def pauses(bench, name):
    """An operator who types p in the middle of the work: it pauses, and goes on at Enter alone. Returns the log."""
    keyboard, terminal = pty.openpty()
    process, report, log = session(bench, name, "--pass-stops", stdin=terminal)

    def paused():
        return stalled(log) or "; press Enter to go on" in log.read_text()

    try:
        until(lambda: stalled(log) or "dots in the plan" in log.read_text(), "the plan to be loaded", bench)
        # While it waits at a stop of the plan nothing is to be paused, and the work before and after it is short.
        for _ in range(200):
            if paused() or process.poll() is not None:
                break
            os.write(keyboard, b"p\n")
            time.sleep(0.3)
        check(paused(), "typing p does not pause the session")
        time.sleep(6.0)
        check(stalled(log) or process.poll() is None, "the session ended in its pause")
        os.write(keyboard, b"\n")
        code = process.wait(120.0)
    finally:
        process.kill()
    if not stalled(log):
        whys = [pause["why"] for pause in json.loads(report.read_text())["pauses"]]
        check(code == 0 and any(why.startswith("paused by the operator") for why in whys), f"ended with {code} after {whys}")
        asked = read_events(bench.folder / f"{name}.sqlite", "pause")
        check(any("at the keyboard" in told for told in asked), f"the record says: {asked}")
    return log


def stalled(log):
    """A machine that stood still ends the session of an operator at the command line."""
    return any(f"ended by a fault: {stall}" in log.read_text() for stall in STALLS)


def at_the_command_line(bench):
    for operator in (passes, waits, pauses):
        tries = (operator(bench, f"{operator.__name__}-{attempt}") for attempt in range(3))
        check(not all(stalled(log) for log in tries), "the machine stood still three times")


def stops(bench):
    bench.plan = make_plan(bench.folder, dots_per_dip=DIP)
    bench.start_sim()
    at_the_command_line(bench)
    return by_services(bench)


if __name__ == "__main__":
    main(stops, "planned_stops")

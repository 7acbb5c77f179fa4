#!/usr/bin/env python3
"""Reads the diagnostics as an operator's screen does: before the hardware is there, in a sitting's session, and with the hardware gone. Holds
that they come once a second, that every part has its numbers, and the level that says how it is."""

import time

from sitting_needed import begin_sitting
from stipple_msgs.msg import SessionState

from bench import Failure, check, main, until
from diagnosis import ERROR, OK, STALE, WARN, Diagnosis
from lifecycle import Manager
from wire import Wire

DOTS = 12
INPUTS = ("needle/state", "head_pose")


def in_session(told, name):
    """The numbers of a running session, each within what it can be."""
    status = told.parts
    for part, least in (("joint_states", 100.0), ("needle/state", 100.0), ("head_pose", 10.0), ("control loop", 100.0)):
        check(least < status[part].number("rate_hz") < 1500.0, f"{part} comes at {status[part]}")
    for part in ("joint_states", *INPUTS):
        check(0.0 <= status[part].number("age_ms") < 500.0, f"{part}: {status[part]}")
        check(status[part].number("dropped") >= 0, f"{part}: {status[part]}")
    loop = status["control loop"]
    check(loop.number("slips") >= loop.number("slips_since") >= 0 and loop.number("late_worst_us") >= 0, f"control loop: {loop}")
    needle = status["needle/state"]
    check(-0.1 <= needle.number("extension_mm") < 10.0 and abs(needle.number("axial_force_n")) < 10.0, f"needle: {needle}")
    check(needle.values["state"] in ("retracted", "extending", "extended", "retracting"), f"needle: {needle}")
    lease = status["operator/lease"]
    check(lease.values["holder"] == name and 0.0 <= lease.number("age_ms") < 500.0, f"lease: {lease}")
    session = status["session"]
    counts = [session.number(key) for key in ("placed", "skipped", "in_doubt", "remaining")]
    check(session.number("planned") == sum(counts) and session.number("layer") == 1, f"session: {session}")
    residual = status["registration"].number("residual_mm")
    check(0.0 <= residual <= 1.0, f"the registration's residual is told as {residual} mm")


def soon_in_session(told, name):
    """As `in_session`, by this message or one of the next: a machine that stands still for a moment is told as it is."""
    for _ in range(30):
        try:
            return in_session(told, name)
        except Failure as failure:
            heard, last = len(told.came), failure
        until(lambda: len(told.came) > heard, "the next diagnostics", told.bench)
    raise last


def diagnostics(bench):
    bench.start_controller()
    sim = bench.start_sim("-p", "cartridge:=N-1")
    with Wire(bench) as wire:
        desk, watcher, told = wire.operator, wire.watcher, Diagnosis(wire)
        for part in INPUTS:
            told.wait(part, OK)
        check(told.parts["registration"].values["residual_mm"] == "none", "a residual without a sitting")
        told.wait("lifecycle", OK)
        begin_sitting(bench)
        loaded = desk.begin(bench.plan, bench.record, DOTS)
        desk.wait_placed(4)
        began = len(told.came)
        until(lambda: len(told.came) >= began + 3, "diagnostics in the session", bench)
        soon_in_session(told, desk.name)
        for part in ("registration", "operator/lease", "joint_states"):
            told.wait(part, OK)
        check(all(status.hardware == "/stipple_controller" for status in told.parts.values()), "a status does not say whose it is")
        desk.wait_finished(patience=120.0)

        gaps = sorted(b - a for a, b in zip(told.came, told.came[1:]))
        check(0.8 < gaps[len(gaps) // 2] < 1.3, f"diagnostics come every {gaps[len(gaps) // 2]:.2f} s, not once a second")
        judged = watcher.judge(bench.record, loaded.session_id, bench.first(DOTS)) + desk.told_stalls()
        bench.end(sim)
        for part in ("joint_states", *INPUTS):
            told.wait(part, ERROR)
        desk.leave()
        told.wait("operator/lease", WARN)
        Manager(wire).change("deactivate", "inactive")
        told.wait("lifecycle", WARN)
        return judged


if __name__ == "__main__":
    main(diagnostics, "diagnostics")

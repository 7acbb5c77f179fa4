#!/usr/bin/env python3
"""H7, H8: With limits for hardware the node takes no plan whose record has no sitting, and takes it once one has begun: every gate passed or
passed over by name. No other layer than the sitting's starts, nothing starts while the needle device reports another cartridge than the
sitting's, and the work is done with the right one. A sitting whose client has not confirmed their answers is refused. With limits for
hardware nothing is loaded on a record whose dots were simulated."""

import datetime
import subprocess

from bench import ROOT, RUN, check, main, program, until
from diagnosis import OK, WARN, Diagnosis
from wire import Wire

DOTS = 6
# Where there is no real time and no security, too: nothing moves under these.
HARDWARE = ("-p", "limits:=hardware", "-p", "allow_no_real_time:=true", "-p", "allow_unsecured:=true")


def run(*command):
    done = subprocess.run([RUN, *map(str, command)], capture_output=True, text=True, timeout=300)
    check(done.returncode == 0, f"{command[1]} failed:\n{done.stdout}{done.stderr}")
    return done.stdout


def sitting_file(bench, confirmed):
    """The shipped example as it would be filled in now, the treatment's test patch passed over."""
    # An hour ago: what is said of that day holds at any time of this one.
    then = datetime.datetime.now(datetime.timezone.utc) - datetime.timedelta(hours=1)
    day = then.date()
    intake = (ROOT / "planner/intakes/pattern-baldness.toml").read_text()
    (bench.folder / "intake.toml").write_text(intake.replace("2026-11-30", str(day - datetime.timedelta(days=30))))
    text = (ROOT / "launch/sittings/example.toml").read_text()
    text = text[:text.index("[test_patch]\n")] + '[[overrides]]\ngate = "test_patch"\nby = "A. Operator"\nreason = "nobody is treated"\n'
    filled_in = (("../../planner/intakes/pattern-baldness.toml", "intake.toml"), ("N-4711", "N-1"),
                 ("2027-05-31T08:10:00+02:00", then.isoformat(timespec="seconds")), ("confirmed = 2027-05-31", f"confirmed = {confirmed or day}"),
                 ("2027-05-31", str(day)), ("2027-05-20", str(day - datetime.timedelta(days=11))), ("2028-", f"{day.year + 1}-"))
    # In two steps: a day that was put in may be one that is looked for.
    for place, (old, _) in enumerate(filled_in):
        check(old in text, f"the example has no {old}")
        text = text.replace(old, f"@{place}@")
    for place, (_, new) in enumerate(filled_in):
        text = text.replace(f"@{place}@", new)
    path = bench.folder / "sitting.toml"
    path.write_text(text)
    return path, then


def begin_sitting(bench, confirmed=None):
    """With the head as it was scanned an hour ago, a fresh cartridge, and pigment that keeps. Returns the exit code and what was said."""
    sitting, then = sitting_file(bench, confirmed)
    scan, landmarks = bench.plan.with_name("head.ply"), bench.plan.with_name("landmarks.json")
    # Today's scan is another file than the planned one, which is refused as such.
    today = bench.folder / "today.ply"
    today.write_bytes(scan.read_bytes().replace(b"\nelement vertex", b"\ncomment of today\nelement vertex", 1))
    registration = bench.folder / "registration.json"
    registration.write_text(run(program("stipple-planner"), "register", "--fixed", scan, "--fixed-landmarks", landmarks,
                                "--moving", today, "--taken-at", then.isoformat(timespec="seconds"), "--json"))
    command = (program("stipple-controller"), "resume", bench.record, "--plan", bench.plan, "--sitting", sitting, "--registration", registration)
    if confirmed is None:
        return run(*command)
    done = subprocess.run([RUN, *map(str, command)], capture_output=True, text=True, timeout=300)
    check(done.returncode == 1, f"resume ended with {done.returncode}, not 1:\n{done.stdout}{done.stderr}")
    return done.stdout


def other_cartridge(bench, wire, sim, session):
    """The simulated device reports a cartridge of its own until it is told which is fitted."""
    desk, told = wire.operator, Diagnosis(wire)
    controller = bench.start_controller()
    loaded = desk.load(bench.plan, bench.record)
    check(loaded.session_id == session, "the same record gave another session")
    answer = None

    def refused():
        nonlocal answer
        answer = desk.try_start(DOTS)
        check(not answer.accepted, "started with another cartridge than the sitting's")
        if "register" in answer.message:
            desk.register()
        return "cartridge" in answer.message

    until(refused, "a start to be refused for the cartridge", bench)
    other = desk.try_start(DOTS, layer=2)
    check(not other.accepted and "the sitting is for layer 1, not for layer 2" in other.message, f"layer 2 under a sitting for layer 1: {other.message}")
    told.wait("needle/state", WARN)
    bench.end(sim)
    bench.start_sim("-p", "cartridge:=N-1")
    told.wait("needle/state", OK)
    desk.begin(bench.plan, bench.record, DOTS)
    desk.wait_finished(patience=120.0)
    judged = wire.watcher.judge(bench.record, session, bench.first(DOTS)) + desk.told_stalls()
    bench.end(controller)
    bench.start_controller(*HARDWARE)
    refused = desk.try_load(bench.plan, bench.record)
    check(not refused.accepted and "simulated" in refused.message, f"with limits for hardware, on simulated dots: {refused.message!r}")
    return judged


def sitting(bench):
    sim = bench.start_sim()
    controller = bench.start_controller(*HARDWARE)
    with Wire(bench) as wire:
        refused = wire.operator.try_load(bench.plan, bench.record)
        check(not refused.accepted, "a plan was loaded for hardware without a sitting")
        check("resume" in refused.message and "sitting" in refused.message, f"the refusal does not say what to do: {refused.message}")
        stale = begin_sitting(bench, confirmed=datetime.date.today() - datetime.timedelta(days=20))
        check("refused: screening: the answers were confirmed on" in stale, f"answers of three weeks ago: {stale}")
        check(not wire.operator.try_load(bench.plan, bench.record).accepted, "a refused sitting opened the node")
        said = begin_sitting(bench)
        check("passed over by A. Operator (nobody is treated): test_patch: " in said, f"the override is not told: {said}")
        loaded = wire.operator.load(bench.plan, bench.record)
        check(loaded.already_done == 0, "a fresh record says that dots are done")
        bench.end(controller)
        done = other_cartridge(bench, wire, sim, loaded.session_id)
        return f"refused without a sitting and with another cartridge; then {done}"


if __name__ == "__main__":
    main(sitting, "sitting_needed")

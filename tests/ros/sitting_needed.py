#!/usr/bin/env python3
"""H8: With limits for hardware the node takes no plan whose record has no sitting, and takes it once one has begun: a registered client, a
fresh cartridge, a pigment lot. Nothing starts while the needle device reports another cartridge than the sitting's, and the work is done with
the right one."""

import datetime
import subprocess

from bench import RUN, check, main, program, until
from diagnosis import OK, WARN, Diagnosis
from wire import Wire

DOTS = 6


def run(*command):
    done = subprocess.run([RUN, *map(str, command)], capture_output=True, text=True, timeout=300)
    check(done.returncode == 0, f"{command[1]} failed:\n{done.stdout}{done.stderr}")
    return done.stdout


def begin_sitting(bench):
    """With the head as it was scanned, a fresh cartridge, and a pigment lot that keeps."""
    scan, landmarks = bench.plan.with_name("head.ply"), bench.plan.with_name("landmarks.json")
    registration = bench.folder / "registration.json"
    registration.write_text(run(program("stipple-planner"), "register", "--fixed", scan, "--fixed-landmarks", landmarks,
                                "--moving", scan, "--json"))
    later = (datetime.date.today() + datetime.timedelta(days=200)).isoformat()
    run(program("stipple-controller"), "resume", bench.record, "--plan", bench.plan, "--client", "C-1", "--operator", "A. Operator",
        "--registration", registration, "--cartridge", "N-1", "--strike-cap", 5000, "--expires", later, "--pigment", f"P-1={later}")


def other_cartridge(bench, wire, sim, session):
    """The simulated device reports a cartridge of its own until it is told which is fitted."""
    desk, told = wire.operator, Diagnosis(wire)
    bench.start_controller()
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
    told.wait("needle/state", WARN)
    bench.end(sim)
    bench.start_sim("-p", "cartridge:=N-1")
    told.wait("needle/state", OK)
    desk.begin(bench.plan, bench.record, DOTS)
    desk.wait_finished(patience=120.0)
    return wire.watcher.judge(bench.record, session, bench.first(DOTS)) + desk.told_stalls()


def sitting(bench):
    sim = bench.start_sim()
    # Where there is no real time, too: nothing moves here.
    controller = bench.start_controller("-p", "limits:=hardware", "-p", "allow_no_real_time:=true")
    with Wire(bench) as wire:
        refused = wire.operator.try_load(bench.plan, bench.record)
        check(not refused.accepted, "a plan was loaded for hardware without a sitting")
        check("resume" in refused.message and "sitting" in refused.message, f"the refusal does not say what to do: {refused.message}")
        begin_sitting(bench)
        loaded = wire.operator.load(bench.plan, bench.record)
        check(loaded.already_done == 0, "a fresh record says that dots are done")
        bench.end(controller)
        done = other_cartridge(bench, wire, sim, loaded.session_id)
        return f"refused without a sitting and with another cartridge; then {done}"


if __name__ == "__main__":
    main(sitting, "sitting_needed")

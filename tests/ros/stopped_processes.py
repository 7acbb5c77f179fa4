#!/usr/bin/env python3
"""H10: Stops the simulated hardware, then the controller, with SIGSTOP in the middle of a session, lets them go on, and holds that each
time the needle goes in, the session faults and starts nothing by itself, and that it then finishes with every dot once."""

import os
import signal
import time

from stipple_msgs.msg import SessionState

from bench import check, main, until
from wire import Wire

DOTS = 30
# Seconds: far beyond what any guard allows.
STOPPED = 0.5


def frozen(process):
    os.killpg(process.pid, signal.SIGSTOP)
    time.sleep(STOPPED)
    os.killpg(process.pid, signal.SIGCONT)


def stopped(bench):
    sim = bench.start_sim()
    controller = bench.start_controller()
    with Wire(bench) as wire:
        desk, watcher = wire.operator, wire.watcher
        loaded = desk.begin(bench.plan, bench.record, DOTS)
        for placed, process in ((5, sim), (12, controller)):
            desk.wait_placed(placed)
            before = len(desk.stalls)
            frozen(process)
            until(lambda: watcher.in_state(SessionState.FAULTED), f"a fault after {process.label} stood still", bench)
            until(watcher.needle_in, "the needle to go in", bench)
            check(desk.carry_on() and len(desk.stalls) == before + 1, "the fault was gone by itself")
        desk.wait_finished(patience=120.0)
        return watcher.judge(bench.record, loaded.session_id, bench.first(DOTS)) + desk.told_stalls()


if __name__ == "__main__":
    main(stopped, "stopped_processes")

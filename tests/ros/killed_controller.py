#!/usr/bin/env python3
"""H6, H10: Kills the controller with SIGKILL in the middle of a session, restarts it and goes on, several times. Holds that the needle goes
in by itself, that a restart moves nothing, that no dot is struck twice and none is lost, and that each kill leaves at most one dot in
doubt."""

import random
import time

from stipple_msgs.msg import SessionState

from bench import check, main, until
from wire import Wire, read_record

DOTS = 40
KILLS = 3


def killed(bench):
    chance = random.Random(random.SystemRandom().randrange(1 << 32))
    bench.start_sim()
    controller = bench.start_controller()
    with Wire(bench) as wire:
        desk, watcher = wire.operator, wire.watcher
        loaded = desk.begin(bench.plan, bench.record, DOTS)
        for kill in range(1, KILLS + 1):
            desk.wait_placed(kill * DOTS // (KILLS + 2))
            # Anywhere in the work on a dot, the strike included.
            time.sleep(chance.uniform(0.0, 0.5))
            bench.kill(controller)
            # What was on its way when the controller died arrives, and the device notices the silence.
            time.sleep(0.2)
            until(watcher.needle_in, "the needle to go in by itself", bench)
            # The arm finishes its hop; one sample at rest may be the moment before it sets off.
            until(lambda: watcher.arm_still_for(0.3), "the arm to finish its hop", bench)
            watcher.at_rest_for(0.5)

            watcher.state = None
            controller = bench.start_controller()
            desk.wait_state(SessionState.SAFE, SessionState.READY)
            # A restart moves nothing.
            watcher.at_rest_for(1.0)
            resumed = desk.load(bench.plan, bench.record)
            check(resumed.session_id == loaded.session_id, "the record gave another session after the restart")
            placed = set(watcher.placed())
            rows = read_record(bench.record, resumed.session_id)
            lost = [dot for dot in placed if rows.get(dot) != "placed"]
            check(not lost, f"dots that were told placed are not so in the record: {lost}")
            doubt = sum(state == "in_doubt" for state in rows.values())
            check(doubt <= kill + len(desk.stalls), f"{doubt} dots in doubt after {kill} kills and {len(desk.stalls)} stalls")
            check(resumed.already_done >= len(placed), f"{resumed.already_done} dots done, {len(placed)} were told placed")
            desk.start(DOTS - resumed.already_done)
        desk.wait_finished(patience=120.0)
        return f"{KILLS} kills; " + watcher.judge(bench.record, loaded.session_id, bench.first(DOTS)) + desk.told_stalls()


if __name__ == "__main__":
    main(killed, "killed_controller")

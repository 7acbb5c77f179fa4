#!/usr/bin/env python3
"""Watches a session on the wire from start to end. Fails if the needle is ever out while the arm moves, if a dot is struck
twice, if a dot of the patch is missing from the record, or if too little came over the wire to tell."""

from stipple_msgs.msg import DotResult

from bench import check, main
from wire import Wire

DOTS = 40


def session(bench):
    bench.start_sim()
    bench.start_controller()
    with Wire(bench) as wire:
        desk = wire.operator
        loaded = desk.begin(bench.plan, bench.record, DOTS)
        check(loaded.already_done == 0, "a fresh record says that dots are done")
        check(loaded.dots >= 10_000, f"the default treatment has only {loaded.dots} dots")
        desk.wait_finished(patience=120.0)
        state = wire.watcher.state
        if not desk.stalls:
            check(state.planned == DOTS, f"{DOTS} dots were asked for, {state.planned} are planned")
            check(state.remaining == 0, f"finished, but {state.remaining} dots remain")
            check(state.placed + state.skipped + state.in_doubt == DOTS, f"the counts do not add up: {state}")
        placed, doubt = len(wire.watcher.placed()), len(wire.watcher.outcomes(DotResult.IN_DOUBT))
        check(placed >= 0.9 * DOTS - len(desk.stalls), f"only {placed} of {DOTS} dots were placed")
        check(doubt <= len(desk.stalls), f"{doubt} dots are in doubt after {len(desk.stalls)} stalls")
        for result in wire.watcher.results:
            if result.outcome == DotResult.PLACED:
                check(result.lateral_error <= 1e-3, f"dot {result.dot} is off by {result.lateral_error * 1e3:.2f} mm")
                check(0.0 < result.depth <= 2e-3, f"dot {result.dot} is {result.depth * 1e3:.2f} mm deep")
            else:
                check(result.reason, f"dot {result.dot} was not placed, and no reason is given")
        return wire.watcher.judge(bench.record, loaded.session_id, bench.first(DOTS)) + desk.told_stalls()


if __name__ == "__main__":
    main(session, "session_on_the_wire")

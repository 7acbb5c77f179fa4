#!/usr/bin/env python3
"""H9, H15: Holds that nothing starts without the operator's heartbeat; that a session whose heartbeat stops ends with the lease's fault,
needle in and arm at rest; that another sender cannot take the lease over meanwhile and a heartbeat that comes back moves nothing; and that
the session then goes on, by clear and start alone, with no dot twice."""

import time

from diagnostic_msgs.msg import DiagnosticArray
from std_msgs.msg import String
from stipple_msgs.msg import SessionState

from bench import check, main, until
from wire import LATCHED, LEASE_TOPIC, Wire

DOTS = 24
FAULT = "lease_lost"


def lease(bench):
    bench.start_sim()
    bench.start_controller()
    with Wire(bench) as wire:
        desk, watcher = wire.operator, wire.watcher
        told = {}

        def listen(array):
            for status in array.status:
                told[status.name] = {"message": status.message, **{pair.key: pair.value for pair in status.values}}

        wire.node.create_subscription(DiagnosticArray, "diagnostics", listen, 10)
        desk.leave()
        loaded = desk.load(bench.plan, bench.record)
        desk.wait_state(SessionState.READY)
        answer = desk.try_start(DOTS)
        check(not answer.accepted and "lease" in answer.message, f"started without a lease: {answer}")
        answer = desk.try_start(DOTS, asked_by="")
        check(not answer.accepted and "named" in answer.message, f"started by nobody: {answer}")
        watcher.at_rest_for(1.0)

        desk.come_back()
        desk.begin(bench.plan, bench.record, DOTS)
        desk.wait_placed(4)
        # Somebody else's heartbeat changes nothing, and is told.
        stranger = wire.node.create_publisher(String, LEASE_TOPIC, LATCHED)
        before = len(watcher.placed())
        until(lambda: stranger.publish(String(data="stranger")) or told.get(f"stipple_controller: {LEASE_TOPIC}", {}).get("refused_last") == "stranger",
              "the diagnostics to tell of another sender", bench)
        check(told[f"stipple_controller: {LEASE_TOPIC}"]["holder"] == desk.name, f"the lease changed hands: {told}")
        answer = desk.try_start(DOTS, asked_by="stranger")
        check(not answer.accepted and desk.name in answer.message, f"started by a stranger: {answer}")
        desk.wait_placed(before + 3)

        while True:
            desk.leave()
            until(lambda: watcher.in_state(SessionState.FAULTED), "the fault", bench)
            if watcher.state.fault == FAULT:
                break
            # The machine stood still first.
            desk.come_back()
            desk.carry_on()
        until(watcher.needle_in, "the needle to go in", bench)
        until(lambda: watcher.arm_still_for(0.3), "the arm to stand", bench)
        watcher.at_rest_for(1.0)
        answer = desk.try_start(DOTS)
        check(not answer.accepted, "a faulted session was started")
        desk.come_back()
        time.sleep(0.3)
        watcher.at_rest_for(1.5)
        check(watcher.in_state(SessionState.FAULTED) and watcher.state.fault == FAULT, f"the fault went away by itself: {watcher.state}")

        until(lambda: desk.trigger("clear_fault").success, "clear_fault to be accepted", bench)
        desk.wait_state(SessionState.SAFE, SessionState.READY)
        watcher.at_rest_for(1.0)
        again = desk.load(bench.plan, bench.record)
        check(again.session_id == loaded.session_id, "the same record gave another session")
        desk.start(DOTS - again.already_done)
        desk.wait_finished(patience=120.0)
        return watcher.judge(bench.record, loaded.session_id, bench.first(DOTS)) + desk.told_stalls()


if __name__ == "__main__":
    main(lease, "operator_lease")

#!/usr/bin/env python3
"""H7: Offers descriptions of the arm: none, one nobody can read, one that is slower, one that is longer, the right one. Holds that only an
arm described as planned for is loaded on and started on, each refusal in one line that says what differs; that nothing offered is told; and
that a session is stopped, needle in and arm still, when another arm turns up in the middle."""

from std_msgs.msg import String
from stipple_msgs.msg import SessionState

from bench import ROOT, check, main, until
from diagnosis import ERROR, OK, WARN, Diagnosis
from wire import LATCHED, Wire

# As many as leave time to hear of another arm in the middle of them.
DOTS = 40


def descriptions():
    right = (ROOT / "launch/arms/ur5e.urdf").read_text()
    slower = right.replace('velocity="3.141592653589793"', 'velocity="1.5"', 1)
    longer = right.replace('xyz="-0.425 0 0"/><axis', 'xyz="-0.426 0 0"/><axis', 1)
    assert slower != right and longer != right
    return right, slower, longer


def refused(desk, bench, word):
    answer = desk.try_load(bench.plan, bench.record)
    check(not answer.accepted, f"loaded on an arm that is described otherwise ({word})")
    check("robot_description" in answer.message and word in answer.message and "\n" not in answer.message,
          f"the refusal does not say what is wrong ({word}): {answer.message}")


def described(bench):
    right, slower, longer = descriptions()
    bench.start_sim()
    bench.start_controller()
    with Wire(bench) as wire:
        desk, watcher, told = wire.operator, wire.watcher, Diagnosis(wire)
        told.wait("robot_description", WARN)
        topic = wire.node.create_publisher(String, "robot_description", LATCHED)
        until(lambda: topic.get_subscription_count(), "the controller to listen", bench)

        def offer(text, word):
            """Until the controller has it: what is sent and what is asked go different ways."""
            topic.publish(String(data=text))
            if word:
                until(lambda: word in desk.try_load(bench.plan, bench.record).message, f"a refusal that says {word!r}", bench)
                refused(desk, bench, word)

        offer("no robot", "cannot be used")
        offer(slower, "shoulder_pan_joint")
        offer(longer, "another arm")
        check(not watcher.state.session_id, "something was loaded")
        offer(right, None)
        until(lambda: desk.try_load(bench.plan, bench.record).accepted, "the right arm to be accepted", bench)
        told.wait("robot_description", OK)

        loaded = desk.begin(bench.plan, bench.record, DOTS)
        desk.wait_placed(4)
        desk.carry_on()
        offer(longer, None)
        until(lambda: watcher.in_state(SessionState.STOPPED, SessionState.FAULTED), "the session to stop on another arm", bench)
        # A stall of the machine may have come before it, which is told instead.
        check(watcher.in_state(SessionState.FAULTED) or "robot_description is another arm's" in watcher.state.message, f"the stop is told as {watcher.state.message!r}")
        check(told.wait("robot_description", ERROR).message.startswith("robot_description is another arm"), "the diagnostics do not say why")
        until(watcher.needle_in, "the needle to go in", bench)
        until(lambda: watcher.arm_still_for(0.3), "the arm to stand", bench)
        watcher.at_rest_for(1.0)
        until(lambda: desk.trigger("clear_fault").success, "clear_fault to be accepted", bench)
        desk.wait_state(SessionState.READY)
        answer = desk.try_start(DOTS)
        check(not answer.accepted and "another arm" in answer.message, f"started on another arm: {answer}")

        offer(right, None)
        told.wait("robot_description", OK)
        desk.start(DOTS - desk.load(bench.plan, bench.record).already_done)
        desk.wait_finished(patience=120.0)
        return watcher.judge(bench.record, loaded.session_id, bench.first(DOTS)) + desk.told_stalls()


if __name__ == "__main__":
    main(described, "robot_description")

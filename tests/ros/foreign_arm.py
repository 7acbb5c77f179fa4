#!/usr/bin/env python3
"""H9: Drives an arm that nobody here wrote (foreign_server.py: ROS's own action server) through all that such arms do wrong: goals taken on
late, refused, or taken on and forgotten; results that are lost; cancels that are answered before the arm rests, or refused; other people's
goals and topic messages in between; servers that begin anew under the same name; joint states that lack a joint. Each time the needle goes
in and stays in, the fault has its name, nothing of ours moves the arm afterwards and nothing resumes by itself, and the session then goes
on with no dot twice. Joint states come in an order of their own with a gripper among them, feedback never.

Head, tracker and needle are the simulator's, whose own arm plays no part."""

import json
import time

from control_msgs.action import FollowJointTrajectory
from rclpy.action import ActionClient
from std_msgs.msg import String
from stipple_msgs.msg import SessionState
from trajectory_msgs.msg import JointTrajectory, JointTrajectoryPoint

from bench import check, main, until
from foreign_server import CONTROLLER, GRIPPER
from wire import STALLS, Wire

DOTS = 45
# Seconds until a fault is told: for an arm that stands still in a motion the core's own figure is 6.
PATIENCE = 60.0
# So slow that a motion is under way when something is done to it.
SLOW = {"pace": 0.25}
WELL = {"cancel": "prompt", "pace": 1.0, "reject": False, "silent": False}


class Test:
    def __init__(self, bench, wire):
        self.bench, self.wire, self.desk, self.watcher = bench, wire, wire.operator, wire.watcher
        self.told = {"goals": 0, "last": None, "moves": False}
        node = wire.node
        node.create_subscription(String, "foreign/told", lambda message: setattr(self, "told", json.loads(message.data)), 1)
        self.behaviour = node.create_publisher(String, "foreign/behave", 10)
        self.topic = node.create_publisher(JointTrajectory, f"{CONTROLLER}/joint_trajectory", 1)
        self.third = ActionClient(node, FollowJointTrajectory, f"{CONTROLLER}/follow_joint_trajectory")
        self.arm = None
        self.said = []

    def start_arm(self, *arguments):
        self.arm = self.bench.start_python("arm", "foreign_server.py", *arguments)

    def behave(self, **what):
        """Tells the arm how to behave, and returns once it has heard."""
        until(lambda: self.behaviour.get_subscription_count() > 0, "the arm to listen", self.bench)
        self.behaviour.publish(String(data=json.dumps(what)))
        # "lame" and "reborn" are for once, and taken out when they are done.
        until(lambda: self.told["last"] is not None and all(self.told["last"].get(key, value) == value for key, value in what.items()),
              f"the arm to hear {what}", self.bench)

    def under_way(self):
        """Waits until the arm is in the middle of a motion of the controller's."""
        def moving():
            self.desk.carry_on()
            return self.told["moves"] and self.watcher.in_state(SessionState.APPROACHING) and not self.watcher.arm_still()

        until(moving, "the arm to be under way", self.bench)

    def stretch(self):
        """A motion of three seconds from where the joints are: the last one, which turns the tool about the needle, goes on by 0.2 rad."""
        names, positions = self.watcher.joints[-1][1:3]
        at = {name: position for name, position in zip(names, positions) if name != GRIPPER}
        last = max(at)
        point = JointTrajectoryPoint(positions=[at[name] + (0.2 if name == last else 0.0) for name in at], velocities=[0.0] * len(at))
        point.time_from_start.sec = 3
        return JointTrajectory(joint_names=list(at), points=[point])

    def at_rest(self):
        """Holds that needle and arm come to rest, and that nothing of ours happens from then on."""
        until(self.watcher.needle_in, "the needle to go in", self.bench)
        until(lambda: self.watcher.arm_still_for(0.3), "the arm to rest", self.bench)
        # What was on its way when the fault came has been heard and told by now.
        time.sleep(0.5)
        goals = self.told["goals"]
        self.watcher.at_rest_for(1.5)
        check(self.told["goals"] == goals, "a goal was sent after the fault")

    def faults(self, name, provoke, fault, follows=None):
        """Holds that what `provoke` does leads to this fault, and to nothing else but it; `follows` waits for what comes of it later."""
        # Something to interrupt, with all well.
        self.desk.wait_placed(len(self.watcher.placed()) + 1)
        while True:
            placed = len(self.watcher.placed())
            provoke()
            until(lambda: self.watcher.in_state(SessionState.FAULTED) or len(self.watcher.placed()) >= placed + 3,
                  f"a fault after: {name}", self.bench, PATIENCE)
            if not self.watcher.in_state(SessionState.FAULTED):
                # The head moved, the motion was cancelled and another made in its place, as it should.
                self.behave(**WELL)
                continue
            if self.watcher.state.fault == fault:
                break
            check(self.watcher.state.fault in STALLS, f"{name}: {self.watcher.state.fault} instead of {fault}")
            self.behave(**WELL)
            self.desk.carry_on()
        if follows is not None:
            until(follows, f"{name}: its end", self.bench)
        self.at_rest()
        self.behave(**WELL)
        # A good arm alone starts nothing.
        self.watcher.at_rest_for(0.5)
        check(self.watcher.in_state(SessionState.FAULTED) and self.watcher.state.fault == fault, f"{name}: the fault went away by itself")
        self.go_on()
        self.said.append(f"{name}: {fault}")

    def stops(self, name, cancel):
        """Holds that a stop is told as done only once the arm rests, whatever a cancel is answered."""
        while True:
            self.behave(cancel=cancel, **SLOW)
            self.under_way()
            placed, asked = len(self.watcher.placed()), time.monotonic()
            if not self.desk.trigger("stop").success:
                continue
            until(lambda: self.watcher.in_state(SessionState.STOPPED, SessionState.FAULTED), "the stop", self.bench)
            took = time.monotonic() - asked
            if self.watcher.in_state(SessionState.STOPPED):
                break
            check(self.watcher.state.fault in STALLS, f"{name}: {self.watcher.state.fault}")
            self.behave(**WELL)
            self.desk.carry_on()
        until(self.watcher.up_to_date, "what was reported before the stop was told", self.bench)
        check(self.watcher.arm_still() and self.watcher.needle_in(), f"{name}: told as stopped while something moves")
        check(len(self.watcher.placed()) <= placed + 1, f"{name}: dots were placed after the stop")
        self.at_rest()
        self.behave(**WELL)
        self.go_on()
        self.said.append(f"{name}: stopped after {took:.1f} s")

    def go_on(self):
        """As an operator does: clears, loads, starts what is left."""
        desk = self.desk
        until(lambda: desk.trigger("clear_fault").success, "clear_fault to be accepted", self.bench)
        desk.wait_state(SessionState.SAFE, SessionState.READY)
        self.watcher.at_rest_for(0.5)
        plan, record, dots, layer = desk.job
        desk.start(dots - desk.load(plan, record).already_done, layer)

    def goes_on(self, name, **what):
        """Holds that the session goes on as if nothing were."""
        before = len(self.desk.stalls)
        self.behave(**what)
        self.desk.wait_placed(len(self.watcher.placed()) + 3)
        self.said.append(f"{name}: " + ("goes on" if len(self.desk.stalls) == before else "goes on after a stall"))

    def preempt(self):
        self.behave(**SLOW)
        self.under_way()
        self.third.send_goal_async(FollowJointTrajectory.Goal(trajectory=self.stretch()))

    def override(self):
        self.behave(**SLOW)
        self.under_way()
        self.topic.publish(self.stretch())

    def restart(self):
        self.behave(**SLOW)
        self.under_way()
        self.bench.kill(self.arm)
        names, positions = self.watcher.joints[-1][1:3]
        self.told["last"] = None
        self.start_arm("--at", json.dumps(dict(sorted(zip(names, positions)))))

    def reborn(self):
        self.behave(**SLOW)
        self.under_way()
        self.behave(reborn=True)


def foreign(bench):
    # No more on the wire than two busy cores can hear.
    bench.start_sim("-r", "joint_states:=sim/joint_states", "-p", "arm_controller:=nobody", "-p", "joint_state_rate:=50.0",
                    "-p", "needle_state_rate:=200.0")
    bench.start_controller()
    # The watcher waits for joint states, the arm for its place.
    with_arm = bench.start_python("arm", "foreign_server.py", "--reversed")
    with Wire(bench) as wire:
        test = Test(bench, wire)
        test.arm = with_arm
        loaded = test.desk.begin(bench.plan, bench.record, DOTS)
        test.desk.wait_placed(2)
        test.goes_on("goal taken on 0.4 s late", accept_after=0.4)
        test.goes_on("result lost", lose_result=True)
        test.faults("goal taken on too late", lambda: test.behave(accept_after=2.0), "arm_silent",
                    # The goal that was given up is begun, and must be cancelled, late as it is.
                    lambda: test.told["ended"] == test.told["goals"])
        test.faults("goals refused", lambda: test.behave(reject=True), "arm_failed")
        test.faults("goal forgotten", lambda: test.behave(silent=True), "arm_timeout")
        test.stops("cancelled, still moving", "moving")
        test.stops("cancel refused", "ignored")
        test.faults("another's goal", test.preempt, "arm_failed")
        test.faults("another's topic message", test.override, "off_path")
        test.faults("joint states lack a joint", lambda: test.behave(lame=0.5), "joints_stale")
        test.faults("server anew under the same name", test.reborn, "arm_timeout")
        test.faults("arm killed and started anew", test.restart, "joints_stale")
        test.desk.wait_finished(patience=120.0)
        judged = wire.watcher.judge(bench.record, loaded.session_id, bench.first(DOTS))
        return "; ".join(test.said) + "; " + judged + test.desk.told_stalls()


if __name__ == "__main__":
    main(foreign, "foreign_arm")

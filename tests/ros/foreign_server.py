#!/usr/bin/env python3
"""An arm that is not ours: rclpy's own action server for FollowJointTrajectory, joint states in an order of its own with a gripper among
them, no feedback ever. It follows trajectories as joint_trajectory_controller does, and misbehaves as it is told to.

    foreign_server.py [--reversed] [--at JSON]

It begins where `--at` says (joint name → rad), else where the first message on sim/joint_states says. What it is told comes as JSON on
foreign/behave and stays until it is told otherwise, but for what is marked as once:

    {"accept_after": s}     once: the next goal is accepted so much later
    {"reject": true}        goals are rejected
    {"silent": true}        once: the next goal is accepted, and nothing comes of it
    {"lose_result": true}   once: the next goal is carried out, its result never sent
    {"cancel": "moving"}    a cancel is answered CANCELED at once, the arm goes on for 300 ms; "ignored": it is refused; "prompt": all is well
    {"pace": 0.2}           trajectories are followed so much slower, as with a speed slider
    {"lame": s}             once: for so long joint states lack a joint
    {"reborn": true}        once: the server ends in the middle of what it does, and another begins under the same name; the arm stops

On foreign/told it tells how many goals have come and ended, how many cancels have come, what it was told last and whether the arm moves.
"""

import contextlib
import gc
import json
import os
import sys
import threading
import time

import rclpy
from control_msgs.action import FollowJointTrajectory
from rclpy.action import ActionServer, CancelResponse, GoalResponse
from rclpy.callback_groups import ReentrantCallbackGroup
from rclpy.executors import ExternalShutdownException, MultiThreadedExecutor
from rclpy.node import Node
from rclpy.qos import QoSProfile
from sensor_msgs.msg import JointState
from std_msgs.msg import String
from trajectory_msgs.msg import JointTrajectory

CONTROLLER = "joint_trajectory_controller"
# Seconds from joint state to joint state.
PERIOD = 0.005
# Seconds in which the arm comes to rest after a cancel, and for which it goes on when it does not obey at once.
BRAKING, MOVING_ON = 0.1, 0.3
GRIPPER = "gripper_joint"
Result = FollowJointTrajectory.Result


def seconds(span):
    return span.sec + span.nanosec * 1e-9


class Way:
    """A trajectory from where the arm is held: cubic from point to point."""

    def __init__(self, start, trajectory, names, pace):
        order = [trajectory.joint_names.index(name) for name in names]
        self.pace, self.begun = pace, time.monotonic()
        rest = [0.0] * len(names)
        self.points = [(0.0, start, rest)]
        for point in trajectory.points:
            positions = [point.positions[place] for place in order]
            speeds = [point.velocities[place] for place in order] if point.velocities else rest
            self.points.append((seconds(point.time_from_start), positions, speeds))

    def at(self, now):
        """Positions, speeds, and whether it has ended."""
        t = (now - self.begun) * self.pace
        last = self.points[-1]
        if t >= last[0]:
            return last[1], [0.0] * len(last[1]), True
        after = next(i for i, point in enumerate(self.points) if point[0] > t)
        (t0, p0, v0), (t1, p1, v1) = self.points[after - 1], self.points[after]
        h = t1 - t0
        s = (t - t0) / h
        position = [(1 + 2 * s) * (1 - s) ** 2 * a + s * (1 - s) ** 2 * h * va + s * s * (3 - 2 * s) * b + s * s * (s - 1) * h * vb
                    for a, va, b, vb in zip(p0, v0, p1, v1)]
        speed = [6 * s * (1 - s) * (b - a) / h + (1 - s) * (1 - 3 * s) * va + s * (3 * s - 2) * vb
                 for a, va, b, vb in zip(p0, v0, p1, v1)]
        return position, [self.pace * v for v in speed], False


class Braking:
    """From a speed to rest, evenly."""

    def __init__(self, position, speed):
        self.position, self.speed, self.begun = position, speed, time.monotonic()

    def at(self, now):
        t = min(now - self.begun, BRAKING)
        position = [p + v * (t - t * t / (2 * BRAKING)) for p, v in zip(self.position, self.speed)]
        return position, [v * (1 - t / BRAKING) for v in self.speed], t >= BRAKING


class Body:
    """The arm itself; all its methods may be called from any thread."""

    def __init__(self, names, positions):
        self.names, self.position, self.speed = names, positions, [0.0] * len(names)
        self.lock = threading.Lock()
        self.motion, self.number, self.ended, self.brake_at = None, 0, True, None

    def follow(self, trajectory, pace):
        """Begins at once; returns the motion's number."""
        with self.lock:
            self.motion = Way(self.position, trajectory, self.names, pace)
            self.number, self.ended, self.brake_at = self.number + 1, False, None
            return self.number

    def override(self, trajectory):
        """Another motion in the place of the one under way, whose goal is not told."""
        with self.lock:
            self.motion, self.ended = Way(self.position, trajectory, self.names, 1.0), False

    def brake(self, after=0.0):
        with self.lock:
            if self.motion is not None and self.brake_at is None:
                self.brake_at = time.monotonic() + after

    def step(self):
        now = time.monotonic()
        with self.lock:
            if self.motion is not None:
                if self.brake_at is not None and now >= self.brake_at and not isinstance(self.motion, Braking):
                    self.motion = Braking(self.position, self.speed)
                self.position, self.speed, done = self.motion.at(now)
                if done:
                    self.motion, self.ended, self.speed = None, True, [0.0] * len(self.names)
            return list(self.position), list(self.speed)


class ForeignArm:
    def __init__(self, node, body, reversed_order):
        self.node, self.body = node, body
        self.told = {"cancel": "prompt", "pace": 1.0}
        self.goals, self.ended, self.cancels, self.last = 0, 0, 0, None
        self.order = list(range(len(body.names) + 1))
        if reversed_order:
            self.order.reverse()
        self.lame_until = 0.0
        self.reborn, self.anew = False, threading.Event()
        group = ReentrantCallbackGroup()
        self.joints = node.create_publisher(JointState, "joint_states", QoSProfile(depth=1))
        self.tell = node.create_publisher(String, "foreign/told", QoSProfile(depth=1))
        node.create_subscription(String, "foreign/behave", self.behave, 10, callback_group=group)
        node.create_subscription(JointTrajectory, f"{CONTROLLER}/joint_trajectory", body.override, 1, callback_group=group)
        self.serve()

    def serve(self):
        self.life = object()
        self.server = ActionServer(
            self.node, FollowJointTrajectory, f"{CONTROLLER}/follow_joint_trajectory", self.carry_out,
            goal_callback=self.accept, cancel_callback=self.cancel, callback_group=ReentrantCallbackGroup())

    def renew(self):
        """Another server in the place of this one, if that is asked for. On the thread that spins, between its turns: rclpy (7.1) waits on a
        server that another thread destroyed, and fails."""
        if self.anew.is_set():
            self.anew.clear()
            self.server.destroy()
            self.serve()

    def behave(self, message):
        told = json.loads(message.data)
        self.last = told
        if "lame" in told:
            self.lame_until = time.monotonic() + told.pop("lame")
        if told.pop("reborn", False):
            # Whoever carried out a goal sees that its server is gone.
            self.life = None
            self.body.brake()
            self.reborn = True
            self.anew.set()
        self.told.update(told)

    def accept(self, goal):
        self.goals += 1
        time.sleep(self.told.pop("accept_after", 0.0))
        if self.told.get("reject") or sorted(goal.trajectory.joint_names) != sorted(self.body.names):
            self.ended += 1
            return GoalResponse.REJECT
        return GoalResponse.ACCEPT

    def cancel(self, _handle):
        self.cancels += 1
        if self.told["cancel"] == "ignored":
            return CancelResponse.REJECT
        self.body.brake(MOVING_ON if self.told["cancel"] == "moving" else 0.0)
        return CancelResponse.ACCEPT

    def carry_out(self, handle):
        silent, lose = self.told.pop("silent", False), self.told.pop("lose_result", False)
        life = self.life
        number = self.body.number if silent else self.body.follow(handle.request.trajectory, self.told["pace"])
        while self.life is life:
            time.sleep(0.005)
            if handle.is_cancel_requested:
                # Told before the arm has stopped, with the code of a success.
                handle.canceled()
                self.ended += 1
                return Result(error_code=Result.SUCCESSFUL)
            if self.body.number != number:
                handle.abort()
                self.ended += 1
                return Result(error_code=Result.INVALID_GOAL)
            if self.body.ended and not silent:
                handle.succeed()
                self.ended += 1
                while lose and self.life is life and rclpy.ok():
                    time.sleep(0.1)
                return Result(error_code=Result.SUCCESSFUL)
        # Of a server that is gone no goal ever ends.
        threading.Event().wait()

    def live(self):
        """Steps the arm and tells its joints, for ever, on a thread of its own."""
        keep_time()
        due, count = time.monotonic(), 0
        while rclpy.ok():
            position, speed = self.body.step()
            names, position, speed = [*self.body.names, GRIPPER], [*position, 0.02], [*speed, 0.0]
            order = self.order
            if time.monotonic() < self.lame_until:
                order = [place for place in order if place != 2]
            message = JointState(name=[names[i] for i in order], position=[position[i] for i in order], velocity=[speed[i] for i in order])
            message.header.stamp = self.node.get_clock().now().to_msg()
            self.joints.publish(message)
            if count % 10 == 0:
                told = {"goals": self.goals, "ended": self.ended, "cancels": self.cancels, "last": self.last, "moves": not self.body.ended}
                self.tell.publish(String(data=json.dumps(told)))
            count += 1
            due = max(due + PERIOD, time.monotonic())
            time.sleep(max(0.0, due - time.monotonic()))


def first_state(node):
    seen = []
    subscription = node.create_subscription(JointState, "sim/joint_states", seen.append, 1)
    while not seen:
        rclpy.spin_once(node, timeout_sec=0.1)
    node.destroy_subscription(subscription)
    return dict(zip(seen[0].name, seen[0].position))


def keep_time():
    """As an arm's driver does: this thread before all that is not real time, where that is allowed, and without long breaks of Python's."""
    with contextlib.suppress(PermissionError):
        os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(11))
    sys.setswitchinterval(5e-4)
    gc.freeze()


def main():
    rclpy.init()
    node = Node("foreign_arm")
    arguments = sys.argv[1:]
    at = json.loads(arguments[arguments.index("--at") + 1]) if "--at" in arguments else first_state(node)
    at.pop(GRIPPER, None)
    arm = ForeignArm(node, Body(list(at), list(at.values())), "--reversed" in arguments)
    executor = MultiThreadedExecutor(num_threads=6)
    executor.add_node(node)
    threading.Thread(target=arm.live, daemon=True).start()
    with contextlib.suppress(KeyboardInterrupt, ExternalShutdownException):
        while rclpy.ok():
            try:
                executor.spin_once(timeout_sec=0.05)
            except RuntimeError:
                # What was on its way for a server that is gone: InvalidHandle or RCLError.
                if not arm.reborn:
                    raise
            arm.renew()


if __name__ == "__main__":
    main()

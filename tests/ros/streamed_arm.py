#!/usr/bin/env python3
"""H9: Works dots off with an arm that is led point by point over its controller's topic, under another name than the usual and in a namespace of
its own: stops, goes on, loses its controller in the middle, and goes on again, with no dot twice. Holds that no goal is sent, that a stop and
a dead controller leave the arm at rest, that no point follows a stop, and that an arm which somebody else leads astray stops the session."""

import threading
import time

from action_msgs.msg import GoalStatusArray
from builtin_interfaces.msg import Duration
from stipple_msgs.msg import SessionState
from trajectory_msgs.msg import JointTrajectory, JointTrajectoryPoint

from bench import check, main, until
from wire import LATCHED, Wire

DOTS = 24
# Rad: a centimetre or less at the tip.
ASIDE = 0.015
NAME = "left_arm/scaled_joint_trajectory_controller"


def streaming(hertz):
    return "-p", "arm_port:=stream", "-p", f"stream_rate:={hertz:.1f}", "-p", f"arm_controller:={NAME}"


class Stranger:
    """Somebody else who leads the same arm, a little aside from where it is now."""

    def __init__(self, wire):
        self._out = wire.node.create_publisher(JointTrajectory, f"{NAME}/joint_trajectory", 10)
        _, names, positions, _ = wire.watcher.joints[-1]
        there = [positions[0] + ASIDE, *positions[1:]]
        point = JointTrajectoryPoint(positions=there, time_from_start=Duration(nanosec=40_000_000))
        self._message = JointTrajectory(joint_names=list(names), points=[point])
        self._gone = threading.Event()
        self._leading = threading.Thread(target=self._lead, daemon=True)

    def _lead(self):
        while not self._gone.wait(0.01):
            self._out.publish(self._message)

    def __enter__(self):
        self._leading.start()

    def __exit__(self, *_):
        self._gone.set()
        self._leading.join(5.0)


def led_astray(bench, wire):
    """Whatever guard sees it first: needle in, and nothing goes on by itself."""
    desk, watcher = wire.operator, wire.watcher
    with Stranger(wire):
        desk.wait_state(SessionState.FAULTED, patience=20.0)
        fault = watcher.state.fault
        until(watcher.needle_in, "the needle to go in", bench)
    until(lambda: watcher.arm_still_for(0.3), "the arm to stand when the stranger is gone", bench)
    watcher.at_rest_for(1.0)
    return fault


def streamed(bench):
    bench.start_sim("-p", f"arm_controller:={NAME}")
    controller = bench.start_controller(*streaming(125))
    with Wire(bench) as wire:
        desk, watcher = wire.operator, wire.watcher
        points, goals = [], []
        wire.node.create_subscription(JointTrajectory, f"{NAME}/joint_trajectory", points.append, 10)
        wire.node.create_subscription(GoalStatusArray, f"{NAME}/follow_joint_trajectory/_action/status",
                                      lambda message: goals.extend(message.status_list), LATCHED)
        loaded = desk.begin(bench.plan, bench.record, DOTS)
        desk.wait_placed(6)
        check(points and all(len(point.points) == 1 and not point.points[0].velocities for point in points), "not a point at a time")

        desk.command_until("stop", SessionState.STOPPED)
        check(watcher.needle_in(), "stopped with the needle out")
        until(watcher.arm_still, "the stopped arm to stand", bench)
        # The last point is told over a while.
        time.sleep(0.5)
        told = len(points)
        watcher.at_rest_for(1.5)
        check(len(points) == told, f"{len(points) - told} points were sent after the stop")
        until(lambda: desk.trigger("clear_fault").success, "clear_fault to be accepted", bench)
        desk.wait_state(SessionState.SAFE, SessionState.READY)
        desk.start(DOTS - desk.load(bench.plan, bench.record).already_done)

        placed = len(watcher.placed())
        desk.wait_placed(placed + 6)
        until(lambda: desk.carry_on() or not watcher.arm_still(), "the arm to move", bench)
        bench.kill(controller)
        until(lambda: watcher.arm_still_for(0.3), "the arm to stand when nobody leads it", bench)
        until(watcher.needle_in, "the needle to go in by itself", bench)
        watcher.at_rest_for(0.5)
        watcher.state = None
        # From here on at the rate of the control loop.
        bench.start_controller(*streaming(500))
        desk.wait_state(SessionState.SAFE, SessionState.READY)
        watcher.at_rest_for(1.0)
        again = desk.load(bench.plan, bench.record)
        check(again.session_id == loaded.session_id, "the same record gave another session")
        desk.start(DOTS - again.already_done)
        desk.wait_finished(patience=120.0)
        check(not goals, f"{len(goals)} goals were sent to an arm that is led")
        told = f"{len(points)} points; " + watcher.judge(bench.record, loaded.session_id, bench.first(DOTS)) + desk.told_stalls()
        desk.begin(bench.plan, bench.record, 2 * DOTS)
        desk.wait_placed(DOTS + 3)
        return f"{told}; led astray: {led_astray(bench, wire)}"


if __name__ == "__main__":
    main(streamed, "streamed_arm")

#!/usr/bin/env python3
"""H3: Holds that nothing starts before the head was registered by a scan, that a scan which is none, or of another frame, registers
nothing, that a tracker which is off is told and put right, and that after a loss of tracking the head must be registered anew."""

import time

from geometry_msgs.msg import PoseStamped
from rclpy.qos import QoSProfile, ReliabilityPolicy
from sensor_msgs.msg import PointCloud2, PointField
from stipple_msgs.msg import SessionState

from bench import check, main, make_plan, until
from diagnosis import WARN, Diagnosis
from wire import Wire, read_events

# As many as leave time to see what is lost in the middle of them.
DOTS = 40
# Metres: how far the relayed tracker is off.
OFF = 1.5e-3
LATEST = QoSProfile(depth=1, reliability=ReliabilityPolicy.RELIABLE)


class Relay:
    """A tracker between the simulated one and the controller: off by a little, and silent when told so."""

    def __init__(self, node):
        self.silent = False
        self._out = node.create_publisher(PoseStamped, "relayed_pose", LATEST)
        node.create_subscription(PoseStamped, "head_pose", self._pass_on, LATEST)

    def _pass_on(self, pose):
        if not self.silent:
            pose.pose.position.x += OFF
            self._out.publish(pose)


def cloud(node, **changes):
    fields = [PointField(name=name, offset=4 * k, datatype=PointField.FLOAT32, count=1) for k, name in enumerate("xyz")]
    message = PointCloud2(height=1, width=100, fields=fields, point_step=12, row_step=1200, data=bytes(1200))
    message.header.stamp = node.get_clock().now().to_msg()
    message.header.frame_id = "base_link"
    for key, value in changes.items():
        if key == "frame_id":
            message.header.frame_id = value
        else:
            setattr(message, key, value)
    return message


def registered(desk, bench):
    """Registers by the next scan that will do: what is made up here comes between those of the scanner."""
    answer = None

    def accepted():
        nonlocal answer
        answer = desk.register()
        if not answer.accepted:
            time.sleep(0.2)
        return answer.accepted

    until(accepted, "a registration to be accepted", bench, 30.0)
    return answer


def registration(bench):
    folder = bench.folder / "others"
    folder.mkdir()
    others = make_plan(folder, person=3)
    bench.start_sim("-r", "scan:=seen")
    bench.start_controller("-r", "head_pose:=relayed_pose")
    with Wire(bench) as wire:
        desk, watcher, node = wire.operator, wire.watcher, wire.node
        relay = Relay(node)
        scans = node.create_publisher(PointCloud2, "scan", LATEST)
        passing = False
        diagnosis = Diagnosis(wire)

        def pass_on(scan):
            if passing:
                scans.publish(scan)

        node.create_subscription(PointCloud2, "seen", pass_on, LATEST)
        # Some scanners' drivers send reliably, others do not; both are heard, and large clouds lose no part on the way where they need not.
        until(lambda: {info.qos_profile.reliability for info in node.get_subscriptions_info_by_topic("/scan")}
              == {ReliabilityPolicy.RELIABLE, ReliabilityPolicy.BEST_EFFORT}, "scans to be heard reliably and not", bench)
        check(not desk.register().accepted, "registered without a plan")
        desk.load(bench.plan, bench.record)
        desk.wait_state(SessionState.READY)
        until(lambda: watcher.state.must_register, "the state to ask for a registration", bench)
        refused = desk.try_start(DOTS)
        check(not refused.accepted and "register" in refused.message, f"started without a registration: {refused}")
        for bad, word in (
            (None, "no scan"),
            (cloud(node, frame_id="map"), "frame"),
            (cloud(node, width=4_000_000_000), "point cloud"),
            (cloud(node, row_step=0), "point cloud"),
            (cloud(node, fields=[]), "point cloud"),
            (cloud(node), "nothing of the head"),
        ):
            if bad is not None:
                bad.header.stamp = node.get_clock().now().to_msg()
                scans.publish(bad)
                time.sleep(0.3)
            answer = desk.register()
            check(not answer.accepted and word in answer.message, f"{word!r} is not the reason: {answer}")
        check(watcher.state.must_register, "a scan that was refused registered the head")

        passing = True
        answer = registered(desk, bench)
        check(0.8 * OFF < answer.moved < 1.3 * OFF, f"the tracker is {OFF * 1e3} mm off, the registration says {answer.moved * 1e3:.3f} mm")
        check(answer.residual < 0.5e-3, f"residual {answer.residual * 1e3:.3f} mm of an exact scan")
        # A plan that is refused changes nothing: the head is still that of the plan in use.
        refused = desk.try_load(others, bench.record)
        check(not refused.accepted and "belongs to plan" in refused.message, f"another plan was taken on this record: {refused.message}")
        answer = registered(desk, bench)
        check(0.8 * OFF < answer.moved < 1.3 * OFF, f"registered onto another head: {answer.moved * 1e3:.3f} mm")
        loaded = desk.begin(bench.plan, bench.record, DOTS)
        desk.wait_placed(5)
        told = diagnosis.parts["registration"].number("residual_mm")
        check(abs(told - answer.residual * 1e3) < 1.0, f"diagnostics say {told} mm of a residual of {answer.residual * 1e3} mm")

        # A head that is lost in a break is lost all the same.
        desk.command_until("pause", SessionState.PAUSED)
        relay.silent = True
        until(lambda: watcher.state.must_register, "the loss in the break to be seen", bench)
        diagnosis.wait("registration", WARN)
        relay.silent = False
        time.sleep(1.0)
        refused = desk.resume()
        check(not refused.accepted and "register" in refused.message, f"resumed after a loss of tracking: {refused}")
        watcher.at_rest_for(0.5)
        registered(desk, bench)
        until(lambda: desk.resume().accepted, "resume to be accepted", bench)
        desk.wait_placed(8)

        relay.silent = True
        until(lambda: watcher.in_state(SessionState.FAULTED), "the loss to be seen", bench)
        until(watcher.needle_in, "the needle to go in", bench)
        relay.silent = False
        until(lambda: desk.trigger("clear_fault").success, "clear_fault to be accepted", bench)
        desk.wait_state(SessionState.READY)
        check(watcher.state.must_register, "tracking was lost, and nobody need register the head")
        refused = desk.try_start(DOTS)
        check(not refused.accepted and "tracking" in refused.message, f"started after a loss of tracking: {refused}")
        registered(desk, bench)
        left = DOTS - desk.load(bench.plan, bench.record).already_done
        desk.start(left)
        desk.wait_finished(patience=120.0)
        events = read_events(bench.record, "registration")
        check(len(events) >= 4 and all("residual" in event for event in events), f"the record says of registrations: {events}")
        return watcher.judge(bench.record, loaded.session_id, bench.first(DOTS)) + desk.told_stalls()


if __name__ == "__main__":
    main(registration, "registration")

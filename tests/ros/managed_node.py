#!/usr/bin/env python3
"""H14: Leads the controller's life as a lifecycle manager does. Holds that its states and transitions are those of ROS's own lifecycle
node; that unconfigured it loads nothing and inactive it starts nothing; that a transition that does not lead on is refused; that
deactivating in mid-session ends it as a stop does, needle in and arm still, and that activating again moves nothing; that the session then
goes on with every dot once; and that clean-up gives the record free and a shut-down node takes nothing any more."""

from rclpy.lifecycle import LifecycleNode
from stipple_msgs.msg import SessionState

from bench import check, main, until
from lifecycle import Manager
from wire import Wire

DOTS = 24


def look_like_ros(manager):
    """The same states and transitions as rclpy's lifecycle node has, in the same order."""
    real = LifecycleNode("stipple_test_lifecycle", enable_communication_interface=False)
    machine = real._state_machine
    check(manager.states() == list(machine.available_states), f"other states than ROS has: {manager.states()}")
    check(manager.graph() == list(machine.transition_graph), f"another graph than ROS has: {manager.graph()}")
    check(manager.available() == list(machine.available_transitions), f"other transitions than ROS has: {manager.available()}")
    real.destroy_node()


def begin_life(bench, desk, manager):
    check(manager.state() == "unconfigured", f"a node that nobody configured is {manager.state()}")
    look_like_ros(manager)
    refused = desk.try_load(bench.plan, bench.record)
    check(not refused.accepted and "unconfigured" in refused.message, f"unconfigured, it loaded: {refused.message}")
    check(not manager.try_change("activate"), "an unconfigured node was activated")
    check(not manager.try_change(number=3), "an unconfigured node was activated by number")
    check(not manager.try_change("transition_success"), "somebody ended a transition for the node")
    check(manager.state() == "unconfigured" and not manager.events, f"a refused transition changed something: {manager.events}")
    check(manager.try_change(number=1) and manager.state() == "inactive", "configure by its number did not lead to inactive")
    manager.wait_events("configure", "transition_success")
    check(manager.events[-1] == ("transition_success", "configuring", "inactive"), f"told was {manager.events[-1]}")


def life(bench):
    bench.start_sim()
    bench.start_controller("-p", "autostart:=false")
    with Wire(bench) as wire:
        desk, watcher, manager = wire.operator, wire.watcher, Manager(wire)
        begin_life(bench, desk, manager)
        loaded = desk.load(bench.plan, bench.record)
        desk.wait_state(SessionState.READY)
        answer = desk.try_start(DOTS)
        check(not answer.accepted and "active" in answer.message, f"inactive, it started: {answer.message}")
        watcher.at_rest_for(1.0)
        manager.change("activate", "active")
        desk.begin(bench.plan, bench.record, DOTS)
        desk.wait_placed(5)

        check(not manager.try_change("cleanup"), "an active node was cleaned up")
        desk.carry_on()
        manager.change("deactivate", "inactive")
        manager.wait_events("deactivate", "transition_success")
        check(watcher.needle_in(), "deactivated with the needle out")
        until(lambda: watcher.in_state(SessionState.STOPPED, SessionState.FAULTED), "the session to be told stopped", bench)
        # A stall of the machine may have come before it, which is told instead.
        check(watcher.in_state(SessionState.FAULTED) or "deactivated" in watcher.state.message, f"the stop is told as {watcher.state.message!r}")
        until(watcher.arm_still, "the arm to stand", bench)
        watcher.at_rest_for(1.5)
        for command in ("resume", "start"):
            accepted = desk.trigger("resume").success if command == "resume" else desk.try_start(DOTS).accepted
            check(not accepted, f"{command} was accepted by an inactive node")
        manager.change("activate", "active")
        watcher.at_rest_for(1.5)
        check(watcher.in_state(SessionState.STOPPED, SessionState.FAULTED), f"activation cleared the stop: {watcher.state.state_name}")

        until(lambda: desk.trigger("clear_fault").success, "clear_fault to be accepted", bench)
        desk.wait_state(SessionState.SAFE, SessionState.READY)
        done = desk.load(bench.plan, bench.record).already_done
        check(done < DOTS, "deactivation came after the last dot")
        desk.start(DOTS - done)
        desk.wait_finished(patience=120.0)
        judged = watcher.judge(bench.record, loaded.session_id, bench.first(DOTS)) + desk.told_stalls()
        end_life(bench, desk, manager, watcher)
        return judged


def end_life(bench, desk, manager, watcher):
    manager.change("deactivate", "inactive")
    manager.change("cleanup", "unconfigured")
    until(lambda: watcher.state.session_id == "", "the plan to be given back", bench)
    manager.change("configure", "inactive")
    check(desk.load(bench.plan, bench.record).already_done == DOTS, "the record is not what it was")
    manager.change("shutdown", "finalized")
    manager.wait_events("shutdown", "transition_success")
    check(not manager.try_change("configure") and not manager.available(), "something leads on from the end")
    refused = desk.try_load(bench.plan, bench.record)
    check(not refused.accepted and "finalized" in refused.message, f"finalized, it loaded: {refused.message}")
    watcher.at_rest_for(0.5)


if __name__ == "__main__":
    main(life, "managed_node")

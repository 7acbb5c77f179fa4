#!/usr/bin/env python3
"""Publishes /clock, far from the system's and half as fast, then stops it. Holds that everything the controller publishes is stamped by it,
that a session goes on all the same, because ages are not judged by it, and that a clock like that and limits for hardware are refused
together."""

import subprocess
import threading
import time

from builtin_interfaces.msg import Time
from rosgraph_msgs.msg import Clock
from stipple_msgs.msg import NeedleCommand

from bench import ROOT, RUN, check, main, program, until
from diagnosis import OK, STALE, Diagnosis
from wire import Wire, _qos, _seconds

DOTS = 10
BEGIN = 4_000.0
# How far a stamp may lag behind: a busy machine.
LAG = 10.0


class Ticker:
    """Simulated time: half as fast as ours, from BEGIN."""

    def __init__(self, node):
        self.now = BEGIN
        self._topic = node.create_publisher(Clock, "/clock", _qos(1))
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._tick, daemon=True)

    def start(self):
        self._thread.start()

    def _tick(self):
        while not self._ending.wait(0.02):
            self.now += 0.01
            sec = int(self.now)
            self._topic.publish(Clock(clock=Time(sec=sec, nanosec=int((self.now - sec) * 1e9))))

    def freeze(self):
        self._ending.set()
        self._thread.join(5.0)


def refused_with_hardware():
    done = subprocess.run(
        [RUN, program("stipple-controller"), "--ros-args", "--params-file", ROOT / "launch/params/controller.yaml",
         "-p", "limits:=hardware", "-p", "use_sim_time:=true"], stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60)
    check(done.returncode == 2, f"limits for hardware with simulated time ended with {done.returncode}")
    check("use_sim_time" in done.stderr.splitlines()[-1], f"the refusal does not name the parameter: {done.stderr}")


def simulated_time(bench):
    refused_with_hardware()
    bench.start_sim()
    bench.start_controller("-p", "use_sim_time:=true")
    with Wire(bench) as wire:
        desk, watcher, told, commands = wire.operator, wire.watcher, Diagnosis(wire), []
        wire.node.create_subscription(NeedleCommand, "needle/command", lambda command: commands.append(_seconds(command.header.stamp)), _qos(10))
        told.wait("/clock", STALE)
        check(_seconds(watcher.state.header.stamp) == 0.0, f"stamped before the clock began: {watcher.state.header.stamp}")
        clock = Ticker(wire.node)
        clock.start()
        told.wait("/clock", OK)
        commands.clear()
        before = len(told.stamps)
        loaded = desk.begin(bench.plan, bench.record, DOTS)
        desk.wait_placed(4)
        clock.freeze()
        frozen = clock.now
        until(lambda: abs(_seconds(watcher.state.header.stamp) - frozen) < 0.05, "the last stamp of a clock that stands", bench)
        # Nothing that protects anybody waits for that clock.
        desk.wait_finished(patience=120.0)
        check(abs(_seconds(watcher.state.header.stamp) - frozen) < 0.05, "time went on with the clock standing")
        result = [_seconds(result.header.stamp) for result in watcher.results]
        for what, stamps in (("needle/command", commands), ("dot_results", result),
                             ("diagnostics", [_seconds(stamp) for stamp in told.stamps[before:]])):
            wrong = [stamp for stamp in stamps if not BEGIN - LAG <= stamp <= frozen + 0.05]
            check(stamps and not wrong, f"{what} has stamps that are not of /clock ({BEGIN} to {frozen}): {wrong[:5]}")
        return watcher.judge(bench.record, loaded.session_id, bench.first(DOTS)) + desk.told_stalls()


if __name__ == "__main__":
    main(simulated_time, "simulated_time")

#!/usr/bin/env python3
"""Works a small session off under a namespace, with the joint states under another name, all by the remaps every ROS 2 program takes, while
the operator's own client drives it. Holds that nothing of ours is left outside the namespace but what belongs there."""

import subprocess
import time

from bench import RUN, check, main, program, until
from lifecycle import Manager
from wire import Wire

DOTS = 8
REMAPS = ["-r", "__ns:=/clinic", "-r", "joint_states:=arm/joint_states"]
# Topics that have one place for all nodes.
EVERYBODYS = {"/rosout", "/parameter_events", "/diagnostics"}


def namespaced(bench):
    bench.start_sim(*REMAPS)
    bench.start_controller(*REMAPS)
    with Wire(bench, *REMAPS) as wire:
        watcher = wire.watcher
        check(Manager(wire).state() == "active", "the node under a namespace is not active")
        # The lease is the client's own: the other holder's has to run out first.
        wire.operator.leave()
        time.sleep(1.5)
        command = [program("stipple-controller"), "session", "--plan", bench.plan, "--record", bench.record, "--dots", str(DOTS),
                   "--report", bench.folder / "report.json", "--ros-args", *REMAPS[:2]]
        client = subprocess.run([RUN, *command], cwd=bench.folder, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=120)
        loaded = until(lambda: watcher.state.session_id, "the session to be told", bench)
        if client.returncode != 0:
            # A machine that stood still: the rest by hand, as an operator would.
            wire.operator.come_back()
            wire.operator.job = (bench.plan, bench.record, DOTS, 1)
            until(wire.operator.carry_on, f"the client ended with {client.returncode}:\n{client.stdout}{client.stderr}", bench)
            wire.operator.wait_finished(patience=120.0)
        until(lambda: len({result.dot for result in watcher.results}) == DOTS, f"{DOTS} results", bench)
        topics = {name for name, _ in wire.node.get_topic_names_and_types()}
        check("/clinic/arm/joint_states" in topics and "/clinic/joint_states" not in topics, f"the remap was not taken: {sorted(topics)}")
        outside = {name for name in topics if not name.startswith("/clinic/")} - EVERYBODYS
        check(not outside, f"topics outside the namespace: {sorted(outside)}")
        return watcher.judge(bench.record, loaded, bench.first(DOTS)) + wire.operator.told_stalls()


if __name__ == "__main__":
    main(namespaced, "namespaced")

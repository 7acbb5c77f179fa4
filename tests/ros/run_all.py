#!/usr/bin/env python3
"""Runs the ROS 2 end-to-end tests one after the other, each as a program of its own with a time limit, and counts them.

    tests/run ros                                    or, in the environment of launch/ros2-env:
    $STIPPLE_PYTHON tests/ros/run_all.py [NAME...]
"""

import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import bench

HERE = Path(__file__).resolve().parent
# The tests, and how many seconds each may take.
TESTS = {
    "type_hashes": 60,
    "sitting_needed": 120,
    "no_real_time": 120,
    "session_on_the_wire": 240,
    "operator_commands": 240,
    "operator_lease": 240,
    "rival": 240,
    "planned_stops": 300,
    "registration": 300,
    "managed_node": 300,
    "node_parameters": 120,
    "markers": 240,
    "robot_description": 240,
    "simulated_time": 240,
    "namespaced": 240,
    "diagnostics": 240,
    "killed_controller": 300,
    "stopped_processes": 300,
    "foreign_arm": 420,
    "streamed_arm": 240,
    "absent_arm": 240,
}


def run(name, limit):
    """Runs one test; true if it passed. Whatever it started is in process groups that it ends itself, on SIGINT too."""
    print(f"-- {name}", flush=True)
    process = subprocess.Popen([sys.executable, HERE / f"{name}.py"])
    try:
        return process.wait(limit) == 0
    except subprocess.TimeoutExpired:
        print(f"{name}: FAILED: not done after {limit} s", flush=True)
        process.send_signal(signal.SIGINT)
        try:
            process.wait(40)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        return False


def main(names):
    unknown = [name for name in names if name not in TESTS]
    if unknown:
        print(f"run_all: unknown tests {unknown}; there are {list(TESTS)}", file=sys.stderr)
        return 2
    names = names or list(TESTS)
    passed, begin = 0, time.monotonic()
    with tempfile.TemporaryDirectory(prefix="stipple-bench-") as folder:
        if any(name != "type_hashes" for name in names) and bench.SHARED_PLAN not in os.environ:
            try:
                os.environ[bench.SHARED_PLAN] = str(bench.make_plan(folder))
            except (bench.Failure, subprocess.TimeoutExpired) as failure:
                print(f"no plan to test with: {failure}", flush=True)
                print(f"0 passed, {len(names)} failed, 0 skipped")
                return 1
        for name in names:
            passed += run(name, TESTS[name])
    print(f"in {time.monotonic() - begin:.0f} s")
    print(f"{passed} passed, {len(names) - passed} failed, 0 skipped")
    return 0 if passed == len(names) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

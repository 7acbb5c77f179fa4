#!/usr/bin/env python3
"""Starts the controller with parameters that make no sense: each must be refused in one line that names it, with exit code 2; and those of
the shipped file, spelled out, must be taken."""

import subprocess

from bench import RUN, check, main, program, until
from wire import Wire

# What is given, and words the line must have besides the parameter's name.
WRONG = [
    ("path_tolerance:=0.9", "0.001 to 0.5"),
    ("goal_tolerance:=.nan", "0.0001 to 0.01"),
    ("goal_time_tolerance:=soon", "0.05 to 5"),
    ("state_rate:=0", "1 to 50"),
    ("diagnostics_rate:=-1.0", "0.1 to 10"),
    ("limits:=none", "hardware or simulation"),
    ("base_frame:=''", "a text"),
    ("arm_controller:=7", "a text"),
    ("autostart:=1", "true or false"),
    ("use_sim_time:=yes_please", "true or false"),
    ("stat_rate:=10.0", "no such parameter"),
]


def refused(given, word):
    done = subprocess.run([RUN, program("stipple-controller"), "--ros-args", "-p", given],
                          stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60)
    lines = [line for line in done.stderr.splitlines() if line.startswith("stipple-controller: ")]
    check(done.returncode == 2, f"{given}: exit code {done.returncode}:\n{done.stderr}")
    check(len(lines) == 1 and given.partition(":=")[0] in lines[0] and word in lines[0], f"{given}: {lines}")
    check("panicked" not in done.stderr, f"{given}: {done.stderr}")


def parameters(bench):
    for given, word in WRONG:
        refused(given, word)
    bench.start_sim()
    bench.start_controller("-p", "autostart:=true", "-p", "use_sim_time:=false", "-p", "state_rate:=50")
    with Wire(bench) as wire:
        until(lambda: wire.watcher.state is not None, "a state", bench)
    return f"{len(WRONG)} refused, the shipped ones taken"


if __name__ == "__main__":
    main(parameters, "node_parameters")

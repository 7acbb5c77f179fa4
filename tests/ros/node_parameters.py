#!/usr/bin/env python3
"""Starts the controller with parameters that make no sense: each must be refused in one line that names it, with exit code 2. Those of the
shipped file must be taken, and shown with their ranges to whoever asks; none can be set while the node runs. With another base_frame than the
arm's it takes no pose of the head and no plan, and says why."""

import subprocess

from rcl_interfaces.msg import Parameter, ParameterType, ParameterValue
from rcl_interfaces.srv import DescribeParameters, GetParameters, ListParameters, SetParameters

from bench import RUN, check, main, program, until
from diagnosis import ERROR, Diagnosis
from wire import CONTROLLER, Wire

NAMES = {"arm_controller", "autostart", "base_frame", "diagnostics_rate", "goal_time_tolerance", "goal_tolerance", "limits", "path_tolerance",
         "state_rate", "use_sim_time"}

# What is given, and words the line must have besides the parameter's name.
WRONG = [
    ("path_tolerance:=0.9", "0.001 to 0.5"),
    ("goal_tolerance:=.nan", "0.0001 to 0.0025"),
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


def shown(wire):
    """As `ros2 param` asks."""
    def call(kind, name, **what):
        client = wire.node.create_client(kind, f"{CONTROLLER}/{name}")
        until(client.service_is_ready, name, wire.bench)
        future = client.call_async(kind.Request(**what))
        until(future.done, f"an answer of {name}", wire.bench)
        return future.result()

    names = call(ListParameters, "list_parameters").result.names
    check(NAMES <= set(names), f"not all parameters are listed: {names}")
    rate, limits, unknown = call(GetParameters, "get_parameters", names=["state_rate", "limits", "no_such"]).values
    check(rate.double_value == 50.0 and limits.string_value == "simulation" and unknown.type == ParameterType.PARAMETER_NOT_SET,
          f"parameters are shown as {rate}, {limits}, {unknown}")
    rate, limits = call(DescribeParameters, "describe_parameters", names=["state_rate", "limits"]).descriptors
    (span,) = rate.floating_point_range
    check((span.from_value, span.to_value, rate.read_only) == (1.0, 50.0, True), f"state_rate is described as {rate}")
    check(limits.additional_constraints == "hardware or simulation", f"limits are described as {limits}")
    wanted = Parameter(name="limits", value=ParameterValue(type=ParameterType.PARAMETER_STRING, string_value="hardware"))
    (result,) = call(SetParameters, "set_parameters", parameters=[wanted]).results
    check(not result.successful and "start" in result.reason, f"a parameter could be set: {result}")


def parameters(bench):
    for given, word in WRONG:
        refused(given, word)
    bench.start_sim()
    bench.start_controller("-p", "autostart:=true", "-p", "use_sim_time:=false", "-p", "state_rate:=50", "-p", "base_frame:=elsewhere")
    with Wire(bench) as wire:
        shown(wire)
        why = Diagnosis(wire).wait("head_pose", ERROR).message
        check("frame_id" in why and "base_link" in why and "elsewhere" in why, f"poses of another frame are told as {why!r}")
        answer = wire.operator.try_load(bench.plan, bench.record)
        check(not answer.accepted and "base_frame" in answer.message and "elsewhere" in answer.message, f"loaded: {answer}")
    return f"{len(WRONG)} refused, the shipped ones taken and shown"


if __name__ == "__main__":
    main(parameters, "node_parameters")

"""Starts the simulated hardware and the controller:

    ros2 launch launch/launch/stipple.launch.py plan:=$PWD/out/session.plan

With real hardware start its own driver instead and leave out the simulation: hardware:=real controller_params:=FILE.yaml
The plan is loaded and the session started by services: see stipple_controller/load_plan and stipple_controller/start, or
`stipple-controller session --help`.
"""

from pathlib import Path

from launch import LaunchDescription
from launch.actions import DeclareLaunchArgument, EmitEvent, ExecuteProcess, RegisterEventHandler
from launch.conditions import IfCondition
from launch.event_handlers import OnProcessExit
from launch.events import Shutdown
from launch.substitutions import LaunchConfiguration, PythonExpression

ROOT = Path(__file__).resolve().parents[2]
RUN = str(ROOT / "launch" / "run")


def argument(name, default, description, **more):
    return DeclareLaunchArgument(name, default_value=default, description=description, **more)


def generate_launch_description():
    bin_folder = LaunchConfiguration("bin")
    ros_arguments = ["--ros-args", "-r", ["__ns:=", LaunchConfiguration("namespace")], "--params-file"]
    simulation = ExecuteProcess(
        name="stipple_sim",
        cmd=[RUN, [bin_folder, "/stipple-sim"], "ros", "--plan", LaunchConfiguration("plan"), *ros_arguments,
             LaunchConfiguration("sim_params")],
        condition=IfCondition(PythonExpression(["'", LaunchConfiguration("hardware"), "' == 'simulated'"])),
        output="screen",
    )
    controller = ExecuteProcess(
        name="stipple_controller",
        # The last word on the limits: whatever a parameter file says, a real arm is never driven with the simulation's.
        cmd=[RUN, [bin_folder, "/stipple-controller"], *ros_arguments, LaunchConfiguration("controller_params"), "-p",
             ["limits:=", PythonExpression(["'hardware' if '", LaunchConfiguration("hardware"), "' == 'real' else 'simulation'"])]],
        output="screen",
    )
    return LaunchDescription([
        argument("plan", "", "the plan whose arm and head are simulated; needed when hardware is simulated"),
        argument("hardware", "simulated", "simulated, or real: then start the hardware's own drivers", choices=["simulated", "real"]),
        argument("namespace", "/", "namespace of both nodes"),
        argument("bin", str(ROOT / "target" / "release"), "folder of the built programs"),
        argument("sim_params", str(ROOT / "launch/params/sim.yaml"), "parameters of the simulated hardware"),
        argument("controller_params", str(ROOT / "launch/params/controller.yaml"), "parameters of the controller"),
        simulation,
        controller,
        # One without the other is of no use.
        RegisterEventHandler(OnProcessExit(target_action=controller, on_exit=[EmitEvent(event=Shutdown(reason="the controller ended"))])),
        RegisterEventHandler(OnProcessExit(target_action=simulation, on_exit=[EmitEvent(event=Shutdown(reason="the simulation ended"))])),
    ])

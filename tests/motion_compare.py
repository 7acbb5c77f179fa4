#!/usr/bin/env python3
"""Does the parts of a plan's motion with Stipple and with what others offer as Python wheels, on the same arm, head and hops, in one run.

    cargo build --release --bins && cargo build --release -p stipple-planner --example compare_motion
    python3 -m venv V && V/bin/pip install -r tests/hops/requirements.txt eaik ruckig toppra open3d
                                                       (Open3D's wheel wants Debian's libusb-1.0-0)
    V/bin/python tests/motion_compare.py [--arm A.urdf --scan HEAD --landmarks L.json] [--hops 1000]

Without --scan the head is a generated one; without --arm the arm is the shipped one. A peer that is not installed is left out, and said.

What is compared, in microseconds a piece, medians of several rounds: all branches of inverse kinematics (eaik), forward kinematics
(pinocchio), a point's distance to the head (Open3D), one configuration clear at the margins, yes or no (pinocchio and coal, all pairs of
tests/hops), all its distances (the same), a hop's time law within the joints' limits (Ruckig; TOPP-RA without jerk). What others have no
counterpart for, the proof of a whole hop and the hop itself, is told alone. Loops around the peers are Python's and cost up to 1 µs a piece.

The seconds of motion a dot are those of the hops as planned, tip speed limits included, beside those the joints' limits alone would allow.

Nothing is held: prints a table, and one JSON object on the last line. Run it on an idle machine; CI does not.
"""

import argparse
import json
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time
import tomllib

import coal
import numpy as np
import pinocchio as pin

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests/hops"))
from world import FORGIVEN, MARGINS, Data, World  # noqa: E402

ROUNDS = 5


def timed(count, work, rounds=ROUNDS):
    """Median microseconds a piece."""
    taken = []
    for _ in range(rounds):
        start = time.perf_counter()
        work()
        taken.append(time.perf_counter() - start)
    return 1e6 * statistics.median(taken) / count


def ours(args, folder):
    """Plans, exports, and runs the example; its report and what was exported."""
    def run(*command):
        return subprocess.run([str(part) for part in command], check=True, stdout=subprocess.PIPE, text=True).stdout

    release = pathlib.Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target")) / "release"
    scan, landmarks = args.scan, args.landmarks
    if scan is None:
        scan, landmarks = folder / "head.ply", folder / "landmarks.json"
        run(release / "stipple-sim", "head", "--out", scan, "--landmarks", landmarks, "--seed", "7")
    plan, planner = folder / "head.plan", release / "stipple-planner"
    arm = args.arm or "ur5e"
    run(planner, "plan", "--scan", scan, "--landmarks", landmarks, "--treatment", args.treatment, "--arm", arm, "--out", plan)
    files = argparse.Namespace(scan=scan, **{name: folder / name for name in ("dots", "hops", "plan")})
    files.plan = folder / "plan.json"
    run(planner, "export", plan, "--dots", files.dots, "--trajectory", files.hops, "--json", files.plan)
    report = json.loads(run(release / "examples/compare_motion", plan, args.hops))
    return report, files


def eaik(urdf, world, joints):
    from eaik.IK_URDF import UrdfRobot

    if world.dof != 6:
        return None
    robot = UrdfRobot(str(urdf))
    targets = [robot.fwdKin(q) for q in joints]
    return timed(len(targets), lambda: [robot.IK(t) for t in targets])


def forward(_, world, joints):
    return timed(len(joints), lambda: [pin.forwardKinematics(world.model, world.data, q) for q in joints])


def open3d(data, world, joints):
    import open3d

    scene = open3d.t.geometry.RaycastingScene()
    scene.add_triangles(data.vertices.astype(np.float32), data.triangles.astype(np.uint32))
    places = np.array([world.base_from_scan.actInv(world.tip(q)[0]) for q in joints], np.float32)
    return timed(len(places), lambda: scene.compute_signed_distance(places))


def yes_or_no(_, world, joints):
    for kind, request in zip(world.kinds, world.near.collisionRequests):
        request.security_margin = MARGINS[kind] - FORGIVEN
    look = lambda q: pin.computeCollisions(world.model, world.data, world.geometry, world.near, q, True)  # noqa: E731
    return timed(len(joints), lambda: [look(q) for q in joints])


def distances(_, world, joints):
    few = joints[:10]
    return timed(len(few), lambda: [pin.computeDistances(world.model, world.data, world.geometry, world.near, q) for q in few], 1)


def ruckig(limits, joints):
    from ruckig import InputParameter, Result, Ruckig, Trajectory

    dof = len(joints[0])
    otg, way, wish, seconds = Ruckig(dof), Trajectory(dof), InputParameter(dof), []
    wish.max_velocity, wish.max_acceleration, wish.max_jerk = (limits[k] for k in ("velocity", "acceleration", "jerk"))

    def every():
        seconds.clear()
        for a, b in zip(joints, joints[1:]):
            wish.current_position, wish.target_position = a, b
            if otg.calculate(wish, way) in (Result.Working, Result.Finished):
                seconds.append(way.duration)

    return timed(len(joints) - 1, every), statistics.mean(seconds)


def toppra(limits, joints):
    import toppra as ta

    ta.setup_logging("ERROR")
    few = joints[:51]
    speed, force = (np.array(limits[k]) for k in ("velocity", "acceleration"))
    bounds = [
        ta.constraint.JointVelocityConstraint(np.stack([-speed, speed], 1)),
        ta.constraint.JointAccelerationConstraint(np.stack([-force, force], 1)),
    ]
    seconds = []

    def every():
        seconds.clear()
        for a, b in zip(few, few[1:]):
            path = ta.SplineInterpolator([0, 1], np.array([a, b]))
            way = ta.algorithm.TOPPRA(bounds, path, parametrizer="ParametrizeConstAccel").compute_trajectory()
            if way is not None:
                seconds.append(way.duration)

    return timed(len(few) - 1, every, 1), statistics.mean(seconds)


def tried(name, peer, *given):
    """What a peer takes; None when it cannot be had."""
    try:
        return peer(*given)
    except ImportError as error:
        print(f"{name} is left out: {error}")
        return None


def main():
    parse = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parse.add_argument("--arm", type=pathlib.Path)
    parse.add_argument("--scan", type=pathlib.Path)
    parse.add_argument("--landmarks", type=pathlib.Path)
    parse.add_argument("--treatment", type=pathlib.Path, default=ROOT / "planner/treatments/default.toml")
    parse.add_argument("--hops", type=int, default=1000)
    args = parse.parse_args()
    if (args.scan is None) != (args.landmarks is None):
        parse.error("--scan and --landmarks go together")
    with tempfile.TemporaryDirectory() as folder:
        report, files = ours(args, pathlib.Path(folder))
        urdf = args.arm or ROOT / "launch/arms/ur5e.urdf"
        data = Data(files)
        world = World(urdf, tomllib.loads((ROOT / "launch/cells/default.toml").read_text()), None, data)
    joints, limits, us = np.array(report["joints"]), report["limits"], report["us"]
    rows = [
        ("inverse kinematics, all branches", "inverse", "eaik", tried("eaik", eaik, urdf, world, joints)),
        ("forward kinematics", "forward", "pinocchio", forward(data, world, joints)),
        ("distance of a point to the head", "distance", "Open3D", tried("Open3D", open3d, data, world, joints)),
        ("a configuration clear, yes or no", "blocked", "pinocchio + coal", yes_or_no(data, world, joints)),
        ("a configuration's distances", "clearance", "pinocchio + coal", distances(data, world, joints)),
    ]
    peers = (("Ruckig", ruckig), ("TOPP-RA, no jerk limit", toppra))
    laws = [(name, tried(name, peer, limits, [list(q) for q in joints])) for name, peer in peers]
    rows += [("time law of a hop", "law", name, law and law[0]) for name, law in laws]
    rows += [("a hop proven clear", "proof", "none", None), ("a whole hop, proven and timed", "hop", "none", None)]
    stages = data.plan.get("stages_s") or {}
    print(f"{report['hops']} hops of {urdf.name} over {len(data.triangles)} triangles, {len(world.pairs)} pairs; "
          f"load {os.getloadavg()[0]:.1f}")
    print(f"{'what':<36}{'Stipple µs':>12}  {'other':<24}{'µs':>12}{'ratio':>10}")
    for what, key, name, taken in rows:
        theirs = f"{taken:>12.2f}{taken / us[key]:>10.1f}" if taken else ""
        print(f"{what:<36}{us[key]:>12.2f}  {name:<24}{theirs}")
    print(f"the whole plan: {sum(stages.values()):.2f} s for {data.plan['dots']} dots "
          f"({', '.join(f'{k} {v:.2f}' for k, v in stages.items())})")
    print(f"motion a dot: {report['motion_s_per_dot']:.4f} s as planned; by the joints' limits alone Stipple {report['law_s_per_dot']:.4f} s"
          + "".join(f", {name} {law[1]:.4f} s" for name, law in laws if law))
    del report["joints"]
    peers = [{"what": key, "who": name, "us": taken, "ratio": taken / us[key]} for _, key, name, taken in rows if taken]
    print(json.dumps({"stipple": report, "peers": peers, "stages_s": stages, "coal": coal.__version__, "pinocchio": pin.__version__}))
    return 0


if __name__ == "__main__":
    sys.exit(main())

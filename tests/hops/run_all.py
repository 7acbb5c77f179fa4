#!/usr/bin/env python3
"""Makes small plans and has tests/hops/check.py check their motion: the shipped arm on a generated head, and, where ../shared lies beside
the checkout, real arms with their meshes on real heads. Begins with the check of the check.

    cargo build --release --bins && tests/hops/run_all.py [--dots 150] [--every 8] [--all]

Packages come from tests/hops/requirements.txt into .ros/hops; when they cannot be had, that is said and nothing is checked. The last
line counts: `N passed, N failed, N skipped`. Exit code 0 if none failed.
"""

import argparse
import hashlib
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import venv

ROOT = pathlib.Path(__file__).resolve().parents[2]
WANTED, CHECK = ROOT / "tests/hops/requirements.txt", ROOT / "tests/hops/check.py"
# Whose landmarks make a head frame, and whose surface a planner accepts.
HEADS = ("mesh2hrtf_head.ply", "lee_perry_smith.obj", "colin27_av_ras.ply", "fsaverage_head.stl")
ARMS = ("ur5e/ur5e_local.urdf", "fr3/fr3_local.urdf")
# Where the arm waits at stops, beside the head; the first arm on a real head lifts off instead.
STATION = "\n[station]\nxyz_mm = [250, -450, 100]\nrpy_deg = [180, 0, 0]\n"
# A cable leading from the shipped arm's tool back along its wrist.
CABLE = '\n[[guards]]\nname = "tool cable"\nlink = "wrist_3_link"\nfrom_mm = [0, 60, 20]\nto_mm = [0, 60, -20]\nradius_mm = 8\n'


def environment():
    """The Python with the packages, or why there is none."""
    folder = ROOT / ".ros/hops"
    key = hashlib.sha256(WANTED.read_bytes() + sys.version.encode()).hexdigest()
    python, stamp = folder / "bin/python", folder / "stamp"
    if python.exists() and stamp.exists() and stamp.read_text() == key:
        return python, None
    shutil.rmtree(folder, ignore_errors=True)
    try:
        venv.create(folder, with_pip=True)
        install = [python, "-m", "pip", "install", "--disable-pip-version-check", "--no-input", "-q", "-r", WANTED]
        done = subprocess.run(install, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=600, check=False)
    except (OSError, subprocess.SubprocessError) as error:
        return None, str(error).splitlines()[0]
    if done.returncode:
        return None, (done.stdout.strip().splitlines() or ["pip failed"])[-1]
    stamp.write_text(key)
    return python, None


def run(*command):
    print("$", *(str(part) for part in command), flush=True)
    return subprocess.run(command, check=False).returncode


class Stage:
    def __init__(self, python, args, folder):
        self.python, self.args, self.folder = python, args, folder
        self.passed = self.failed = 0
        target = pathlib.Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"))
        self.planner = target / "release/stipple-planner"
        # Built with its ROS side, the simulator needs ROS 2's libraries to start.
        with_ros = "STIPPLE_ROS2" in os.environ or (ROOT / ".ros/wheels").is_dir()
        self.sim = [ROOT / "launch/run"] * with_ros + [target / "release/stipple-sim"]
        text = (ROOT / "planner/treatments/default.toml").read_text()
        self.treatment = folder / "treatment.toml"
        text = text.replace("layers = [", f"dots = {args.dots}\nlayers = [", 1)
        # So few dots that there are many stops.
        self.treatment.write_text(text + "\n[session]\ndots_per_dip = 20\n")
        self.without = ROOT / "launch/cells/default.toml"
        self.cell = folder / "cell.toml"
        self.cell.write_text(self.without.read_text() + STATION)
        self.wired = folder / "wired.toml"
        self.wired.write_text(self.without.read_text() + STATION + CABLE)

    def count(self, name, code):
        self.passed, self.failed = self.passed + (code == 0), self.failed + (code != 0)
        print(f"{name}: {'ok' if code == 0 else 'FAILED'}", flush=True)

    def check(self, arm, urdf, scan, landmarks, cell, *more):
        """Plans, exports and checks; the exit code of what went wrong."""
        place = self.folder / "session.plan"
        dots, hops, plan = (self.folder / name for name in ("dots.csv", "hops.csv", "plan.json"))
        return (
            run(self.planner, "plan", "--scan", scan, "--landmarks", landmarks, "--treatment", self.treatment, "--arm", arm, "--cell", cell, "--out", place)
            or run(self.planner, "export", place, "--dots", dots, "--trajectory", hops, "--json", plan)
            or run(self.python, CHECK, "--urdf", urdf, "--scan", scan, "--dots", dots, "--hops", hops, "--plan", plan, "--cell", cell, *more)
        )

    def generated(self):
        scan, landmarks = self.folder / "head.ply", self.folder / "landmarks.json"
        urdf = ROOT / "launch/arms/ur5e.urdf"
        code = run(*self.sim, "head", "--out", scan, "--landmarks", landmarks, "--seed", "7")
        self.count("self-test", code or self.check("ur5e", urdf, scan, landmarks, self.cell, "--self-test"))
        self.count("shipped arm with a cable, generated head", code or self.check("ur5e", urdf, scan, landmarks, self.wired, "--every", str(self.args.every)))

    def shared(self, shared):
        """The arms with their own meshes; one arm a head, so that the time stays short, unless all are asked for."""
        cells = (self.without, self.cell)
        short = zip(HEADS, ARMS, cells)
        every = ((head, arm, cell) for head in HEADS for arm, cell in zip(ARMS, cells))
        for head, arm, cell in every if self.args.all else short:
            scan, urdf = shared / "scans" / head, shared / "arms" / arm
            landmarks, every = scan.with_suffix(".landmarks.json"), str(self.args.every)
            self.count(f"{arm}, {head}", self.check(urdf, urdf, scan, landmarks, cell, "--every", every))


def main():
    parse = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parse.add_argument("--dots", type=int, default=150)
    parse.add_argument("--every", type=int, default=8)
    parse.add_argument("--all", action="store_true", help="each arm of ../shared on each head, in minutes each")
    args = parse.parse_args()
    python, why = environment()
    if python is None:
        print(f"SKIP hops: the packages of {WANTED.relative_to(ROOT)} cannot be installed: {why}")
        print("0 passed, 0 failed, 1 skipped")
        return 0
    with tempfile.TemporaryDirectory() as folder:
        stage, skipped = Stage(python, args, pathlib.Path(folder)), 0
        stage.generated()
        shared = ROOT.parent / "shared"
        if (shared / "arms").is_dir() and (shared / "scans").is_dir():
            stage.shared(shared)
        else:
            skipped = 1
            print("SKIP shared_arms: no ../shared beside the checkout")
        print(f"{stage.passed} passed, {stage.failed} failed, {skipped} skipped")
    return 1 if stage.failed else 0


if __name__ == "__main__":
    sys.exit(main())

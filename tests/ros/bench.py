"""The bench: the processes under test, each in a process group of its own with its log in a temporary folder, and always taken
down again.

    with Bench("kill") as bench:
        bench.start_sim()
        controller = bench.start_controller()

Every bench has a ROS_DOMAIN_ID of its own, so benches that run at the same time do not hear each other. The programs come from
target/release (or CARGO_TARGET_DIR/release) and are built by tests/run or by launch/demo.
"""

import contextlib
import csv
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import traceback
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
TARGET = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target")) / "release"
RUN = ROOT / "launch" / "run"
# The plan that all benches of one test run share; run_all.py sets it.
SHARED_PLAN = "STIPPLE_BENCH_PLAN"

# `timeout` and a cancelled CI job send SIGTERM: leave through the same door as Ctrl-C, with everything taken down.
signal.signal(signal.SIGTERM, signal.default_int_handler)

# Seconds: how long a step may take before the test gives up. Generous: a loaded machine is slow, not wrong.
PATIENCE = 60.0


class Failure(Exception):
    """The product did not do what it should."""


def check(condition, message):
    """Like assert, but never optimised away and with a sentence for the reader."""
    if not condition:
        raise Failure(message)


def program(name):
    path = TARGET / name
    check(path.exists(), f"{path} is missing; build it with: . launch/ros2-env && cargo build --release --workspace --bins "
                         "--features stipple-controller/ros,stipple-sim/ros")
    return path


def order_of(plan):
    """Where the order in which a plan's dots are run stands: hops.csv, beside the plan."""
    return plan.with_suffix(".hops.csv")


def make_plan(folder, dots_per_dip=None, person=7):
    """Generates a head, plans the default treatment on it for a cell with a station, exports its hops, and returns the plan's path. Fewer dots
    to a dip of pigment than the treatment has mean more stops. Another person has another head."""
    plan = Path(folder) / "bench.plan"
    cell = Path(folder) / "cell.toml"
    shipped = (ROOT / "launch/cells/default.toml").read_text()
    cell.write_text(f"{shipped}\n[station]\nxyz_mm = [250, -450, 100]\nrpy_deg = [180, 0, 0]\n")
    treatment = Path(folder) / "treatment.toml"
    shipped = (ROOT / "planner/treatments/default.toml").read_text()
    treatment.write_text(shipped if dots_per_dip is None else f"{shipped}\n[session]\ndots_per_dip = {dots_per_dip}\n")
    scan, landmarks = Path(folder) / "head.ply", Path(folder) / "landmarks.json"
    for command in (
        [program("stipple-sim"), "head", "--out", scan, "--landmarks", landmarks, "--seed", str(person)],
        [program("stipple-planner"), "plan", "--scan", scan, "--landmarks", landmarks,
         "--treatment", treatment, "--cell", cell, "--out", plan],
        [program("stipple-planner"), "export", plan, "--trajectory", order_of(plan)],
    ):
        done = subprocess.run([RUN, *command], cwd=folder, capture_output=True, text=True, timeout=600)
        check(done.returncode == 0, f"{Path(command[0]).name} {command[1]} failed:\n{done.stdout}{done.stderr}")
    return plan


class Bench:
    """One simulated clinic: a temporary folder, a ROS domain, a plan, the processes."""

    def __init__(self, name):
        self.name = name
        self.folder = Path(tempfile.mkdtemp(prefix=f"stipple-{name}-"))
        self.record = self.folder / "session.sqlite"
        self.processes = []
        # Before rclpy starts: it reads the domain once.
        os.environ["ROS_DOMAIN_ID"] = str(random.SystemRandom().randint(1, 101))
        os.environ["ROS_AUTOMATIC_DISCOVERY_RANGE"] = "LOCALHOST"

    def __enter__(self):
        try:
            shared = os.environ.get(SHARED_PLAN)
            self.plan = Path(shared) if shared else make_plan(self.folder)
        except BaseException:
            shutil.rmtree(self.folder, ignore_errors=True)
            raise
        return self

    def __exit__(self, kind, _error, _trace):
        for process in reversed(self.processes):
            self.end(process)
        if kind is None:
            shutil.rmtree(self.folder, ignore_errors=True)
            return
        for log in sorted(self.folder.glob("*.log")):
            tail = "\n".join(log.read_text(errors="replace").splitlines()[-30:])
            print(f"---- {log.name}\n{tail}", file=sys.stderr)
        print(f"---- everything is kept in {self.folder}", file=sys.stderr)

    def first(self, count):
        """The first `count` dots of layer 1 in the plan's own order, as the exported hops have it."""
        dots = {}
        with order_of(self.plan).open(newline="") as hops:
            for row in csv.DictReader(hops):
                dots.setdefault(int(row["dot"]))
                if len(dots) == count:
                    return set(dots)
        raise Failure(f"the plan has only {len(dots)} dots, {count} are wanted")

    def _start(self, label, *command, before=()):
        log = self.folder / f"{len(self.processes):02}-{label}.log"
        with log.open("wb") as out:
            # Where it is allowed, before all else that runs: a starved machine shows as stale joint states, and rightly faults.
            process = subprocess.Popen(["nice", "-n", "-15", *before, *command], stdin=subprocess.DEVNULL, stdout=out, stderr=subprocess.STDOUT,
                                       start_new_session=True, cwd=self.folder)
        process.label, process.log = label, log
        self.processes.append(process)
        return process

    def start_sim(self, *more):
        """The simulated arm, needle and head tracker as ROS 2 nodes."""
        return self._start("sim", RUN, program("stipple-sim"), "ros", "--plan", self.plan, "--ros-args",
                           "--params-file", ROOT / "launch/params/sim.yaml", *more)

    def start_controller(self, *more, before=()):
        """The node; `before` stands before it on the command line, as a program that runs another does."""
        return self._start("controller", RUN, program("stipple-controller"), "--ros-args",
                           "--params-file", ROOT / "launch/params/controller.yaml", *more, before=before)

    def start_python(self, label, script, *arguments):
        """A program of these tests as a process of its own."""
        return self._start(label, sys.executable, ROOT / "tests/ros" / script, *arguments)

    def alive(self):
        """Fails if a process ended that nobody ended."""
        for process in self.processes:
            code = process.poll()
            if code is not None and not getattr(process, "ended", False):
                raise Failure(f"{process.label} ended by itself with code {code}")

    def end(self, process):
        """Ends a process in order (as Ctrl-C does), and by force if that does not help. Returns its exit code."""
        process.ended = True
        for number, patience in ((signal.SIGINT, 8.0), (signal.SIGKILL, 8.0)):
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, number)
            with contextlib.suppress(subprocess.TimeoutExpired):
                return process.wait(patience)
        return process.poll()

    def kill(self, process):
        """SIGKILL: no chance to say goodbye."""
        process.ended = True
        os.killpg(process.pid, signal.SIGKILL)
        process.wait(8.0)


def until(condition, what, bench, patience=PATIENCE):
    """Waits until `condition()` is true, and returns what it returned; fails after `patience` seconds or when a process ends."""
    deadline = time.monotonic() + patience
    while True:
        answer = condition()
        if answer:
            return answer
        bench.alive()
        check(time.monotonic() < deadline, f"waited {patience:.0f} s in vain: {what}")
        time.sleep(0.02)


def main(test, name):
    """Runs `test(bench)`, prints one line, and exits with 0 or 1."""
    begin = time.monotonic()
    try:
        with Bench(name) as bench:
            said = test(bench)
    except Failure as failure:
        print(f"{name}: FAILED: {failure}", flush=True)
        sys.exit(1)
    except Exception:
        traceback.print_exc()
        print(f"{name}: FAILED: the test itself broke", flush=True)
        sys.exit(1)
    print(f"{name}: ok in {time.monotonic() - begin:.0f} s: {said}", flush=True)

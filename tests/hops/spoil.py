"""The check of the check: spoils copies of its input in ways that must be found."""

import argparse
import copy
import math

import numpy as np
import pinocchio as pin


def pushed(data, world, row, depth):
    """Joints that bring the tip `depth` deeper along the needle than in a row."""
    q = data.q[row].copy()
    start, axis = world.tip(q)
    for _ in range(20):
        tip, _ = world.tip(q)
        pin.computeJointJacobians(world.model, world.data, q)
        jacobian = pin.getJointJacobian(world.model, world.data, world.dof, pin.ReferenceFrame.LOCAL_WORLD_ALIGNED)
        arm = tip - world.data.oMi[world.dof].translation
        q += np.linalg.pinv(jacobian[:3] - pin.skew(arm) @ jacobian[3:], 1e-3) @ (start + depth * axis - tip)
    return q


def spoilings(data, world):
    """Name → (the check that must find it, what to do to a copy of the data)."""
    ends = np.flatnonzero(np.append(np.diff(data.dot) != 0, True))
    last, middle = ends[-1], ends[len(ends) // 2]
    some = int(data.dot[middle])

    def turn(d):
        d.q[last, -2] += 0.05

    def move(d):
        layer, place, normal = d.dots[some]
        d.dots[some] = (layer, place + 2e-6 * np.array([1.0, 0, 0]), normal)

    def push(d):
        d.q[middle] = pushed(d, world, middle, 1.5e-3)

    def leave_out(d):
        keep = d.dot != some
        d.dot, d.t, d.q = d.dot[keep], d.t[keep], d.q[keep]

    def twice(d):
        d.dot, d.t, d.q = np.append(d.dot, some), np.append(d.t, d.t[-1] + 1.0), np.vstack([d.q, d.q[middle]])

    def lean(d):
        layer, place, normal = d.dots[some]
        aside = np.cross(normal, [0.3, 0.5, 0.8])
        d.dots[some] = (layer, place, normal + math.tan(math.radians(31)) * aside / np.linalg.norm(aside))

    def hurry(d):
        d.t = d.t / 100

    def hasten(d):
        d.t = d.t / 5

    def wind(d):
        d.q[middle, 0] = world.model.upperPositionLimit[0] + 0.01

    stands = np.flatnonzero(np.diff(data.t[: ends[0]]) > 1.0)

    def shorten(d):
        d.t[stands[0] + 1 :] -= 1.0

    def stray(d):
        d.q[: stands[0] + 2, 0] += 1e-4

    def begin(d):
        keep = np.arange(len(d.t)) > stands[0] + 3
        d.dot, d.t, d.q = d.dot[keep], d.t[keep], d.q[keep]

    return {
        "a stop a second shorter": ("stops", shorten),
        "the arm waiting 0.1 mrad aside": ("waiting", stray) if world.station is not None else ("waiting", begin),
        "a layer that begins on the way": ("waiting", begin),
        "a joint 0.05 rad off": ("hover", turn),
        "a dot 2 µm aside": ("hover", move),
        "a row 1.5 mm towards the skin": ("nose_head", push),
        "a dot left out": ("dots", leave_out),
        "a dot run twice": ("dots", twice),
        "a normal 31 degrees aside": ("tilt", lean),
        "a hundred times as fast": ("joint speed", hurry),
        "five times as fast": ("tip speed", hasten),
        "a joint beyond its limit": ("joint limits", wind),
    }


def self_test(data, world, args, check):
    """Whether nothing is found in the input as it is, and each spoiling by the check it belongs to."""
    part, missed = data.first_dots(12), 0
    args = argparse.Namespace(**{**vars(args), "jobs": 1, "every": 1})
    before, _ = check(part, world, args)
    print(f"self-test, unspoilt: {'nothing found' if not before.count else dict(before.count)}")
    for name, (wanted, spoil) in spoilings(part, world).items():
        copied = copy.copy(part)
        copied.dots = dict(part.dots)
        copied.q, copied.t, copied.dot = part.q.copy(), part.t.copy(), part.dot.copy()
        spoil(copied)
        found, _ = check(copied, world, args)
        caught = found.count[wanted] > before.count[wanted]
        missed += not caught
        print(f"self-test, {name}: {'found by' if caught else 'MISSED by'} '{wanted}'")
    return missed == 0 and not before.count

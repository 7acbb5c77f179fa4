#!/usr/bin/env python3
"""Checks a plan's exported motion with other people's libraries: kinematics by pinocchio, distances by coal, no line of Stipple's code.

    stipple-planner export head.plan --dots dots.csv --trajectory hops.csv --json plan.json
    python3 -m venv V && V/bin/pip install -r tests/hops/requirements.txt
    V/bin/python tests/hops/check.py --urdf ARM.urdf --scan head.ply --dots dots.csv --hops hops.csv --plan plan.json

Every row of hops.csv: joints and joint speeds within the URDF's limits; tip speed at most 50 mm/s within 15 mm of the skin and 250 mm/s
elsewhere (by differences of rows); no tip within 20 mm of a keep-out. Every dot: its last row hovers 2 mm above the dot of dots.csv
along the needle to 1 µm, the needle within 15 degrees of the skin's normal; each planned dot once, as many in each layer as plan.json
says. The last dot of a layer has the way home besides: its hover is the row nearest to there. Every stop of plan.json: between the dot
before and the one that waits the arm stands still for as long as the stops there are expected to take, over the dot before for a mere
rest, else with the tip at the cell file's station (to 1 µm and 1 µrad of the needle), where there is none 15 mm above the skin at least;
so it does at the beginning and the end of every layer. Every configuration between rows, at most --step rad apart: the URDF's own collision meshes and the tool of the cell file against
the scan as it was given, floor, boxes and themselves, with the product's margins (nose cone to head 1 mm, links and tool to head 10 mm,
scene 10 mm, arm to itself 5 mm). Bodies begin outside the scan by its winding number, so that none can hide inside.

Distances: a pair's exact distance by coal (milliseconds) holds for later configurations too, less the farthest any point of the one
body has moved against the other since; it is computed anew only when that bound falls below the smallest distance found so far in its
class. So every configuration is decided, and the smallest distances printed are exact to 0.1 mm over all of them. That coal's distances
and its collision answers agree is tried in some configurations of every run.

Pairs of the arm with itself that are within the margin in all of 300 random configurations, as housings round one wrist are, are listed
and not held.

--self-test spoils a copy of the input in twelve ways, one at a time, and fails unless each is found by the check it belongs to. --every N
looks at every Nth stretch between rows for clearance (rows and dots are always looked at in full).

Prints lines for people, and one JSON object on the last line. Exit code: 0 all held, 1 something is not, 2 input that cannot be used.
"""

import argparse
import collections
import json
import math
import multiprocessing
import os
import pathlib
import sys
import time

import coal
import numpy as np
import pinocchio as pin
from scipy.spatial import cKDTree

from spoil import self_test
from world import FORGIVEN, MARGINS, Data, Unusable, World

try:
    import tomllib
except ImportError:
    import tomli as tomllib

ROOT = pathlib.Path(__file__).resolve().parents[2]
HOVER, TIP_TOLERANCE, TILT, NEEDLE_TOLERANCE = 2e-3, 1e-6, math.radians(15), 1e-6
SPEED_HOVER, SPEED_FREE, HOVER_ZONE, KEEP_OUT = 0.050, 0.250, 0.015, 0.020
# Time is written in whole microseconds, joints to 1e-12 rad.
TIME_STEP, JOINT_STEP = 1e-6, 1e-9
# Distances above this are not told more exactly.
FARTHEST = 0.05
# The smallest distances are exact to this; whether a margin is held is decided exactly.
FINE = 1e-4
# coal's two answers are compared in so many configurations, this far (m) from the limit between them.
TRIALS, TRIAL = 4, 1e-4


class Findings:
    """What does not hold, by check."""

    def __init__(self):
        self.count, self.examples = collections.Counter(), collections.defaultdict(list)

    def add(self, check, text):
        self.count[check] += 1
        if len(self.examples[check]) < 5:
            self.examples[check].append(text)

    def merge(self, other):
        for check, count in other.count.items():
            self.count[check] += count
            self.examples[check] = (self.examples[check] + other.examples[check])[:5]


def stretches(data):
    """Indices of rows that another row follows in the same run; time starts anew with each layer."""
    return np.flatnonzero(np.diff(data.t) >= 0)


def check_rows(data, world, found):
    """Limits and speeds of the rows; returns each row's tip."""
    low, high, fastest = world.model.lowerPositionLimit, world.model.upperPositionLimit, world.model.velocityLimit
    for row in np.flatnonzero(((data.q < low - JOINT_STEP) | (data.q > high + JOINT_STEP)).any(axis=1)):
        found.add("joint limits", f"row {row}: {data.q[row]}")
    tips, axes = map(np.array, zip(*(world.tip(q) for q in data.q)))
    a = stretches(data)
    passed = data.t[a + 1] - data.t[a]
    turned = np.abs(data.q[a + 1] - data.q[a])
    share = (turned - JOINT_STEP) / ((passed + TIME_STEP)[:, None] * fastest)
    for k in np.flatnonzero((share > 1).any(axis=1)):
        found.add("joint speed", f"row {a[k] + 1}: {share[k].max():.3f} of the limit")
    check_tip_speed(data, world, tips, a, found)
    skin = data.base_from_head
    for keep_out in data.plan["keep_outs"]:
        gap = np.linalg.norm(tips - skin * np.array(keep_out["center_m"]), axis=1) - keep_out["radius_m"]
        for row in np.flatnonzero(gap < KEEP_OUT - TIP_TOLERANCE):
            found.add("keep-out", f"row {row}: {1e3 * gap[row]:.2f} mm from {keep_out['name']}")
    return tips, axes, {"joint_speed_share": float(share.max(initial=0.0))}


def check_tip_speed(data, world, tips, a, found):
    """Mean speeds between rows: wherever both rows are near the skin the lower limit holds."""
    moved = np.linalg.norm(tips[a + 1] - tips[a], axis=1)
    passed = data.t[a + 1] - data.t[a] + TIME_STEP
    for k in np.flatnonzero(moved > SPEED_FREE * passed + TIP_TOLERANCE):
        found.add("tip speed", f"row {a[k] + 1}: {1e3 * moved[k] / passed[k]:.1f} mm/s")
    suspects = np.flatnonzero(moved > SPEED_HOVER * passed + TIP_TOLERANCE)
    if len(suspects) == 0:
        return
    placed = data.vertices @ world.base_from_scan.rotation.T + world.base_from_scan.translation
    ball, shape = coal.Sphere(1e-6), world.geometry.geometryObjects[world.head].geometry
    head = coal.Transform3s(world.base_from_scan.rotation, world.base_from_scan.translation)
    edge = np.linalg.norm(data.vertices[data.triangles[:, 0]] - data.vertices[data.triangles[:, 1]], axis=1).max()
    rows = np.unique(np.concatenate([a[suspects], a[suspects] + 1]))
    height = dict(zip(rows, cKDTree(placed).query(tips[rows])[0]))
    for row, apart in height.items():
        # The nearest vertex is farther than the skin; where that decides nothing, coal does.
        if HOVER_ZONE <= apart < HOVER_ZONE + edge:
            at = coal.Transform3s(np.eye(3), tips[row])
            height[row] = coal.distance(ball, at, shape, head, coal.DistanceRequest(), coal.DistanceResult())
    for k in suspects:
        if max(height[a[k]], height[a[k] + 1]) < HOVER_ZONE:
            found.add("tip speed", f"row {a[k] + 1}: {1e3 * moved[k] / passed[k]:.1f} mm/s, {1e3 * height[a[k] + 1]:.1f} mm above the skin")


def hovers(data, tips, axes):
    """The row over each dot, in the order of the rows: its last; of a run's last dot, which the way home follows, the nearest to there."""
    ends = np.flatnonzero(np.append(np.diff(data.dot) != 0, True))
    last = set(np.flatnonzero(np.append(np.diff(data.t) < 0, True)))
    base_from_scan, first = data.base_from_head * data.head_from_scan, 0
    for k, end in enumerate(ends):
        if end in last and int(data.dot[end]) in data.dots:
            rows = np.arange(first, end + 1)
            wanted = base_from_scan * data.dots[int(data.dot[end])][1]
            ends[k] = rows[np.argmin(np.linalg.norm(tips[rows] + HOVER * axes[rows] - wanted, axis=1))]
        first = end + 1
    return ends


def check_dots(data, tips, axes, found):
    """Each planned dot once, its hover where it belongs."""
    ends = hovers(data, tips, axes)
    seen, layers = set(), collections.Counter()
    base_from_scan = data.base_from_head * data.head_from_scan
    worst = {"tip_um": 0.0, "tilt_deg": 0.0}
    for end in ends:
        dot = int(data.dot[end])
        if dot in seen:
            found.add("dots", f"dot {dot} is run twice")
            continue
        seen.add(dot)
        if dot not in data.dots:
            found.add("dots", f"dot {dot} is not in dots.csv")
            continue
        layer, place, normal = data.dots[dot]
        layers[layer] += 1
        off = np.linalg.norm(tips[end] + HOVER * axes[end] - base_from_scan * place)
        tilt = math.acos(min(1.0, -axes[end] @ (base_from_scan.rotation @ (normal / np.linalg.norm(normal)))))
        worst = {"tip_um": max(worst["tip_um"], 1e6 * off), "tilt_deg": max(worst["tilt_deg"], math.degrees(tilt))}
        if not off <= TIP_TOLERANCE:
            found.add("hover", f"dot {dot}: {1e6 * off:.1f} µm off")
        if not tilt <= TILT + 1e-6:
            found.add("tilt", f"dot {dot}: {math.degrees(tilt):.2f} degrees")
    for layer in sorted(set(layers) | set(data.expected)):
        if layers[layer] != data.expected.get(layer, 0):
            found.add("dots", f"layer {layer}: {layers[layer]} dots are run, {data.expected.get(layer, 0)} are planned")
    return worst


def check_stops(data, world, tips, axes, found):
    """At every stop the arm stands where it should, as long as it should, and so it begins and ends every layer."""
    ends = hovers(data, tips, axes)
    starts = [0, *(np.flatnonzero(np.diff(data.t) < 0) + 1), len(data.t)]
    waits = 0

    def waits_there(row):
        if world.station is not None:
            off, lean = np.linalg.norm(tips[row] - world.station.translation), np.linalg.norm(axes[row] - world.station.rotation[:, 2])
            return off <= TIP_TOLERANCE and lean <= NEEDLE_TOLERANCE
        at, ball = coal.Transform3s(np.eye(3), tips[row]), coal.Sphere(1e-6)
        head = coal.Transform3s(world.base_from_scan.rotation, world.base_from_scan.translation)
        shape = world.geometry.geometryObjects[world.head].geometry
        return coal.distance(ball, at, shape, head, coal.DistanceRequest(), coal.DistanceResult()) >= HOVER_ZONE

    for first, after in zip(starts, starts[1:]):
        for row in (first, after - 1) if data.whole else (first,):
            if not waits_there(row):
                found.add("waiting", f"row {row}: a layer begins or ends elsewhere than where the arm waits")
        layer = data.dots.get(int(data.dot[first]), (None,))[0]
        here = ends[(ends >= first) & (ends < after)]
        over = {int(data.dot[row]): (here[k - 1] if k else first, row) for k, row in enumerate(here)}
        for dot, (away, expected) in data.pauses(layer).items():
            if dot not in over:
                if data.whole:
                    found.add("stops", f"dot {dot} of a stop is not run")
                continue
            before, row = over[dot]
            between = np.arange(before, row)
            still = np.abs(data.q[between + 1] - data.q[between]).max(axis=1) <= JOINT_STEP
            stands = between[still & (data.t[between + 1] - data.t[between] >= expected - 2 * TIME_STEP)]
            waits += 1
            if len(stands) == 0:
                found.add("stops", f"before dot {dot} the arm does not stand still for {expected:.1f} s")
            elif away and not any(waits_there(k) for k in stands):
                found.add("waiting", f"row {stands[0]}: before dot {dot} the arm stands elsewhere than where it waits")
            elif not away and before not in stands:
                found.add("waiting", f"row {stands[0]}: before dot {dot} the arm does not rest over the dot before")
    return {"stops": waits}


def winding(vertices, triangles, point):
    """How often the scan winds round a point: 0 outside, 1 inside, between where it is open (van Oosterom and Strackee 1983)."""
    a, b, c = (vertices[triangles[:, k]] - point for k in range(3))
    la, lb, lc = (np.linalg.norm(v, axis=1) for v in (a, b, c))
    top = np.einsum("ij,ij->i", a, np.cross(b, c))
    bottom = la * lb * lc + np.einsum("ij,ij->i", a, b) * lc + np.einsum("ij,ij->i", b, c) * la + np.einsum("ij,ij->i", c, a) * lb
    return abs(np.arctan2(top, bottom).sum() / (2 * math.pi))


def check_outside(data, world, found):
    """Where a run begins, a point of every body is outside the head."""
    starts = np.concatenate([[0], np.flatnonzero(np.diff(data.t) < 0) + 1])
    for row in starts:
        pin.updateGeometryPlacements(world.model, world.data, world.geometry, world.near, data.q[row])
        for g in {b for kind, (_, b) in zip(world.kinds, world.pairs) if kind.endswith("head")}:
            point = world.base_from_scan.actInv(world.near.oMg[g] * world.some_point(g))
            if winding(data.vertices, data.triangles, point) > 0.5:
                found.add("nose_head" if g in world.nose else "links_head", f"row {row}: {world.name(g)} is inside the head")


class Sweep:
    """Clearance of many configurations."""

    def __init__(self, data, world):
        self.data, self.world, self.found = data, world, Findings()
        self.worst = {kind: (FARTHEST, None) for kind in MARGINS}
        self.looked = self.exact = self.tried = self.disagree = 0
        # Each pair as the motion of its second body against the joint that carries its first.
        joints = [(world.joint(a), world.joint(b)) for a, b in world.pairs]
        self.ways = sorted(set(joints))
        self.way = np.array([self.ways.index(j) for j in joints])
        objects = [world.geometry.geometryObjects[b] for _, b in world.pairs]
        self.middle = np.array([o.placement * np.asarray(o.geometry.aabb_center).ravel() for o in objects])
        self.radius = np.array([o.geometry.aabb_radius for o in objects])
        if not (np.isfinite(self.middle).all() and (self.radius > 0).all()):
            raise Unusable("a body has no extent")
        self.known = np.full(len(objects), -math.inf)
        self.turn_known, self.at_known = np.zeros((len(objects), 3, 3)), np.zeros((len(objects), 3))
        self.first, self.second = (np.array([way[k] for way in self.ways]) for k in (0, 1))
        self.set_wanted()

    def set_wanted(self):
        """Below this a pair's distance is computed."""
        self.wanted = np.array([max(self.worst[k][0] - FINE, MARGINS[k] - FORGIVEN) for k in self.world.kinds])

    def distance(self, pair):
        self.exact += 1
        pin.computeDistance(self.world.geometry, self.world.near, pair)
        return self.world.near.distanceResults[pair].min_distance

    def look(self, q, row):
        world = self.world
        self.looked += 1
        pin.forwardKinematics(world.model, world.data, q)
        placed = np.array([m.homogeneous for m in world.data.oMi])
        turn, at = placed[:, :3, :3], placed[:, :3, 3]
        back = turn[self.first].transpose(0, 2, 1)
        turn = (back @ turn[self.second])[self.way]
        at = np.einsum("kij,kj->ki", back, at[self.second] - at[self.first])[self.way]
        at = at + np.einsum("kij,kj->ki", turn, self.middle)
        # A turn by an angle moves a point at a radius by 2 sin(angle/2) of it; the matrices' difference has sqrt(2) times that norm.
        moved = np.linalg.norm(at - self.at_known, axis=1)
        moved += self.radius * np.sqrt(0.5 * ((turn - self.turn_known) ** 2).sum(axis=(1, 2)))
        near = np.flatnonzero(~(self.known - moved - 1e-9 >= self.wanted))
        if len(near):
            pin.updateGeometryPlacements(world.model, world.data, world.geometry, world.near)
        for pair in near:
            distance = self.distance(int(pair))
            self.known[pair], self.turn_known[pair], self.at_known[pair] = distance, turn[pair], at[pair]
            self.note(int(pair), distance, row)

    def note(self, pair, distance, row):
        kind = self.world.kinds[pair]
        a, b = (self.world.name(g) for g in self.world.pairs[pair])
        if not distance >= self.worst[kind][0]:
            self.worst[kind] = (distance, f"{a} and {b} after row {row}")
            self.set_wanted()
        if not distance >= MARGINS[kind] - FORGIVEN:
            self.found.add(kind, f"after row {row}: {a} and {b} {1e3 * distance:.3f} mm apart")

    def try_answers(self, q):
        """Whether coal's collision answers agree with its distances."""
        world = self.world
        pin.updateGeometryPlacements(world.model, world.data, world.geometry, world.near, q)
        for pair, request in enumerate(world.near.collisionRequests):
            distance = self.distance(pair)
            # Farther apart, a collision answer that lets bodies be that near takes seconds.
            if not 1e-3 < distance < 0.02:
                continue
            for margin, near in ((distance - TRIAL, False), (distance + TRIAL, True)):
                request.security_margin = margin
                self.tried += 1
                self.disagree += pin.computeCollision(world.geometry, world.near, pair) != near

    def run(self, rows, step):
        q = self.data.q
        for n, row in enumerate(rows):
            turn = np.abs(q[row + 1] - q[row]).max()
            parts = max(1, math.ceil(turn / step))
            last = n + 1 == len(rows) or rows[n + 1] != row + 1
            for k in range(parts + 1 if last else parts):
                self.look(q[row] + (q[row + 1] - q[row]) * (k / parts), row)
            if n % max(1, len(rows) // TRIALS) == 0:
                self.try_answers(q[row])
        return self.worst, self.found, self.looked, self.exact, self.tried, self.disagree


def check_clearance(data, world, args, found):
    rows = stretches(data)[:: args.every]
    turn = np.abs(data.q[rows + 1] - data.q[rows]).max(axis=1)
    work = np.cumsum(np.ceil(turn / args.step) + 1)
    parts = np.array_split(rows, np.searchsorted(work, work[-1] * np.arange(1, args.jobs) / args.jobs))
    if args.jobs == 1:
        results = [Sweep(data, world).run(part, args.step) for part in parts]
    else:
        # Forked, so that the models need not be sent.
        global SWEPT
        SWEPT = (data, world, args.step)
        with multiprocessing.get_context("fork").Pool(args.jobs) as pool:
            results = pool.map(sweep_part, parts, chunksize=1)
    worst = {kind: min((r[0][kind] for r in results), key=lambda w: w[0]) for kind in MARGINS}
    looked, exact, tried, disagree = (sum(r[k] for r in results) for k in (2, 3, 4, 5))
    for result in results:
        found.merge(result[1])
    if disagree:
        found.add("coal", f"coal's two answers disagree in {disagree} of {tried} trials; its distances cannot be relied on")
    return worst, {"configurations": looked, "exact_distances": exact, "answers_compared": tried}


SWEPT = None


def sweep_part(rows):
    data, world, step = SWEPT
    return Sweep(data, world).run(rows, step)


def check(data, world, args):
    """Everything: findings and figures."""
    found, begin = Findings(), time.perf_counter()
    tips, axes, figures = check_rows(data, world, found)
    figures |= check_dots(data, tips, axes, found)
    figures |= check_stops(data, world, tips, axes, found)
    check_outside(data, world, found)
    worst, counts = check_clearance(data, world, args, found)
    figures |= counts | {"rows": len(data.q), "seconds": time.perf_counter() - begin}
    figures["smallest_mm"] = {kind: round(1e3 * distance, 3) for kind, (distance, _) in worst.items()}
    figures["smallest_between"] = {kind: where or f"none nearer than {1e3 * FARTHEST:.0f} mm" for kind, (_, where) in worst.items()}
    return found, figures


def main():
    parse = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in ("urdf", "scan", "dots", "hops", "plan"):
        parse.add_argument(f"--{name}", type=pathlib.Path, required=True)
    parse.add_argument("--cell", type=pathlib.Path, default=ROOT / "launch/cells/default.toml", help="the cell file the plan was made with")
    parse.add_argument("--flange", help="the link the tool is on; without: tool0, flange, or the last behind the last joint")
    parse.add_argument("--step", type=float, default=0.002, help="largest turn of a joint between configurations, rad")
    parse.add_argument("--every", type=int, default=1, help="look at every Nth stretch between rows")
    parse.add_argument("--jobs", type=int, default=len(os.sched_getaffinity(0)))
    parse.add_argument("--self-test", action="store_true", help="spoil the input and see it found")
    args = parse.parse_args()
    if args.every < 1 or args.jobs < 1 or not args.step > 0:
        parse.error("--every, --jobs and --step must be positive")
    try:
        data = Data(args)
        world = World(args.urdf, tomllib.loads(args.cell.read_text()), args.flange, data)
    except (OSError, ValueError, KeyError, Unusable) as error:
        print(f"check: {error}", file=sys.stderr)
        return 2
    if args.self_test:
        good = self_test(data, world, args, check)
        print(json.dumps({"self_test": good}))
        return 0 if good else 1
    found, figures = check(data, world, args)
    print(f"{figures['rows']} rows, {sum(data.expected.values())} dots, {figures['stops']} stops, {figures['configurations']} configurations in "
          f"{figures['seconds']:.0f} s; {figures['exact_distances']} exact distances, {figures['answers_compared']} answers compared")
    if world.unwatched:
        print(f"not held, always near: {', '.join(f'{a} and {b}' for a, b in sorted(world.unwatched, key=str))} (by joint)")
    for kind, margin in MARGINS.items():
        print(f"{kind:<11} smallest {figures['smallest_mm'][kind]:>8.3f} mm (margin {1e3 * margin:.0f}): {figures['smallest_between'][kind]}")
    print(f"tip {figures['tip_um']:.4f} µm off at most, needle {figures['tilt_deg']:.2f} degrees from the normal at most, "
          f"joints at {figures['joint_speed_share']:.3f} of their speed at most")
    for check_name, count in found.count.items():
        print(f"NOT held: {check_name}, {count} times")
        for example in found.examples[check_name]:
            print(f"    {example}")
    good = not found.count
    print("held" if good else "NOT held")
    print(json.dumps({"held": good, "not_held": dict(found.count), "unwatched": sorted(map(list, world.unwatched), key=str)} | figures))
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())

"""What tests/hops/check.py looks at: the exported tables, and arm, tool, head and room as pinocchio and coal see them."""

import collections
import copy
import csv
import json
import math
import pathlib
import re
import tempfile
import xml.etree.ElementTree as xml

import coal
import numpy as np
import pinocchio as pin
import trimesh

MARGINS = {"nose_head": 1e-3, "links_head": 10e-3, "scene": 10e-3, "self": 5e-3}
# The round tool is drawn around with this many facets: it seems up to 5 µm too large. That, and the scan read as float, is forgiven.
FACETS, FORGIVEN = 128, 1e-5


class Unusable(Exception):
    """Input that cannot be used."""


def pose(xyz, quaternion_xyzw):
    x, y, z, w = quaternion_xyzw
    return pin.SE3(pin.Quaternion(w, x, y, z).normalized().toRotationMatrix(), np.array(xyz, float))


def pose_rpy(xyz_mm, rpy_deg):
    return pin.SE3(pin.rpy.rpyToMatrix(*np.radians(np.array(rpy_deg, float))), 1e-3 * np.array(xyz_mm, float))


def read_head(path, metres):
    """The scan's triangles as they are in the file, metres."""
    mesh = trimesh.load(path, force="mesh", process=False)
    vertices, triangles = np.asarray(mesh.vertices, float) * metres, np.asarray(mesh.faces, np.int64)
    if len(triangles) == 0:
        raise Unusable(f"{path}: no triangles; a cloud has no inside, check its plan on a mesh")
    used = np.unique(triangles)  # A vertex of no triangle is no skin.
    index = np.full(len(vertices), -1)
    index[used] = np.arange(len(used))
    return vertices[used], index[triangles]


def find_mesh(urdf, name):
    if name.startswith("file://"):
        return pathlib.Path(name[7:])
    if not name.startswith("package://"):
        return urdf.parent / name
    rest = name[len("package://"):]
    inside = rest.split("/", 1)[1]
    for folder in list(urdf.resolve().parents)[:4]:
        for candidate in (folder / rest, folder / inside):
            if candidate.is_file():
                return candidate
    raise Unusable(f"{urdf}: mesh {name} not found")


def plain_urdf(path):
    """The URDF without what is of no use here, meshes by absolute path, continuous joints as Stipple drives them (two turns)."""
    tree = xml.parse(path)
    for link in tree.getroot().iter("link"):
        for kind in ("visual", "inertial"):
            for element in link.findall(kind):
                link.remove(element)
    for mesh in tree.getroot().iter("mesh"):
        mesh.set("filename", str(find_mesh(path, mesh.get("filename")).resolve()))
    for joint in tree.getroot().iter("joint"):
        if joint.get("type") == "continuous":
            joint.set("type", "revolute")
            limit = joint.find("limit")
            limit.set("lower", str(-2 * math.pi))
            limit.set("upper", str(2 * math.pi))
    return xml.tostring(tree.getroot(), encoding="unicode")


def read_table(path):
    with open(path, newline="", encoding="utf-8") as file:
        rows = list(csv.reader(file))
    if len(rows) < 2:
        raise Unusable(f"{path}: no rows")
    return rows[0], rows[1:]


class Data:
    """What is checked: tables and poses."""

    def __init__(self, args):
        self.plan = json.loads(args.plan.read_text())
        for key in ("head_from_scan", "base_from_head", "metres_per_scan_unit", "keep_outs", "stops"):
            if key not in self.plan:
                raise Unusable(f"{args.plan}: no {key}; export the plan again")
        self.base_from_head = pose(*self.plan["base_from_head"].values())
        self.head_from_scan = pose(*self.plan["head_from_scan"].values())
        header, rows = read_table(args.dots)
        at = {name: i for i, name in enumerate(header)}
        self.dots = {
            int(r[at["dot"]]): (
                int(r[at["layer"]]),
                np.array([float(r[at[c]]) for c in ("x_m", "y_m", "z_m")]),
                np.array([float(r[at[c]]) for c in ("nx", "ny", "nz")]),
            )
            for r in rows
        }
        if len(self.dots) != len(rows):
            raise Unusable(f"{args.dots}: a dot appears twice")
        header, rows = read_table(args.hops)
        joints = [i for i, name in enumerate(header) if re.fullmatch(r"q\d+", name)]
        self.dot = np.array([int(r[header.index("dot")]) for r in rows])
        self.t = np.array([float(r[header.index("t_s")]) for r in rows])
        self.q = np.array([[float(r[i]) for i in joints] for r in rows])
        if not (np.isfinite(self.q).all() and np.isfinite(self.t).all()):
            raise Unusable(f"{args.hops}: a number that is not finite")
        self.expected, self.whole = self.expect(), True
        self.vertices, self.triangles = read_head(args.scan, self.plan["metres_per_scan_unit"])

    def expect(self):
        """Planned dots per layer, by plan.json; its zones count all dots up to a layer."""
        up_to = collections.Counter()
        for zone in self.plan["zones"]:
            for layer in zone["layers"]:
                up_to[layer["layer"]] += layer["planned"]
        return {k: n - up_to.get(k - 1, 0) for k, n in up_to.items()}

    def pauses(self, layer):
        """Dot → whether the arm leaves the head before it, and how long it waits, s; of a layer, counted from 1."""
        found = {}
        for stop in self.plan["stops"][layer - 1] if layer else []:
            away, time = found.get(stop["before_dot"], (False, 0.0))
            found[stop["before_dot"]] = (away or stop["kind"] != "rest", time + stop["expected_s"])
        return found

    def first_dots(self, count):
        """A copy with only the first layer's first dots, and without its way home."""
        part = copy.copy(self)
        part.whole = False
        changes = np.flatnonzero(np.diff(self.dot) != 0) + 1
        end = changes[count - 1] if len(changes) >= count else len(self.dot)
        part.dot, part.t, part.q = self.dot[:end].copy(), self.t[:end].copy(), self.q[:end].copy()
        part.dots = dict(self.dots)
        part.expected = {self.dots[int(self.dot[0])][0]: len(set(part.dot))}
        return part


def mesh_shape(vertices, triangles):
    shape = coal.BVHModelOBBRSS()
    shape.beginModel(len(triangles), len(vertices))
    shape.addVertices(np.ascontiguousarray(vertices))
    shape.addTriangles(np.ascontiguousarray(triangles))
    shape.endModel()
    return shape


def turned_shape(profile):
    """The convex body of a convex profile (z, radius), from its top down, turned about z; drawn around the round one."""
    around, wider = 2 * math.pi * np.arange(FACETS) / FACETS, 1 / math.cos(math.pi / FACETS)
    points, triangles = coal.StdVec_Vec3s(), coal.StdVec_Triangle()
    for z, r in profile:
        points.extend([np.array([r * wider * math.cos(a), r * wider * math.sin(a), z]) for a in around])
    points.extend([np.array([0.0, 0.0, profile[0][0]]), np.array([0.0, 0.0, profile[-1][0]])])
    last, top = (len(profile) - 1) * FACETS, len(profile) * FACETS
    for k, after in ((k, (k + 1) % FACETS) for k in range(FACETS)):
        triangles.extend([coal.Triangle(top, k, after), coal.Triangle(top + 1, last + after, last + k)])
        for ring in range(0, last, FACETS):
            below = ring + FACETS
            triangles.extend([coal.Triangle(ring + k, below + k, below + after), coal.Triangle(ring + k, below + after, ring + after)])
    return coal.Convex(points, triangles)


class World:
    """Arm, tool, head and room for pinocchio and coal."""

    def __init__(self, urdf, cell, flange, data):
        text = plain_urdf(urdf)
        self.model = pin.buildModelFromXML(text)
        with tempfile.NamedTemporaryFile("w", suffix=".urdf") as file:
            file.write(text)
            file.flush()
            self.geometry = pin.buildGeomFromUrdf(self.model, file.name, pin.GeometryType.COLLISION)
        self.dof = self.model.nv
        if self.model.nq != self.dof or self.dof != data.q.shape[1]:
            raise Unusable(f"{urdf}: {self.dof} joints, hops.csv has {data.q.shape[1]}")
        self.flange = self.find_flange(flange)
        tool, station = cell["tool"], cell.get("station")
        self.station = pose_rpy(station["xyz_mm"], station["rpy_deg"]) if station else None
        self.flange_from_tip = pose_rpy(tool["mount_xyz_mm"], tool["mount_rpy_deg"])
        self.joint_from_tip = self.model.frames[self.flange].placement * self.flange_from_tip
        for item in self.geometry.geometryObjects:
            item.geometry.computeLocalAABB()
            if isinstance(item.geometry, coal.BVHModelBase) and item.geometry.num_tris == 0:
                raise Unusable(f"{urdf}: {item.name} has no triangles")
        arm = list(range(self.geometry.ngeoms))
        cone, body = tool["cone_length_mm"] * 1e-3, tool["body_radius_mm"] * 1e-3
        nose = tool["nose_radius_mm"] * 1e-3
        ball = pin.SE3(np.eye(3), np.array([0, 0, -nose]))
        self.nose = {
            self.add("nose", self.dof, self.joint_from_tip * ball, coal.Sphere(nose)),
            self.add("nose cone", self.dof, self.joint_from_tip, turned_shape([(-nose, nose), (-cone, body)])),
        }
        back = [(-cone, body), (-cone - tool["body_length_mm"] * 1e-3, body)]
        self.tool = self.add("tool body", self.dof, self.joint_from_tip, turned_shape(back))
        self.base_from_scan = data.base_from_head * data.head_from_scan
        self.head = self.add("head", 0, self.base_from_scan, mesh_shape(data.vertices, data.triangles))
        room = [self.add("floor", 0, pin.SE3(np.eye(3), np.array([0, 0, cell["floor_z_mm"] * 1e-3 - 0.5])), coal.Box(20, 20, 1))]
        for box in cell.get("boxes", []):
            room.append(self.add(box["name"], 0, pose_rpy(box["xyz_mm"], box["rpy_deg"]), coal.Box(*(s * 1e-3 for s in box["size_mm"]))))
        self.kinds, self.pairs = [], []
        self.along = self.chain()
        self.carried = {self.tool, *self.nose}
        self.guards = {self.add_guard(guard) for guard in cell.get("guards", [])}
        for g in [g for g in arm if self.joint(g) > 0] + sorted(self.carried | self.guards):
            self.pair("nose_head" if g in self.nose else "links_head", self.head, g)
            for thing in room:
                self.pair("scene", thing, g)
        bodies = arm + sorted(self.carried | self.guards)
        apart = [(a, b) for i, a in enumerate(bodies) for b in bodies[i + 1:] if self.are_apart(a, b)]
        self.unwatched = self.always_near(apart)
        for a, b in apart:
            if self.by_joint((a, b)) not in self.unwatched:
                self.pair("self", a, b)
        self.data = self.model.createData()
        self.near = self.geometry.createData()

    def find_flange(self, wanted):
        links = [f for f in self.model.frames if f.type == pin.FrameType.BODY and f.parentJoint == self.dof]
        for name in ([wanted] if wanted else ["tool0", "flange"]):
            found = [f for f in links if f.name == name]
            if found:
                return self.model.getFrameId(found[0].name, pin.FrameType.BODY)
        if wanted or not links:
            raise Unusable(f"no link {wanted!r} behind the last joint")
        return self.model.getFrameId(links[-1].name, pin.FrameType.BODY)

    def add(self, name, joint, place, shape):
        shape.computeLocalAABB()
        return self.geometry.addGeometryObject(pin.GeometryObject(name, joint, place, shape))

    def add_guard(self, guard):
        """A cable guard: what is within a radius of a line, in its link's frame."""
        frame = self.model.frames[self.model.getFrameId(guard["link"], pin.FrameType.BODY)]
        begin, end = (1e-3 * np.array(guard[key], float) for key in ("from_mm", "to_mm"))
        along, length = end - begin, float(np.linalg.norm(end - begin))
        turn = pin.Quaternion.FromTwoVectors(np.array([0.0, 0.0, 1.0]), along / length).toRotationMatrix() if length else np.eye(3)
        place = frame.placement * pin.SE3(turn, 0.5 * (begin + end))
        return self.add(guard["name"], frame.parentJoint, place, coal.Capsule(guard["radius_mm"] * 1e-3, length))

    def joint(self, g):
        return self.geometry.geometryObjects[g].parentJoint

    def name(self, g):
        return self.geometry.geometryObjects[g].name

    def some_point(self, g):
        """A point of a body, in its own frame."""
        shape = self.geometry.geometryObjects[g].geometry
        mesh = isinstance(shape, coal.BVHModelBase)
        return np.asarray(shape.vertex(shape.tri_indices(0)[0]) if mesh else shape.aabb_center, float).ravel()

    def pair(self, kind, a, b):
        self.geometry.addCollisionPair(pin.CollisionPair(a, b))
        self.kinds.append(kind)
        self.pairs.append((a, b))

    def are_apart(self, a, b):
        # A guard is held against all that moves against it.
        if {a, b} & self.guards:
            return self.joint(a) != self.joint(b)
        if b in self.carried:
            return a not in self.carried and self.joint(a) < self.dof
        # Only links that a joint connects may touch, not what is fixed to them.
        neighbours = self.link(a) in self.along and self.link(b) in self.along
        return abs(self.joint(a) - self.joint(b)) >= (2 if neighbours else 1)

    def link(self, g):
        return self.geometry.geometryObjects[g].parentFrame

    def chain(self):
        """The links that carry the arm, from the flange back to the root."""
        frames, found, at = self.model.frames, set(), self.flange
        while at:
            if frames[at].type == pin.FrameType.BODY:
                found.add(at)
            at = frames[at].parentFrame
        return found

    def always_near(self, pairs):
        """Pairs of bodies (by joint) whose shapes are within the margin wherever the arm is."""
        trial = pin.GeometryModel(self.geometry)
        trial.removeAllCollisionPairs()
        for a, b in pairs:
            trial.addCollisionPair(pin.CollisionPair(a, b))
        data, near = self.model.createData(), trial.createData()
        for request in near.collisionRequests:
            request.security_margin = MARGINS["self"]
        random = np.random.default_rng(1)
        low, high = self.model.lowerPositionLimit, self.model.upperPositionLimit
        free = set()
        for _ in range(300):
            pin.computeCollisions(self.model, data, trial, near, low + (high - low) * random.random(self.dof), False)
            touching = {self.by_joint(p) for p, r in zip(pairs, near.collisionResults) if r.isCollision()}
            free |= {self.by_joint(p) for p in pairs} - touching
        return {self.by_joint(p) for p in pairs} - free

    def by_joint(self, pair):
        # The tool moves with the last joint, but is not the last link.
        named = self.carried | self.guards
        return tuple(self.name(g) if g in named or self.link(g) not in self.along else self.joint(g) for g in pair)

    def tip(self, q):
        pin.forwardKinematics(self.model, self.data, q)
        placed = self.data.oMi[self.dof] * self.joint_from_tip
        return placed.translation, placed.rotation[:, 2]

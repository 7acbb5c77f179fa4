#!/usr/bin/env python3
"""Looks at what RViz is shown: the whole scene for whoever begins to listen, on the head where it is tracked and in the arm's base frame;
then only what changes, with the dots in the colours of their states and the hop under way; and everything again for a late listener.
Holds sizes and that a session goes on unharmed under it."""

import collections
import time

from geometry_msgs.msg import PoseStamped
from rclpy.serialization import deserialize_message
from visualization_msgs.msg import Marker, MarkerArray

from bench import check, main, until
from wire import CONTROLLER, Wire, _qos, _seconds

DOTS = 16
PLACED, SKIPPED, PLANNED = "placed", "skipped", "planned"
# Bytes of one message, and of one that tells of a change: a few markers of 500 dots.
LARGEST, SMALL = 5_500_000, 300_000


class Screen:
    """What RViz would hold. Messages are kept as they come and read by `look`: reading one takes Python as long as a hundred joint states."""

    def __init__(self, node, latched):
        self.shown = {}  # (ns, id) → Marker
        self.scenes, self.updates, self.hops = 0, 0, set()
        self.largest = {True: 0, False: 0}  # whole scene? → bytes
        self._came = collections.deque()
        take = lambda raw: self._came.append(raw)
        node.create_subscription(MarkerArray, f"{CONTROLLER}/markers", take, _qos(50, reliable=True, latched=latched), raw=True)

    def look(self):
        while self._came:
            raw = self._came.popleft()
            self._take(deserialize_message(raw, MarkerArray), len(raw))
        return self

    def _take(self, array, size):
        whole = array.markers[0].action == Marker.DELETEALL
        self.largest[whole] = max(self.largest[whole], size)
        if whole:
            self.shown.clear()
            self.scenes += 1
        else:
            self.updates += 1
        for marker in array.markers[whole:]:
            key = marker.ns, marker.id
            if marker.action == Marker.DELETE:
                self.shown.pop(key, None)
            else:
                self.shown[key] = marker
                if marker.ns == "hops":
                    self.hops.add(marker.id)

    def of(self, ns):
        return [marker for (name, _), marker in sorted(self.shown.items()) if name == ns]

    def dots(self):
        return sum(len(marker.points) for marker in self.of("dots"))

    def coloured(self, standing):
        wanted = {PLACED: (0.05, 0.35, 0.1), SKIPPED: (1.0, 0.55, 0.0), PLANNED: (0.55, 0.6, 0.7)}[standing]
        near = lambda color: all(abs(a - b) < 1e-3 for a, b in zip((color.r, color.g, color.b), wanted))
        return sum(near(color) for marker in self.of("dots") for color in marker.colors)


def look_at_scene(screen, dots, head):
    check(screen.dots() == dots, f"{dots} dots are loaded, {screen.dots()} are shown")
    for marker in screen.shown.values():
        check(marker.header.frame_id == "base_link", f"{marker.ns} is in the frame {marker.header.frame_id!r}")
        check(abs(_seconds(marker.header.stamp) - time.time()) < 60.0, f"{marker.ns} is stamped {_seconds(marker.header.stamp)}")
    (surface,) = screen.of("head")
    check(surface.type == Marker.TRIANGLE_LIST and 3000 <= len(surface.points) <= 24_000 and len(surface.points) % 3 == 0,
          f"the head is of {len(surface.points)} points")
    where = head[-1].pose.position
    for marker in (surface, *screen.of("dots"), *screen.of("patch")):
        at = marker.pose.position
        off = ((at.x - where.x) ** 2 + (at.y - where.y) ** 2 + (at.z - where.z) ** 2) ** 0.5
        check(off < 0.01, f"{marker.ns} is shown {off * 1e3:.1f} mm from where the head is")
    (outline,) = screen.of("patch")
    check(outline.type == Marker.LINE_LIST and len(outline.points) >= 40, "the patch has no outline")
    keep_outs = screen.of("keep_outs")
    check(len(keep_outs) >= 4 and all(marker.type == Marker.SPHERE and marker.scale.x > 0.01 for marker in keep_outs),
          f"{len(keep_outs)} keep-outs are shown, eyes and ears are four")


def markers(bench):
    bench.start_sim()
    bench.start_controller()
    with Wire(bench) as wire:
        desk, watcher, head = wire.operator, wire.watcher, []
        wire.node.create_subscription(PoseStamped, "head_pose", head.append, _qos(10))
        screen = Screen(wire.node, latched=True)
        loaded = desk.load(bench.plan, bench.record)
        until(lambda: head and screen.look().of("dots"), "the scene", bench)
        look_at_scene(screen, loaded.dots, head)
        check(screen.coloured(PLACED) == 0 and screen.coloured(PLANNED) + screen.coloured(SKIPPED) == loaded.dots, "dots have wrong colours")

        skipped = screen.coloured(SKIPPED)
        desk.begin(bench.plan, bench.record, DOTS)
        desk.wait_finished(patience=120.0)
        # By now everything is at rest.
        done = lambda: screen.look().coloured(PLACED) == len(set(watcher.placed()))
        until(done, f"{len(watcher.placed())} dots in the colour of those placed, shown are {screen.coloured(PLACED)}", bench)
        check(screen.coloured(SKIPPED) - skipped == len(watcher.outcomes(1)), "skipped dots are not coloured so")
        check(screen.hops == {0, 1}, f"the hop under way and the next were not shown: {screen.hops}")
        check(screen.updates, "nothing was shown but whole scenes")
        until(lambda: not screen.look().of("hops"), "the hops to be taken away at the end", bench)

        late = Screen(wire.node, latched=False)
        whole = lambda: late.look().scenes and late.dots() == loaded.dots and late.coloured(PLACED) == len(set(watcher.placed()))
        until(whole, "the whole scene for a late listener", bench)
        check(screen.largest[True] <= LARGEST and screen.largest[False] <= SMALL, f"messages are too large: {screen.largest}")
        return (watcher.judge(bench.record, loaded.session_id, bench.first(DOTS)) + desk.told_stalls()
                + f"; {screen.scenes} scenes of {screen.largest[True]} bytes, {screen.updates} changes of {screen.largest[False]} at most")


if __name__ == "__main__":
    main(markers, "markers")

"""Listens to /diagnostics as an aggregator does."""

import time

from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus

from bench import check, until
from wire import CONTROLLER

OK, WARN, ERROR, STALE = (ord(level) for level in (DiagnosticStatus.OK, DiagnosticStatus.WARN, DiagnosticStatus.ERROR, DiagnosticStatus.STALE))


class Status:
    def __init__(self, status):
        self.level, self.message, self.hardware = ord(status.level), status.message, status.hardware_id
        self.values = {pair.key: pair.value for pair in status.values}

    def number(self, key):
        check(key in self.values, f"{key} is not told, only {self.values}")
        return float(self.values[key])

    def __repr__(self):
        return f"level {self.level}, {self.message!r}, {self.values}"


class Diagnosis:
    def __init__(self, wire):
        self.bench = wire.bench
        self.parts = {}  # name without the node's → the last Status
        self.seen = {}  # name → all levels there were
        self.came = []  # when
        self.stamps = []
        wire.node.create_subscription(DiagnosticArray, "/diagnostics", self._on, 10)

    def _on(self, array):
        self.came.append(time.monotonic())
        self.stamps.append(array.header.stamp)
        for status in array.status:
            owner, _, name = status.name.partition(": ")
            if owner != CONTROLLER:
                continue
            self.parts[name] = Status(status)
            self.seen.setdefault(name, set()).add(ord(status.level))

    def wait(self, name, level):
        until(lambda: name in self.parts and self.parts[name].level == level,
              f"{name} at level {level}, it is {self.parts.get(name)}", self.bench, 30.0)
        return self.parts[name]

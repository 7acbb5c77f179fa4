#!/usr/bin/env python3
"""Holds every crate we build on to the licences in deny.toml, and our own direct dependencies to one version each.

Reads `cargo metadata` and deny.toml only: works offline once the crates are fetched, and needs no cargo-deny.
Exit code: 0 all is well, 1 something is not allowed, 2 the inputs cannot be read.
"""

import collections
import json
import re
import subprocess
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


class Licence:
    """An SPDX expression, judged against a set of allowed licences: `Licence(text, allowed).holds()`."""

    def __init__(self, text, allowed):
        # Older crates write MIT/Apache-2.0 for OR.
        self.tokens = re.findall(r"[()]|[^\s()]+", text.replace("/", " OR "))
        self.allowed = allowed

    def holds(self):
        answer = self._any()
        if self.tokens:
            raise ValueError(f"cannot read the licence expression before {' '.join(self.tokens)!r}")
        return answer

    def _take(self, word):
        if self.tokens and self.tokens[0].upper() == word:
            self.tokens.pop(0)
            return True
        return False

    def _any(self):
        answer = self._all()
        while self._take("OR"):
            answer = self._all() or answer
        return answer

    def _all(self):
        answer = self._one()
        while self._take("AND"):
            answer = self._one() and answer
        return answer

    def _one(self):
        if self._take("("):
            answer = self._any()
            if not self._take(")"):
                raise ValueError("a parenthesis is not closed")
            return answer
        if not self.tokens:
            raise ValueError("the licence expression ends early")
        name = self.tokens.pop(0)
        if self._take("WITH"):
            name = f"{name} WITH {self.tokens.pop(0)}"
        return name in self.allowed


def check_reader():
    """The reader above must be able to say no."""
    allowed = {"MIT", "Zlib", "A WITH e"}
    for text, expected in [
        ("MIT", True),
        ("GPL-3.0", False),
        ("GPL-3.0 OR MIT", True),
        ("GPL-3.0/MIT", True),
        ("GPL-3.0 AND MIT", False),
        ("(GPL-3.0 OR MIT) AND Zlib", True),
        ("A", False),
        ("A WITH e", True),
        ("MIT AND A WITH f", False),
    ]:
        assert Licence(text, allowed).holds() is expected, text


def main():
    check_reader()
    rules = tomllib.loads((ROOT / "deny.toml").read_text())
    allowed = set(rules["licenses"]["allow"])
    command = ["cargo", "metadata", "--format-version", "1", "--locked", "--all-features"]
    for target in rules["graph"]["targets"]:
        command += ["--filter-platform", target]
    metadata = json.loads(subprocess.run(command, cwd=ROOT, check=True, capture_output=True).stdout)
    packages = {package["id"]: package for package in metadata["packages"]}
    ours = set(metadata["workspace_members"])
    wrong = []

    for package in packages.values():
        name = f"{package['name']} {package['version']}"
        try:
            if not package["license"]:
                wrong.append(f"{name}: no licence given")
            elif not Licence(package["license"], allowed).holds():
                wrong.append(f"{name}: {package['license']} is not allowed by deny.toml")
        except ValueError as error:
            wrong.append(f"{name}: {package['license']}: {error}")
        if package["id"] not in ours and not (package["source"] or "").startswith("registry+"):
            wrong.append(f"{name}: comes from {package['source'] or 'a folder'}, not from a registry")

    direct = collections.defaultdict(set)
    for node in metadata["resolve"]["nodes"]:
        if node["id"] in ours:
            for dependency in node["deps"]:
                package = packages[dependency["pkg"]]
                direct[package["name"]].add(package["version"])
    for name, versions in sorted(direct.items()):
        if len(versions) > 1:
            wrong.append(f"{name}: our crates use {', '.join(sorted(versions))}; agree on one")

    versions = collections.Counter(package["name"] for package in packages.values())
    twice = sorted(name for name, count in versions.items() if count > 1)
    print(f"{len(packages)} crates, {len(direct)} of them ours or named by us")
    print(f"note: {len(twice)} crates come in several versions through others: {', '.join(twice)}")
    for line in wrong:
        print(f"WRONG {line}")
    return 1 if wrong else 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except subprocess.CalledProcessError as error:
        print(f"licences: cargo metadata failed:\n{error.stderr.decode(errors='replace')}", file=sys.stderr)
        sys.exit(2)
    except (OSError, KeyError, tomllib.TOMLDecodeError) as error:
        print(f"licences: {error}", file=sys.stderr)
        sys.exit(2)

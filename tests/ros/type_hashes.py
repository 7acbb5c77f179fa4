#!/usr/bin/env python3
"""Holds the installed control_msgs, be it the system's or ours, to the wire format that arms speak: the type hashes of
control_msgs 5.8.0 (ROS 2 Jazzy). A type hash covers names, types and order of all fields, and nothing else."""

import json
import sys
from pathlib import Path

from ament_index_python.packages import get_package_share_directory

ACTION = "action/FollowJointTrajectory"
EXPECTED = {
    ACTION: "738ebcb7a2d7cfa42f9f1001cc99ce3a4383d1cfe508015d9be8485e4b1c66f6",
    f"{ACTION}_Goal": "8a9060704b269608f5a340934cc26e66869dd14bdac29e2e7fd9ec8b9882d205",
    f"{ACTION}_Result": "8002e99ed2c14c6faa522f2a93c26d744c5982f254f9e98ff9c6f19789bdb220",
    f"{ACTION}_Feedback": "3fd0aaecf71725121ae1ff7f01098a5e0da581e672be18a6b2c286cb43d96b49",
    f"{ACTION}_SendGoal": "b13789dddc325a7a962825c45e28c77d37237ec129dd0c34dc5994562938c57f",
    f"{ACTION}_GetResult": "e3ceb38e3e1867c8dc0f46014df26e90eb93422f27e9e97f936e07f94be4bc8b",
    "msg/JointTolerance": "c254f9cece0f3b733017b6990fd46d1326e25242d6b8844398c97d9a88e7d648",
    "msg/JointComponentTolerance": "739ea7566931944d33830fa10f1bf5e7a7fbdc3172bce7a7eaac642bd6e3ffa4",
}


def main():
    share = Path(get_package_share_directory("control_msgs"))
    installed = {}
    for path in share.glob("*/*.json"):
        for entry in json.loads(path.read_text()).get("type_hashes", []):
            installed[entry["type_name"]] = entry["hash_string"]
    wrong = [name for name, expected in EXPECTED.items() if installed.get(f"control_msgs/{name}") != f"RIHS01_{expected}"]
    for name in wrong:
        print(f"control_msgs/{name}: {installed.get(f'control_msgs/{name}', 'missing')}, expected RIHS01_{EXPECTED[name]}")
    print(f"type_hashes: {'FAILED' if wrong else 'ok'}: {len(EXPECTED) - len(wrong)} of {len(EXPECTED)} types as in control_msgs 5.8.0, in {share}")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())

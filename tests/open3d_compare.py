#!/usr/bin/env python3
"""Lays the same number of dots on the same surface with Stipple and with Open3D's Poisson disk sampler, in turn, and compares.

    cargo build --release -p stipple-planner --example compare_layout
    python3 -m venv V && V/bin/pip install open3d scipy      (Open3D's wheel wants Debian's libusb-1.0-0)
    V/bin/python tests/open3d_compare.py [--count 30000] [--runs 5] [--binary target/release/examples/compare_layout]

Both work on one mesh: the upper 350 cm2 of a bumpy, noisy ellipsoid of 40,500 triangles. Open3D samples 3, 5 and 10 candidates a dot and
returns one set; Stipple returns three nested layers. Runs alternate, so that a busy machine slows both; medians are printed. The spacing of
both is measured here, by the same few lines: rho is the smallest distance over the largest possible, CV the spread of the
nearest-neighbour distance. Uniform random places are there for scale.

The whole design (zones, density field, exclusions, shades; from the scan on) is judged too, over the uniform part of each zone once all
layers are there, and 50,000 dots on 403,000 triangles are laid once for time and memory.

Exit code: 0 when the goals are held (rho >= 0.74, CV <= 0.059, at least 5 times faster than Open3D with 10 candidates; 5 s for the dense
scan), 1 when not. Run it after a change of the layout, on an idle machine; CI does not, because Open3D's wheel is large.
"""

import argparse
import json
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time

import numpy
import open3d
from scipy.spatial import cKDTree


def spacing(points, area):
    """Smallest nearest-neighbour distance over the largest possible, and the distances' coefficient of variation."""
    nearest = cKDTree(points).query(points, 2)[0][:, 1]
    largest = numpy.sqrt(2 / (numpy.sqrt(3) * len(points) / area))
    return nearest.min() / largest, nearest.std() / nearest.mean()


def ours(binary, folder, count):
    """Runs the binary once: its report and the places by layer."""
    out = subprocess.run([binary, folder, str(count)], check=True, stdout=subprocess.PIPE, text=True).stdout
    table = numpy.genfromtxt(folder / "cap.csv", delimiter=",", skip_header=1)
    return json.loads(out), table[:, 0], table[:, 1:]


def main():
    parse = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parse.add_argument("--count", type=int, default=30000)
    parse.add_argument("--runs", type=int, default=5)
    parse.add_argument("--binary", type=pathlib.Path, default=pathlib.Path("target/release/examples/compare_layout"))
    args = parse.parse_args()
    times = {"stipple, 3 layers": [], "stipple, whole design": []}
    sets = {}
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        for run in range(args.runs):
            report, layers, places = ours(args.binary.resolve(), folder, args.count)
            times["stipple, 3 layers"] += report["spread_s"]
            times["stipple, whole design"] += report["design_s"]
            mesh = open3d.io.read_triangle_mesh(str(folder / "cap.ply"))
            area = mesh.get_surface_area()
            for factor in (3, 5, 10):
                start = time.perf_counter()
                cloud = mesh.sample_points_poisson_disk(args.count, init_factor=factor)
                key = f"Open3D, {factor} candidates"
                times.setdefault(key, []).append(time.perf_counter() - start)
                sets[key] = numpy.asarray(cloud.points)
            start = time.perf_counter()
            cloud = mesh.sample_points_uniformly(args.count)
            times.setdefault("uniform random", []).append(time.perf_counter() - start)
            sets["uniform random"] = numpy.asarray(cloud.points)
    for layer in (1, 2, 3):
        sets[f"stipple, layers 1-{layer}"] = places[layers <= layer]
    times["stipple, layers 1-3"] = times.pop("stipple, 3 layers")
    print(f"{args.count} dots on {area * 1e4:.1f} cm2, {report['triangles']} triangles; medians of {args.runs} rounds")
    print(f"{'who':<26}{'seconds':>9}{'dots':>8}{'rho':>8}{'CV':>8}")
    measured = {}
    for who in sorted(set(times) | set(sets)):
        seconds = f"{statistics.median(times[who]):.3f}" if who in times else ""
        if who in sets:
            measured[who] = spacing(sets[who], area)
            rho, cv = measured[who]
            print(f"{who:<26}{seconds:>9}{len(sets[who]):>8}{rho:>8.3f}{cv:>8.4f}")
        else:
            print(f"{who:<26}{seconds:>9}{report['dots']:>8}")
    print("\nthe whole design, uniform part of each zone: zone, layer, dots, rho, CV, anisotropy in dB")
    for m in report["measures"]:
        print(f"{m['zone']:<12}{m['layer']:>3}{m['uniform']:>8}{m['rho']:>8.3f}{m['cv_nn']:>8.4f}{m['anisotropy_db'] or 0:>8.2f}")
    ratios = {who: statistics.median(times["Open3D, 10 candidates"]) / statistics.median(times[who]) for who in times if "stipple" in who}
    for who, ratio in ratios.items():
        print(f"{who}: {ratio:.1f} times as fast as Open3D with 10 candidates")
    rho, cv = measured["stipple, layers 1-3"]
    dense = json.loads(subprocess.run([args.binary.resolve(), "dense", "50000"], check=True, stdout=subprocess.PIPE, text=True).stdout)
    print(f"{dense['dots']} dots on {dense['triangles']} triangles: {dense['seconds']:.2f} s, peak memory {dense['peak_mb']:.0f} MB")
    goals = {
        "even enough alone": rho >= 0.74 and cv <= 0.059,
        "even enough in every zone": all(m["rho"] >= 0.74 and m["cv_nn"] <= 0.059 for m in report["measures"] if m["layer"] == 3),
        "the exact count": len(sets["stipple, layers 1-3"]) == args.count == report["dots"],
        "fast enough": min(ratios.values()) >= 5,
        "fast enough on a dense scan": dense["seconds"] <= 5,
    }
    for goal, held in goals.items():
        print(f"{goal}: {'held' if held else 'NOT held'}")
    good = all(goals.values())
    print("goals held" if good else "goals NOT held")
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())

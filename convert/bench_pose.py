"""`python -m convert bench-pose`: the pose networks on one thread, in turn, in one process.

The two graphs alternate, so that other work on the machine meets both; the ratio is the median over pairs.
"""

import argparse
import json
import os
import platform
import time
from collections.abc import Sequence
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

from convert.flops import mflop
from convert.outputs import new_file
from device.inference import fetch
from device.inference.models import find
from device.inference.squatlight_pose import decode
from device.inference.tflite import Model

BAR = 2.0  # times as fast as the folded BlazePose landmark model


def main(arguments: Sequence[str]) -> int:
    """Measures and prints; returns 1 where the bar is missed."""
    parser = argparse.ArgumentParser(prog="python -m convert bench-pose", description=__doc__)
    parser.add_argument("--rounds", type=int, default=200, metavar="N", help="runs of each (default 200)")
    parser.add_argument("--runtime", help="ai_edge_litert or tflite_runtime; default: the device's")
    parser.add_argument("--graph", type=Path, metavar="FILE", help="another graph than models/pose.tflite")
    parser.add_argument("--json", type=new_file, metavar="OUT")
    asked = parser.parse_args(arguments)
    paths = {"squatlight": asked.graph or find("pose").path, "blazepose": fetch.find("blazepose_full").path}
    result = measured(paths, asked.rounds, asked.runtime)
    for name, row in result["graphs"].items():
        print(f"{name:10s} {row['median_ms']:6.2f} ms (quickest tenth {row['quick_ms']:.2f}), {row['mflop']:.0f} MFLOP")
    print(f"reading the maps: {result['decode_ms']:.2f} ms")
    print(f"squatlight is {result['ratio']:.1f} times as fast, one thread, {result['runtime']}, {result['machine']}")
    if asked.json:
        asked.json.write_text(json.dumps(result, indent=1), "utf-8")
    if result["ratio"] < BAR:
        print(f"missed: at least {BAR} times")
        return 1
    return 0


def measured(paths: dict[str, Path], rounds: int, runtime: str | None) -> dict[str, Any]:
    """Times of the graphs, in milliseconds, and the ratio."""
    models = {name: Model(path, 1, runtime) for name, path in paths.items()}
    values = np.random.default_rng(0).random((1, 256, 256, 3), np.float32)
    spent: dict[str, list[float]] = {name: [] for name in models}
    out: dict[str, Any] = {}
    for _ in range(rounds + 5):
        for name, model in models.items():
            start_s = time.perf_counter()
            out[name] = model(values)
            spent[name].append(1e3 * (time.perf_counter() - start_s))
    spent = {name: each[5:] for name, each in spent.items()}
    ours = out["squatlight"]
    start_s = time.perf_counter()
    for _ in range(20):
        decode(ours["heat"][0], ours["world"][0], ours["seen"][0])
    decode_ms = 1e3 * (time.perf_counter() - start_s) / 20
    pairs = [theirs / mine for mine, theirs in zip(spent["squatlight"], spent["blazepose"], strict=True)]
    graphs = {
        name: {"median_ms": median(each), "quick_ms": sorted(each)[len(each) // 10], "mflop": mflop(paths[name])}
        for name, each in spent.items()
    }
    return {
        "graphs": graphs, "ratio": median(pairs), "decode_ms": decode_ms, "rounds": rounds,
        "runtime": models["squatlight"].runtime, "machine": f"{platform.machine()}, {os.cpu_count()} cores",
    }  # fmt: skip

"""How fast and how large the device is, beside mediapipe's own Python Pose on the same machine and clip.

The two run in turn, each in a process of its own, and medians are compared: other work on the machine then meets both.
"""

import argparse
import json
import math
import os
import platform
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import median
from typing import Any

import device
from convert import latency
from convert.contestants import ASKED
from convert.flops import mflop
from convert.outputs import new_file
from device.camera.clip import Clip
from device.errors import PartFailed
from device.inference import models

ROOT = Path(device.__file__).parents[1]
DEMO = Path(device.__file__).with_name("demo") / "squat.webm"
VENV = Path(".venv-mediapipe")
REQUIREMENTS = (
    "mediapipe==0.10.18",
    "opencv-contrib-python==4.11.0.86",
)  # OpenCV: the version that the device reads with
GRAPHS = ("blazepose_detector", "blazepose_full")
BARS = {"ratio": (2.0, "at least"), "peak_mb": (220.0, "under"), "first_pose_s": (2.0, "under")}

# Least and most GFLOP a second of XNNPACK in float32, from MobileNet v1 at 224 pixels = 1.14 GFLOP (Howard et al.,
# 2017: 569 million multiply-adds). XNNPACK's README gives 75 ms on a Raspberry Pi 4 with four threads; its issue 814
# gives 312 ms with one and 142 ms with four, from a slower build. One thread of the README's build would then take
# 75 * 312 / 142 = 165 ms. For the Pi 5 no such number was found; its maker says two to three times a Pi 4.
PI_GFLOPS = {
    "Raspberry Pi 4, one thread": (3.6, 6.9),
    "Raspberry Pi 4, four threads": (8.0, 15.2),
    "Raspberry Pi 5, one thread": (2 * 3.6, 3 * 6.9),
}
ESTIMATED = "estimated, not measured on a Pi"

Result = dict[str, Any]


def main(arguments: Sequence[str]) -> int:
    """Measures and prints; returns 1 where a bar is missed."""
    parser = argparse.ArgumentParser(prog="python -m convert bench", description=__doc__)
    parser.add_argument("--clip", default=str(DEMO), metavar="FILE", help="default: the bundled clip")
    parser.add_argument("--rounds", type=int, default=5, metavar="N", help="runs of each (default 5)")
    parser.add_argument("--json", type=new_file, metavar="OUT")
    asked = parser.parse_args(arguments)
    with Clip(asked.clip) as clip:
        size = clip.size
    graphs = {name: mflop(models.find(name).path) for name in GRAPHS}  # before minutes of work: are they there?
    python, why_not = _mediapipe_python()
    runs: dict[str, list[Result]] = {"device": [], "mediapipe": []}
    before = _cpu_s()
    for _ in range(max(1, asked.rounds)):
        runs["device"].append(contest("device", asked.clip, sys.executable))
        if python is not None:
            runs["mediapipe"].append(contest("mediapipe", asked.clip, str(python)))
    others = others_share(before, _cpu_s())
    result = {
        "clip": asked.clip,
        "size": size,
        "machine": f"{platform.machine()}, {os.cpu_count()} cores, {others:.0%} taken by other work",
        "others": others,
        **summary(runs),
        "without_mediapipe": why_not,
        "stages": contest("stages", asked.clip, sys.executable),
        "latency": contest("latency", asked.clip, sys.executable),
        "mflop": graphs,
        "pi": pi_estimate(graphs["blazepose_full"]),
        "runs": runs,
    }
    result["missed"] = missed(result) + latency.missed(result["latency"])
    print("\n".join(table(result)), flush=True)
    if asked.json:
        asked.json.write_text(json.dumps(result, indent=1), "utf-8")
    return 1 if result["missed"] else 0


def contest(name: str, clip: str, python: str) -> Result:
    """One run of a contestant.

    Args:
        name: device, mediapipe, stages or latency, see `convert.contestants`.
        clip: the video.
        python: the interpreter it runs on.

    Raises:
        PartFailed: it ended with an error.
    """
    command = [python, "-m", "convert.contestants", name, clip, str(time.monotonic())]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    run = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    if run.returncode:
        raise PartFailed(f"bench: {name} failed: {_last_line(run.stderr)}")
    result: Result = json.loads(_last_line(run.stdout))
    return result


def others_share(before: Mapping[str, float], after: Mapping[str, float]) -> float:
    """Share of the machine's CPU time that other work took, 0 to 1: the more, the less two threads help the device."""
    spent = {name: after[name] - before[name] for name in before}
    return max(0.0, (spent["busy"] - spent["own"]) / spent["all"]) if spent["all"] else 0.0


def _cpu_s() -> dict[str, float]:
    """Seconds of CPU time up to now: of all cores, of those busy, and of this process and its ended children."""
    ticks = [int(n) for n in Path("/proc/stat").read_text("utf-8").splitlines()[0].split()[1:9]]
    tick_s, own = 1 / os.sysconf("SC_CLK_TCK"), os.times()
    idle = ticks[3] + ticks[4]
    return {"all": sum(ticks) * tick_s, "busy": (sum(ticks) - idle) * tick_s, "own": sum(own[:4])}


def summary(runs: Mapping[str, Sequence[Mapping[str, float | None]]]) -> Result:
    """The median of each number of each contestant, and of the ratios of neighbouring runs' frames per second.

    A run without any pose has no `first_pose_s`; then the median has none either.
    """
    names = ("frames", "fps", "quick_ms", "cpu_ms", "first_pose_s", "peak_mb")
    medians: Result = {}
    for who, of in runs.items():
        columns = {name: [run[name] for run in of] for name in names}
        medians[who] = {name: None if None in column else median(column) for name, column in columns.items() if column}
    pairs = [ours["fps"] / theirs["fps"] for ours, theirs in zip(runs["device"], runs["mediapipe"], strict=False)]
    return {**medians, "ratio": median(pairs) if pairs else None, "ratios": pairs}


def missed(result: Mapping[str, Any]) -> list[str]:
    """The bars that were not reached; that against mediapipe only where it ran."""
    found = {**result["device"], "ratio": result["ratio"]}
    wrong = []
    for name, (bar, how) in BARS.items():
        value = found[name]
        if value is None:
            if name != "ratio":
                wrong.append(f"{name}: nothing was found")
        elif not (value >= bar if how == "at least" else value < bar):
            wrong.append(f"{name}: {value:.2f}, expected {how} {bar:g}")
    return wrong


def pi_estimate(mflop_a_frame: float) -> dict[str, tuple[float, float]]:
    """Least and most milliseconds of a frame's landmark network on boards that are not here."""
    return {board: (mflop_a_frame / most, mflop_a_frame / least) for board, (least, most) in PI_GFLOPS.items()}


def table(result: Mapping[str, Any]) -> list[str]:
    """The result in lines for people."""
    ours, theirs = result["device"], result["mediapipe"]
    width, height = result["size"]
    lines = [f"{result['clip']}: {width}x{height}, {ours['frames']:.0f} frames; {result['machine']}"]
    lines.append(f"{'':32s}{'device':>10s}{'mediapipe':>11s}")
    rows = (
        ("frames a second", "fps", ".1f"), ("ms a frame, fastest tenth", "quick_ms", ".1f"),
        ("CPU ms a frame, all threads", "cpu_ms", ".1f"),
        ("peak resident MB", "peak_mb", ".0f"), ("s from start to first pose", "first_pose_s", ".2f"),
    )  # fmt: skip
    for words, name, form in rows:
        cells = ["-" if of.get(name) is None else format(of[name], form) for of in (ours, theirs)]
        lines.append(f"{words:32s}{cells[0]:>10s}{cells[1]:>11s}")
    if result["ratio"] is not None:
        each = ", ".join(f"{ratio:.2f}" for ratio in result["ratios"])
        lines.append(f"device over mediapipe, frames a second: {result['ratio']:.2f} (median of {each})")
    lines += ["", f"{'one thread, CPU time':32s}{'ms a run':>10s}{'ms a frame':>11s}"]
    stages = dict(result["stages"])
    asked = {f"where asked for: {name}": stages.pop(name) for name in ASKED if name in stages}
    together = {"together": {"run_ms": math.nan, "frame_ms": sum(stage["frame_ms"] for stage in stages.values())}}
    for name, stage in {**stages, **together, **asked}.items():
        run = "" if math.isnan(stage["run_ms"]) else f"{stage['run_ms']:.2f}"
        lines.append(f"  {name:30s}{run:>10s}{stage['frame_ms']:11.2f}")
    lines.append("")
    lines += [*latency.table(result["latency"]), ""] if "latency" in result else []
    lines += [f"{name}: {cost:.0f} MFLOP a run" for name, cost in result["mflop"].items()]
    lines += [f"landmark network on other boards ({ESTIMATED}; by XNNPACK's published speed on MobileNet v1):"]
    for board, (least_ms, most_ms) in result["pi"].items():
        often, seldom = 1e3 / least_ms, 1e3 / most_ms
        lines.append(f"  {board:30s} {least_ms:4.0f} to {most_ms:.0f} ms, {seldom:.0f} to {often:.0f} a second")
    return lines + ([""] + [f"MISSED {words}" for words in result["missed"]] if result["missed"] else [])


def _mediapipe_python() -> tuple[Path | None, str]:
    """The interpreter of mediapipe's own environment, made where it is missing; or None and why."""
    python, ready = VENV / "bin" / "python", VENV / "ready"
    if not (ready.is_file() and ready.read_text("utf-8").split() == list(REQUIREMENTS)):
        print(f"bench: installing {' '.join(REQUIREMENTS)} into {VENV}, about 900 MB", file=sys.stderr, flush=True)
        make = [sys.executable, "-m", "venv", "--clear", str(VENV)]
        run = subprocess.run(make, capture_output=True, text=True, check=False)
        if not run.returncode:
            install = [str(python), "-m", "pip", "install", "--quiet", *REQUIREMENTS]
            run = subprocess.run(install, capture_output=True, text=True, check=False)
        if run.returncode:
            why = f"mediapipe cannot be installed, only the device is measured; pip says: {_last_line(run.stderr)}"
            print(f"bench: {why}", file=sys.stderr, flush=True)
            return None, why
        ready.write_text("\n".join(REQUIREMENTS), "utf-8")
    return python, ""


def _last_line(text: str) -> str:
    return (text.strip().splitlines() or ["nothing"])[-1]

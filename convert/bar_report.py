"""`python -m convert bar-report SET`: the bar's ends and its velocity, as the device finds them, on a rendered set.

A velocity is compared with the true bar's between the same two moments, those of the device's lowest pose and lockout.
"""

import argparse
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from convert.datasets.synthetic import SyntheticClip
from convert.synth.seen import view_of
from convert.synth.truth import Truth
from device import settings
from device.camera.clip import Clip
from device.errors import InputError
from device.judging import open_judge, open_poses
from device.squat.bar import MIN_SCORE, Velocity
from device.squat.events import RepJudged
from device.squat.pose import BAR_ENDS, JOINTS, Pose, index
from device.watch import watch

FITS_S = 0.6  # a judged rep this near to a true bottom is that rep
LANDED = 0.5  # torso lengths: hips further off belong to somebody else
_ENDS, _HIPS = index(*BAR_ENDS), index("left_hip", "right_hip")


@dataclass(frozen=True)
class Lift:
    """A rep with a barbell: the true velocities and those found; None = none was told."""

    view: str
    truth: Velocity
    found: Velocity | None


def main(arguments: Sequence[str]) -> int:
    """Prints both tables."""
    parser = argparse.ArgumentParser(prog="python -m convert bar-report", description=__doc__)
    parser.add_argument("set", type=Path, help="what `synth` wrote, with barbells in it")
    asked = parser.parse_args(arguments)
    off_m: list[float] = []
    hidden: list[tuple[float, bool]] = []
    lifts: list[Lift] = []
    for clip in tqdm(SyntheticClip.all_in(asked.set), unit="clip", file=sys.stderr, disable=None):
        truth = clip.truth()
        if not np.isfinite(truth.keypoints_m[:, _ENDS]).all():
            continue
        poses, reps = _look(clip, truth)
        for at, pose in poses:
            _ends(truth, at, pose, off_m, hidden)
        lifts += _lifts(truth, reps)
    if not lifts:
        raise InputError(f"{asked.set}: no rep with a barbell was judged")
    print("\n".join(_table(off_m, hidden, lifts)))
    return 0


def _look(clip: SyntheticClip, truth: Truth) -> tuple[list[tuple[int, Pose]], list[RepJudged]]:
    """The device over a clip, told the lifter's height and asked for the bar's ends."""
    told = settings.load(settings.DEFAULT_FILE)
    told = replace(
        told,
        models=replace(told.models, bar_ends=True, form=""),
        lifter=replace(told.lifter, height_cm=100 * truth.about["stature_m"]),
    )
    model, poses, reps = open_poses(told), [], []
    try:
        with open_judge(told) as (judge, _), Clip(clip.video) as source:
            for turn in watch(source, model, judge):
                reps += [event for event in turn.events if isinstance(event, RepJudged)]
                if turn.frame is not None and turn.pose is not None:
                    poses.append((turn.frame.index, turn.pose))
    finally:
        model.close()
    return poses, reps


def _ends(truth: Truth, at: int, pose: Pose, off_m: list[float], hidden: list[tuple[float, bool]]) -> None:
    """Where the lifter is followed: how far ends in sight are off, and each end's score and whether it is seen."""
    torso = np.linalg.norm(truth.keypoints_px[at, JOINTS.index("left_shoulder")] - truth.keypoints_px[at, _HIPS[0]])
    followed = np.linalg.norm(pose.keypoints[_HIPS].mean(0) - truth.keypoints_px[at, _HIPS].mean(0))
    if followed > LANDED * torso:
        return
    here = truth.keypoints_m[at, _ENDS]
    away_m = -(here @ truth.view[2, :3] + truth.view[2, 3])
    for end in (0, 1):
        seen = truth.visible[at, _ENDS[end]] == 2
        hidden.append((float(pose.scores[_ENDS[end]]), bool(seen)))
        off_px = np.linalg.norm(pose.keypoints[_ENDS[end]] - truth.keypoints_px[at, _ENDS[end]])
        if seen and np.isfinite(off_px):
            off_m.append(float(off_px * away_m[end] / truth.matrix[0, 0]))


def _lifts(truth: Truth, reps: Sequence[RepJudged]) -> Iterator[Lift]:
    rate_hz = float(truth.about["fps"])
    height_m = truth.keypoints_m[:, _ENDS, 2].mean(1).astype(float)
    for rep in reps:
        true = min(truth.reps, key=lambda r: abs(r["bottom_s"] - rep.rep.bottom_s), default=None)
        if true is None or not true["completed"] or abs(true["bottom_s"] - rep.rep.bottom_s) > FITS_S:
            continue
        moments_s = (rep.rep.poses[rep.rep.lowest].captured_s, rep.rep.lockout_s)
        yield Lift(view_of(truth.about["view_deg"]), _true_velocity(height_m, rate_hz, moments_s), rep.velocity)


def _true_velocity(height_m: NDArray[np.float64], rate_hz: float, moments_s: tuple[float, float]) -> Velocity:
    """Of the middle of the bar between two moments."""
    first, last = (min(round(at_s * rate_hz), len(height_m) - 1) for at_s in moments_s)
    way = height_m[first : last + 1]
    return Velocity(float((way[-1] - way[0]) / (len(way) - 1) * rate_hz), float(np.diff(way).max() * rate_hz))


def _table(off_m: Sequence[float], hidden: Sequence[tuple[float, bool]], lifts: Sequence[Lift]) -> Iterator[str]:
    off_cm = 100 * np.array(off_m)
    told = np.array([score >= MIN_SCORE for score, _ in hidden])
    seen = np.array([there for _, there in hidden])
    yield (
        f"ends in sight, {len(off_cm)}: off by a median of {np.median(off_cm):.1f} cm, 90th percentile "
        f"{np.percentile(off_cm, 90):.1f} cm; said to be seen: {told[seen].mean():.0%} of these, "
        f"{told[~seen].mean():.0%} of the hidden ones"
    )
    yield "\n| view | reps | with a velocity | mean velocity off, median / 90% m/s | peak off, median m/s | true mean |"
    yield "| --- | --- | --- | --- | --- | --- |"
    views = sorted({lift.view for lift in lifts})
    for view in ["all", *views]:
        own = [lift for lift in lifts if view in ("all", lift.view)]
        pairs = [(lift.truth, lift.found) for lift in own if lift.found is not None]
        means = np.array([abs(found.mean_m_s - true.mean_m_s) for true, found in pairs])
        peaks = np.array([abs(found.peak_m_s - true.peak_m_s) for true, found in pairs])
        true = np.median([lift.truth.mean_m_s for lift in own])
        cells = ("- | -" if not len(means) else
                 f"{np.median(means):.3f} / {np.percentile(means, 90):.3f} | {np.median(peaks):.3f}")  # fmt: skip
        yield f"| {view} | {len(own)} | {len(pairs)} | {cells} | {true:.2f} |"

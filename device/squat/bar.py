"""How fast the bar rose, from its ends in the picture: what lifters who train by velocity look at."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from device.squat.features import scale_px_per_m
from device.squat.perspective import Optics
from device.squat.pose import BAR_ENDS, Pose, index
from device.squat.rep import Rep

MIN_SCORE = 0.5  # an end below it is not seen
MIN_SHARE, MIN_POSES = 0.7, 5  # of the poses on the way up in which the end must be seen, and how many at least
HALF_BAR_M = 1.1  # from the middle to an end; IWF and IPF: 2.2 m for men's bars
PEAK_S = 0.25  # the peak is the greatest rise over so long: over less, ends off by 5 cm (models/bar_end.md) would be it
END_ON = 0.92  # sine of 67.5 degrees: a bar that points so much at the camera hides which end is which, and how near
STANDING_POSES = 5  # the first of the rep, who tell the scale

_ENDS = index(*BAR_ENDS)
_SHOULDERS = index("left_shoulder", "right_shoulder")
_HIPS, _KNEES = index("left_hip", "right_hip"), index("left_knee", "right_knee")


@dataclass(frozen=True, slots=True)
class Velocity:
    """Of the bar on its way up, in metres per second.

    Attributes:
        mean_m_s: from the lowest pose to lockout (mean concentric velocity).
        peak_m_s: the greatest over a quarter of a second.
    """

    mean_m_s: float
    peak_m_s: float


def bar_velocity(rep: Rep, thigh_m: float, optics: Optics) -> Velocity | None:
    """The bar's velocity by its better-seen end.

    Args:
        rep: the rep; its poses hold the bar's ends, or NaN.
        thigh_m: the lifter's hip to knee, which tells how large things are.
        optics: the camera.

    Returns:
        None where no end was seen for most of the way up, the bar points at the camera, the pose model has no world, or
        the end did not rise: then it was not the bar's.
    """
    up = [p for p in rep.poses[rep.lowest :] if p.captured_s <= rep.lockout_s]
    seen = np.array([np.where(np.isfinite(p.keypoints[_ENDS, 1]), p.scores[_ENDS], 0) for p in up]).reshape(-1, 2)
    end = int(np.argmax(seen.mean(0))) if len(up) else 0
    there = seen[:, end] >= MIN_SCORE
    if there.sum() < max(MIN_POSES, MIN_SHARE * len(up)):
        return None
    px_per_m = _px_per_m(rep.poses[:STANDING_POSES], thigh_m, end, optics)
    if not px_per_m > 0:
        return None
    at_s = np.array([p.captured_s for p in up])[there]
    height_m = -np.array([p.keypoints[_ENDS[end], 1] for p in up], np.float64)[there] / px_per_m
    steps = np.arange(at_s[0], at_s[-1] - PEAK_S, PEAK_S / 4)
    rises = np.interp(steps + PEAK_S, at_s, height_m) - np.interp(steps, at_s, height_m)
    if not len(rises):
        return None
    mean = float((height_m[-1] - height_m[0]) / (at_s[-1] - at_s[0]))
    return Velocity(mean, float(rises.max() / PEAK_S)) if mean > 0 else None


def _px_per_m(standing: Sequence[Pose], thigh_m: float, end: int, optics: Optics) -> float:
    """Pixels per metre at one end of the bar, which may lie a metre nearer to the camera than the lifter; or NaN."""
    found = []
    for pose in standing:
        if pose.world is None:
            continue
        thigh = float(np.linalg.norm(pose.world[_HIPS] - pose.world[_KNEES], axis=-1).mean())
        scale = scale_px_per_m(pose) * thigh / thigh_m  # the model's metres are those of a lifter of its own size
        across = pose.world[_SHOULDERS[0]] - pose.world[_SHOULDERS[1]]
        away = float(across[2] / max(float(np.linalg.norm(across[[0, 2]])), 1e-6)) * (1 - 2 * end)
        if abs(away) > END_ON:
            continue
        distance_m = optics.focal_px(pose.size) / scale
        found.append(scale * distance_m / max(distance_m + away * HALF_BAR_M, 0.3))
    upright = np.cos(np.radians(optics.pitch_deg))  # a camera that looks down sees heights shortened
    return float(np.median(found) * upright) if found else float("nan")

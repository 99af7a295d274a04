"""What one pose says of the squat: height of the hips, angles, view. Pure functions of `Pose`.

Lengths are ratios of the lifter's own leg, so neither the scale of the picture nor of the model's metres matters.
"""

import math
from dataclasses import dataclass

import numpy as np

from device.squat.pose import JOINTS, Array, Pose, index

FEATURES_VERSION = 1

_LEAST = 1e-3  # of a score and of what it lacks to 1
_JOINTS = index(*JOINTS)
_BODY = slice(1, len(JOINTS))  # without the nose, which turns with the head
_SHOULDERS = index("left_shoulder", "right_shoulder")
_WRISTS = index("left_wrist", "right_wrist")
_HIPS = index("left_hip", "right_hip")
_KNEES = index("left_knee", "right_knee")
_ANKLES = index("left_ankle", "right_ankle")


@dataclass(frozen=True, slots=True)
class Features:
    """Numbers of one pose; pairs are (left, right). NaN where the model gives no world points.

    Attributes:
        height: hips over ankles, in leg lengths (thigh + shank): about 0.97 standing, 0.3 to 0.65 at the bottom.
        knee_deg: (2,) angle at the knee, 180 = straight.
        lean_deg: trunk from the vertical.
        shank_up: (2,) knee over ankle, in shank lengths: 1 = upright, 0 = the shank lies.
        thigh_down: (2,) knee under hip, in thigh lengths: 1 = hanging, 0 = level, below 0 = hip under the knee.
        hands_down: wrists under shoulders, in trunk lengths: above 1 = the arms hang, 0 = on the bar or held forward.
        feet: (3,) from the right to the left ankle, in leg lengths, camera axes.
        legs_seen: (2,) score of knee or ankle, the lower one.
        hips_seen: score of the hips, the lower one.
        lateral: (2,) x and z of the line from the right to the left hip and shoulder, summed: where the lifter faces.
        stands_px: (2,) the middle of the ankles in the picture.
        rises_px: how far the hips are over the ankles in the picture.
    """

    height: float
    knee_deg: Array
    lean_deg: float
    shank_up: Array
    thigh_down: Array
    hands_down: float
    feet: Array
    legs_seen: Array
    hips_seen: float
    lateral: Array
    stands_px: Array
    rises_px: float


def features(pose: Pose) -> Features:
    """The features of a pose."""
    world = pose.world if pose.world is not None else np.full((*pose.scores.shape, 3), np.nan, np.float32)
    hips, knees, ankles = world[_HIPS], world[_KNEES], world[_ANKLES]
    thigh, shank = knees - hips, ankles - knees
    thigh_m, shank_m = np.linalg.norm(thigh, axis=-1), np.linalg.norm(shank, axis=-1)
    leg_m = float((thigh_m + shank_m).mean())
    trunk = world[_SHOULDERS].mean(0) - hips.mean(0)
    cosine = -(thigh * shank).sum(-1) / (thigh_m * shank_m)
    sides = (world[_HIPS[0]] - world[_HIPS[1]]) + (world[_SHOULDERS[0]] - world[_SHOULDERS[1]])
    return Features(
        height=float((ankles[:, 1] - hips[:, 1]).mean() / leg_m),
        knee_deg=np.degrees(np.arccos(np.clip(cosine, -1, 1))).astype(np.float32),
        lean_deg=float(np.degrees(np.arccos(np.clip(-trunk[1] / np.linalg.norm(trunk), -1, 1)))),
        shank_up=(shank[:, 1] / shank_m).astype(np.float32),
        thigh_down=(thigh[:, 1] / thigh_m).astype(np.float32),
        hands_down=float((world[_WRISTS, 1] - world[_SHOULDERS, 1]).mean() / np.linalg.norm(trunk)),
        feet=((ankles[0] - ankles[1]) / leg_m).astype(np.float32),
        legs_seen=legs_seen(pose),
        hips_seen=float(pose.scores[_HIPS].min()),
        lateral=sides[[0, 2]].astype(np.float32),
        stands_px=spot_px(pose),
        rises_px=rises_px(pose),
    )


def legs_seen(pose: Pose) -> Array:
    """(2,) `Features.legs_seen` of a pose."""
    return np.asarray(np.minimum(pose.scores[_KNEES], pose.scores[_ANKLES]))


def certainty(pose: Pose) -> float:
    """How sure a pose model is of what it finds: the mean log odds of its joints' scores."""
    scores = pose.scores[_JOINTS].astype(float)
    return float(np.log((scores + _LEAST) / (1 - scores + _LEAST)).mean())


def spot_px(pose: Pose) -> Array:
    """(2,) the middle of the ankles in the picture."""
    return np.asarray(pose.keypoints[_ANKLES].mean(0))


def rises_px(pose: Pose) -> float:
    """How far the hips are over the ankles in the picture."""
    return float(pose.keypoints[_ANKLES, 1].mean() - pose.keypoints[_HIPS, 1].mean())


def view_deg(lateral: Array) -> float:
    """Where the camera stands: 0 = in front, + = it sees the left side, +-180 = behind; NaN = unknown.

    Args:
        lateral: (2,) a sum of `Features.lateral`.
    """
    return float(np.degrees(np.arctan2(-lateral[1], lateral[0])))


def scale_px_per_m(pose: Pose) -> float:
    """Pixels per metre of the model's world at the lifter's distance, by least squares over the body; NaN = unknown."""
    if pose.world is None:
        return float("nan")
    picture, world = pose.keypoints[_BODY], pose.world[_BODY, :2]
    there = np.isfinite(picture).all(-1) & np.isfinite(world).all(-1)
    if there.sum() < 2:
        return float("nan")
    picture, world = picture[there] - picture[there].mean(0), world[there] - world[there].mean(0)
    return float((picture * world).sum() / (world * world).sum())


def apart_m(one: Pose, other: Pose) -> float:
    """How far the hips are apart in two poses of one frame, in metres of the first one's world; NaN = unknown."""
    off_px = float(np.linalg.norm(one.keypoints[_HIPS].mean(0) - other.keypoints[_HIPS].mean(0)))
    scale = scale_px_per_m(one)
    return off_px / scale if scale > 0 else math.nan

"""Depth as the rule speaks of it: hip crease against knee top as a network finds them, perspective put right.

Points that lie behind something are guessed by the network from the rest of the body; the leg that is seen better is
chosen by its joints, as for the other estimators.
"""

import numpy as np

from device.squat.perspective import Optics, height_over
from device.squat.pose import Array, Pose, index

_HIPS, _KNEES = index("left_hip", "right_hip"), index("left_knee", "right_knee")
_CREASES, _KNEE_TOPS = index("left_hip_crease", "right_hip_crease"), index("left_knee_top", "right_knee_top")


def surface(pose: Pose, thigh_m: float, scale: float, optics: Optics) -> Array:
    """Height of each leg's knee top over its hip crease, (2,) in thigh lengths, + = the knee top lies higher.

    Args:
        pose: one pose with world points and surface points; NaN where the pose model gives none.
        thigh_m: the thigh's length in metres of the model's world.
        scale: pixels per such metre.
        optics: the camera.
    """
    if pose.world is None:
        return np.full(2, np.nan, np.float32)
    nearer_m = pose.world[_HIPS, 2] - pose.world[_KNEES, 2]  # crease and knee top lie before their joints alike
    rows = pose.keypoints[:, 1]
    crease_over_knee_m = height_over(rows[_CREASES], rows[_KNEE_TOPS], nearer_m, scale, pose.size, optics)
    return (-crease_over_knee_m / thigh_m).astype(np.float32)

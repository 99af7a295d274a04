"""Depth in the picture: the row of the hip against the row of the knee, perspective put right.

DepthPerception's `sideAngle.py` compares the rows of the right hip and knee. Departures, each of which mends a fault
of it: the better-seen leg counts; the value is the median around the bottom, not one frame's; and since a knee that
is nearer to a camera above it looks lower than it is, the rows are first brought to one distance, so that the rule
holds from in front too.
"""

import numpy as np

from device.squat.perspective import Optics, height_over
from device.squat.pose import Array, Pose, index

_HIPS, _KNEES = index("left_hip", "right_hip"), index("left_knee", "right_knee")


def image_plane(pose: Pose, thigh_m: float, scale: float, optics: Optics) -> Array:
    """Height of each leg's knee joint over its hip joint, (2,) in thigh lengths, + = the knee lies higher.

    Args:
        pose: one pose with world points.
        thigh_m: the thigh's length in metres of the model's world.
        scale: pixels per such metre.
        optics: the camera.
    """
    if pose.world is None:
        return np.full(2, np.nan, np.float32)
    nearer_m = pose.world[_HIPS, 2] - pose.world[_KNEES, 2]
    rows = pose.keypoints[:, 1]
    hip_over_knee_m = height_over(rows[_HIPS], rows[_KNEES], nearer_m, scale, pose.size, optics)
    return (-hip_over_knee_m / thigh_m).astype(np.float32)

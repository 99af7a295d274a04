"""Depth in 3D: distances of hip and knee from a plane through the feet.

DepthPerception's `main.py` lays a plane through three of the heels and toes. Departures, each of which mends a fault
of it: all four points count (it took the LESS visible heel for the third), each by how well it is seen; and because
four points close together hold a plane badly, the vertical of the camera pulls it upright. A body that stands needs
no plane through one foot in the air: the pull holds then.
"""

import math

import numpy as np

from device.squat.perspective import Optics
from device.squat.pose import Array, Pose, index

UPRIGHT_M2 = 0.3  # pull of the vertical; with less the plane tips: on the tune split the likelihood only rises with it

_HIPS, _KNEES = index("left_hip", "right_hip"), index("left_knee", "right_knee")
_FEET = index("left_heel", "right_heel", "left_toe", "right_toe")


def floor_plane(pose: Pose, thigh_m: float, scale: float, optics: Optics) -> Array:
    """Height of each leg's knee joint over its hip joint, (2,) in thigh lengths, + = the knee lies higher.

    Args:
        pose: one pose with world points.
        thigh_m: the thigh's length in metres of the model's world.
        scale: not needed here.
        optics: the camera, for the vertical.
    """
    if pose.world is None:
        return np.full(2, np.nan, np.float32)
    up = _floor_normal(pose.world[_FEET], pose.scores[_FEET], optics)
    return (((pose.world[_KNEES] - pose.world[_HIPS]) @ up) / thigh_m).astype(np.float32)


def _floor_normal(feet: Array, scores: Array, optics: Optics) -> Array:
    """(3,) unit vector off the floor, camera axes, from feet (4, 3) in metres and their scores (4,)."""
    weights = scores / max(float(scores.sum()), 1e-6)
    spread = feet - (weights[:, None] * feet).sum(0)
    scatter = (weights[:, None] * spread).T @ spread * len(feet)
    pitch = math.radians(optics.pitch_deg)
    vertical = np.array([0, -math.cos(pitch), -math.sin(pitch)])
    # least squares: the normal n minimizes n'Sn + pull * (1 - (n.vertical)^2)
    _, vectors = np.linalg.eigh(scatter + UPRIGHT_M2 * (np.eye(3) - np.outer(vertical, vertical)))
    normal = vectors[:, 0]
    return np.asarray(normal * np.sign(normal @ vertical), np.float32)

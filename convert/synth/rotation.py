"""Rotations for many frames at once. Matrices are (..., 3, 3) and act on columns; vectors are (..., 3)."""

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.spatial.transform import Rotation

Array = NDArray[np.float64]


def unit(v: Array) -> Array:
    """Vectors of length 1; a zero vector stays zero."""
    return np.asarray(v / np.maximum(np.linalg.norm(v, axis=-1, keepdims=True), 1e-12))


def about(axis: str, angle_deg: ArrayLike) -> Array:
    """Turn about a fixed axis "x", "y" or "z", counter-clockwise seen from its tip."""
    return around(np.eye(3)["xyz".index(axis)], angle_deg)


def around(axis: Array, angle_deg: ArrayLike) -> Array:
    """Turn around given axes (..., 3) by angles that broadcast against them."""
    turn = unit(axis) * np.radians(np.asarray(angle_deg, float))[..., None]
    return np.asarray(Rotation.from_rotvec(turn.reshape(-1, 3)).as_matrix()).reshape((*turn.shape, 3))


def frame(along: Array, beside: Array) -> Array:
    """Axes as columns: `along`, then `beside` made square to it, then their cross product."""
    first = unit(along)
    second = unit(beside - first * (first * beside).sum(-1, keepdims=True))
    return np.stack(np.broadcast_arrays(first, second, np.cross(first, second)), -1)


def shortest(start: Array, end: Array) -> Array:
    """The smallest turns that bring directions `start` to `end`."""
    a, b = np.broadcast_arrays(unit(start), unit(end))
    axis = np.cross(a, b)
    angle = np.degrees(np.arctan2(np.linalg.norm(axis, axis=-1), (a * b).sum(-1)))
    return around(axis, angle)


def between(start: Array, end: Array, share: float) -> Array:
    """Turns (T, 3, 3) that lie `share` of the way from `start` to `end`."""
    start, end = np.broadcast_arrays(start, end)
    step = Rotation.from_matrix(end @ np.swapaxes(start, -1, -2)).as_rotvec() * share
    return np.asarray(Rotation.from_rotvec(step).as_matrix() @ start)


def twist_about(axis: Array, turn: Array) -> Array:
    """Angle in degrees by which turns (T, 3, 3) roll around `axis` (3,), leaving out where they point it."""
    quaternion = Rotation.from_matrix(turn).as_quat()
    angle = 2 * np.arctan2(quaternion[:, :3] @ unit(axis), quaternion[:, 3])
    return np.asarray((np.degrees(angle) + 180) % 360 - 180)


def apply(turn: Array, v: Array) -> Array:
    """Turned vectors; both sides broadcast."""
    return np.asarray((turn @ np.asarray(v)[..., None])[..., 0])

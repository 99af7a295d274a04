"""Which way is up, learnt from the lifter: a camera that looks down tilts the whole world of a pose model.

A lifter who stands with straight legs stands upright: the line from the ankles to the hips is the vertical. That turns
with the camera's pitch and roll, and so do heights, which the judge needs over the floor.
"""

import math

import numpy as np

from device.squat.pose import Array, index

STRAIGHT = 0.95  # hips to ankles over thigh + shank: knees straighter than about 145 degrees
LEARN_S = 1.0  # time constant: longer than a bend with straight legs, shorter than a set-up
MAX_TILT_DEG = 50.0  # no camera that sees a squat looks down more steeply
_CAMERA_UP = np.array([0.0, -1.0, 0.0])

_HIPS, _KNEES, _ANKLES = (index(f"left_{name}", f"right_{name}") for name in ("hip", "knee", "ankle"))


class Level:
    """Learns the vertical from standing poses.

    Attributes:
        up: (3,) unit vector off the floor in the camera's axes (x right, y down, z away).
    """

    def __init__(self) -> None:
        self.up = _CAMERA_UP
        self._seen_s: float | None = None

    def see(self, world: Array, now_s: float) -> Array:
        """Takes the world points (N, 3) of a pose and gives them turned so that up is -y."""
        hips, knees, ankles = world[_HIPS], world[_KNEES], world[_ANKLES]
        legs = np.linalg.norm(hips - knees, axis=-1) + np.linalg.norm(knees - ankles, axis=-1)
        straight = np.linalg.norm(hips - ankles, axis=-1) / legs
        if straight.min() >= STRAIGHT:
            self._learn(hips.mean(0) - ankles.mean(0), now_s)
        return np.asarray(world @ self._turn().T, np.float32)

    @property
    def pitch_deg(self) -> float:
        """How far the camera looks down."""
        return math.degrees(math.atan2(-self.up[2], -self.up[1]))

    def _learn(self, leg: Array, now_s: float) -> None:
        leg = leg / np.linalg.norm(leg)
        if math.degrees(math.acos(np.clip(leg @ _CAMERA_UP, -1, 1))) > MAX_TILT_DEG:
            return
        share = 1.0 if self._seen_s is None else 1 - math.exp(-max(now_s - self._seen_s, 0) / LEARN_S)
        mixed = self.up + share * (leg - self.up)
        self.up, self._seen_s = mixed / np.linalg.norm(mixed), now_s

    def _turn(self) -> np.ndarray:
        """(3, 3) the shortest rotation that takes `up` to the camera's up (Rodrigues)."""
        axis, cosine = np.cross(self.up, _CAMERA_UP), float(self.up @ _CAMERA_UP)
        x, y, z = axis
        cross = np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]])
        return np.asarray(np.eye(3) + cross + cross @ cross / (1 + cosine))

"""Which way is up, learnt from the lifter: a camera that looks down tilts the whole world of a pose model.

A lifter who stands with straight legs stands upright: the line from the ankles to the hips is the vertical. That turns
with the camera's pitch and roll, and so do heights, which the judge needs over the floor.
"""

import math

import numpy as np

from device.squat.features import scale_px_per_m
from device.squat.pose import Array, Pose, index

STRAIGHT = 0.95  # hips to ankles over thigh + shank: knees straighter than about 145 degrees
LEARN_S = 1.0  # time constant: longer than a bend with straight legs, shorter than a set-up
MAX_TILT_DEG = 50.0  # no camera that sees a squat looks down more steeply
_CAMERA_UP = np.array([0.0, -1.0, 0.0])

_HIPS, _KNEES, _ANKLES = (index(f"left_{name}", f"right_{name}") for name in ("hip", "knee", "ankle"))


class Level:
    """Learns the vertical, and how tall the legs are, from standing poses.

    Attributes:
        up: (3,) unit vector off the floor in the camera's axes (x right, y down, z away).
        leg_m: hips over ankles of the standing lifter, metres of the model's world; NaN before he was seen standing.
        seen_m: the same as the picture shows it, foreshortened by the camera's pitch.
    """

    def __init__(self) -> None:
        self.up = _CAMERA_UP
        self.seen_m = self.leg_m = math.nan
        self._seen_s: float | None = None

    def see(self, pose: Pose, world: Array) -> Array:
        """Takes a pose and its world points (N, 3) and gives these turned so that up is -y."""
        hips, knees, ankles = world[_HIPS], world[_KNEES], world[_ANKLES]
        legs = np.linalg.norm(hips - knees, axis=-1) + np.linalg.norm(knees - ankles, axis=-1)
        straight = np.linalg.norm(hips - ankles, axis=-1) / legs
        if straight.min() >= STRAIGHT:
            self._learn(hips.mean(0) - ankles.mean(0), _seen_m(pose), pose.captured_s)
        return np.asarray(world @ self._turn().T, np.float32)

    def height_in_picture(self, pose: Pose, levelled: Array) -> float:
        """Hips over ankles as the picture shows them, 1 = as the lifter stands; NaN before he was seen standing.

        A camera that looks down shows what goes back as higher; that is put right.

        Args:
            pose: the pose.
            levelled: its world points as `see` gave them.
        """
        back_m = float(levelled[_HIPS, 2].mean() - levelled[_ANKLES, 2].mean())
        return _seen_m(pose) / self.seen_m - back_m / self.leg_m * math.tan(math.radians(self.pitch_deg))

    @property
    def pitch_deg(self) -> float:
        """How far the camera looks down."""
        return math.degrees(math.atan2(-self.up[2], -self.up[1]))

    def _learn(self, leg: Array, seen_m: float, now_s: float) -> None:
        leg_m = float(np.linalg.norm(leg))
        leg = leg / leg_m
        if math.degrees(math.acos(np.clip(leg @ _CAMERA_UP, -1, 1))) > MAX_TILT_DEG:
            return
        share = 1.0 if self._seen_s is None else 1 - math.exp(-max(now_s - self._seen_s, 0) / LEARN_S)
        mixed = self.up + share * (leg - self.up)
        self.up, self._seen_s = mixed / np.linalg.norm(mixed), now_s
        self.seen_m = seen_m if math.isnan(self.seen_m) else self.seen_m + share * (seen_m - self.seen_m)
        self.leg_m = leg_m if math.isnan(self.leg_m) else self.leg_m + share * (leg_m - self.leg_m)

    def _turn(self) -> np.ndarray:
        """(3, 3) the shortest rotation that takes `up` to the camera's up (Rodrigues)."""
        axis, cosine = np.cross(self.up, _CAMERA_UP), float(self.up @ _CAMERA_UP)
        x, y, z = axis
        cross = np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]])
        return np.asarray(np.eye(3) + cross + cross @ cross / (1 + cosine))


def _seen_m(pose: Pose) -> float:
    """Hips over ankles in the picture, metres at the lifter's distance: who walks away does not shrink."""
    return float(pose.keypoints[_ANKLES, 1].mean() - pose.keypoints[_HIPS, 1].mean()) / scale_px_per_m(pose)

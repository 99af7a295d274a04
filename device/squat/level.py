"""Which way is up and how tall the legs are, learnt from the lifter who stands.

A camera that looks down tilts the whole world of a pose model. A lifter who stands with straight legs stands upright:
the line from the ankles to the hips is the vertical. That turns with the camera's pitch and roll, and so do heights,
which the judge needs over the floor. Where the model sees straight legs bent, as from steeply above, he stands where he
rests and was never seen straighter. Levels were chosen on rendered sets; the `tune` split of the labelled clips was
counted exactly with these.
"""

import math
from collections import deque

import numpy as np

from device.squat.features import rises_px, scale_px_per_m, spot_px
from device.squat.pose import Array, Pose, index

STRAIGHT = 0.95  # hips to ankles over thigh + shank: knees straighter than about 145 degrees
REST_S = 0.6  # so long without moving is a rest ...
STILL = 0.05  # ... if hips to ankles over thigh + shank changes by less than this
SITS = 0.8  # whose knees are bent like that, to about 105 degrees, does not stand
SUNK = 0.7  # hips so much lower in the picture, over the same spot: no longer standing, whatever the world is
SAME_SPOT = 0.25  # of the leg: ankles so near to where they were have not moved ...
SPOTS = 3  # ... in the middle of so many poses: one gone wrong puts them elsewhere for a moment
TALLEST = 1.05  # of the standing lifter; nobody is taller, but a pose model may say so
TALLER_S = 0.1  # time constant with which taller than before becomes standing; a pose gone wrong lasts less
LEGS_SEEN = 0.5  # score of knee and ankle from which a leg tells the vertical
LEARN_S = 1.0  # time constant: longer than a bend with straight legs, shorter than a set-up
HIPS_BACK = 0.5  # of the leg: no squat takes the hips further behind the ankles ...
SLACK = 0.1  # ... but for so much of doubt; what a pose model says beyond is an error
MAX_TILT_DEG = 55.0  # from 2.5 m up and 1.5 m away hips are seen under 47 degrees; BlazePose's world adds some 5
_CAMERA_UP = np.array([0.0, -1.0, 0.0])

_HIPS, _KNEES, _ANKLES = (index(f"left_{name}", f"right_{name}") for name in ("hip", "knee", "ankle"))


class Level:
    """Learns the vertical, and how tall the legs are, from standing poses.

    Attributes:
        up: (3,) unit vector off the floor in the camera's axes (x right, y down, z away).
        leg_m: hips over ankles of the standing lifter, metres of the model's world; NaN before he was seen standing.
        seen_m: the same as the picture shows it, foreshortened by the camera's pitch.
        seen_px: the same in pixels.
        straight: hips to ankles of the standing lifter over thigh + shank: a pose model may see straight legs bent.
    """

    def __init__(self) -> None:
        self.up = _CAMERA_UP
        self.seen_m = self.leg_m = self.seen_px = self.straight = math.nan
        self._spot_px = np.full(2, math.nan)  # where the feet are
        self._lateral = np.zeros(3)  # from the right to the left hip, metres: where the standing lifter faces
        self._seen_s: float | None = None
        self._lately: deque[tuple[float, float]] = deque()  # times and straightness
        self._spots_px: deque[Array] = deque(maxlen=SPOTS)  # where the feet were in the newest poses
        self._now_px = np.full(2, math.nan)  # the middle of these

    def see(self, pose: Pose, world: Array) -> Array:
        """Takes a pose and its world points (N, 3) and gives these turned so that up is -y."""
        self._spots_px.append(spot_px(pose))
        self._now_px = np.sort(self._spots_px, axis=0)[len(self._spots_px) // 2]  # np.median takes ten times as long
        hips, ankles, straight = world[_HIPS], world[_ANKLES], straight_legs(world)
        rests = self._rests(straight, pose)
        if (straight.min() >= STRAIGHT or rests) and not (self.planted and rises_px(pose) < SUNK * self.seen_px):
            self._learn(hips.mean(0) - ankles.mean(0), hips[0] - hips[1], pose, float(straight.mean()))
        return np.asarray(world @ upright(self.up).T, np.float32)

    def height_in_picture(self, pose: Pose, levelled: Array) -> float:
        """Hips over ankles as the picture shows them, 1 = as the lifter stands; NaN before he was seen standing.

        A camera that looks down shows what goes back as higher; that is put right.

        Args:
            pose: the pose that `see` took last.
            levelled: its world points as `see` gave them.
        """
        back_m = self._back_m(levelled)
        planted = self.planted
        seen = rises_px(pose) / self.seen_px if planted else rises_px(pose) / scale_px_per_m(pose) / self.seen_m
        return min(seen, TALLEST) - back_m / self.leg_m * math.tan(math.radians(self.pitch_deg))

    def _back_m(self, levelled: Array) -> float:
        """How much further from the camera the hips are than the ankles: behind them, and no further than squats go."""
        most_m = HIPS_BACK * self.leg_m * self._lateral[0] / max(float(np.linalg.norm(self._lateral)), 1e-9)
        slack_m = SLACK * self.leg_m
        back_m = float(levelled[_HIPS, 2].mean() - levelled[_ANKLES, 2].mean())
        return float(np.clip(back_m, min(most_m, 0) - slack_m, max(most_m, 0) + slack_m))

    def forget_lifter(self) -> None:
        """Somebody else may come; the camera stays."""
        self.seen_m = self.leg_m = self.seen_px = self.straight = math.nan
        self._spot_px = np.full(2, math.nan)
        self._lately.clear()
        self._spots_px.clear()

    @property
    def pitch_deg(self) -> float:
        """How far the camera looks down."""
        return pitch_deg(self.up)

    @property
    def planted(self) -> bool:
        """Whether the feet are where they were when the lifter stood: the picture shows him as large as then."""
        return bool(np.linalg.norm(self._now_px - self._spot_px) < SAME_SPOT * self.seen_px)

    def _rests(self, straight: Array, pose: Pose) -> bool:
        """Whether the lifter keeps still, and was not seen straighter so far, or has gone to another place."""
        now_s, mean = pose.captured_s, float(straight.mean())
        self._lately.append((now_s, mean))
        while now_s - self._lately[0][0] > REST_S:
            self._lately.popleft()
        values = [value for _, value in self._lately]
        still = now_s - self._lately[0][0] > REST_S / 2 and max(values) - min(values) < STILL
        unseen = math.isnan(self.straight) or (self.straight < STRAIGHT and mean > self.straight - STILL)
        walked = straight.max() >= STRAIGHT and not self.planted  # the other leg may be hidden there
        return still and (unseen or walked) and mean >= SITS

    def _learn(self, leg: Array, lateral: Array, pose: Pose, straight: float) -> None:
        leg_m, seen_px = float(np.linalg.norm(leg)), rises_px(pose)
        leg, seen_m = leg / leg_m, seen_px / scale_px_per_m(pose)
        if math.degrees(math.acos(np.clip(leg @ _CAMERA_UP, -1, 1))) > MAX_TILT_DEG:
            return
        gap_s = max(pose.captured_s - self._seen_s, 0) if self._seen_s is not None else 0.0
        share, taller = 1 - math.exp(-gap_s / LEARN_S), 1 - math.exp(-gap_s / TALLER_S)
        if (
            math.isnan(self.straight) or straight >= STRAIGHT > self.straight
        ):  # for the first time, or better than so far
            share = taller = 1.0
            self.seen_m, self.leg_m, self.straight = seen_m, leg_m, straight
        self._seen_s = pose.captured_s
        self._lateral = self._lateral + share * (lateral - self._lateral)
        if np.minimum(pose.scores[_KNEES], pose.scores[_ANKLES]).max() >= LEGS_SEEN:
            mixed = self.up + share * (leg - self.up)
            self.up = mixed / np.linalg.norm(mixed)
        self.seen_m += share * (seen_m - self.seen_m)
        self.leg_m += share * (leg_m - self.leg_m)
        self.straight += share * (straight - self.straight)
        if self.planted:
            self._spot_px = self._spot_px + share * (spot_px(pose) - self._spot_px)
            self.seen_px += (taller if seen_px > self.seen_px else share) * (seen_px - self.seen_px)
        else:
            self._spot_px, self.seen_px = spot_px(pose), seen_px


def straight_legs(world: Array) -> Array:
    """(2,) hips to ankles over thigh + shank, left and right: 1 = straight.

    Args:
        world: (N, 3) the joints, and what comes after them.
    """
    hips, knees, ankles = world[_HIPS], world[_KNEES], world[_ANKLES]
    legs = np.linalg.norm(hips - knees, axis=-1) + np.linalg.norm(knees - ankles, axis=-1)
    return np.asarray(np.linalg.norm(hips - ankles, axis=-1) / legs)


def upright(up: Array) -> Array:
    """(3, 3) the shortest rotation that takes the unit vector `up` (3,) to the camera's up, (0, -1, 0).

    Rodrigues' formula about `up` x (0, -1, 0), written out: it is asked for in every frame.
    """
    x, y, z = up.tolist()
    k = 1 / (1 - y)
    return np.array([[1 - k * x * x, x, -k * x * z], [-x, -y, -z], [-k * x * z, z, 1 - k * z * z]])


def pitch_deg(up: Array) -> float:
    """How far a camera looks down in whose axes (x right, y down, z away) `up` (3,) is the vertical."""
    return math.degrees(math.atan2(-up[2], -up[1]))

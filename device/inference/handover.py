"""Handing BlazePose over to the lifter while it follows somebody else.

BlazePose goes by head and trunk, so beside a lifter behind plates a spotter is the clearer figure, and it stays with
him. Our network learnt who the lifter is of several people, but it sees people where there are none, too, most of all
in real rooms. So where it keeps putting the lifter elsewhere, BlazePose is asked to look there as well, and if it sees
somebody, follows him from then on.
"""

import math

import numpy as np

from device.camera.frames import Frame
from device.inference.blazepose import BlazePose
from device.inference.choice import SAME, THERE
from device.inference.letterbox import Crop
from device.inference.squatlight_pose import crop_around
from device.squat.pose import JOINTS, Pose, index

LOOK_S = 0.25  # how often our network looks whether BlazePose follows the lifter
TIMES = 2  # so often in a row it must see him elsewhere
STANDS_S = 20.0  # so long after the last handing over BlazePose may go over to the clearer figure again
# Over the tune split of real clips, looked at twice a second, our network puts a trunk elsewhere in 68 of 830 frames;
# in one of them BlazePose sees somebody there.

_JOINTS = index(*JOINTS)
_TRUNK = np.array([index("left_hip", "right_hip"), index("left_shoulder", "right_shoulder")])


class Handover:
    """When to look for the lifter elsewhere, and what came of it.

    Args:
        blazepose: follows somebody.
    """

    def __init__(self, blazepose: BlazePose) -> None:
        self._blazepose = blazepose
        self._look_s = -math.inf  # from when on our network is to look
        self._other: Pose | None = None  # the lifter elsewhere, as our network saw him last
        self._times = 0  # how often in a row
        self._stands_s = -math.inf

    def due(self, now_s: float) -> bool:
        """Whether to look in this frame."""
        return now_s >= self._look_s

    def stands(self, now_s: float) -> bool:
        """Whether BlazePose was handed over so short a time ago that it is to be watched in each frame."""
        return now_s < self._stands_s

    def look(self, frame: Frame, ours: Pose | None, theirs: Pose) -> bool:
        """Hands BlazePose over where it is time to; tells whether it did.

        Args:
            frame: which was estimated last.
            ours: whom our network sees in it.
            theirs: whom BlazePose follows in it.
        """
        now_s = frame.captured_s
        self._look_s = now_s + LOOK_S
        there = self._seen(frame, ours, theirs) if ours is not None and off(ours, theirs) > SAME else None
        if ours is None or there is None:
            self._other, self._times = None, 0
            return False
        again = self._other is not None and off(ours, self._other) < THERE
        self._other, self._times = ours, self._times + 1 if again else 1
        if self._times < TIMES and not self.stands(now_s):
            return False
        self._blazepose.follow(frame, there)
        self._other, self._times, self._stands_s = None, 0, now_s + STANDS_S
        return True

    def _seen(self, frame: Frame, ours: Pose, theirs: Pose) -> Crop | None:
        """From which crop BlazePose follows whom our network sees; None: it sees nobody there, or whom it follows."""
        found = self._blazepose.sees(frame, _crop(ours))
        if found is None or off(found[0], ours) > THERE or off(found[0], theirs) < SAME:
            return None
        return found[1]


def off(one: Pose, other: Pose) -> float:
    """How far two trunks are from each other, in sides of the larger crop; arms may reach over to somebody else."""
    apart_px = np.linalg.norm((one.keypoints - other.keypoints)[_TRUNK].mean(1), axis=-1).mean()
    return float(apart_px / max(_crop(one).side_px, _crop(other).side_px))


def _crop(pose: Pose) -> Crop:
    return crop_around(pose.keypoints[_JOINTS])

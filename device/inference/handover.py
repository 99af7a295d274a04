"""Handing BlazePose over to the lifter while it follows somebody else.

BlazePose goes by head and trunk, so beside a lifter behind plates a spotter is the clearer figure, and it stays with
him. Our network learnt who the lifter is of several people, but it sees people where there are none, too, most of all
in real rooms. So where it puts the lifter elsewhere, BlazePose is asked to look there as well, and if it sees somebody
there who is clearly not whom it follows, follows him from then on. Where it is our network that has left the place
where both saw one person last, it must see him elsewhere for longer. And who stands far from the picture's centre,
beside somebody at it, is no lifter unless both saw him before: cameras are pointed at the rack.
"""

import math

import numpy as np

from device.camera.frames import Frame
from device.inference.blazepose import BlazePose
from device.inference.choice import SAME, THERE, central
from device.inference.letterbox import Crop
from device.inference.squatlight_pose import crop_around
from device.squat.pose import JOINTS, Pose, index

LOOK_S, AGAIN_S = 0.5, 0.25  # how often our network looks who the lifter is; while it sees him elsewhere
SELDOM = 8  # so much longer it waits at most where looks are in vain: nobody is there, or BlazePose sees nobody there
TIMES, PATIENT = 2, 6  # so often in a row both must see him elsewhere; where it is our network that went elsewhere
MET_S = 10.0  # whom both saw longer ago does not tell which of them that is
STANDS_S = 20.0  # for so long after a handing over BlazePose is watched in each frame: whether it goes over again ...
PARTED = 0.08  # ... which trunks so far apart tell, in sides of a crop (where BlazePose is right up to 0.06); then our
VAIN = 3  # network is believed, until so many looks in a row were in vain
CENTRAL = 2.0  # so many times more `choice.central` whom BlazePose follows is kept: at the centre, beside somebody
# 0.29 of the picture's longer side from it or further; a passer-by who was taken for the lifter stood at 0.38
# Chosen on rendered sets. Over the tune split of real clips, looked at twice a second by a script, our network alone
# put the trunk elsewhere in 66 of 764 frames; in one of them BlazePose saw somebody there.

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
        self._vain = 0  # looks in a row that were in vain
        self._met: Pose | None = None  # whom both saw last, or where `stands` is True our network alone
        self._other: Pose | None = None  # the lifter elsewhere, as our network saw him last
        self._times = 0  # how often in a row
        self._stands_s = -math.inf

    def due(self, now_s: float) -> bool:
        """Whether to look in this frame."""
        return now_s >= self._look_s

    def stands(self, now_s: float) -> bool:
        """Whether BlazePose was handed over so short a time ago that it is watched in each frame."""
        return now_s < self._stands_s

    @property
    def elsewhere(self) -> bool:
        """Whether both saw somebody elsewhere at the last look."""
        return self._other is not None

    def strays(self, ours: Pose, theirs: Pose) -> bool:
        """Whether BlazePose, watched, has left the lifter in this frame."""
        parted = off(ours, theirs) > PARTED
        left = self._met is not None and off(ours, self._met) >= off(theirs, self._met)  # our network has, rather
        if not parted:
            self._vain = 0
        elif left or self._vain >= VAIN:
            return False
        self._met = ours
        return parted

    def look(self, frame: Frame, ours: Pose | None, theirs: Pose) -> bool:
        """Hands BlazePose over where it is time to; tells whether it did.

        Args:
            frame: which was estimated last.
            ours: whom our network sees in it.
            theirs: whom BlazePose follows in it.
        """
        now_s = frame.captured_s
        one = ours is not None and off(ours, theirs) <= SAME
        unlikely = ours is not None and not one and self._unlikely(ours, theirs)
        found = None if ours is None or one or unlikely else self._seen(frame, ours, theirs)
        self._vain = 0 if one or found is not None else self._vain + 1
        self._look_s = now_s + (LOOK_S if one or unlikely else AGAIN_S * min(2**self._vain, SELDOM))
        if one:
            self._met = ours
        if ours is None or found is None:
            self._other = None
            return False
        last, self._other = self._other, ours
        again = last is not None and now_s - last.captured_s < TIMES * LOOK_S and off(ours, last) <= THERE
        self._times = self._times + 1 if again else 1
        enough = PATIENT if not self._ours_stayed(ours, theirs) else 1 if self.stands(now_s) else TIMES
        if self._times < enough:
            return False
        person, crop = found
        self._blazepose.follow(frame, crop)
        self._met, self._other = person, None
        if not self.stands(now_s):
            self._stands_s = now_s + STANDS_S
        return True

    def _unlikely(self, ours: Pose, theirs: Pose) -> bool:
        """Whether he whom our network sees stands far aside, and nothing tells that it is BlazePose that has left."""
        if self._met is not None and self._ours_stayed(ours, theirs):
            return False
        return central(around(theirs), theirs.size) > CENTRAL * central(around(ours), ours.size)

    def _ours_stayed(self, ours: Pose, theirs: Pose) -> bool:
        """Nearer to the person whom both saw not long ago; to the side, as a squatter sinks."""
        if self._met is None:
            return True
        if ours.captured_s - self._met.captured_s > MET_S:
            return False
        return abs(_x_px(ours) - _x_px(self._met)) < abs(_x_px(theirs) - _x_px(self._met))

    def _seen(self, frame: Frame, ours: Pose, theirs: Pose) -> tuple[Pose, Crop] | None:
        """Whom BlazePose sees where our network sees somebody; None: nobody, or whom it follows."""
        found = self._blazepose.sees(frame, around(ours))
        there = found is not None and off(found[0], ours) <= SAME and off(found[0], theirs) > THERE
        return found if there else None


def off(one: Pose, other: Pose) -> float:
    """How far two trunks are from each other, in sides of the larger crop; arms may reach over to somebody else."""
    apart_px = np.linalg.norm((one.keypoints - other.keypoints)[_TRUNK].mean(1), axis=-1).mean()
    return float(apart_px / max(around(one).side_px, around(other).side_px))


def _x_px(pose: Pose) -> float:
    return float(pose.keypoints[_TRUNK, 0].mean())


def around(pose: Pose) -> Crop:
    """The crop around somebody's joints."""
    return crop_around(pose.keypoints[_JOINTS])

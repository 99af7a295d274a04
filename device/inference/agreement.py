"""Whether our network is believed over BlazePose about the lifter whom both see.

BlazePose says itself how sure it is of his joints, and where a plate or a post covers them it often puts the hips
wrong. Our network learnt to see past both, but on rendered lifters: in a room that looks like nothing it knows, its
joints are worse than BlazePose's guesses. So it earns its say: as long as both put the hips to one place where
BlazePose is sure, it is believed where BlazePose is not.
"""

import math
from collections import deque

import numpy as np

from device.squat.features import scale_px_per_m
from device.squat.pose import JOINTS, Pose, index

SURE, UNSURE = 2.5, 2.0  # mean log odds of the scores of BlazePose's joints: above the one, below the other
APART_M = 0.1  # hips further apart are in two places; in metres of our network's world
COMPARE_S = 0.5  # how often the two are compared
LAST, TIMES, SHARE = 60, 2, 0.6  # of so many comparisons: so many at least, and agreement in so large a share

_JOINTS, _HIPS = index(*JOINTS), index("left_hip", "right_hip")
_LEAST = 1e-3  # of a score and of what it lacks to 1


class Agreement:
    """What came of comparing the two."""

    def __init__(self) -> None:
        self._agreed: deque[bool] = deque(maxlen=LAST)
        self._last_s = -math.inf

    def due(self, now_s: float) -> bool:
        """Whether to compare them anew, where BlazePose is sure."""
        return now_s - self._last_s >= COMPARE_S

    def note(self, agreed: bool, now_s: float) -> None:
        """Takes what came of it."""
        self._agreed.append(agreed)
        self._last_s = now_s

    def agreed(self, now_s: float) -> bool:
        """Whether they saw one person in one place just now."""
        return now_s - self._last_s < 2 * COMPARE_S and self._agreed[-1]

    def earned(self) -> bool:
        """Whether our network is believed where BlazePose is unsure."""
        return len(self._agreed) >= TIMES and sum(self._agreed) >= SHARE * len(self._agreed)


def certainty(pose: Pose) -> float:
    """How sure BlazePose is of what it finds: the mean log odds of its joints' scores."""
    scores = pose.scores[_JOINTS].astype(float)
    return float(np.log((scores + _LEAST) / (1 - scores + _LEAST)).mean())


def agree(ours: Pose, theirs: Pose) -> bool:
    """Whether both put the hips to one place; not so where our network's scale is unknown."""
    off_px = np.linalg.norm(ours.keypoints[_HIPS].mean(0) - theirs.keypoints[_HIPS].mean(0))
    return bool(off_px < APART_M * scale_px_per_m(ours))

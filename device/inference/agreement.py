"""Whether our network is believed over BlazePose about the lifter whom both see.

BlazePose says itself how sure it is of his joints, and where a plate or a post covers them it often puts the hips
wrong. Our network learnt to see past both, but on rendered lifters: in a room that looks like nothing it knows, its
joints are worse than BlazePose's guesses. So it earns its say: as long as both put the hips to one place where
BlazePose is sure, it is believed where BlazePose is not.
"""

import math
from collections import deque

SURE, UNSURE = 2.5, 2.0  # `certainty` of BlazePose: above the one, below the other
APART_M = 0.1  # hips further apart are in two places; in metres of our network's world
COMPARE_S, SELDOM_S = 0.5, 4.0  # how often the two are compared at most; and where our network has failed ...
FAILED = 10  # ... so many comparisons
LAST, TIMES, SHARE = 60, 2, 0.6  # of so many comparisons: so many at least, and one place in so large a share
KEPT_S = 600.0  # so long after the last comparison it may be another room, or another light
# The levels were chosen on rendered sets and on the tune split of real clips.


class Agreement:
    """What came of comparing the two."""

    def __init__(self) -> None:
        self._same: deque[bool] = deque(maxlen=LAST)
        self._last_s = -math.inf

    def due(self, now_s: float) -> bool:
        """Whether to compare them anew, where BlazePose is sure."""
        failed = len(self._same) >= FAILED and not self.earned(now_s)
        return now_s - self._last_s >= (SELDOM_S if failed else COMPARE_S)

    def note(self, same: bool, now_s: float) -> None:
        """Takes whether both put the hips to one place."""
        self._same.append(same)
        self._last_s = now_s

    def earned(self, now_s: float) -> bool:
        """Whether our network is believed where BlazePose is unsure."""
        enough = TIMES <= len(self._same) <= sum(self._same) / SHARE
        return enough and now_s - self._last_s < KEPT_S

"""Where in the movement the lifter is, frame by frame: standing, eccentric, bottom, concentric, lockout.

A state machine over one number, the height of the hips (`Features.height`). Levels were chosen on the `tune` split of
the labelled clips, where every squat stands at 0.94 or higher and reaches 0.70 or lower; lifters whom plates hide from
the pose model are seen to stand at 0.86 on rendered sets.
"""

import math
from enum import Enum

STANDING_HEIGHT = 0.85  # from here up the lifter stands: knees straighter than about 120 degrees
LEAVING = 0.05  # so far below the height at which he stood the descent has begun
REVERSAL = 0.04  # so far off the lowest or highest point the direction has changed: twice the shiver of the pose
SETTLE_S = 1.0  # time constant with which standing a little lower than before becomes standing
RESTING_S = 0.2  # no further rise for so long: this is as far as he stands up
MIN_REP_S = 0.42  # free fall by 26% of a leg of 0.85 m takes 0.21 s, and so does the way up


class Phase(str, Enum):
    """A part of the movement."""

    STANDING = "standing"
    ECCENTRIC = "eccentric"
    BOTTOM = "bottom"
    CONCENTRIC = "concentric"
    LOCKOUT = "lockout"


class PhaseMachine:
    """Follows the phases; before the lifter was first seen standing the phase is None.

    Attributes:
        phase: the present phase.
        standing_height: height at which the lifter stood last.
        standing_s: last time he was about as high as that.
        lowest: least height since he left standing.
    """

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """Forgets all: the lifter was lost."""
        self.phase: Phase | None = None
        self.standing_height = self.lowest = self._highest = 0.0
        self.standing_s = self._left_s = self._highest_s = self._now_s = 0.0

    def see(self, height: float, now_s: float) -> Phase | None:
        """Takes the next height and gives the phase."""
        step = {
            None: self._unknown,
            Phase.STANDING: self._standing,
            Phase.ECCENTRIC: self._eccentric,
            Phase.BOTTOM: self._bottom,
            Phase.CONCENTRIC: self._concentric,
            Phase.LOCKOUT: self._lockout,
        }[self.phase]
        self.phase = step(height, now_s)
        self._now_s = now_s
        return self.phase

    def _unknown(self, height: float, now_s: float) -> Phase | None:
        if height < STANDING_HEIGHT:
            return None
        self.standing_height, self.standing_s = height, now_s
        return Phase.STANDING

    def _standing(self, height: float, now_s: float) -> Phase:
        if height < min(self.standing_height - LEAVING, STANDING_HEIGHT):
            self.lowest, self._left_s = height, now_s
            return Phase.ECCENTRIC
        if height >= self.standing_height - LEAVING / 2:
            self.standing_s = now_s
        forgotten = 1 - math.exp(-max(now_s - self._now_s, 0) / SETTLE_S)
        self.standing_height = max(height, self.standing_height + forgotten * (height - self.standing_height))
        return Phase.STANDING

    def _eccentric(self, height: float, now_s: float) -> Phase:
        self.lowest = min(self.lowest, height)
        return Phase.BOTTOM if height > self.lowest + REVERSAL / 2 else Phase.ECCENTRIC

    def _bottom(self, height: float, now_s: float) -> Phase:
        if height < self.lowest:
            self.lowest = height
            return Phase.ECCENTRIC
        if height > self.lowest + REVERSAL:
            self._highest, self._highest_s = height, now_s
            return self._concentric(height, now_s)
        return Phase.BOTTOM

    def _concentric(self, height: float, now_s: float) -> Phase:
        if height > self._highest:
            self._highest, self._highest_s = height, now_s
        if height >= STANDING_HEIGHT:
            return self._lockout(height, now_s)
        return Phase.BOTTOM if height <= self.lowest + REVERSAL / 2 else Phase.CONCENTRIC

    def _lockout(self, height: float, now_s: float) -> Phase:
        if height > self._highest + 0.005:
            self._highest, self._highest_s = height, now_s
        rests, sinks = now_s - self._highest_s >= RESTING_S, height < self._highest - REVERSAL
        jumped = now_s - self._left_s < MIN_REP_S  # nobody is so quick
        if sinks and jumped and height < STANDING_HEIGHT:  # he was on his way down
            self.lowest = height
            return Phase.ECCENTRIC
        if rests or sinks:
            self.standing_height, self.standing_s = self._highest, now_s
            return Phase.STANDING
        return Phase.LOCKOUT

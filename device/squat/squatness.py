"""Whether a dip of the hips was a squat, or a lunge, a deadlift, a step, a jump.

Levels lie in the middle of the gaps found on the `tune` split of the labelled clips and on synthetic sets
(`python -m convert levels` prints the latter); what was found stands beside each.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from device.squat.features import Features

MIN_DROP = 0.28  # of the leg's length; squats drop 0.34 or more, dips and side steps 0.15 or less, a skater 0.27
LOW = 0.08  # frames so near to the lowest say what it was
MIN_SHANK_UP = 0.2  # the lower shank; squats 0.40 or more, lunges with the knee near the floor 0.02 or less
MAX_KNEE_DIFFERENCE_DEG = 63.0  # left from right; squats 41 or less, high knees and side lunges 86 or more
MAX_FEET_MOVED = 0.9  # leg lengths, from standing to the bottom; squats 0.82 or less, skaters' steps 1.06
LUNGE_THIGHS, LUNGE_SHANK_UP = 0.57, 0.55  # thighs that differ by so much, over a shank that leans so far: a lunge;
# squats differ by 0.48 or less, or keep the shank above 0.7; lunges 0.61 or more with a shank of 0.38 or less
HINGE_LEAN_DEG = 52.0  # a trunk so far over ...
HINGE_WRISTS = -0.04  # ... hands this low lifts from the floor; squats that lean so far 0.03 or more, deadlifts -0.10
HINGE_DROP = 0.5  # ... unless the hips sink further than for a lift: deadlifts 0.40 or less, squats with low hands 0.67


@dataclass(frozen=True, slots=True)
class Dip:
    """What a way down and up was like; all but drop and feet_moved are medians over the lowest frames.

    Attributes:
        drop: of the hips, leg lengths.
        shank_up: the lower one of the shanks, see `Features`.
        knees_apart_deg: left from right.
        thighs_apart: `Features.thigh_down`, left from right.
        feet_moved: since standing, leg lengths.
        lean_deg: of the trunk.
        wrists_up: over the knees, leg lengths.
    """

    drop: float
    shank_up: float
    knees_apart_deg: float
    thighs_apart: float
    feet_moved: float
    lean_deg: float
    wrists_up: float


def dip(standing: Features, seen: Sequence[Features]) -> Dip:
    """Measures a way down and up.

    Args:
        standing: the lifter before the descent.
        seen: features of each pose from the descent to standing again.
    """
    heights = np.array([f.height for f in seen])
    low = [f for f in seen if f.height <= heights.min() + LOW]
    shank_up, thigh_down, knee_deg, feet = (
        np.median([getattr(f, name) for f in low], axis=0) for name in ("shank_up", "thigh_down", "knee_deg", "feet")
    )
    lean_deg, wrists_up = (float(np.median([getattr(f, name) for f in low])) for name in ("lean_deg", "wrists_up"))
    return Dip(
        drop=float(standing.height - heights.min()),
        shank_up=float(shank_up.min()),
        knees_apart_deg=float(np.ptp(knee_deg)),
        thighs_apart=float(abs(thigh_down[0] - thigh_down[1])),
        feet_moved=float(np.linalg.norm(feet - standing.feet)),
        lean_deg=lean_deg,
        wrists_up=wrists_up,
    )


def is_squat(standing: Features, seen: Sequence[Features]) -> bool:
    """Whether the movement is a squat; arguments as for `dip`."""
    found = dip(standing, seen)
    lunge = found.thighs_apart > LUNGE_THIGHS and found.shank_up < LUNGE_SHANK_UP
    hinge = found.lean_deg > HINGE_LEAN_DEG and found.wrists_up < HINGE_WRISTS and found.drop < HINGE_DROP
    return bool(
        found.drop >= MIN_DROP
        and found.shank_up >= MIN_SHANK_UP
        and found.knees_apart_deg <= MAX_KNEE_DIFFERENCE_DEG
        and found.feet_moved <= MAX_FEET_MOVED
        and not lunge
        and not hinge
    )


def plausible(now: Features) -> bool:
    """Whether a standing or squatting person can look like this; a pose model that lost the lifter gives others."""
    return bool(now.height > 0.1 and now.lean_deg < 100 and now.shank_up.max() > 0.5)

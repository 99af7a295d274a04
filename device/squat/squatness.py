"""Whether a dip of the hips was a squat, or a lunge, a deadlift, a step, a jump.

Levels lie in the middle of the gaps found on the `tune` split of the labelled clips and on synthetic sets (no
command prints the latter yet); what was
found stands beside each.
"""

from collections.abc import Sequence

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


def is_squat(standing: Features, seen: Sequence[Features]) -> bool:
    """Whether the movement is a squat.

    Args:
        standing: the lifter before the descent.
        seen: features of each pose from the descent to standing again.
    """
    heights = np.array([f.height for f in seen])
    drop = standing.height - heights.min()
    if drop < MIN_DROP:
        return False
    low = [f for f in seen if f.height <= heights.min() + LOW]
    shank_up, thigh_down, knee_deg = (
        np.median([getattr(f, name) for f in low], axis=0) for name in ("shank_up", "thigh_down", "knee_deg")
    )
    lean_deg, wrists_up = (np.median([getattr(f, name) for f in low]) for name in ("lean_deg", "wrists_up"))
    feet_moved = np.linalg.norm(np.median([f.feet for f in low], axis=0) - standing.feet)
    lunge = abs(thigh_down[0] - thigh_down[1]) > LUNGE_THIGHS and shank_up.min() < LUNGE_SHANK_UP
    hinge = lean_deg > HINGE_LEAN_DEG and wrists_up < HINGE_WRISTS and drop < HINGE_DROP
    return bool(
        shank_up.min() >= MIN_SHANK_UP
        and np.ptp(knee_deg) <= MAX_KNEE_DIFFERENCE_DEG
        and feet_moved <= MAX_FEET_MOVED
        and not lunge
        and not hinge
    )


def plausible(now: Features) -> bool:
    """Whether a standing or squatting person can look like this; a pose model that lost the lifter gives others."""
    return bool(now.height > 0.1 and now.lean_deg < 100 and now.shank_up.max() > 0.5)

"""Whether a dip of the hips was a squat, or a lunge, a deadlift, a step, a jump.

Levels lie in the middle of the gaps found on the `tune` split of the labelled clips and on 300 synthetic sets; what was
found stands beside each.
"""

from collections.abc import Sequence

import numpy as np

from device.squat.features import Features

MIN_DROP = 0.23  # of the leg's length; squats drop 0.31 or more, dips and side steps 0.15 or less
LOW = 0.08  # frames so near to the lowest say what it was
MIN_SHANK_UP = 0.2  # the lower shank; squats 0.40 or more, lunges with the knee near the floor 0.02 or less
MAX_KNEE_DEG = 130.0  # of the straighter leg; squats below 105, high knees above 155
MAX_FEET_MOVED = 0.5  # leg lengths, from standing to the bottom; squats below 0.44, steps from 0.56
MAX_THIGH_DIFFERENCE = 0.47  # squats 0.27 or less, lunges from 0.67 on
HINGE_LEAN_DEG = 52.0  # a trunk so far over ...
HINGE_WRISTS = -0.04  # ... hands this low lifts from the floor; squats that lean so far 0.03 or more, deadlifts -0.10
HINGE_DROP = 0.5  # ... unless the hips sink further than for a lift: deadlifts 0.36 or less, squats with low hands 0.67


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
    return bool(
        shank_up.min() >= MIN_SHANK_UP
        and abs(thigh_down[0] - thigh_down[1]) <= MAX_THIGH_DIFFERENCE
        and knee_deg.max() <= MAX_KNEE_DEG
        and feet_moved <= MAX_FEET_MOVED
        and not (lean_deg > HINGE_LEAN_DEG and wrists_up < HINGE_WRISTS and drop < HINGE_DROP)
    )


def plausible(now: Features) -> bool:
    """Whether a standing or squatting person can look like this; a pose model that lost the lifter gives others."""
    return bool(now.height > 0.1 and now.lean_deg < 100 and now.shank_up.max() > 0.5)

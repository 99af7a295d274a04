"""One repetition: what was seen of it, and when."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from device.squat.pose import Pose

BOTTOM = 0.12  # heights so near to the lowest belong to the bottom; its middle is the bottom's time (tune split)
PAUSE = 0.03  # heights so near to the lowest are rest: the pause


@dataclass(frozen=True, slots=True)
class Tempo:
    """How long the parts of a rep took, in seconds."""

    eccentric_s: float
    pause_s: float
    concentric_s: float


@dataclass(frozen=True, slots=True)
class Rep:
    """A descent from standing, and what came of it.

    Attributes:
        number: from 1, over the whole session.
        poses: the smoothed poses from `start_s` to the end, in the order of time.
        start_s: when the descent began, on the clock of the frames.
        bottom_s: when the hips were lowest.
        lockout_s: when the lifter stood again; for a failed lift, when it was given up.
        bottom: place of the bottom in `poses`.
        tempo: how long its parts took.
        stood_up: False for a failed lift.
        dropped: frames lost on the way.
        lowest: place of the lowest pose in `poses`; the bottom is the middle of the frames near it.
    """

    number: int
    poses: tuple[Pose, ...]
    start_s: float
    bottom_s: float
    lockout_s: float
    bottom: int
    tempo: Tempo
    stood_up: bool
    dropped: int
    lowest: int = 0


def cut_rep(number: int, poses: Sequence[Pose], heights: Sequence[float], stood_up: bool) -> Rep:
    """Finds the parts of a rep.

    Args:
        number: of the rep.
        poses: smoothed, from the last standing pose on.
        heights: `Features.height` of each.
        stood_up: whether the lifter stood up again.
    """
    height, at_s = np.array(heights), np.array([p.captured_s for p in poses])
    lowest = int(height.argmin())
    near, rest = (_stretch(height <= height[lowest] + level, lowest) for level in (BOTTOM, PAUSE))
    bottom_s = float(at_s[near[0]] + at_s[near[1]]) / 2
    up = height >= height[lowest:].max() - PAUSE
    up[: lowest + 1] = False
    end = int(np.argmax(up)) if stood_up and up.any() else len(poses) - 1
    first_s, last_s = float(at_s[rest[0]]), float(at_s[rest[1]])
    tempo = Tempo(first_s - float(at_s[0]), last_s - first_s, float(at_s[end]) - last_s)
    return Rep(
        number=number,
        poses=tuple(poses),
        start_s=float(at_s[0]),
        bottom_s=bottom_s,
        lockout_s=float(at_s[end]),
        bottom=int(np.abs(at_s - bottom_s).argmin()),
        lowest=lowest,
        tempo=tempo,
        stood_up=stood_up,
        dropped=sum(p.dropped for p in poses),
    )


def _stretch(there: np.ndarray, at: int) -> tuple[int, int]:
    """First and last place of the run of True around `at`."""
    away = np.flatnonzero(~there)
    before, after = away[away < at], away[away > at]
    return int(before[-1]) + 1 if len(before) else 0, int(after[0]) - 1 if len(after) else len(there) - 1

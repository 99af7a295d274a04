"""One repetition: what was seen of it, and when."""

from dataclasses import dataclass

from device.squat.pose import Pose


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

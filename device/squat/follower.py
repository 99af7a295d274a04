"""Follows one lifter through the poses of one network: the phases of his movement, and what is under way."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

from device.squat.features import Features, features
from device.squat.level import Level
from device.squat.phases import MIN_REP_S, Phase, PhaseMachine
from device.squat.pose import Pose
from device.squat.rep import Rep, cut_rep
from device.squat.smoothing import Smoother, without_spikes
from device.squat.squatness import plausible

LOST_S = 2.0  # nobody seen for so long: the lifter is gone, and a rep under way is over
GIVE_UP_S = 12.0  # down for so long: it is over; the longest pause seen in labelled clips lasted 6 s
STANDS = 0.97  # `Features.height` of a lifter who stands: BlazePose's world gives 0.95 to 0.99
WORLD_SHARE = 0.25  # in the height; the picture has the rest, see `Follower._features`
UP_AND_DOWN = (Phase.ECCENTRIC, Phase.BOTTOM, Phase.CONCENTRIC)


@dataclass(frozen=True, slots=True)
class Movement:
    """A way down, and up as far as it went.

    Attributes:
        seen: features of each pose.
        heights: `Features.height` of each, without spikes.
        rep: all of it as a rep.
    """

    seen: Sequence[Features]
    heights: Sequence[float]
    rep: Rep


class Follower:
    """What one network's poses say of the lifter.

    Attributes:
        phases: of the movement.
        pose: the newest, smoothed.
        level: which way is up.
        track: poses and features since the lifter last stood still.
    """

    def __init__(self) -> None:
        self.phases, self.level = PhaseMachine(), Level()
        self.pose: Pose | None = None
        self.track: list[tuple[Pose, Features]] = []
        self._smoother = Smoother()
        self._seen_s: float | None = None

    def lost(self, now_s: float) -> bool:
        """Whether nobody was seen for so long that the lifter has gone."""
        return self._seen_s is not None and now_s - self._seen_s > LOST_S

    def see(self, pose: Pose | None, now_s: float) -> tuple[Phase | None, Phase | None] | None:
        """Takes the next pose and gives the phase before it and in it; None where nobody was seen who can be.

        Args:
            pose: as the network gave it; smoothing is done here.
            now_s: when the frame was captured.
        """
        smooth = self._smoother.see(pose) if pose is not None else None
        self.pose = smooth
        now = self._features(smooth) if smooth is not None else None
        if smooth is None or now is None or not plausible(now):
            return None
        self._seen_s = now_s
        before, phase = self.phases.phase, self.phases.see(now.height, now_s)
        self.track.append((smooth, now))
        if phase is None:
            self.track = self.track[-1:]  # who sits there for hours is no rep
        elif phase is Phase.STANDING and before in (None, Phase.STANDING):
            self.track = [(p, f) for p, f in self.track if p.captured_s >= self.phases.standing_s]
        return before, phase

    @property
    def under_way_s(self) -> float | None:
        """When what is under way began; None where nothing is."""
        there = self.phases.phase in (*UP_AND_DOWN, Phase.LOCKOUT)
        return self.track[0][0].captured_s if there else None

    @property
    def poses(self) -> list[Pose]:
        """The poses of what is under way."""
        # No tuple, as one is made of every length while a lifter goes down: CPython 3.11 keeps 2000 dead ones of 20.
        return [p for p, _ in self.track]

    def cut(self, stood_up: bool) -> Movement | None:
        """What is under way; None where it is too short. Its rep has no number yet."""
        seen = [f for _, f in self.track]
        if len(seen) < 3:
            return None
        heights = without_spikes([f.height for f in seen], [p.captured_s for p, _ in self.track])
        rep = cut_rep(0, self.poses, heights, stood_up)
        return Movement(seen, heights, rep) if rep.lockout_s - rep.start_s >= MIN_REP_S else None

    def stand(self) -> None:
        """What was under way is over: the next begins where he stands now."""
        self.track = self.track[-1:]

    def leave(self) -> None:
        """Nobody watches from here on: what is under way is dropped."""
        self.phases.reset()
        self.track = []

    def forget(self) -> None:
        """What is under way is dropped, and nobody is there until somebody is seen."""
        self.leave()
        self._seen_s = None

    def _features(self, pose: Pose) -> Features:
        """Features over the floor; the height is made of what the world and the picture say.

        The world errs where a pose model has to guess (from behind, from above or with hidden legs a squat looks half
        as deep), the picture where hips come nearer to the camera.
        """
        if pose.world is None:
            return features(pose)
        levelled = self.level.see(pose, pose.world)
        seen = features(replace(pose, world=levelled))
        height = self.level.height_in_picture(pose, levelled) * STANDS
        if math.isnan(height):
            return seen
        return replace(seen, height=WORLD_SHARE * seen.height + (1 - WORLD_SHARE) * height)

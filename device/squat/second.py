"""The second judge: reps that our own pose network sees while the first judge, on BlazePose's poses, sees none.

Behind plates and posts BlazePose makes up a body, at times a whole set long and sure of it. Our network learnt on
lifters behind both; but it sees squats in real rooms where there are none. So it is heard only where the network that
tells squats is as good as certain, and where BlazePose was unsure of the lifter meanwhile, or followed somebody else:
where it saw him clearly the first judge's silence is an answer. How deep such a rep was is not told. Levels were chosen
on the rendered sets of seeds 89 to 96 and on real clips without squats.
"""

import math
from collections import deque
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from device.squat.features import Features, apart_m, certainty
from device.squat.follower import GIVE_UP_S, UP_AND_DOWN, Follower
from device.squat.phases import Phase
from device.squat.pose import Pose, index
from device.squat.rep import Rep
from device.squat.squatness import HIPS_SEEN, SquatNetwork, is_squat

CERTAIN = 0.97  # of the network: so likely it must be a squat; of 109 other movements by bodies that trained nothing
# none is 0.95 or more, of 139 squats 129 are 0.97; in a real clip one that BlazePose sees clearly is 0.994
CLEAR = 3.0  # median `certainty` of BlazePose over a rep from which on it saw the lifter clearly; of 10 reps that it
# saw wrongly 8 have -0.4 to 2.9, good mornings that our network took for squats 3.3 to 3.8
BESIDE_S = 0.3  # whom the first judge saw lowest so long before or after a rep was in it
ELSEWHERE_M = 0.3  # hips so far from where our network sees them are somebody else's, or made up
KEPT = 16  # the reps that the first judge counted last are remembered
KEPT_S = 2 * GIVE_UP_S  # and for so long how clearly he saw

_HIPS = index("left_hip", "right_hip")


class _Sight(NamedTuple):
    at_s: float
    certainty: float
    hips_seen: float


class SecondJudge:
    """Watches beside the first judge.

    Args:
        network: tells squats from other ways down and up.
    """

    def __init__(self, network: SquatNetwork) -> None:
        self._network = network
        self._lifter = Follower()
        self._counted: deque[float] = deque(maxlen=KEPT)  # when he was lowest
        self._sights: deque[_Sight] = deque()
        self._dropped = 0  # frames since our network looked last
        self._waiting: list[tuple[Rep, list[Features]]] = []

    def see(self, pose: Pose | None, now_s: float) -> None:
        """Takes the lifter as the first judge was shown him, and with him how our network sees him."""
        ours = pose.second if pose is not None else None
        self._dropped += pose.dropped if pose is not None else 0
        if pose is not None and ours is not None:
            self._note_sight(pose, ours)
            ours, self._dropped = replace(ours, dropped=self._dropped), 0
        lifter = self._lifter
        if lifter.lost(now_s):
            self.finish()
            lifter.level.forget_lifter()
        step = lifter.see(ours, now_s)
        if step is None:
            return
        before, phase = step
        if phase in UP_AND_DOWN and now_s - lifter.track[0][0].captured_s > GIVE_UP_S:
            lifter.forget()
        elif phase is Phase.STANDING and before is Phase.LOCKOUT:
            self._consider()
            lifter.stand()

    def finish(self) -> None:
        """Nothing more is seen of what is under way."""
        if self._lifter.phases.phase is Phase.LOCKOUT:
            self._consider()
        self._lifter.forget()

    def leave(self) -> None:
        """Nobody watches from here on: what is under way, or waits for the first judge, is never told."""
        self._lifter.leave()
        self._waiting.clear()

    def hear(self, rep: Rep) -> None:
        """Takes a rep that the first judge counts."""
        self._counted.append(rep.poses[rep.lowest].captured_s)

    def due(self, under_way_s: float | None) -> list[tuple[Rep, list[Features]]]:
        """Reps that the first judge has not counted and can no longer count; each is given once.

        Args:
            under_way_s: since when something is under way of which he will speak; None where nothing is.
        """
        if not self._waiting:
            return []
        waiting = [(rep, seen) for rep, seen in self._waiting if not self._known(rep)]
        ready = [under_way_s is None or under_way_s >= rep.lockout_s for rep, _ in waiting]
        self._waiting = [one for one, now in zip(waiting, ready, strict=True) if not now]
        return [one for one, now in zip(waiting, ready, strict=True) if now]

    def _consider(self) -> None:
        movement = self._lifter.cut(stood_up=True)
        if movement is None or self._known(movement.rep) or self._clear(movement.rep):
            return
        p_squat = self._network(movement.rep)
        if p_squat is None or p_squat < CERTAIN:
            return
        if is_squat(movement.seen, movement.heights, True, p_squat):
            self._waiting.append((movement.rep, list(movement.seen)))

    def _known(self, rep: Rep) -> bool:
        """Whether the first judge has counted it. Two that he took for one are the one in which he saw him lowest."""
        return any(rep.start_s - BESIDE_S < lowest_s < rep.lockout_s + BESIDE_S for lowest_s in self._counted)

    def _note_sight(self, pose: Pose, ours: Pose) -> None:
        now_s = ours.captured_s
        if self._sights and now_s < self._sights[-1].at_s:  # another clock
            self._sights.clear()
            self._counted.clear()
        while self._sights and now_s - self._sights[0].at_s > KEPT_S:
            self._sights.popleft()
        sure = -math.inf if apart_m(ours, pose) > ELSEWHERE_M else certainty(pose)
        self._sights.append(_Sight(now_s, sure, float(pose.scores[_HIPS].min())))

    def _clear(self, rep: Rep) -> bool:
        """Whether BlazePose was sure of the lifter meanwhile, as a rule, and saw his hips."""
        sights = [sight for sight in self._sights if rep.start_s <= sight.at_s <= rep.lockout_s]
        if not sights:
            return False
        sure, hips_seen = (np.median([getattr(sight, of) for sight in sights]) for of in ("certainty", "hips_seen"))
        return bool(sure >= CLEAR and hips_seen >= HIPS_SEEN)

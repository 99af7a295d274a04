"""The second judge: reps that our own pose network sees while the first judge, on BlazePose's poses, sees none.

Behind plates and posts BlazePose makes up a body, at times a whole set long and sure of it. Our network learnt on
lifters behind both; but it sees squats in real rooms where there are none. So it is heard only where the network that
tells squats is as good as certain, and where the first judge has not seen that movement himself: counted it, or seen it
clearly and not taken it for a squat. How deep such a rep was is not told. Levels were chosen on the rendered sets of
seeds 89 to 93 and on real clips without squats, where what it wrongly takes for one reached 0.987.
"""

from collections import deque
from dataclasses import dataclass

import numpy as np

from device.squat.features import Features, certainty
from device.squat.follower import GIVE_UP_S, UP_AND_DOWN, Follower, Movement
from device.squat.phases import Phase
from device.squat.pose import Pose
from device.squat.rep import Rep
from device.squat.squatness import HIPS_SEEN, SquatNetwork, dip, is_squat

CERTAIN = 0.99  # of the network: so likely it must be a squat
SURE = 3.0  # `certainty` from which on the first judge has seen it clearly; where he was wrong -0.4 to 2.9
SEEN_DROP = 0.3  # of the leg: less is no dip that can be taken for the same movement
SHARE = 0.5  # of the second's rep: so much of it is one movement with what the first saw
KEPT = 16  # the first's last movements are remembered


@dataclass(frozen=True, slots=True)
class _Span:
    start_s: float
    lockout_s: float
    counted: bool

    def answers(self, rep: Rep) -> bool:
        """Whether the first judge has said what there is to say of a rep."""
        shared_s = min(self.lockout_s, rep.lockout_s) - max(self.start_s, rep.start_s)
        return shared_s > (0.0 if self.counted else SHARE * (rep.lockout_s - rep.start_s))


class SecondJudge:
    """Watches beside the first judge.

    Args:
        network: tells squats from other ways down and up.
    """

    def __init__(self, network: SquatNetwork) -> None:
        self._network = network
        self._lifter = Follower()
        self._said: deque[_Span] = deque(maxlen=KEPT)
        self._waiting: list[tuple[Rep, list[Features]]] = []

    def see(self, pose: Pose | None, now_s: float) -> None:
        """Takes how our network sees a frame; None where it saw nobody, or did not look."""
        lifter = self._lifter
        if lifter.lost(now_s):
            self.finish()
            lifter.level.forget_lifter()
        step = lifter.see(pose, now_s)
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

    def hear(self, movement: Movement, counted: bool) -> None:
        """Takes a movement of which the first judge has said whether it counts."""
        rep = movement.rep
        if counted or (dip(movement.seen, movement.heights).drop >= SEEN_DROP and _clear(movement)):
            self._said.append(_Span(rep.start_s, rep.lockout_s, counted))

    def due(self, under_way_s: float | None) -> list[tuple[Rep, list[Features]]]:
        """Reps of which the first judge has said nothing and can say nothing more; each is given once.

        Args:
            under_way_s: since when something is under way of which he will speak; None where nothing is.
        """
        if not self._waiting:
            return []
        waiting = [(rep, seen) for rep, seen in self._waiting if not self._answered(rep)]
        ready = [under_way_s is None or under_way_s >= rep.lockout_s for rep, _ in waiting]
        self._waiting = [one for one, now in zip(waiting, ready, strict=True) if not now]
        return [one for one, now in zip(waiting, ready, strict=True) if now]

    def _consider(self) -> None:
        movement = self._lifter.cut(stood_up=True)
        if movement is None or self._answered(movement.rep):
            return
        p_squat = self._network(movement.rep)
        if p_squat is None or p_squat < CERTAIN:
            return
        if is_squat(movement.seen, movement.heights, True, p_squat):
            self._waiting.append((movement.rep, list(movement.seen)))

    def _answered(self, rep: Rep) -> bool:
        return any(span.answers(rep) for span in self._said)


def _clear(movement: Movement) -> bool:
    """Whether the first judge's pose model was sure of the lifter, as a rule, and saw his hips."""
    sure = np.median([certainty(pose) for pose in movement.rep.poses])
    return bool(sure >= SURE and np.median([f.hips_seen for f in movement.seen]) >= HIPS_SEEN)

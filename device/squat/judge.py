"""The judge: poses in, events out. Streaming, and the same code live and in a replay."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from device.squat import depth as depths
from device.squat.bar import Velocity, bar_velocity
from device.squat.events import DepthReached, Event, LifterLost, PhaseChanged, RepJudged
from device.squat.features import Features, view_deg
from device.squat.follower import GIVE_UP_S, UP_AND_DOWN, Follower
from device.squat.form import Form, FormNetwork
from device.squat.perspective import Optics
from device.squat.phases import Phase, PhaseMachine
from device.squat.pose import Pose
from device.squat.rep import Rep
from device.squat.rulebook import Observation, Rules, judge
from device.squat.second import SecondJudge
from device.squat.squatness import MIN_DROP, ON_BAR, SquatNetwork, is_squat

THIGH_POSES = 5  # enough of the standing lifter to know the thigh's length while the rep is under way
ATTEMPT = 0.08  # a rise by so much is an attempt to stand up; as much down again, and it has failed: rendered lifters
# who fail sink by 0.12 or more, one who shifts about on a box by 0.05
BOTTOM_S = 0.12  # poses so near to the lowest give the depth
PITCH_BIAS_DEG = 5.0  # rendered sets: 3 degrees too much, standard deviation 8 (`python -m convert levels --rendered`)
UNSEEN_S = 0.4  # nobody seen for so long beside the lowest pose: how deep it went is not known
MIN_RISE_S = 0.15  # nobody rises faster: the pose model has jumped to somebody who stands; real clips 0.27 s and more


@dataclass(frozen=True, slots=True)
class JudgeSettings:
    """How to judge.

    Attributes:
        method: name of the depth estimator.
        height_cm: the lifter's height; None = unknown.
        optics: the camera.
        learn_pitch: whether the camera's pitch is learnt from the standing lifter, not taken from `optics`.
        rules: when a rep is good, and when to abstain.
        set_gap_s: rest between two reps from which on a new set begins.
        velocity: whether the bar's is told; our own pose network gives rough ends unasked.
    """

    method: str = depths.DEFAULT
    height_cm: float | None = None
    optics: Optics = field(default_factory=Optics)
    learn_pitch: bool = True
    rules: Rules = field(default_factory=Rules)
    set_gap_s: float = 60.0
    velocity: bool = False


class Judge:
    """Follows one lifter and judges each rep.

    Args:
        settings: how to judge.
        depth_network: what the depth estimator `network` runs.
        form_network: says of a rep how good its form is; None = nobody does.
        squat_network: says of each way down and up how likely it is a squat; None = rules alone do, and nobody judges
            beside it what our own pose network sees.

    Raises:
        ValueError: the settings ask for `network`, and there is none.
    """

    def __init__(
        self,
        settings: JudgeSettings | None = None,
        depth_network: depths.Network | None = None,
        form_network: FormNetwork | None = None,
        squat_network: SquatNetwork | None = None,
    ) -> None:
        self.settings = settings or JudgeSettings()
        if self.settings.method == depths.NETWORK and depth_network is None:
            raise ValueError("the depth estimator network needs a network")
        self._depth_network, self._form_network, self._squat_network = depth_network, form_network, squat_network
        self.reps = 0
        self._set, self._set_rep, self._last_rep_s = 1, 0, -np.inf
        self._lifter = Follower()
        self._second = SecondJudge(squat_network) if squat_network is not None else None
        self._deep = False

    @property
    def phases(self) -> PhaseMachine:
        """The phases of the movement."""
        return self._lifter.phases

    @property
    def pose(self) -> Pose | None:
        """The newest pose, smoothed."""
        return self._lifter.pose

    def see(self, pose: Pose | None, now_s: float) -> Iterator[Event]:
        """Takes the pose of the next frame, None where nobody was found, and yields what follows from it.

        Args:
            pose: as the pose model gave it; smoothing is done here.
            now_s: when the frame was captured.
        """
        yield from self._see(pose, now_s)
        if self._second is not None:
            self._second.see(pose, now_s)
            yield from self._hear_second(now_s)

    def _see(self, pose: Pose | None, now_s: float) -> Iterator[Event]:
        lifter = self._lifter
        if lifter.lost(now_s):
            yield from self._finish(now_s)
            lifter.level.forget_lifter()
            yield LifterLost(now_s)
        step = lifter.see(pose, now_s)
        if step is None:
            return
        before, phase = step
        if phase is not before and phase is not None:
            yield PhaseChanged(now_s, phase)
        if phase in UP_AND_DOWN:
            yield from self._reached_depth(now_s)
            if now_s - lifter.track[0][0].captured_s > GIVE_UP_S:
                if not self._deep:
                    yield from self._finish(now_s)
                elif np.median([f.hands_down for _, f in lifter.track]) <= ON_BAR:  # else he has sat down
                    yield from self._judge(now_s, stood_up=False)
                self._forget()
        elif phase is Phase.STANDING and before is Phase.LOCKOUT:
            yield from self._judge(now_s, stood_up=True)
            lifter.stand()
            self._deep = False

    def finish(self, now_s: float) -> Iterator[Event]:
        """Judges what is under way as far as it went: stood up or failed; cut in the middle it is no rep."""
        yield from self._finish(now_s)
        if self._second is not None:
            self._second.finish()
            yield from self._hear_second(now_s)

    def _finish(self, now_s: float) -> Iterator[Event]:
        if self.phases.phase is Phase.LOCKOUT:
            yield from self._judge(now_s, stood_up=True)
        elif self.phases.phase in UP_AND_DOWN and sank_back([f.height for _, f in self._lifter.track]):
            yield from self._judge(now_s, stood_up=False)
        self._forget()

    def leave(self) -> None:
        """Nobody watches from here on: what is under way is never judged."""
        self._lifter.leave()
        self._deep = False
        if self._second is not None:
            self._second.leave()

    def reset_set(self) -> int:
        """Ends the set; returns the number of the one that the next rep begins."""
        self._set, self._set_rep = self._set + (self._set_rep > 0), 0
        return self._set

    def _forget(self) -> None:
        self._lifter.forget()
        self._deep = False

    def _reached_depth(self, now_s: float) -> Iterator[Event]:
        if self._deep or self.phases.phase is Phase.CONCENTRIC:  # who rises goes no deeper
            return
        if self.phases.standing_height - self.phases.lowest < MIN_DROP:
            return
        poses = self._lifter.poses
        found = self._depth(poses[-1:], poses[:THIGH_POSES], poses, now_s)
        if found is not None and found.margin > 0:
            self._deep = True
            yield DepthReached(now_s, found.p_below)

    def _judge(self, now_s: float, stood_up: bool) -> Iterator[Event]:
        movement = self._lifter.cut(stood_up)
        if movement is None:
            return
        seen, heights, rep = movement.seen, movement.heights, movement.rep
        p_squat = self._squat_network(rep) if self._squat_network is not None else None
        if not is_squat(seen, heights, stood_up, p_squat):
            return
        if self._second is not None:
            self._second.hear(rep)
        around = around_lowest(rep.poses, heights)
        lowest_s = rep.poses[rep.lowest].captured_s
        depth = self._depth(around, rep.poses, rep.poses, lowest_s) if around else None
        knees = [f.knee_deg.max() for p, f in self._lifter.track if p.captured_s >= rep.lockout_s]
        observed = Observation(
            stood_up, float(max(knees)) if knees else None, depth.p_below if depth else None, _view_deg(seen),
            seen_rising=not stood_up or rep.tempo.concentric_s >= MIN_RISE_S,
        )  # fmt: skip
        network = self._form_network if depth is not None else None  # of hips that nobody saw it could only guess
        form = network(rep, self.settings.optics) if network is not None else None
        wanted = self.settings.velocity and stood_up
        velocity = bar_velocity(rep, depths.thigh_m(self.settings.height_cm), self._optics) if wanted else None
        yield self._count(now_s, rep, observed, depth, form, velocity)

    def _hear_second(self, now_s: float) -> Iterator[Event]:
        if self._second is not None:
            for rep, seen in self._second.due(self._lifter.under_way_s):
                yield self._count(now_s, rep, Observation(True, None, None, _view_deg(seen)))

    def _count(
        self,
        now_s: float,
        rep: Rep,
        observed: Observation,
        depth: depths.Depth | None = None,
        form: Form | None = None,
        velocity: Velocity | None = None,
    ) -> RepJudged:
        self.reps += 1
        if rep.start_s - self._last_rep_s > self.settings.set_gap_s:
            self.reset_set()
        self._set_rep, self._last_rep_s = self._set_rep + 1, max(self._last_rep_s, rep.lockout_s)
        verdict = judge(self.settings.rules, observed, rep.poses[rep.bottom].index)
        numbered = replace(rep, number=self.reps)
        return RepJudged(now_s, numbered, depth, form, verdict, self._set, self._set_rep, observed.view_deg, velocity)

    def _depth(
        self, poses: Sequence[Pose], around: Sequence[Pose], rep: Sequence[Pose], lowest_s: float
    ) -> depths.Depth | None:
        s, optics = self.settings, self._optics
        if s.method == depths.NETWORK and self._depth_network is not None:
            return depths.estimate_by_network(self._depth_network, rep, lowest_s, optics, s.height_cm)
        return depths.estimate(poses, around, s.method, optics, s.height_cm)

    @property
    def _optics(self) -> Optics:
        """The camera, its pitch as learnt where it is to be learnt."""
        s = self.settings
        return replace(s.optics, pitch_deg=self.pitch_deg) if s.learn_pitch else s.optics

    @property
    def pitch_deg(self) -> float:
        """How far the camera looks down, as learnt from the standing lifter."""
        return self._lifter.level.pitch_deg - PITCH_BIAS_DEG


def sank_back(heights: Sequence[float]) -> bool:
    """Whether a lifter who had begun to rise went down again."""
    height = np.array(heights)
    risen = height - np.minimum.accumulate(height)
    attempt = np.maximum.accumulate(np.where(risen >= ATTEMPT, height, -np.inf))
    return bool((attempt - height).max() >= ATTEMPT)


def around_lowest(poses: Sequence[Pose], heights: Sequence[float]) -> list[Pose]:
    """The poses that tell the depth; none where the lifter was not seen on his way through the bottom."""
    at_s = np.array([p.captured_s for p in poses])
    lowest = int(np.argmin(heights))
    gaps_s = np.diff(at_s)
    beside = gaps_s[max(lowest - 1, 0) : lowest + 1]
    if len(beside) and beside.max() > max(UNSEEN_S, 2 * float(np.median(gaps_s))):
        return []
    return [p for p in poses if abs(p.captured_s - at_s[lowest]) <= BOTTOM_S]


def _view_deg(seen: Sequence[Features]) -> float:
    return view_deg(np.sum([f.lateral for f in seen], axis=0))

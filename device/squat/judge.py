"""The judge: poses in, events out. Streaming, and the same code live and in a replay."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from device.squat import depth as depths
from device.squat.bar import bar_velocity
from device.squat.events import DepthReached, Event, LifterLost, PhaseChanged, RepJudged
from device.squat.features import Features, features, view_deg
from device.squat.form import FormNetwork
from device.squat.level import Level
from device.squat.perspective import Optics
from device.squat.phases import MIN_REP_S, Phase, PhaseMachine
from device.squat.pose import Pose
from device.squat.rep import Rep, Tempo
from device.squat.rulebook import Observation, Rules, judge
from device.squat.smoothing import Smoother, without_spikes
from device.squat.squatness import MIN_DROP, ON_BAR, SquatNetwork, is_squat, plausible

LOST_S = 2.0  # nobody seen for so long: the lifter is gone, and a rep under way is over
GIVE_UP_S = 12.0  # down for so long: it is over; the longest pause seen in labelled clips lasted 6 s
BOTTOM = 0.12  # heights so near to the lowest belong to the bottom; its middle is the bottom's time (tune split)
THIGH_POSES = 5  # enough of the standing lifter to know the thigh's length while the rep is under way
STANDS = 0.97  # `Features.height` of a lifter who stands: BlazePose's world gives 0.95 to 0.99
ATTEMPT = 0.08  # a rise by so much is an attempt to stand up; as much down again, and it has failed: rendered lifters
# who fail sink by 0.12 or more, one who shifts about on a box by 0.05
PAUSE = 0.03  # heights so near to the lowest are rest: the pause
BOTTOM_S = 0.12  # poses so near to the lowest give the depth
PITCH_BIAS_DEG = 5.0  # rendered sets: 3 degrees too much, standard deviation 8 (`python -m convert levels --rendered`)
WORLD_SHARE = 0.25  # in the height; the picture has the rest, see `_features`
UNSEEN_S = 0.4  # nobody seen for so long beside the lowest pose: how deep it went is not known
MIN_RISE_S = 0.15  # nobody rises faster: the pose model has jumped to somebody who stands; real clips 0.27 s and more
_UP_AND_DOWN = (Phase.ECCENTRIC, Phase.BOTTOM, Phase.CONCENTRIC)


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
        squat_network: says of each way down and up how likely it is a squat; None = rules alone do.

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
        self.phases = PhaseMachine()
        self.reps = 0
        self.pose: Pose | None = None  # the newest, smoothed
        self._set, self._set_rep, self._last_rep_s = 1, 0, -np.inf
        self._smoother, self._level = Smoother(), Level()
        self._seen_s: float | None = None
        self._deep = False
        self._track: list[tuple[Pose, Features]] = []  # since the lifter last stood still

    def see(self, pose: Pose | None, now_s: float) -> Iterator[Event]:
        """Takes the pose of the next frame, None where nobody was found, and yields what follows from it.

        Args:
            pose: as the pose model gave it; smoothing is done here.
            now_s: when the frame was captured.
        """
        if self._seen_s is not None and now_s - self._seen_s > LOST_S:
            yield from self.finish(now_s)
            self._level.forget_lifter()
            yield LifterLost(now_s)
        smooth = self._smoother.see(pose) if pose is not None else None
        self.pose = smooth
        now = self._features(smooth) if smooth is not None else None
        if smooth is None or now is None or not plausible(now):
            return
        self._seen_s = now_s
        before, phase = self.phases.phase, self.phases.see(now.height, now_s)
        self._track.append((smooth, now))
        if phase is None:
            self._track = self._track[-1:]  # who sits there for hours is no rep
        elif phase is Phase.STANDING and before in (None, Phase.STANDING):
            self._track = [(p, f) for p, f in self._track if p.captured_s >= self.phases.standing_s]
        if phase is not before and phase is not None:
            yield PhaseChanged(now_s, phase)
        if phase in _UP_AND_DOWN:
            yield from self._reached_depth(now_s)
            if now_s - self._track[0][0].captured_s > GIVE_UP_S:
                if not self._deep:
                    yield from self.finish(now_s)
                elif np.median([f.hands_down for _, f in self._track]) <= ON_BAR:  # else he has sat down
                    yield from self._judge(now_s, stood_up=False)
                self._forget()
        elif phase is Phase.STANDING and before is Phase.LOCKOUT:
            yield from self._judge(now_s, stood_up=True)
            self._track, self._deep = self._track[-1:], False

    def finish(self, now_s: float) -> Iterator[Event]:
        """Judges what is under way as far as it went: stood up or failed; cut in the middle it is no rep."""
        if self.phases.phase is Phase.LOCKOUT:
            yield from self._judge(now_s, stood_up=True)
        elif self.phases.phase in _UP_AND_DOWN and sank_back([f.height for _, f in self._track]):
            yield from self._judge(now_s, stood_up=False)
        self._forget()

    def leave(self) -> None:
        """Nobody watches from here on: what is under way is never judged."""
        self.phases.reset()
        self._deep, self._track = False, []

    def reset_set(self) -> int:
        """Ends the set; returns the number of the one that the next rep begins."""
        self._set, self._set_rep = self._set + (self._set_rep > 0), 0
        return self._set

    def _features(self, pose: Pose) -> Features:
        """Features over the floor; the height is made of what the world and the picture say.

        The world errs where a pose model has to guess (from behind, from above or with hidden legs a squat looks half
        as deep), the picture where hips come nearer to the camera.
        """
        if pose.world is None:
            return features(pose)
        levelled = self._level.see(pose, pose.world)
        seen = features(replace(pose, world=levelled))
        height = self._level.height_in_picture(pose, levelled) * STANDS
        if math.isnan(height):
            return seen
        return replace(seen, height=WORLD_SHARE * seen.height + (1 - WORLD_SHARE) * height)

    def _forget(self) -> None:
        self.leave()
        self._seen_s = None

    def _reached_depth(self, now_s: float) -> Iterator[Event]:
        if self._deep or self.phases.phase is Phase.CONCENTRIC:  # who rises goes no deeper
            return
        if self.phases.standing_height - self.phases.lowest < MIN_DROP:
            return
        poses = self._poses()
        found = self._depth(poses[-1:], poses[:THIGH_POSES], poses, now_s)
        if found is not None and found.margin > 0:
            self._deep = True
            yield DepthReached(now_s, found.p_below)

    def _cut(self, stood_up: bool) -> tuple[list[Features], list[float], Rep] | None:
        """What is under way: features, heights without spikes, and all of it as a rep; None where it is too short."""
        seen = [f for _, f in self._track]
        if len(seen) < 3:
            return None
        heights = without_spikes([f.height for f in seen], [p.captured_s for p, _ in self._track])
        rep = cut_rep(self.reps + 1, self._poses(), heights, stood_up)
        return (seen, heights, rep) if rep.lockout_s - rep.start_s >= MIN_REP_S else None

    def _judge(self, now_s: float, stood_up: bool) -> Iterator[Event]:
        cut = self._cut(stood_up)
        if cut is None:
            return
        seen, heights, rep = cut
        p_squat = self._squat_network(rep) if self._squat_network is not None else None
        if not is_squat(seen, heights, stood_up, p_squat):
            return
        self.reps += 1
        if rep.start_s - self._last_rep_s > self.settings.set_gap_s:
            self.reset_set()
        self._set_rep, self._last_rep_s = self._set_rep + 1, rep.lockout_s
        around = around_lowest(rep.poses, heights)
        lowest_s = rep.poses[rep.lowest].captured_s
        depth = self._depth(around, rep.poses, rep.poses, lowest_s) if around else None
        view = view_deg(np.sum([f.lateral for f in seen], axis=0))
        knees = [f.knee_deg.max() for p, f in self._track if p.captured_s >= rep.lockout_s]
        observed = Observation(
            stood_up, float(max(knees)) if knees else None, depth.p_below if depth else None, view,
            seen_rising=not stood_up or rep.tempo.concentric_s >= MIN_RISE_S,
        )  # fmt: skip
        verdict = judge(self.settings.rules, observed, rep.poses[rep.bottom].index)
        network = self._form_network if depth is not None else None  # of hips that nobody saw it could only guess
        form = network(rep) if network is not None else None
        wanted = self.settings.velocity and stood_up
        velocity = bar_velocity(rep, depths.thigh_m(self.settings.height_cm), self._optics) if wanted else None
        yield RepJudged(now_s, rep, depth, form, verdict, self._set, self._set_rep, view, velocity)

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
        return self._level.pitch_deg - PITCH_BIAS_DEG

    def _poses(self) -> list[Pose]:
        # No tuple, as one is made of every length while a lifter goes down: CPython 3.11 keeps 2000 dead ones of 20.
        return [p for p, _ in self._track]


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


def _stretch(there: np.ndarray, at: int) -> tuple[int, int]:
    """First and last place of the run of True around `at`."""
    away = np.flatnonzero(~there)
    before, after = away[away < at], away[away > at]
    return int(before[-1]) + 1 if len(before) else 0, int(after[0]) - 1 if len(after) else len(there) - 1


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

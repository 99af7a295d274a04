"""What one person does in a clip, complete: bones, load, phases, reps, faults."""

from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from convert.synth import rotation as rot
from convert.synth.body import SIDES, Body, bone_rows
from convert.synth.holds import BAR_RADIUS_M, PALM_M, Hold
from convert.synth.posture import Posture
from convert.synth.skeleton import Bones, place
from convert.synth.squat import SHOE_SOLE_M, Style, legs, squat, still
from convert.synth.tempo import PHASES, Timeline
from device.squat.form import FAULTS

Array = NDArray[np.float64]
FAULT_NAMES = tuple(FAULTS)


@dataclass(frozen=True)
class Load:
    """A barbell or dumbbell in T frames: turns (T, 3, 3) and middles (T, 3)."""

    name: str
    turns: Array
    at: Array


@dataclass(frozen=True)
class Performance:
    """One person's clip.

    Attributes:
        kind: "squat" or the name of another exercise.
        body: who.
        posture: how.
        bones: where every bone is.
        load: what is held, or None.
        fps: frames per second.
        phase: (T,) rows of tempo.PHASES.
        spans: per rep the frames (start, lockout) and whether it was stood up; only squats have reps.
        spine_deg: (T, 2) flexion of the spine and tilt of the pelvis against standing, as posed.
        knees_in_deg: (T,) as posed.
        walk_m: how far the lifter walked out of the rack.
        notes: settings to be kept in the truth.
    """

    kind: str
    body: Body
    posture: Posture
    bones: Bones
    load: Load | None
    fps: float
    phase: NDArray[np.int64]
    spans: list[tuple[int, int, bool]] = field(default_factory=list)
    spine_deg: Array = field(default_factory=lambda: np.zeros((0, 2)))
    knees_in_deg: Array = field(default_factory=lambda: np.zeros(0))
    walk_m: float = 0.0
    notes: dict[str, Any] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.bones)


def load_of(body: Body, hold: Hold, bones: Bones) -> Load | None:
    """Where the load is while it is held."""
    if hold.load_at is not None:
        turns = bones.turns[:, bone_rows()["spine01"]]
        if hold.name == "goblet":  # a hanging weight stays nearer to upright than the chest
            turns = rot.between(np.eye(3), turns, 0.3)
        return Load(
            "dumbbell" if hold.name == "goblet" else "barbell", turns, bones.carried("spine01", body, hold.load_at)
        )
    if not hold.bar:
        return None
    palms = []
    for side in SIDES:
        wrist, i = bones.joint("wrist." + side), bone_rows()["wrist." + side]
        rest = body.joint("finger3-1." + side) - body.joint("wrist." + side)
        palms.append(wrist + rot.apply(bones.turns[:, i], rot.unit(rest) * PALM_M) + [0, -BAR_RADIUS_M - 0.01, 0])
    along = rot.unit(palms[0] - palms[1])
    return Load("barbell", rot.frame(along, np.broadcast_to([0, 1.0, 0], along.shape)), (palms[0] + palms[1]) / 2)


def squat_set(
    body: Body,
    hold: Hold,
    style: Style,
    timeline: Timeline,
    walk_m: float = 0.0,
    rerack: bool = False,
    rng: np.random.Generator | None = None,
) -> Performance:
    """A set of squats, walked out of the rack first where `walk_m` is positive."""
    moment_s = np.asarray(timeline.down)
    moment = replace(
        still(style, moment_s),
        thigh_deg=timeline.thigh_deg,
        extra_lean_deg=timeline.extra_lean_deg + style.extra_lean_deg * moment_s,
        knees_in_deg=timeline.knees_in_deg + style.knees_in_deg * moment_s,
    )
    posture = squat(body, hold, style, moment)
    down, phase, knees, spans = moment_s, timeline.phase, moment.knees_in_deg, timeline.spans
    lead = 0
    if walk_m > 0:
        feet, hips = walk_out(walk_m, timeline.fps)
        lead = len(feet)
        first = repeat(posture, np.zeros(lead, int)).moved(feet, hips)
        pieces = [first, posture]
        ends = [np.zeros(lead)]
        if rerack and spans and spans[-1][2]:
            pieces.append(repeat(posture, np.full(lead, len(posture) - 1)).moved(feet[::-1], hips[::-1]))
            ends.append(np.full(lead, down[-1]))
        posture = concatenate(pieces)
        walking = np.full(lead, PHASES.index("walking"))
        down = np.concatenate([ends[0], down, *ends[1:]])
        phase = np.concatenate([walking, phase, *([walking] * (len(pieces) - 2))])
        knees = np.concatenate([np.zeros(lead), knees, np.zeros(len(down) - lead - len(knees))])
        spans = [(a + lead, b + lead, done) for a, b, done in spans]
    if rng is not None:
        posture = sway(posture, timeline.fps, rng)
    bones = place(body, posture)
    spine = np.stack([style.round_deg * down + style.tuck_deg * down**2, style.tuck_deg * down**2], -1)
    return Performance(
        "squat", body, posture, bones, load_of(body, hold, bones), timeline.fps, phase, spans, spine, knees, walk_m,
        {"hold": hold.name, "load_share": hold.load_share},
    )  # fmt: skip


def repeat(posture: Posture, frames: NDArray[np.int64]) -> Posture:
    """The posture's frames in another order."""
    arms = posture.arms
    picked = {
        k: (getattr(arms, k) if getattr(arms, k) is None or len(getattr(arms, k)) == 1 else getattr(arms, k)[frames])
        for k in ("wrists", "elbows_to", "fingers_to", "index_to")
    }
    return Posture(
        *(getattr(posture, k)[frames] for k in ("hips", "pelvis", "chest", "head", "ankles", "feet", "knees_to")),
        arms=replace(arms, **picked),
    )


def concatenate(pieces: list[Posture]) -> Posture:
    """Postures one after another; what the arms do must be of one kind."""

    def along(values: list[Array | None]) -> Array | None:
        if values[0] is None:
            return None
        full = [
            np.broadcast_to(v, (len(p), *v.shape[1:])) for v, p in zip(values, pieces, strict=True) if v is not None
        ]
        return np.concatenate(full)

    arms = replace(
        pieces[0].arms,
        **{k: along([getattr(p.arms, k) for p in pieces]) for k in ("wrists", "elbows_to", "fingers_to", "index_to")},
    )
    return Posture(
        *(
            np.concatenate([getattr(p, k) for p in pieces])
            for k in ("hips", "pelvis", "chest", "head", "ankles", "feet", "knees_to")
        ),
        arms=arms,
    )


def walk_out(away_m: float, fps: float, step_s: float = 0.65) -> tuple[Array, Array]:
    """Offsets of feet (T, 2, 3) and hips (T, 3) from the squat's place: out of the rack, steps back, a settling.

    The lifter begins `away_m` nearer to the rack (-y), 4 cm lower, lifts the bar off and steps left, right, left.
    """
    lift_s, settle_s = 0.9, 0.8
    moves = [(lift_s, 0, 0.55), (lift_s + step_s, 1, 1.0), (lift_s + 2 * step_s, 0, 1.0)]
    t = np.arange(round((lift_s + 3 * step_s + settle_s) * fps)) / fps
    feet = np.zeros((len(t), 2, 3))
    feet[:, :, 1] = -away_m
    done = np.zeros(2)
    for start, foot, share in moves:
        x = np.clip((t - start) / (step_s * 0.85), 0, 1)
        feet[:, foot, 1] += away_m * (share - done[foot]) * x * x * (3 - 2 * x)
        feet[:, foot, 2] += 0.05 * np.sin(np.pi * x) ** 2
        done[foot] = share
    hips = np.zeros((len(t), 3))
    hips[:, 1] = smooth(feet[:, :, 1].mean(1), fps * 0.18)
    lean_to = sum(
        np.where((t > s - 0.15) & (t < s + step_s * 0.9), -0.05 if foot == 0 else 0.05, 0) for s, foot, _ in moves
    )
    hips[:, 0] = smooth(np.asarray(lean_to, float), fps * 0.12)
    x = np.clip(t / (lift_s * 0.8), 0, 1)
    hips[:, 2] = -0.045 * (1 - x * x * (3 - 2 * x)) - 0.012 * np.abs(hips[:, 0]) / 0.05
    return feet, hips


def smooth(x: Array, sigma: float) -> Array:
    """Gaussian smoothing over time with the ends held."""
    from scipy.ndimage import gaussian_filter1d

    return np.asarray(gaussian_filter1d(x, sigma, axis=0, mode="nearest"))


def sway(posture: Posture, fps: float, rng: np.random.Generator) -> Posture:
    """Nobody stands still: hips and trunk move by millimetres and fractions of a degree."""
    noise = smooth(rng.normal(size=(len(posture), 6)), fps * 0.35) * np.sqrt(fps * 0.35 * 3.54)
    hips = posture.hips + noise[:, :3] * [0.004, 0.003, 0.001]
    tilt = rot.about("x", noise[:, 3] * 0.6) @ rot.about("y", noise[:, 4] * 0.4)
    head = rot.about("z", noise[:, 5] * 2.0)
    return replace(posture, hips=hips, chest=tilt @ posture.chest, head=head @ tilt @ posture.head)


def stand(body: Body, frames: int, style: Style | None = None) -> Posture:
    """Standing at ease, arms hanging."""
    from convert.synth.holds import hanging_arms

    chosen = style or Style()
    posture = legs(body, chosen, still(chosen, np.zeros(frames)))
    return replace(posture, arms=hanging_arms(body))


def fault_sizes(performance: Performance, margins_m: Array) -> Array:
    """(T, len(FAULTS)) size of every fault in the units of device.squat.form.FAULTS, in every frame.

    Args:
        performance: who does what.
        margins_m: (T, 2) knee top over hip crease, per side.
    """
    bones, body = performance.bones, performance.body
    hip, knee, ankle = ({s: bones.joint(f"{b}.{s}") for s in SIDES} for b in ("upperleg01", "lowerleg01", "foot"))
    shoulders = (bones.joint("upperarm01.L") + bones.joint("upperarm01.R")) / 2
    hips = (hip["L"] + hip["R"]) / 2
    trunk = rot.unit(shoulders - hips)
    forward, heel, flexion = [], [], []
    for k, s in enumerate(SIDES):
        toes = rot.apply(performance.posture.feet[:, k], np.array([0, -1.0, 0]))
        flat = rot.unit(toes * [1, 1, 0])
        forward.append(((knee[s] - ankle[s]) * flat).sum(-1) - body.foot_reach(s)[1])
        down = rot.apply(
            performance.posture.feet[:, k], np.array([0, body.foot_reach(s)[0] * 0.7, -body.joint("foot." + s)[2]])
        )
        heel.append((ankle[s] + down)[:, 2] - SHOE_SOLE_M)
        bend = (rot.unit(knee[s] - hip[s]) * rot.unit(ankle[s] - knee[s])).sum(-1)
        flexion.append(np.degrees(np.arccos(np.clip(bend, -1, 1))))
    knees_in = performance.knees_in_deg if len(performance.knees_in_deg) else np.zeros(len(bones))
    spine = performance.spine_deg if len(performance.spine_deg) else np.zeros((len(bones), 2))
    sizes = {
        "knees_in": np.maximum(knees_in, 0),
        "knees_out": np.maximum(-knees_in, 0),
        "knees_forward": 100 * np.max(forward, 0),
        "bent_over": np.degrees(np.arccos(np.clip(trunk[:, 2], -1, 1))),
        "back_rounding": spine[:, 0],
        "pelvic_tuck": spine[:, 1],
        "lateral_shift": 100 * np.abs(hips[:, 0] - (ankle["L"] + ankle["R"])[:, 0] / 2),
        "heels_up": 100 * np.maximum(np.max(heel, 0), 0),
        "shallow": -100 * margins_m.max(1),
        "not_locked_out": np.max(flexion, 0),
    }
    return np.stack([sizes[name] for name in FAULT_NAMES], -1)

"""What one person does in a clip, complete: bones, load, phases, reps, faults."""

from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from convert.synth import rotation as rot
from convert.synth.body import SIDES, Body, bone_rows
from convert.synth.holds import BAR_RADIUS_M, PALM_M, Hold
from convert.synth.posture import Posture, concatenate
from convert.synth.skeleton import Bones, place
from convert.synth.squat import Style, squat, still
from convert.synth.standing import sway, walk_out
from convert.synth.tempo import PHASES, Timeline

Array = NDArray[np.float64]


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
        first = posture.picked(np.zeros(lead, int)).moved(feet, hips)
        pieces = [first, posture]
        ends = [np.zeros(lead)]
        if rerack and spans and spans[-1][2]:
            pieces.append(posture.picked(np.full(lead, len(posture) - 1)).moved(feet[::-1], hips[::-1]))
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

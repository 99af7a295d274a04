"""Time: how deep the lifter is in every frame of a set, rep by rep."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
PHASES = ("standing", "descending", "bottom", "ascending", "walking", "other")


@dataclass(frozen=True)
class RepPlan:
    """One rep as it is meant.

    Attributes:
        thigh_deg: thigh from the vertical at the bottom; 90 = level.
        eccentric_s: down.
        pause_s: at the bottom.
        concentric_s: up.
        sticking: 0 none to 0.9: how much the ascent slows down in its middle.
        bounces: short rises from the bottom before the ascent proper.
        end_down: how far down the lifter stays at the end: 0 locked out, 0.1 with soft knees.
        fails_at: share of the ascent after which the lift fails and sinks back, or None.
        rest_s: standing afterwards.
        extra_lean_deg: more lean on the way up (hips rise first).
        knees_in_deg: knees turned in, at its peak just out of the bottom.
    """

    thigh_deg: float
    eccentric_s: float = 1.2
    pause_s: float = 0.15
    concentric_s: float = 1.1
    sticking: float = 0.2
    bounces: int = 0
    end_down: float = 0.0
    fails_at: float | None = None
    rest_s: float = 1.0
    extra_lean_deg: float = 0.0
    knees_in_deg: float = 0.0


@dataclass(frozen=True)
class Timeline:
    """A set, frame by frame.

    Attributes:
        fps: frames per second.
        down: (T,) 0 standing to 1 at the bottom of the current rep.
        thigh_deg, extra_lean_deg, knees_in_deg: (T,) of the current rep.
        phase: (T,) rows of PHASES.
        rep: (T,) number of the rep from 1, 0 between reps.
        spans: per rep the frames (start, lockout) and whether it was stood up.
    """

    fps: float
    down: Array
    thigh_deg: Array
    extra_lean_deg: Array
    knees_in_deg: Array
    phase: NDArray[np.int64]
    rep: NDArray[np.int64]
    spans: list[tuple[int, int, bool]]


def ease(x: Array) -> Array:
    """From 0 to 1 with the least jerk (Flash & Hogan 1985)."""
    x = np.clip(x, 0, 1)
    return np.asarray(x**3 * (10 - 15 * x + 6 * x * x))


def rise(share: Array, sticking: float) -> Array:
    """Progress 0-1 of an ascent at shares 0-1 of its time, slow around 45% of the way where it sticks."""
    fine = np.linspace(0, 1, 201)
    slowed = 1 / (1 - min(sticking, 0.92) * np.exp(-(((ease(fine) - 0.45) / 0.16) ** 2)))
    clock = np.concatenate([[0], np.cumsum((slowed[1:] + slowed[:-1]) / 2)])
    return ease(np.interp(share, clock / clock[-1], fine))


def depth_of(rep: RepPlan, from_down: float, step_s: float) -> tuple[Array, Array]:
    """Depth 0-1 and phase of one rep, sampled every `step_s`, its standing rest left out."""
    depth: list[Array] = []
    phase: list[Array] = []

    def add(values: Array, name: str) -> None:
        depth.append(values)
        phase.append(np.full(len(values), PHASES.index(name)))

    def clock(seconds: float) -> Array:
        count = max(round(seconds / step_s), 1)
        return np.arange(1, count + 1) / count

    add(from_down + (1 - from_down) * ease(clock(rep.eccentric_s)), "descending")
    add(np.ones(max(round(rep.pause_s / step_s), 0)), "bottom")
    for _ in range(rep.bounces):
        add(1 - 0.13 * np.sin(np.pi * clock(0.5)) ** 2, "bottom")
    if rep.fails_at is None:
        add(1 - (1 - rep.end_down) * rise(clock(rep.concentric_s), rep.sticking), "ascending")
    else:
        add(1 - rep.fails_at * ease(clock(rep.concentric_s * 0.6)), "ascending")
        add(1 - rep.fails_at + 0.01 * np.sin(4 * np.pi * clock(0.8)), "ascending")
        add(1 - rep.fails_at * (1 - ease(clock(0.7))), "descending")
    return np.concatenate(depth), np.concatenate(phase)


def play(reps: list[RepPlan], fps: float, before_s: float = 1.0) -> Timeline:
    """The timeline of a set; after a failed rep the lifter stays down and the set ends."""
    lead = max(round(before_s * fps), 1)
    parts = {
        "down": [np.zeros(lead)],
        "phase": [np.zeros(lead, int)],
        "rep": [np.zeros(lead, int)],
        "thigh_deg": [np.full(lead, reps[0].thigh_deg)],
        "extra_lean_deg": [np.zeros(lead)],
        "knees_in_deg": [np.zeros(lead)],
    }
    spans, at, from_down = [], lead, 0.0
    for number, rep in enumerate(reps, 1):
        depth, phase = depth_of(rep, from_down, 1 / fps)
        from_down = 1.0 if rep.fails_at is not None else rep.end_down
        rest = round(rep.rest_s * fps)
        rising = (phase == PHASES.index("ascending")) | (phase == PHASES.index("bottom"))
        bump = np.sin(np.pi * np.clip(depth, 0, 1)) * (phase == PHASES.index("ascending"))
        parts["down"] += [depth, np.full(rest, from_down)]
        parts["phase"] += [phase, np.full(rest, PHASES.index("other" if rep.fails_at is not None else "standing"))]
        parts["rep"] += [np.full(len(depth), number), np.zeros(rest, int)]
        parts["thigh_deg"].append(np.full(len(depth) + rest, rep.thigh_deg))
        parts["extra_lean_deg"] += [rep.extra_lean_deg * bump, np.zeros(rest)]
        knees = rep.knees_in_deg * (0.6 * depth + 0.4 * bump * rising)
        parts["knees_in_deg"] += [knees, np.full(rest, rep.knees_in_deg * 0.6 * from_down)]
        spans.append((at, at + len(depth), rep.fails_at is None))
        at += len(depth) + rest
    joined = {k: np.concatenate(v) for k, v in parts.items()}
    return Timeline(fps=fps, spans=spans, **joined)

"""Between the reps: standing at ease, swaying, and walking a bar out of its rack."""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d

from convert.synth import rotation as rot
from convert.synth.body import Body
from convert.synth.holds import hanging_arms
from convert.synth.posture import Posture
from convert.synth.squat import Style, legs, still

Array = NDArray[np.float64]


def stand(body: Body, frames: int, style: Style | None = None) -> Posture:
    """Standing at ease, arms hanging."""
    chosen = style or Style()
    posture = legs(body, chosen, still(chosen, np.zeros(frames)))
    return replace(posture, arms=hanging_arms(body))


def smooth(x: Array, sigma: float) -> Array:
    """Gaussian smoothing over time with the ends held."""
    return np.asarray(gaussian_filter1d(x, sigma, axis=0, mode="nearest"))


def sway(posture: Posture, fps: float, rng: np.random.Generator) -> Posture:
    """Nobody stands still: hips and trunk move by millimetres and fractions of a degree."""
    noise = smooth(rng.normal(size=(len(posture), 6)), fps * 0.35) * np.sqrt(fps * 0.35 * 3.54)
    hips = posture.hips + noise[:, :3] * [0.004, 0.003, 0.001]
    tilt = rot.about("x", noise[:, 3] * 0.6) @ rot.about("y", noise[:, 4] * 0.4)
    head = rot.about("z", noise[:, 5] * 2.0)
    return replace(posture, hips=hips, chest=tilt @ posture.chest, head=head @ tilt @ posture.head)


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

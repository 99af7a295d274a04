"""What is no squat: deadlift, good morning, lunge, dip, sitting on a box, picking up, walking, jumping jacks."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from convert.synth import rotation as rot
from convert.synth.body import SIDES, SIGNS, Body
from convert.synth.holds import Hold, hanging_arms, hold, pair
from convert.synth.performance import Performance, load_of
from convert.synth.posture import Arms, Posture
from convert.synth.skeleton import place
from convert.synth.squat import SHOE_SOLE_M, Style, legs, lower_to_reach, mass_ahead, squat, still, trunk
from convert.synth.standing import smooth, stand, sway
from convert.synth.tempo import PHASES, ease

Array = NDArray[np.float64]


def cycles(rng: np.random.Generator, fps: float, count: int, period_s: float, rest_s: float = 0.8) -> Array:
    """(T,) 0-1-0 some times, with rests."""
    parts = [np.zeros(round(rest_s * fps))]
    for _ in range(count):
        half = ease(np.arange(round(period_s * rng.uniform(0.4, 0.6) * fps)) / (period_s * 0.5 * fps))
        parts += [
            half,
            np.ones(round(rng.uniform(0.05, 0.4) * fps)),
            half[::-1],
            np.zeros(round(rng.uniform(0.3, rest_s) * fps)),
        ]
    return np.concatenate(parts)


def hinge(body: Body, held: Hold, style: Style, s: Array, lean_deg: Array) -> Posture:
    """Legs by angles, trunk by a given lean, hips moved so that it balances."""
    posture = legs(body, style, still(style, s))
    heel, toe = body.foot_reach("L")
    for _ in range(4):
        ahead = (-(toe - heel) / 2 * 0.8 - mass_ahead(body, held, style, posture, lean_deg, s)) / 0.9
        posture = lower_to_reach(
            body, posture.moved(np.zeros_like(posture.ankles), np.stack([0 * s, ahead, 0 * s], -1))
        )
    pelvis, chest, head = trunk(style, s, lean_deg)
    return replace(posture, pelvis=pelvis, chest=chest, head=head, arms=held.arms)


def good_morning(body: Body, rng: np.random.Generator, fps: float) -> tuple[Posture, Hold]:
    """The trunk bows with a bar on the back, the knees stay nearly straight."""
    held = hold(body, "high_bar", load_share=rng.uniform(0.3, 0.7))
    s = cycles(rng, fps, int(rng.integers(2, 4)), 2.6)
    style = Style(
        thigh_deg=rng.uniform(18, 30),
        shank_deg=rng.uniform(-4, 4),
        stance_m=rng.uniform(0.3, 0.5),
        gaze=0.4,
        tuck_deg=0,
    )
    return hinge(body, held, style, s, 4 + rng.uniform(62, 80) * s), held


def deadlift(body: Body, rng: np.random.Generator, fps: float) -> tuple[Posture, Hold]:
    """A bar from the floor to straight hips; the hips stay well above a squat's."""
    held = hold(body, "hanging_bar", grip_m=rng.uniform(0.24, 0.30), load_share=rng.uniform(0.6, 1.6))
    s = 1 - cycles(rng, fps, int(rng.integers(2, 4)), 2.4)
    s = s[: len(s) - round(0.3 * fps)]
    low, high = 15.0, 70.0
    shank, lean = rng.uniform(3, 8), rng.uniform(74, 84)
    style = Style()
    for _ in range(10):
        style = Style(
            thigh_deg=(low + high) / 2, shank_deg=shank, stance_m=0.28, toes_out_deg=10, gaze=0.35, tuck_deg=0
        )
        bar = load_of(body, held, place(body, hinge(body, held, style, np.ones(1), lean * np.ones(1))))
        assert bar is not None
        low, high = ((low + high) / 2, high) if bar.at[0, 2] > 0.225 else (low, (low + high) / 2)
    return hinge(body, held, style, s, 3 + (lean - 3) * s), held


def dip(body: Body, rng: np.random.Generator, fps: float) -> tuple[Posture, Hold]:
    """A bend of the knees far too small to be a rep: the hips sink by at most a fifth of the leg."""
    held = hold(body, str(rng.choice(["high_bar", "bodyweight"])), load_share=rng.uniform(0.3, 1.2))
    style = Style(thigh_deg=rng.uniform(24, 38), shank_deg=rng.uniform(14, 22), stance_m=rng.uniform(0.3, 0.5))
    return squat(body, held, style, still(style, cycles(rng, fps, int(rng.integers(2, 5)), 1.2))), held


def box_sit(body: Body, rng: np.random.Generator, fps: float) -> tuple[Posture, Hold]:
    """Sits down on a box and stays there."""
    held = hold(body, "bodyweight")
    s = np.concatenate(
        [np.zeros(round(fps)), ease(np.arange(round(1.4 * fps)) / (1.4 * fps)), np.ones(round(rng.uniform(4, 6) * fps))]
    )
    style = Style(thigh_deg=rng.uniform(82, 90), shank_deg=rng.uniform(2, 8), stance_m=0.35, tuck_deg=4, arms_deg=55)
    posture = legs(body, style, still(style, s))
    lean = 3 + 38 * np.sin(np.pi * np.clip(s, 0, 1)) ** 2 + rng.uniform(-2, 10) * s
    pelvis, chest, head = trunk(style, s, smooth(lean, fps * 0.1))
    return replace(posture, pelvis=pelvis, chest=chest, head=head, arms=hanging_arms(body, 8 + 44 * s)), held


def pick_up(body: Body, rng: np.random.Generator, fps: float) -> tuple[Posture, Hold]:
    """Stoops with long legs and takes something from the floor."""
    held = Hold("bodyweight", hanging_arms(body), None, 0.0)
    s = cycles(rng, fps, int(rng.integers(1, 3)), 2.2)
    style = Style(
        thigh_deg=rng.uniform(22, 34), shank_deg=rng.uniform(0, 6), stance_m=0.3, gaze=0.1, tuck_deg=-10, round_deg=25
    )
    posture = hinge(body, held, style, s, 3 + rng.uniform(82, 95) * s)
    return replace(
        posture, arms=Arms("shoulder", wrists=pair(0.02, -0.1, -2.0), elbows_to=pair(0.8, 0.5, 0), curl_deg=25)
    ), held


def lunge(body: Body, rng: np.random.Generator, fps: float) -> tuple[Posture, Hold]:
    """One foot far ahead, the other on its ball; down until the back knee nearly touches the floor."""
    held = hold(body, "bodyweight")
    s = cycles(rng, fps, int(rng.integers(2, 4)), 2.2)
    posture = stand(body, len(s), Style(stance_m=0.22, toes_out_deg=4))
    front = int(rng.integers(2))
    long = body.leg_m * rng.uniform(0.75, 0.9)
    ankles, feet, knees = posture.ankles.copy(), posture.feet.copy(), posture.knees_to.copy()
    ankles[:, front, 1] -= long / 2
    back = 1 - front
    tip = 32 + 26 * s
    reach = body.foot_reach(SIDES[back])[1] * 0.7
    height = posture.ankles[0, back, 2] - SHOE_SOLE_M
    ankles[:, back, 1] += long / 2 - reach + reach * np.cos(np.radians(tip)) + height * np.sin(np.radians(tip))
    ankles[:, back, 2] = SHOE_SOLE_M + height * np.cos(np.radians(tip)) + reach * np.sin(np.radians(tip))
    feet[:, back] = rot.about("x", tip) @ feet[:, back]
    hips = posture.hips.copy()
    hips[:, 1] = posture.ankles[:, :, 1].mean(1) + 0.02
    hips[:, 2] = (1 - s) * body.leg_m * 0.94 + s * (0.10 + body.thigh_m * 0.92)
    return replace(
        lower_to_reach(body, replace(posture, hips=hips, ankles=ankles, feet=feet, knees_to=knees)),
        arms=hanging_arms(body, 5),
    ), held


def jumping_jack(body: Body, rng: np.random.Generator, fps: float) -> tuple[Posture, Hold]:
    """Feet apart and together, arms up and down at the sides."""
    t = np.arange(round(rng.uniform(4, 6) * fps)) / fps
    wide = 0.5 - 0.5 * np.cos(2 * np.pi * t / rng.uniform(0.8, 1.1))
    wide[t < 0.0] = 0
    posture = stand(body, len(t), Style(stance_m=0.2, toes_out_deg=10))
    ankles = posture.ankles.copy()
    hop = 0.05 * np.abs(np.sin(2 * np.pi * np.linspace(0, 1, len(t)) * 0)) + 0.045 * np.sin(np.pi * wide) ** 2
    for k, side in enumerate(SIDES):
        ankles[:, k, 0] += SIGNS[side] * 0.26 * wide
        ankles[:, k, 2] += hop
    hips = posture.hips + np.stack([0 * t, 0 * t, hop - 0.03 * wide], -1)
    length = 0.97 * (body.length("upperarm01.L", "lowerarm01.L") + body.length("lowerarm01.L", "wrist.L"))
    angle = np.radians(12 + 150 * wide)
    wrists = np.stack(
        [np.stack([SIGNS[s] * np.sin(angle), -0.1 + 0 * t, -np.cos(angle)], -1) * length for s in SIDES], 1
    )
    arms = Arms("shoulder", wrists=wrists, elbows_to=pair(0.3, 1.0, 0.2), curl_deg=12)
    return lower_to_reach(body, replace(posture, hips=hips, ankles=ankles, arms=arms)), Hold(
        "bodyweight", arms, None, 0.0
    )


def walking(body: Body, rng: np.random.Generator, fps: float, seconds: float | None = None) -> tuple[Posture, Hold]:
    """Walks straight ahead (-y) through the origin."""
    seconds = rng.uniform(3, 5) if seconds is None else seconds
    t = np.arange(round(seconds * fps)) / fps
    speed, step_m = rng.uniform(0.9, 1.3), body.leg_m * rng.uniform(0.62, 0.75)
    cycle = t * speed / (2 * step_m) + rng.random()
    way = -speed * (t - t[-1] / 2)
    posture = stand(body, len(t), Style(stance_m=0.16, toes_out_deg=6))
    ankles, feet = posture.ankles.copy(), posture.feet.copy()
    for k in range(2):
        phase = (cycle + 0.5 * k) % 1
        swing = np.clip((phase - 0.6) / 0.4, 0, 1)
        ahead = np.where(phase < 0.6, 0.6 - 1.2 * phase / 0.6, -0.6 + 1.2 * swing * swing * (3 - 2 * swing)) * step_m
        pitch = np.where(
            phase < 0.6,
            28 * np.clip((phase - 0.42) / 0.18, 0, 1) ** 2 - 15 * np.clip(1 - phase / 0.08, 0, 1),
            28 - 43 * swing,
        )
        ankles[:, k, 1] += way - ahead
        ankles[:, k, 2] += 0.07 * np.sin(np.pi * swing) + 0.14 * np.maximum(np.sin(np.radians(pitch)), 0) * 0.9
        feet[:, k] = rot.about("x", pitch) @ feet[:, k]
    hips = posture.hips.copy()
    hips[:, 1] = way + 0.02
    hips[:, 2] = body.leg_m * 0.945 + SHOE_SOLE_M + body.joint("foot.L")[2] + 0.02 * np.cos(4 * np.pi * cycle)
    arm = 22 * np.stack([-np.cos(2 * np.pi * cycle), np.cos(2 * np.pi * cycle)], -1)
    length = 0.95 * (body.length("upperarm01.L", "lowerarm01.L") + body.length("lowerarm01.L", "wrist.L"))
    wrists = np.stack(
        [
            np.stack([0.12 * SIGNS[s] + 0 * t, -np.sin(np.radians(arm[:, k] + 8)), -np.cos(np.radians(arm[:, k]))], -1)
            * length
            for k, s in enumerate(SIDES)
        ],
        1,
    )
    arms = Arms("shoulder", wrists=wrists, elbows_to=pair(0.4, 1.0, -0.2), curl_deg=25)
    chest = rot.about("z", 5 * np.cos(2 * np.pi * cycle)) @ rot.about("x", np.full(len(t), 3.0))
    return lower_to_reach(body, replace(posture, hips=hips, ankles=ankles, feet=feet, chest=chest, arms=arms)), Hold(
        "bodyweight", arms, None, 0.0
    )


EXERCISES: dict[str, Callable[[Body, np.random.Generator, float], tuple[Posture, Hold]]] = {
    "deadlift": deadlift,
    "good_morning": good_morning,
    "lunge": lunge,
    "dip": dip,
    "box_sit": box_sit,
    "pick_up": pick_up,
    "walking": walking,
    "jumping_jack": jumping_jack,
}


def perform(name: str, body: Body, rng: np.random.Generator, fps: float) -> Performance:
    """One of EXERCISES by `body`."""
    posture, held = EXERCISES[name](body, rng, fps)
    if name not in ("walking", "jumping_jack"):
        posture = sway(posture, fps, rng)
    bones = place(body, posture)
    phase = np.full(len(posture), PHASES.index("walking" if name == "walking" else "other"))
    return Performance(name, body, posture, bones, load_of(body, held, bones), fps, phase, notes={"hold": held.name})

"""Drawing a clip from a recipe: who, what movement, from where it is seen."""

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from convert.synth import captured, exercises
from convert.synth.body import Body, count, load
from convert.synth.camera import Camera, stand
from convert.synth.holds import hold
from convert.synth.performance import Performance, squat_set
from convert.synth.recipe import Motion, Recipe, Span, View
from convert.synth.squat import Style
from convert.synth.tempo import RepPlan, play

Array = NDArray[np.float64]
PEOPLE, MOTION, CAMERA, SCENE, PICTURE = range(5)


def chance(recipe: Recipe, clip: int, stream: int) -> np.random.Generator:
    """A source of chance of its own for each part of each clip: a change in one part leaves the others as they were."""
    return np.random.default_rng([recipe.output.seed, clip, stream])


def one_of(rng: np.random.Generator, weights: dict[str, float]) -> str:
    """A name, drawn by weight."""
    share = np.array(list(weights.values()), float)
    return str(rng.choice(list(weights), p=share / share.sum()))


def span(rng: np.random.Generator, limits: Span) -> float:
    """A number within limits."""
    return float(rng.uniform(*limits))


def draw_body(recipe: Recipe, rng: np.random.Generator) -> Body:
    """One of the recipe's bodies."""
    return load(int(rng.choice(recipe.people.bodies or range(count()))))


def draw_faults(rng: np.random.Generator, share: float) -> dict[str, float]:
    """Changes to Style and RepPlan that make one or two faults, or none; sizes around those from which they count."""
    if rng.random() >= share:
        return {}
    changes: dict[str, float] = {}
    faults = (
        "knees_in",
        "knees_out",
        "knees_forward",
        "bent_over",
        "back_rounding",
        "pelvic_tuck",
        "lateral_shift",
        "heels_up",
    )
    for fault in rng.choice(faults, size=int(rng.integers(1, 3)), replace=False):
        changes |= {
            "knees_in": {"rep_knees_in_deg": rng.uniform(9, 28)},
            "knees_out": {"rep_knees_in_deg": -rng.uniform(34, 56)},  # the bottom keeps 60% of it
            "knees_forward": {"shank_deg": rng.uniform(44, 62), "heel_lift_deg": rng.uniform(0, 8)},
            "bent_over": {"rep_extra_lean_deg": rng.uniform(8, 24), "extra_lean_deg": rng.uniform(0, 14)},
            "back_rounding": {"round_deg": rng.uniform(16, 42)},
            "pelvic_tuck": {"tuck_deg": rng.uniform(13, 30)},
            "lateral_shift": {"shift_m": rng.choice([-1, 1]) * rng.uniform(0.035, 0.08), "roll_deg": rng.normal(0, 3)},
            "heels_up": {"heel_lift_deg": rng.uniform(5, 15)},
        }[str(fault)]
    return changes


def draw_style(rng: np.random.Generator, changes: dict[str, float], arms_deg: Span) -> Style:
    """How a person squats in all reps of a set."""
    style = Style(
        shank_deg=rng.uniform(22, 34),
        stance_m=rng.uniform(0.30, 0.58),
        toes_out_deg=rng.uniform(6, 32),
        lean_standing_deg=rng.uniform(1, 7),
        knees_in_deg=rng.normal(0, 2),
        shift_m=rng.normal(0, 0.008),
        tuck_deg=rng.uniform(0, 12),
        round_deg=rng.uniform(-3, 10),
        roll_deg=rng.normal(0, 0.8),
        twist_deg=rng.normal(0, 1.2),
        gaze=rng.uniform(0.4, 0.95),
        arms_deg=span(rng, arms_deg),
        knees_standing_deg=(rng.uniform(1.5, 5), rng.uniform(1, 4)),
    )
    return replace(style, **{k: float(v) for k, v in changes.items() if not k.startswith("rep_")})


def draw_reps(motion: Motion, rng: np.random.Generator, changes: dict[str, float]) -> list[RepPlan]:
    """The reps of a set; speed and depth drift a little from rep to rep."""
    planned = motion.thighs_deg or (span(rng, motion.thigh_deg),) * int(
        rng.integers(int(motion.reps[0]), int(motion.reps[1]) + 1)
    )
    down, up, rest = (span(rng, s) for s in (motion.eccentric_s, motion.concentric_s, motion.rest_s))
    extra = {k.removeprefix("rep_"): float(v) for k, v in changes.items() if k.startswith("rep_")}
    reps = []
    for number, angle in enumerate(planned):
        grinds, vary = rng.random() < motion.grind_share, 1 + 0.06 * rng.normal(size=4)
        low, high = motion.thigh_deg
        reps.append(
            RepPlan(
                thigh_deg=angle if motion.thighs_deg else float(np.clip(angle + rng.normal(0, 4), low, high)),
                eccentric_s=down * vary[0],
                pause_s=rng.uniform(0.6, 2.2) if rng.random() < motion.pause_share else rng.uniform(0, 0.25),
                concentric_s=up * vary[1] * (1 + 0.05 * number) * (rng.uniform(1.8, 3.0) if grinds else 1),
                sticking=rng.uniform(0.6, 0.9) if grinds else rng.uniform(0, 0.5),
                bounces=int(rng.integers(1, 3)) if rng.random() < motion.bounce_share else 0,
                end_down=rng.uniform(0.10, 0.22) if rng.random() < motion.soft_knees_share else 0.0,
                rest_s=rest * vary[2],
                **extra,
            )
        )
    if rng.random() < motion.fail_share:
        reps[-1] = replace(reps[-1], fails_at=rng.uniform(0.15, 0.55), end_down=0.0, rest_s=1.5)
    return [*reps[:-1], replace(reps[-1], rest_s=max(reps[-1].rest_s, 1.2))]


def draw_performance(recipe: Recipe, body: Body, rng: np.random.Generator) -> Performance:
    """What the lifter does."""
    motion, fps = recipe.motion, recipe.output.fps
    kind = one_of(rng, motion.kinds)
    if kind == "captured_squat":
        return captured.perform(body, rng, fps)
    if kind != "squat":
        return exercises.perform(kind, body, rng, fps)
    held = hold(body, one_of(rng, motion.holds), grip_m=rng.uniform(0.36, 0.50), load_share=rng.uniform(0.3, 1.8))
    if held.name == "goblet":
        held = replace(held, load_share=rng.uniform(0.1, 0.35))
    changes = draw_faults(rng, motion.fault_share)
    style = draw_style(rng, changes, motion.arms_deg)
    timeline = play(draw_reps(motion, rng, changes), fps, before_s=rng.uniform(0.8, 1.4))
    if motion.more_lean_deg != (0, 0):
        style = replace(style, extra_lean_deg=style.extra_lean_deg + span(rng, motion.more_lean_deg))
    walk_m = rng.uniform(0.45, 0.85) if held.bar and rng.random() < motion.walk_out_share else 0.0
    return squat_set(body, held, style, timeline, walk_m, rerack=bool(rng.random() < 0.7), rng=rng)


def draw_camera(view: View, size: tuple[int, int], performance: Performance, rng: np.random.Generator) -> Camera:
    """A camera that sees the lifter: nearly all joints in the picture, not too small; else the best of many."""
    bones = performance.bones
    some = np.linspace(0, len(bones) - 1, 12).astype(int)
    joints = np.stack(
        [
            bones.joint(b)[some]
            for b in (
                "head",
                "upperarm01.L",
                "upperarm01.R",
                "upperleg01.L",
                "upperleg01.R",
                "lowerleg01.L",
                "lowerleg01.R",
                "foot.L",
                "foot.R",
                "wrist.L",
                "wrist.R",
            )
        ],
        1,
    )
    joints = np.concatenate([joints, joints[:, :1] + [0, 0, 0.2], joints[:, 7:9] - [0, 0, 0.08]], 1)
    middle = np.array([0, joints[..., 1].mean(), np.clip(joints[:, 11, 2].max() / 2, 0.6, 1.1)])
    best: tuple[float, Camera] | None = None
    for _ in range(80):
        camera = stand(
            *size,
            hfov_deg=span(rng, view.hfov_deg), view_deg=span(rng, view.view_deg), away_m=span(rng, view.away_m),
            height_m=span(rng, view.height_m), aim=middle + rng.normal(0, view.aim_error_m, 3),
            roll_deg=span(rng, view.roll_deg), k1=span(rng, view.barrel), k2=0.0,
        )  # fmt: skip
        px, z = camera.project(joints)
        inside = float(((px > 2).all(-1) & (px < np.array(size) - 2).all(-1) & (z > 0.3)).mean())
        tall = float(np.ptp(px[..., 1], axis=1).max()) / size[1]
        score = min(inside, 0.99) - max(0, 0.42 - tall) * 2
        if best is None or score > best[0]:
            best = (score, camera)
        if inside > 0.985 and tall > 0.42:
            break
    assert best is not None
    return best[1]


def settings(recipe: Recipe, clip: int) -> dict[str, Any]:
    """Everything of a clip that needs no graphics: body, performance, camera."""
    body = draw_body(recipe, chance(recipe, clip, PEOPLE))
    performance = draw_performance(recipe, body, chance(recipe, clip, MOTION))
    size = (recipe.output.width, recipe.output.height)
    camera = draw_camera(recipe.camera, size, performance, chance(recipe, clip, CAMERA))
    return {"body": body, "performance": performance, "camera": camera}

"""Recipes: TOML files that say what a synthetic set is drawn from. Read strictly, before anything is rendered."""

# ruff: noqa: RUF009  `within` makes dataclass fields with limits, as `field` does

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from convert.recipe import Span, load, section, within
from convert.synth import body
from convert.synth.exercises import EXERCISES
from convert.synth.holds import HOLDS
from device.errors import InputError

KINDS = ("squat", "captured_squat", *EXERCISES)
CODECS = ("mjpg", "vp9")


@dataclass(frozen=True)
class Output:
    """What is written. Sizes in pixels; `supersample` is drawn pixels per pixel and side."""

    seed: int = within(0, 2**31, 1)
    clips: int = within(1, 10**6, 8)
    width: int = within(64, 4096, 512)
    height: int = within(64, 4096, 512)
    fps: float = within(1.5, 120, 30.0)
    codec: str = "mjpg"
    supersample: float = within(1, 2, 1.25)


@dataclass(frozen=True)
class People:
    """Who. `bodies` empty = all; `bystanders` how many others are in the room."""

    bodies: tuple[int, ...] = ()
    bystanders: Span = within(0, 4, (0, 2))
    spotter_share: float = within(0, 1, 0.12)


@dataclass(frozen=True)
class Motion:
    """What they do. Shares are probabilities per clip, those of pause to soft knees per rep.

    `thighs_deg` fixes the reps (thigh from the vertical at the bottom); empty = drawn from `reps` and `thigh_deg`.
    Of `squat` alone: `arms_deg`, how far bodyweight arms are lifted at the bottom, 0 = they hang, 90 = held forward,
    180 = overhead; `more_lean_deg`, by which the trunk leans further there than balance and faults make it lean.
    """

    kinds: dict[str, float] = field(default_factory=lambda: {"squat": 1.0})
    holds: dict[str, float] = field(
        default_factory=lambda: {"high_bar": 3, "low_bar": 2, "front_bar": 1, "goblet": 1, "bodyweight": 2}
    )
    thighs_deg: tuple[float, ...] = ()
    reps: Span = within(1, 20, (1, 4))
    thigh_deg: Span = within(40, 125, (66, 112))
    eccentric_s: Span = within(0.3, 6, (0.8, 1.8))
    concentric_s: Span = within(0.3, 8, (0.7, 1.6))
    rest_s: Span = within(0.2, 20, (0.5, 1.4))
    pause_share: float = within(0, 1, 0.15)
    bounce_share: float = within(0, 1, 0.06)
    grind_share: float = within(0, 1, 0.12)
    fail_share: float = within(0, 1, 0.05)
    soft_knees_share: float = within(0, 1, 0.06)
    fault_share: float = within(0, 1, 0.45)
    walk_out_share: float = within(0, 1, 0.25)
    arms_deg: Span = within(0, 180, (70, 95))
    more_lean_deg: Span = within(0, 60, (0, 0))


@dataclass(frozen=True)
class View:
    """Where the camera stands: DESIGN's `view_deg`; `barrel` is k1 of the lens, `aim_error_m` of the aim's point."""

    view_deg: Span = within(-180, 180, (-180, 180))
    height_m: Span = within(0.1, 3, (0.3, 2.5))
    away_m: Span = within(1, 8, (1.5, 5))
    hfov_deg: Span = within(20, 130, (50, 110))
    roll_deg: Span = within(-30, 30, (-3, 3))
    aim_error_m: float = within(0, 1, 0.12)
    barrel: Span = within(-0.3, 0.1, (-0.12, 0.02))


@dataclass(frozen=True)
class Surroundings:
    """The room: brightness 0.35 dim to 1.3 bright."""

    brightness: Span = within(0.15, 2, (0.35, 1.3))
    mirror_share: float = within(0, 1, 0.2)
    rack_share: float = within(0, 1, 0.75)


@dataclass(frozen=True)
class Picture:
    """What the camera does to the picture: noise in grey levels, exposure time, quality of the compression."""

    noise: Span = within(0, 40, (1, 9))
    exposure_s: Span = within(0, 0.1, (0.002, 0.025))
    quality: Span = within(5, 100, (55, 95))


@dataclass(frozen=True)
class Recipe:
    """A whole recipe."""

    output: Output = Output()
    people: People = People()
    motion: Motion = Motion()
    camera: View = View()
    scene: Surroundings = Surroundings()
    picture: Picture = Picture()


def read(path: Path) -> Recipe:
    """The recipe in a TOML file.

    Raises:
        InputError: one line that names the file, the key, what was found and what was expected.
    """
    data, _ = load(path)
    try:
        recipe = section(Recipe, data, "")
        _check(recipe)
    except InputError as error:
        raise InputError(f"{path}: {error}") from None
    assert isinstance(recipe, Recipe)
    return recipe


def kept(folder: Path) -> dict[str, Any]:
    """The recipe that `synth` kept beside a set's clips, as nested dicts.

    Raises:
        InputError: not there, or damaged.
    """
    path = folder / "recipe.json"
    try:
        found: dict[str, Any] = json.loads(path.read_text("utf-8"))
        int(found["output"]["seed"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(f"{path}: not the recipe of a rendered set ({error!r})") from None
    return found


def _check(recipe: Recipe) -> None:
    for number in recipe.people.bodies:
        if not 0 <= number < body.count():
            raise InputError(f"people.bodies: no body {number}, expected 0 to {body.count() - 1}")
    for key, table, known in (("kinds", recipe.motion.kinds, KINDS), ("holds", recipe.motion.holds, HOLDS)):
        for name in table:
            if name not in known:
                raise InputError(f"motion.{key}.{name}: unknown, expected one of {', '.join(known)}")
        if sum(table.values()) <= 0:
            raise InputError(f"motion.{key}: all weights are 0")
    if recipe.output.codec not in CODECS:
        raise InputError(f"output.codec: expected one of {', '.join(CODECS)}, got {recipe.output.codec!r}")
    for angle in recipe.motion.thighs_deg:
        if not 40 <= angle <= 125:
            raise InputError(f"motion.thighs_deg: expected 40 to 125, got {angle}")

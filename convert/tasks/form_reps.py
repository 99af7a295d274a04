"""The data of both form networks: synthetic reps as the device would hold them, with the sizes of their faults.

Rows are reps. `shown` (N, V, STEPS, REFINED_CHANNELS) and `points` (N, V, 11, 17, 2) hold each rep V times: first as it
truly was, then as the pose model would have found it (convert/synth/found.py), other errors each time. `alone` (N, V,
REFINED_CHANNELS): its bottom, of which nothing before or after was seen. `shown_known` and `alone_known`: the same seen
by a camera whose pitch and lens are known. `sizes` (N, F) in the order and units of
device.squat.form.FAULTS; `body`, `view_deg`, `rate_hz` (N,); `rendered` (N,): whether the pose model found it in
rendered pictures, else its errors are lent; `partial` (N,): whether it was drawn to end high.
"""

# ruff: noqa: RUF009  `within` makes dataclass fields with limits, as `field` does

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from convert.datasets.synthetic import SyntheticClip
from convert.pool import mapped
from convert.prepared import SPLITS, Prepared, split_of, write
from convert.recipe import Span, within
from convert.synth.found import Donor, Finder, clips_with_poses, donors, found_poses, span
from convert.synth.keypoint_reps import KeypointRep, keypoint_reps, reps_of
from convert.synth.recipe import Motion, Output, Recipe, kept
from convert.tasks.depth_entries import View, view_of
from device import settings
from device.errors import InputError
from device.squat.form import FAULTS
from device.squat.form_input import DOWN, FORM_INPUT_VERSION, REFINED_INPUT_VERSION, refined_input
from device.squat.perspective import Optics
from device.squat.pose import Pose
from device.squat.pose_image import rep_points
from device.squat.rep import Rep, Tempo

FAULT_NAMES = tuple(FAULTS)
LIMITS = np.array([fault.counts_from for fault in FAULTS.values()])
DISPUTED: dict[str, float] = {
    "knees_in": 4.0, "knees_out": 5.0, "knees_forward": 3.0, "bent_over": 6.0, "back_rounding": 7.0,
    "pelvic_tuck": 6.0, "lateral_shift": 1.5, "heels_up": 0.8, "shallow": 3.0, "not_locked_out": 3.0,
}  # fmt: skip
"""So near to where a fault begins to count two coaches would dispute it. Chosen by that, but for the last: lifters of
the generator stand with knees bent by 6 to 12 degrees, and would nearly all be disputed with 5."""
GOOD_THIGH_DEG = (92.0, 112.0)
PARTIAL_THIGH_DEG = (50.0, 84.0)  # from where the device counts a rep (`squatness.MIN_DROP`)
GOOD_HOLDS = {"high_bar": 2.0, "low_bar": 1.0, "front_bar": 2.0, "goblet": 2.0, "bodyweight": 1.0}
KNOWN = "_known"  # ends the names of arrays of a known camera
PITCH_OFF_DEG, FOV_OFF = 1.0, 0.02  # standard deviations of what a person measures
AT_ONCE = 10  # clips that a process draws in one go
_BANDS = np.array([DISPUTED[name] for name in FAULT_NAMES])


@dataclass(frozen=True)
class FormData:
    """What is drawn. Every body with number % 8 == 7 is for test, == 6 for tune.

    `clips` are drawn from all styles and depths, two of three reps bad; `good_clips` more from deep, upright and clean
    ones, so that half of all are good. `found`: how often each rep is shown as the pose model would find it; `rate_hz`:
    how often the movement is sampled, from which the network's input is interpolated; `workers`: processes that draw.
    """

    clips: int = within(1, 10**6, 1000)
    good_clips: int = within(0, 10**6, 800)
    reps: Span = within(1, 20, (2, 4))
    thigh_deg: Span = within(40, 125, (80, 114))
    fault_share: float = within(0, 1, 0.35)
    soft_knees_share: float = within(0, 1, 0.06)
    rate_hz: Span = within(8, 120, (10, 16))
    found: int = within(0, 20, 1)
    workers: int = within(1, 256, 2)


@dataclass(frozen=True)
class _Job:
    recipe: Recipe
    clips: range
    rates: Span
    lenders: tuple[tuple[Donor, ...], ...]
    found: int
    partial: bool


def is_bad(sizes: NDArray[np.floating]) -> NDArray[np.bool_]:
    """Whether reps with faults of these sizes (..., F) have any that counts."""
    return np.asarray((sizes > LIMITS).any(-1))


def is_clear(sizes: NDArray[np.floating]) -> NDArray[np.bool_]:
    """Whether nobody would dispute it: one fault well beyond what counts, or all well below."""
    return np.asarray((sizes > LIMITS + _BANDS).any(-1) | (sizes < LIMITS - _BANDS).all(-1))


def good_recipe_of(data: FormData, seed: int) -> Recipe:
    """The recipe of clips that are meant to be good: deep, without faults, more often held in front."""
    motion = Motion(
        reps=data.reps, thigh_deg=GOOD_THIGH_DEG, fault_share=0.0, walk_out_share=0.0, fail_share=0.0,
        soft_knees_share=0.0, holds=GOOD_HOLDS,
    )  # fmt: skip
    return Recipe(output=Output(seed=seed + 1000), motion=motion)


def partial_recipe_of(data: FormData, seed: int) -> Recipe:
    """The recipe of clips that end high: else as `recipe_of`."""
    recipe = recipe_of(data, seed + 2000)
    return replace(recipe, motion=replace(recipe.motion, thigh_deg=PARTIAL_THIGH_DEG))


def recipe_of(data: FormData, seed: int) -> Recipe:
    """The synthetic recipe that is drawn from: squats alone, from everywhere."""
    motion = Motion(
        reps=data.reps, thigh_deg=data.thigh_deg, fault_share=data.fault_share, walk_out_share=0.0, fail_share=0.02,
        soft_knees_share=data.soft_knees_share,
    )  # fmt: skip
    return Recipe(output=Output(seed=seed), motion=motion)


def prepare(
    task: str, data: FormData, sources: Sequence[Path], out: Path, seed: int, partial_clips: int = 0
) -> Prepared:
    """Draws the reps; sources are rendered sets whose pose errors are lent, from bodies of a split to the same split's.

    Args:
        task: whose data it becomes.
        data: what is drawn.
        sources: the rendered sets.
        out: where to.
        seed: of all that is drawn.
        partial_clips: so many more of quarter and half squats.

    Raises:
        InputError: `data.found` without a source.
    """
    if data.found and not sources:
        raise InputError("prepare: data.found needs rendered sets as sources (python -m convert synth), or set it to 0")
    lenders = lenders_of(donors(sources)) if data.found else ((),) * len(SPLITS)
    drawn = (
        (recipe_of(data, seed), data.clips, False),
        (good_recipe_of(data, seed), data.good_clips, False),
        (partial_recipe_of(data, seed), partial_clips, True),
    )
    jobs = [
        _Job(each, range(k, min(k + AT_ONCE, count)), data.rate_hz, lenders, data.found, partial)
        for each, count, partial in drawn
        for k in range(0, count, AT_ONCE)
    ]
    rows = [row for some in mapped(_rows, jobs, data.workers, bar="drawing reps") for row in some]
    if data.found:
        rows += rendered_rows(sources, data.found, seed)
    return written(task, rows, [(asdict(each), count) for each, count, _ in drawn], sources, out)


def written(task: str, rows: Sequence[Mapping[str, Any]], drawn: Any, sources: Sequence[Path], out: Path) -> Prepared:
    """Writes rows as prepared data, split by body; `drawn`: what the reps that nobody rendered are made of."""
    if not rows:
        raise InputError("prepare: no reps drawn")
    arrays = {name: np.array([row[name] for row in rows]) for name in rows[0]}
    split = np.array([split_of(body) for body in arrays["body"]])
    rendered = int(arrays["rendered"].sum())
    told = [
        {
            "name": "synthetic reps (convert/synth), as keypoints",
            "licence": "bodies CC0",
            "rows": len(rows) - rendered,
            "sha256": hashlib.sha256(json.dumps(drawn, sort_keys=True).encode()).hexdigest(),
        },
        *(_source(path) for path in sources),
    ]
    inputs = {"form_input": FORM_INPUT_VERSION, "refined_input": REFINED_INPUT_VERSION}
    about = {"task": task, **inputs, "sources": told, "gaps": ["points"]}
    return write(out, arrays, split.astype(np.uint8), about)


def _source(path: Path) -> dict[str, Any]:
    """What a card tells of a rendered set."""
    seed, recipe = kept(path)["output"]["seed"], (path / "recipe.json").read_bytes()
    clips = len(SyntheticClip.all_in(path))
    model = settings.load(settings.DEFAULT_FILE).models.pose
    name = f"the pose model {model} on {clips} clips rendered with seed {seed}: errors lent, and reps"
    return {"name": name, "licence": "bodies CC0", "rows": 0, "sha256": hashlib.sha256(recipe).hexdigest()}


def lenders_of(found: Sequence[Donor]) -> tuple[tuple[Donor, ...], ...]:
    """The donors of each of SPLITS, so that no error that trained a network tests it too.

    Only where no body of a split was rendered, those of the train split lend.
    """
    parts = tuple(tuple(donor for donor in found if split_of(donor.body) == k) for k in range(len(SPLITS)))
    return tuple(part or parts[SPLITS.index("train")] for part in parts)


def _rows(job: _Job) -> list[dict[str, Any]]:
    finders = [Finder(lenders) for lenders in job.lenders]
    return [
        {**row, "partial": np.bool_(job.partial)}
        for rep in keypoint_reps(job.recipe, job.clips, job.rates)
        if (row := row_of(rep, finders[split_of(rep.about["body"])], job.found, job.recipe.output.seed)) is not None
    ]


def rendered_rows(folders: Sequence[Path], found: int, seed: int) -> Iterator[dict[str, Any]]:
    """Rows of rendered reps, as they truly were and as the device's pose model found them in the pictures."""
    truly = Finder([])
    for folder in folders:
        for clip, seen in clips_with_poses(folder):
            for rep in reps_of(clip.truth()):
                poses = found_poses(rep, [pose for _, pose in seen])
                if poses is None:
                    continue
                rng = np.random.default_rng([seed, rep.clip, rep.number])
                versions = [truly.poses(rep, None), *[poses] * found]
                row = _row(rep, [device_rep(rep, version, rng) for version in versions], rendered=True)
                if row is not None:
                    yield row


def row_of(rep: KeypointRep, finder: Finder, found: int, seed: int) -> dict[str, Any] | None:
    """A row of the prepared data; None where the device would see no rep."""
    return _row(rep, cuts_of(rep, finder, found, seed), rendered=False)


def cuts_of(rep: KeypointRep, finder: Finder, found: int, seed: int) -> list[Rep]:
    """A rep as the device would hold it: as it truly was, then `found` times as the pose model would have found it."""
    cuts = []
    for version in range(1 + found):
        rng = np.random.default_rng([seed, rep.clip, rep.number, version])
        cuts.append(device_rep(rep, finder.poses(rep, rng if version else None), rng))
    return cuts


def _row(rep: KeypointRep, cuts: Sequence[Rep], rendered: bool) -> dict[str, Any] | None:
    cameras = {"": Optics(), KNOWN: measured(view_of(rep.truth), np.random.default_rng([rep.clip, rep.number]))}
    arrays: dict[str, list[NDArray[np.float16]]] = {name + end: [] for name in ("shown", "alone") for end in cameras}
    points = []
    for cut in cuts:
        for end, optics in cameras.items():
            inputs, bottom = refined_input(cut, optics), lone(cut.poses[cut.bottom], optics)
            if inputs is None or bottom is None:
                return None
            arrays[f"shown{end}"].append(inputs.astype(np.float16))
            arrays[f"alone{end}"].append(bottom.astype(np.float16))
        if (joints := rep_points(cut)) is None:
            return None
        points.append(joints.astype(np.float16))
    return {
        **{name: np.array(rows) for name, rows in arrays.items()},
        "points": np.array(points),
        "sizes": np.array([rep.faults[name] for name in FAULT_NAMES], np.float32),
        "body": np.int32(rep.about["body"]),
        "view_deg": np.float32(rep.about["view_deg"]),
        "rate_hz": np.float32(rep.about["fps"]),
        "rendered": np.bool_(rendered),
        "partial": np.bool_(False),
    }


def measured(camera: View, rng: np.random.Generator) -> Optics:
    """A camera as a person measured it: give or take `PITCH_OFF_DEG`, and `FOV_OFF` of its field of view."""
    fov_deg, pitch_deg = camera.fov_deg * rng.normal(1, FOV_OFF), camera.pitch_deg + rng.normal(0, PITCH_OFF_DEG)
    return Optics(float(fov_deg), float(pitch_deg), known=True)


def lone(pose: Pose, optics: Optics) -> NDArray[np.float32] | None:
    """What a form network is shown of a bottom of which nothing before or after was seen, (REFINED_CHANNELS,).

    Nobody was seen standing to tell how steeply the camera looks: it is taken to look level, but where the legs are so
    straight (`level.SITS`) that he seems to stand; or as steeply as is known. None without world points.
    """
    shown = refined_input(Rep(1, (pose,), 0.0, 0.0, 0.0, 0, Tempo(0.0, 0.0, 0.0), True, 0), optics)
    return None if shown is None else np.asarray(shown[DOWN])


def device_rep(rep: KeypointRep, poses: Sequence[Pose], rng: np.random.Generator) -> Rep:
    """The rep as the device cuts it, give or take what it errs there; the poses are smoothed already."""
    start_s, end_s = span(rep)
    first_s, last_s = start_s - rng.uniform(0, 0.2), end_s + rng.uniform(0.1, 0.3)
    kept = tuple(pose for pose in poses if first_s <= pose.captured_s <= last_s)
    bottom_s = rep.bottom_s + float(rng.normal(0, 0.04))
    return Rep(
        number=1,
        poses=kept,
        start_s=kept[0].captured_s,
        bottom_s=bottom_s,
        lockout_s=max(end_s + float(rng.uniform(-0.25, 0.1)), bottom_s + 0.1),
        bottom=int(np.argmin([abs(pose.captured_s - bottom_s) for pose in kept])),
        tempo=Tempo(bottom_s - first_s, 0.0, end_s - bottom_s),
        stood_up=rep.completed,
        dropped=0,
    )

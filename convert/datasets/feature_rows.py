"""Writes tracked frames of synthetic clips as prepared data: BlazePose's features, what it found, and the truth.

| array | row | holds |
| --- | --- | --- |
| features | (64, 64, 48) uint8 | the tapped map; times `features_scale` = real units |
| features_scale | (48,) float32 | per channel |
| points | (23, 2) float32 | truth, 0 to 1 across the crop (outside it below 0 or above 1); NaN: there is none |
| visible | (23,) uint8 | 0 outside the crop or absent, 1 hidden, 2 in sight |
| found | (17, 2) float32 | BlazePose's joints, 0 to 1 across the crop |
| found_scores | (17,) float32 | and its scores |
| found_world | (17, 3) float32 | and its metres, axes of the camera |
| crop | (4,) float32 | centre x, y and side in pixels of the (mirrored) frame, turn in radians |
| torso, torso_whole | float32 | mid shoulders to mid hips in sides of the crop, as seen and if not foreshortened |
| near | uint8 | the leg nearer to the camera: 0 left, 1 right |
| view_deg | float32 | of the camera |
| margins | (2,) float32 | height of knee top over hip crease, left then right, + is deep, in thigh lengths |
| thigh_m | float32 | length of the lifter's thigh |
| low | bool | whether the hips are in the lower half of their way |
| clip, frame | int32 | which clip of `about["clips"]`, and which frame of it |
| mirrored | bool | whether all of this row is mirrored, the truth too |
| body | int32 | number of the body |
"""

import hashlib
from collections.abc import Sequence
from contextlib import ExitStack
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from convert.datasets.growing import GrowingArray
from convert.datasets.synthetic import SyntheticClip
from convert.datasets.tracked import Choice, TrackedFrame, tracked
from convert.pool import mapped
from convert.prepared import SPLITS, Prepared, split_of, write
from device.inference import fetch
from device.inference.landmarks import LandmarkModel

GAPS = ("points",)  # no bar: no bar ends

ROWS: dict[str, tuple[tuple[int, ...], Any]] = {
    "features": ((64, 64, 48), np.uint8),
    "features_scale": ((48,), np.float32),
    "points": ((23, 2), np.float32),
    "visible": ((23,), np.uint8),
    "found": ((17, 2), np.float32),
    "found_scores": ((17,), np.float32),
    "found_world": ((17, 3), np.float32),
    "crop": ((4,), np.float32),
    "torso": ((), np.float32),
    "torso_whole": ((), np.float32),
    "near": ((), np.uint8),
    "view_deg": ((), np.float32),
    "margins": ((2,), np.float32),
    "thigh_m": ((), np.float32),
    "low": ((), np.bool_),
    "clip": ((), np.int32),
    "frame": ((), np.int32),
    "mirrored": ((), np.bool_),
    "body": ((), np.int32),
}


def prepare_features(
    task: str,
    sources: Sequence[Path],
    out: Path,
    choice: Choice,
    held: Choice,
    limit: int,
    seed: int,
    told: dict[str, Any],
    workers: int = 1,
) -> Prepared:
    """Runs BlazePose over synthetic clips.

    Args:
        task: whose data it becomes.
        sources: folders that `python -m convert synth` wrote.
        out: where to.
        choice: of the frames of bodies that train.
        held: of the frames of held-out bodies.
        limit: at most so many clips, 0 = all.
        seed: of all random numbers; each clip has its own.
        told: the recipe's data, to be kept beside.
        workers: processes that run BlazePose; the rows are the same.

    Raises:
        InputError: no clips, or none on which BlazePose found anybody.
        ModelError: BlazePose is not there.
    """
    manifest = fetch.find("blazepose_full")
    clips = [clip for folder in sources for clip in SyntheticClip.all_in(folder)]
    clips = clips[: limit or None]
    split: list[int] = []
    with ExitStack() as stack:
        arrays = {
            name: stack.enter_context(GrowingArray(out / f"{name}.npy", shape, dtype))
            for name, (shape, dtype) in ROWS.items()
        }
        stack.callback(_landmarks.cache_clear)  # with one worker it lives in this process
        for number, (part, rows) in enumerate(mapped(_of_clip, clips, workers, manifest.path, choice, held, seed)):
            for row in rows:
                for name, value in (row | {"clip": number}).items():
                    arrays[name].append(np.asarray(value))
                split.append(part)
        maps = {name: array.close() for name, array in arrays.items()}
    about = {
        "task": task,
        "told": told,
        "gaps": list(GAPS),
        "clips": [clip.truth_file.name for clip in clips],
        "sources": [source_of(folder, clips, maps["clip"]) for folder in sources],
        "backbone": {"name": "blazepose_full", "sha256": manifest.sha256, "source": dict(manifest.more["source"])},
    }
    return write(out, maps, np.array(split, np.uint8), about)


@cache
def _landmarks(model: Path) -> LandmarkModel:
    return LandmarkModel(model)


def _of_clip(
    clip: SyntheticClip, model: Path, choice: Choice, held: Choice, seed: int
) -> tuple[int, list[dict[str, Any]]]:
    """The split that a clip belongs to, and its rows."""
    about = clip.truth().about
    part = split_of(int(about["body"]))
    taken = choice if SPLITS[part] == "train" else held
    found = tracked(clip, _landmarks(model), taken, np.random.default_rng([seed, *about["seed"]]))
    return part, [_row(frame) | {"body": about["body"]} for frame in found]


def _row(found: TrackedFrame) -> dict[str, Any]:
    seen = found.seen
    features = seen.features[0]
    scale = np.maximum(features.max((0, 1)), 1e-6) / 255
    return {
        "features": np.rint(features / scale).astype(np.uint8),
        "features_scale": scale,
        "points": found.points,
        "visible": found.visible,
        "found": seen.points[:17],
        "found_scores": seen.scores,
        "found_world": seen.world,
        "crop": np.array([*seen.crop.centre, seen.crop.side_px, seen.crop.turn_rad]),
        "torso": found.torso,
        "torso_whole": found.torso_whole,
        "near": found.near,
        "view_deg": found.view_deg,
        "margins": found.margins_m / found.thigh_m,
        "thigh_m": found.thigh_m,
        "low": found.low,
        "frame": found.frame,
        "mirrored": found.mirrored,
    }


def source_of(folder: Path, clips: Sequence[SyntheticClip], numbers: NDArray[np.integer]) -> dict[str, Any]:
    """Name, hash over the truth files, licence and rows of a folder of clips; `numbers`: the clip of each row."""
    mine = [number for number, clip in enumerate(clips) if clip.truth_file.parent == folder]
    whole = hashlib.sha256()
    for number in mine:
        whole.update(clips[number].truth_file.read_bytes())
    return {
        "name": folder.name,
        "sha256": whole.hexdigest(),
        "licence": "rendered by convert/synth of this project, Apache-2.0",
        "clips": len(mine),
        "rows": int(np.isin(numbers, mine).sum()),
    }

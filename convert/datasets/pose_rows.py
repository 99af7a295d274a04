"""What the pose task trains on: pictures around lifters, stored once, cropped anew each time they are used."""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from convert import prepared as store
from convert.datasets.augment import covered, varied
from convert.datasets.coco import CocoFile
from convert.datasets.pictures import UNKNOWN, Picture, rendered, rendered_rows
from convert.datasets.synthetic import SyntheticClip
from convert.prepared import Prepared
from convert.recipe import within
from device.errors import InputError
from device.inference.letterbox import Crop
from device.inference.squatlight_pose import SIZE, crop_around
from device.squat.pose import KEYPOINTS, MIRRORED

POINTS = len(KEYPOINTS)
RENDERED = "Apache-2.0 (rendered by convert synth)"
GAPS = ("points", "world", "torso", "view_deg")


@dataclass(frozen=True)
class Data:
    """The [data] table.

    `fps`: about so many frames a second are taken of a rendered clip. `picture`: side in pixels of the stored pictures.
    `reach`: their side over that of the box around the lifter, at most the whole frame. Shares of the training
    examples: `whole` show the whole picture as at the start of a clip, `empty` no lifter, `hidden` things in the way.
    """

    fps: float = within(0.1, 240, 6.0)
    picture: int = within(64, 1024, 384)
    reach: float = within(1.0, 10.0, 2.2)
    whole: float = within(0, 1, 0.15)
    empty: float = within(0, 1, 0.06)
    hidden: float = within(0, 1, 0.4)


def prepare(task: str, told: Data, sources: Sequence[Path], out: Path) -> Prepared:
    """Stores the pictures of rendered sets (folders) and COCO files (.json).

    Raises:
        InputError: nothing there, broken, or a picture held out for the test is also trained on.
    """
    if not sources:
        raise InputError("pose: name folders that `python -m convert synth` wrote, or COCO keypoint files (.json)")
    opened = [_source(path, told) for path in sources]
    counted = [about for about, _ in opened]
    total = sum(about["rows"] for about in counted)
    arrays: dict[str, NDArray[Any]] = {
        "picture": store.create(out, "picture", (total, told.picture, told.picture, 3), np.uint8),
        "points": np.full((total, POINTS, 2), np.nan, np.float32),
        "visible": np.zeros((total, POINTS), np.uint8),
        "world": np.full((total, POINTS, 3), np.nan, np.float32),
        "torso": np.full(total, np.nan, np.float32),
        "view_deg": np.full(total, np.nan, np.float32),
        "hash": np.zeros(total, np.uint64),
    }
    split = np.zeros(total, np.uint8)
    pictures = (picture for _, read in opened for picture in read)
    for row, picture in enumerate(tqdm(pictures, "prepare", total, disable=None)):
        _put(arrays, row, picture, told)
        split[row] = picture.split
    _apart(arrays["hash"], split)
    about = {"task": task, "sources": counted, "gaps": list(GAPS), "folders": [str(s.resolve()) for s in sources]}
    shares = {name: getattr(told, name) for name in ("whole", "empty", "hidden")}
    return store.write(out, arrays, split, {**about, "shares": shares})


def _source(path: Path, told: Data) -> tuple[dict[str, Any], Iterator[Picture]]:
    """What a source is, and its pictures; a set that is still being rendered is taken as it is now."""
    if path.suffix == ".json":
        coco = CocoFile.read(path)
        found = hashlib.sha256(path.read_bytes())
        about = {"licence": ", ".join(coco.licences), "rows": len(coco.people)}
        return {"name": path.name, "sha256": found.hexdigest(), **about}, coco.pictures()
    clips, rows, found = SyntheticClip.all_in(path), 0, hashlib.sha256()
    for clip in clips:
        rows += len(rendered_rows(clip.truth(), told.fps))
        found.update(clip.truth_file.read_bytes())
    pictures = (picture for clip in clips for picture in rendered(clip, told.fps))
    return {"name": path.name, "sha256": found.hexdigest(), "licence": RENDERED, "rows": rows}, pictures


def _put(arrays: Mapping[str, NDArray[Any]], row: int, picture: Picture, told: Data) -> None:
    height, width = picture.image.shape[:2]
    whole, near = Crop.of_frame(width, height), crop_around(picture.points)
    side_px = min(whole.side_px, told.reach * near.side_px)
    centre = [
        float(np.clip(at, low, high)) if (low := side_px / 2) <= (high := whole.side_px - side_px / 2) else at
        for at in np.array(near.centre) + whole.side_px / 2 - np.array(whole.centre)
    ]
    middle = np.array(centre) - whole.side_px / 2 + np.array(whole.centre)
    crop = Crop((float(middle[0]), float(middle[1])), side_px)
    matrix = crop.input_from_frame(told.picture)
    arrays["picture"][row] = crop.cut(picture.image, told.picture)
    arrays["points"][row] = picture.points @ matrix[:, :2].T + matrix[:, 2]
    arrays["visible"][row], arrays["world"][row] = picture.visible, picture.world
    arrays["torso"][row], arrays["view_deg"][row] = picture.torso_px * told.picture / side_px, picture.view_deg
    digest = hashlib.sha256(np.ascontiguousarray(arrays["picture"][row]).tobytes()).digest()
    arrays["hash"][row] = np.frombuffer(digest[:8], np.uint64)[0]


def _apart(hashes: NDArray[np.uint64], split: NDArray[np.uint8]) -> None:
    for held_out, name in ((1, "tune"), (2, "test")):
        both = np.flatnonzero(np.isin(hashes, hashes[split == held_out]) & (split != held_out))
        if len(both):
            raise InputError(f"row {both[0]}: the same picture is in the {name} split and in another")


def example(prepared: Prepared, row: int, rng: np.random.Generator | None) -> dict[str, NDArray[Any]]:
    """One picture as the network sees it, and what it shall say.

    Args:
        prepared: what `prepare` wrote.
        row: of it.
        rng: varies crop, colours and what is hidden; None: the crop that a perfect pose would give.

    Returns:
        image (256, 256, 3) uint8; points (23, 2), 0 to 1 across the crop, 0 where not known; `placed`, `world_known`,
        `sight_known` (23,): which of the loss's terms hold; world (23, 3); sight (23,); there, there_known (24,).
    """
    a, shares = prepared.arrays, prepared.about["shares"]
    image, points, visible, world = a["picture"][row], a["points"][row], a["visible"][row], a["world"][row]
    side = len(image)
    crop, lifter = crop_around(points), True
    if rng is not None:
        chance = rng.random()
        if chance < shares["empty"] and (empty := _without(points, side, rng)) is not None:
            crop, lifter = empty, False
        elif chance < shares["empty"] + shares["whole"]:
            crop = _jittered(Crop((side / 2, side / 2), float(side)), 0.08, 0.06, 0.05, rng)
        else:
            crop = _jittered(crop, 0.2, 0.08, 0.14, rng)
    seen = crop.cut(image, SIZE)
    matrix = crop.input_from_frame(1)
    unit = points @ matrix[:, :2].T + matrix[:, 2]
    turn = matrix[:, :2] * crop.side_px
    world = np.concatenate([world[:, :2] @ turn.T, world[:, 2:]], 1)
    if rng is not None:
        if rng.random() < shares["hidden"]:
            seen, hidden = covered(seen, rng)
            visible = _hide(visible, unit, hidden)
        seen = varied(seen, rng)
        if rng.random() < 0.5:
            seen, visible = seen[:, ::-1], visible[MIRRORED]
            unit, world = unit[MIRRORED] * [-1, 1] + [1, 0], world[MIRRORED] * [-1, 1, 1]
    return _wanted(seen, unit, visible, world, lifter)


def _wanted(
    image: NDArray[np.uint8], unit: NDArray[Any], visible: NDArray[np.uint8], world: NDArray[Any], lifter: bool
) -> dict[str, NDArray[Any]]:
    known = visible != UNKNOWN
    inside = (unit >= 0).all(-1) & (unit < 1).all(-1) & lifter  # not so where NaN
    there = np.concatenate([[lifter], inside])
    return {
        "image": np.ascontiguousarray(image),
        "points": np.where(inside[:, None], unit, 0).astype(np.float32),
        "placed": (inside & known).astype(np.float32),
        "world": np.nan_to_num(world).astype(np.float32),
        "world_known": (inside & known & np.isfinite(world).all(-1)).astype(np.float32),
        "sight": (inside & (visible == 2)).astype(np.float32),
        "sight_known": (known | (not lifter)).astype(np.float32),
        "there": there.astype(np.float32),
        "there_known": np.concatenate([[True], known | (not lifter)]).astype(np.float32),
    }


def _jittered(crop: Crop, grow: float, shift: float, turn: float, rng: np.random.Generator) -> Crop:
    x, y = np.array(crop.centre) + rng.normal(0, shift, 2) * crop.side_px
    side_px = crop.side_px * np.exp(np.clip(rng.normal(0.03, grow), -0.35, 0.6))
    return Crop((float(x), float(y)), float(side_px), float(rng.normal(0, turn)))


def _without(points: NDArray[np.float32], side: int, rng: np.random.Generator) -> Crop | None:
    """A crop of the picture beside the lifter; None where none was found."""
    for _ in range(10):
        size = rng.uniform(0.15, 0.6) * side
        x, y = rng.uniform(0, side, 2)
        if not (np.abs(points - [x, y]) < size * 0.55).all(-1).any():
            return Crop((float(x), float(y)), float(size))
    return None


def _hide(visible: NDArray[np.uint8], unit: NDArray[Any], hidden: NDArray[np.bool_]) -> NDArray[np.uint8]:
    at = np.nan_to_num(unit, nan=-1.0) * len(hidden)
    inside = (at >= 0).all(-1) & (at < len(hidden)).all(-1)
    column, row = np.where(inside[:, None], at, 0).astype(int).T
    return np.where(inside & hidden[row, column] & (visible == 2), 1, visible).astype(np.uint8)

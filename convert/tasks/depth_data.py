"""What the depth network learns from: moments of reps, and what is true of them.

Rendered reps as the device found them, and many more that nobody rendered, with the errors of the pose model on them
(convert/tasks/depth_rows.py). Split by body: a body lends its errors only within its own split, and the rendered set
whose seed the recipe names (`test_seed`) only to what tests. Bodies that train lie in folds, each of which some members
of the network never see; within a fold bodies are also mixed in pairs, and so are the errors they lend: the network
sees more of both than was baked and rendered.
"""

# ruff: noqa: RUF009  `within` makes dataclass fields with limits, as `field` does

import hashlib
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from convert.pool import mapped
from convert.recipe import Span, within
from convert.synth.body import count as body_count
from convert.synth.recipe import Motion, Output, People, Recipe, kept
from convert.tasks.depth_entries import Entry, entries
from convert.tasks.depth_rows import Lenders, Row, movements, rows
from device.errors import InputError
from device.inference.depth_model import layout
from device.squat.depth_features import features_of
from device.squat.perspective import Optics

FOLDS = 4  # of the bodies that train; `fold` of all others is this number
RENDERED_WEIGHT = 3.0  # of a rendered row against one that was not
STEP_CM = 2.0  # margins that near count as the same in `weights` ...
EVENED = 4.0  # ... which changes no row's weight by more than this factor
KINDS = ("rendered", "rendered, other moment", "keypoints", "keypoints, other moment")


@dataclass(frozen=True)
class DepthData:
    """What is drawn: `clips` of squats, each of their reps seen from `views` sides.

    `workers`: processes that draw. `test_seed`: of the rendered set that lends its errors to the test alone, -1 = none.
    """

    clips: int = within(1, 10**6, 600)
    views: int = within(1, 10**4, 16)
    reps: Span = within(1, 20, (2, 3))
    thigh_deg: Span = within(40, 125, (62, 114))
    workers: int = within(1, 256, 1)
    test_seed: int = within(-1, 2**31, -1)


def prepared_rows(
    data: DepthData, sources: Sequence[Path], seed: int
) -> tuple[dict[str, NDArray[Any]], NDArray[np.uint8], dict[str, Any]]:
    """Arrays, split and what is told of them, as `convert.prepared.write` takes them.

    Args:
        data: what is drawn beside the sources.
        sources: rendered sets (`python -m convert synth`).
        seed: of what is drawn.

    Raises:
        InputError: no sources, or one in which the device finds no rep.
    """
    if not sources:
        raise InputError("prepare: the depth task needs rendered sets as sources (python -m convert synth)")
    found = entries(sources, seed, data.workers)
    for folder in sources:
        if not any(e.name.startswith(f"{folder.name}/") for e in found):
            raise InputError(f"{folder}: the device finds no rep in it")
    of_split = _lenders(found, {folder.name for folder in sources if _apart(folder, data.test_seed)})
    told = [_row_of_entry(e) for s, own in of_split.items() for e in own if _split(np.array(e.body)) == s]
    drawn = list(_drawn(data, of_split, seed))
    every = [row for row in told + drawn if row is not None]
    arrays = {name: np.array([row[name] for row in every]) for name in every[0]}
    split = _split(arrays["body"])
    arrays["weight"] = weights(arrays, split == 0)
    folds = fold_of_body()
    arrays["fold"] = np.array([folds.get(int(body), FOLDS) for body in arrays["body"]], np.uint8)
    about = {
        "task": "depth",
        "layout": layout(),
        "sources": [*(_source(p, found) for p in sources), _drawn_source(seed, len(drawn))],
    }
    return arrays, split, about


def _split(body: NDArray[Any]) -> NDArray[np.uint8]:
    """Of each 16 bodies 7 and 15 test, as in all tasks: men, for women have even numbers. 6, a woman, and 13 tune."""
    return np.where(body % 8 == 7, 2, np.where((body % 16 == 6) | (body % 16 == 13), 1, 0)).astype(np.uint8)


def fold_of_body() -> dict[int, int]:
    """The fold of each body that trains, as many women and men in each."""
    train = [body for body in range(body_count()) if _split(np.array(body)) == 0]
    sexes = [[body for body in train if body % 2 == rest] for rest in (0, 1)]
    return {body: place % FOLDS for sex in sexes for place, body in enumerate(sex)}


def weights(arrays: Mapping[str, NDArray[Any]], train: NDArray[np.bool_]) -> NDArray[np.float32]:
    """(N,) how much each row counts in training: rendered ones more, and each margin as much as any other.

    A network that has met more high lifts than deep ones draws those that it doubts upwards; a judge must not.
    """
    margins_cm = 100 * arrays["thigh_m"] * arrays["margins"][np.arange(len(train)), arrays["nearer"]]
    places = np.floor(margins_cm / STEP_CM).astype(int)
    places -= places.min()
    out = np.where(arrays["kind"] < 2, RENDERED_WEIGHT, 1.0)
    mass = np.bincount(places[train], out[train], places.max() + 1)
    usual = np.median(mass[places[train]])
    return np.asarray(out * np.clip(usual / np.maximum(mass[places], 1e-9), 1 / EVENED, EVENED), np.float32)


def _row_of_entry(entry: Entry) -> dict[str, Any] | None:
    nearer = int(np.argmin(entry.world[3, 7:9, 2] + entry.world[3, 9:11, 2]))
    row = Row(
        entry.seen, entry.view, entry.learnt_deg, entry.margins, entry.thigh_m, entry.stature_m, entry.body, nearer,
        entry.lowest,
    )  # fmt: skip
    return _told(row, 0)


def _apart(folder: Path, test_seed: int) -> bool:
    """Whether a rendered set is the one that lends to the test alone."""
    return (folder / "recipe.json").is_file() and bool(kept(folder)["output"]["seed"] == test_seed)


def _lenders(found: Sequence[Entry], apart: Collection[str]) -> dict[int, list[Entry]]:
    """The entries by the split to which they lend; `apart`: names of sets that lend to the last alone."""
    of_split: dict[int, list[Entry]] = {0: [], 1: [], 2: []}
    for entry in found:
        place = 2 if entry.name.split("/")[0] in apart else int(_split(np.array(entry.body)))
        of_split[place].append(entry)
    return {split: own for split, own in of_split.items() if own}


def _drawn(data: DepthData, of_split: Mapping[int, list[Entry]], seed: int) -> Iterator[dict[str, Any] | None]:
    folds = fold_of_body()
    lenders = {(split, FOLDS): Lenders(own, between=split == 0) for split, own in of_split.items()}
    for fold in range(FOLDS):
        if own := [e for e in of_split.get(0, []) if folds[e.body] == fold]:
            lenders[0, fold] = Lenders(own, between=True)
    for told in mapped(_draw, range(data.clips), data.workers, data, seed, lenders, at_once=4):
        yield from told


def _draw(
    clip: int, data: DepthData, seed: int, lenders: Mapping[tuple[int, int], Lenders]
) -> list[dict[str, Any] | None]:
    """The rows of one drawn clip, of the splits in turn, so that those that measure have enough, and of the folds.

    A fold that has no entries of its own, as in tiny sets, borrows from all that train.
    """
    split = (0, 2, 0, 1)[clip % 4]
    fold, folds = FOLDS if split else clip // 2 % FOLDS, fold_of_body()
    own = lenders.get((split, fold), lenders.get((split, FOLDS)))
    if own is None:
        return []
    bodies = tuple(b for b in range(body_count()) if _split(np.array(b)) == split and folds.get(b, FOLDS) == fold)
    motion = Motion(reps=data.reps, thigh_deg=data.thigh_deg)
    recipe = Recipe(Output(seed=seed, fps=30), People(bodies=bodies), motion)
    moves = list(movements(recipe, range(clip, clip + 1), between=split == 0))
    rng = np.random.default_rng([seed, clip, 99])
    return [_told(row, 2) for row in rows(moves, own, recipe, data.views, rng)]


def _told(row: Row, kind: int) -> dict[str, Any] | None:
    """The arrays' values of one row of kind 0 or 2; None where the features cannot be made."""
    v = row.view
    guessed = features_of(row.seen, v.size, Optics(pitch_deg=row.learnt_deg), None)
    known = features_of(row.seen, v.size, Optics(v.fov_deg, v.pitch_deg, True, v.height_m), 100 * row.stature_m)
    if guessed is None or known is None:
        return None
    return {
        "guessed": guessed, "known": known, "margins": np.asarray(row.margins, np.float32),
        "kind": np.uint8(kind + (not row.lowest)), "nearer": np.uint8(row.nearer), "body": np.uint16(row.body),
        "view_deg": np.float32(v.view_deg), "thigh_m": np.float32(row.thigh_m),
        "pitch_deg": np.float32(v.pitch_deg), "height_m": np.float32(v.height_m),
    }  # fmt: skip


def _source(folder: Path, found: Sequence[Entry]) -> dict[str, Any]:
    """A rendered set, with a hash over its truth files."""
    hashed = hashlib.sha256()
    for path in sorted(folder.glob("clip*.npz")):
        hashed.update(path.read_bytes())
    count = sum(e.name.startswith(f"{folder.name}/") for e in found)
    return {
        "name": f"rendered set {folder.name}",
        "licence": "CC0 bodies, own code",
        "rows": count,
        "sha256": hashed.hexdigest(),
    }


def _drawn_source(seed: int, count: int) -> dict[str, Any]:
    """What the seed alone makes again."""
    text = f"squats drawn as keypoints, seed {seed}"
    return {"name": text, "licence": "CC0 bodies, own code", "rows": count, "sha256": _hash_of(text)}


def _hash_of(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()

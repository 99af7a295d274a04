"""What the depth network learns from: moments of reps, and what is true of them.

Rendered reps as the device found them, and many more that nobody rendered, with the errors of the pose model on them
(convert/tasks/depth_rows.py). Split by body: number % 8 == 7 test, 6 tune, the rest train; a body lends its errors only
within its own split.
"""

# ruff: noqa: RUF009  `within` makes dataclass fields with limits, as `field` does

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from convert.recipe import Span, within
from convert.synth.body import count as body_count
from convert.synth.recipe import Motion, Output, People, Recipe
from convert.tasks.depth_entries import Entry, entries, mapped
from convert.tasks.depth_rows import Lenders, Row, movements, rows
from device.errors import InputError
from device.inference.depth_model import layout
from device.squat.depth_features import features_of
from device.squat.perspective import Optics

KINDS = ("rendered", "rendered, other moment", "keypoints", "keypoints, other moment")


@dataclass(frozen=True)
class DepthData:
    """What is drawn: `clips` of squats, each of their reps seen from `views` sides.

    `workers`: processes that draw.
    """

    clips: int = within(1, 10**6, 600)
    views: int = within(1, 10**4, 16)
    reps: Span = within(1, 20, (2, 3))
    thigh_deg: Span = within(40, 125, (62, 114))
    workers: int = within(1, 256, 1)


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
    told = [_row_of_entry(e) for e in found]
    drawn = list(_drawn(data, found, seed))
    every = [row for row in told + drawn if row is not None]
    arrays = {name: np.array([row[name] for row in every]) for name in every[0]}
    about = {
        "task": "depth",
        "layout": layout(),
        "sources": [*(_source(p, found) for p in sources), _drawn_source(seed, len(drawn))],
    }
    return arrays, _split(arrays["body"]), about


def _split(body: NDArray[Any]) -> NDArray[np.uint8]:
    return np.where(body % 8 == 7, 2, np.where(body % 8 == 6, 1, 0)).astype(np.uint8)


def _row_of_entry(entry: Entry) -> dict[str, Any] | None:
    nearer = int(np.argmin(entry.world[3, 7:9, 2] + entry.world[3, 9:11, 2]))
    row = Row(
        entry.seen, entry.view, entry.learnt_deg, entry.margins, entry.thigh_m, entry.stature_m, entry.body, nearer,
        entry.lowest,
    )  # fmt: skip
    return _told(row, 0)


def _drawn(data: DepthData, found: Sequence[Entry], seed: int) -> Iterator[dict[str, Any] | None]:
    split_of = {e.body: int(_split(np.array([e.body]))[0]) for e in found}
    lenders = {s: Lenders(own) for s in range(3) if (own := [e for e in found if split_of[e.body] == s])}
    for told in mapped(_draw, range(data.clips), data.workers, data, seed, lenders):
        yield from told


def _draw(clip: int, data: DepthData, seed: int, lenders: Mapping[int, Lenders]) -> list[dict[str, Any] | None]:
    """The rows of one drawn clip, of the splits in turn, so that those that measure have enough."""
    split = (0, 2, 0, 1)[clip % 4]
    if split not in lenders:
        return []
    bodies = tuple(b for b in range(body_count()) if _split(np.array([b]))[0] == split)
    motion = Motion(reps=data.reps, thigh_deg=data.thigh_deg)
    recipe = Recipe(Output(seed=seed, fps=30), People(bodies=bodies), motion)
    moves = list(movements(recipe, range(clip, clip + 1)))
    rng = np.random.default_rng([seed, clip, 99])
    return [_told(row, 2) for row in rows(moves, lenders[split], recipe, data.views, rng)]


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

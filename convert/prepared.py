"""Prepared data: what `prepare` writes and `train` reads. A folder of arrays, opened as memory maps.

FOLDER/about.json (written last: a folder without it does not exist), FOLDER/NAME.npy (N rows each), FOLDER/split.npy
(N,) uint8, rows of `SPLITS`. Splits are by lifter, video or block, never by frame.
"""

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from device.errors import InputError

SPLITS = ("train", "tune", "test")
"""`tune` stops the training and chooses; `test` is only ever reported."""


@dataclass(frozen=True)
class Prepared:
    """Data of one task.

    Attributes:
        folder: where it lies.
        arrays: by name, N rows each, memory-mapped.
        split: (N,) uint8.
        about: `task`, `sources` (path name, sha256, licence, rows) and what the task adds.
    """

    folder: Path
    arrays: Mapping[str, NDArray[Any]]
    split: NDArray[np.uint8]
    about: Mapping[str, Any]

    @classmethod
    def open(cls, folder: Path) -> "Prepared":
        """Opens what `prepare` wrote.

        Raises:
            InputError: not there, unfinished or damaged.
        """
        try:
            about = json.loads((folder / "about.json").read_text("utf-8"))
            split = np.load(folder / "split.npy")
            arrays = {name: np.load(folder / f"{name}.npy", mmap_mode="r") for name in about["arrays"]}
        except (OSError, ValueError, KeyError) as error:
            raise InputError(f"{folder}: no prepared data ({error}); make it with: python -m convert prepare") from None
        for name, array in arrays.items():
            if len(array) != len(split):
                raise InputError(f"{folder}/{name}.npy: {len(array)} rows, expected {len(split)}")
        return cls(folder, arrays, split, about)

    def rows(self, split: str) -> NDArray[np.intp]:
        """The rows of a split, in order.

        Raises:
            InputError: it has none.
        """
        rows = np.flatnonzero(self.split == SPLITS.index(split))
        if not len(rows):
            raise InputError(f"{self.folder}: no rows in the {split} split")
        return rows


def write(
    folder: Path, arrays: Mapping[str, NDArray[Any]], split: NDArray[np.uint8], about: Mapping[str, Any]
) -> Prepared:
    """Writes prepared data whole: `about.json` comes last.

    Arrays that already lie in `folder` under their names as open memory maps are flushed, not copied.

    Raises:
        InputError: an array has another number of rows, or holds nothing.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for name, array in arrays.items():
        if len(array) != len(split) or not len(array):
            raise InputError(f"{folder}: {name} has {len(array)} rows, expected {len(split)} and at least one")
        if isinstance(array, np.memmap):
            array.flush()
        else:
            np.save(folder / f"{name}.npy", array)
    np.save(folder / "split.npy", np.asarray(split, np.uint8))
    text = json.dumps({**about, "arrays": sorted(arrays)}, indent=1)
    unfinished = folder / "about.json.part"
    unfinished.write_text(text, "utf-8")
    os.replace(unfinished, folder / "about.json")
    return Prepared.open(folder)


def create(folder: Path, name: str, shape: Sequence[int], dtype: Any) -> "np.memmap[Any, Any]":
    """An empty array of prepared data to fill row by row, larger than memory if need be."""
    folder.mkdir(parents=True, exist_ok=True)
    return np.lib.format.open_memmap(folder / f"{name}.npy", mode="w+", dtype=dtype, shape=tuple(shape))  # type: ignore[no-any-return]

"""Prepared data: what `prepare` writes and `train` reads. A folder of arrays, opened as memory maps.

FOLDER/about.json (written last: a folder without it does not exist), FOLDER/NAME.npy (N rows each), FOLDER/split.npy
(N,) uint8, rows of `SPLITS`. Splits are by lifter, video or block, never by frame.

about.json holds what the task says, and `arrays`: sha256 by name; `split`: its sha256; `keypoints`, `features`: the
device's, which must be the same when the folder is read. A task may say `gaps`: names of arrays in which NaN means "not
known" (elsewhere it stops the training), and `classes`: {"array": name of an (N,) integer array, "names": [...]}: each
must have rows in the train and tune splits.
"""

import hashlib
import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from device.errors import InputError
from device.inference.recorded import DAMAGED
from device.squat.features import FEATURES_VERSION
from device.squat.pose import KEYPOINTS

CHECKED_ROWS = 1024
SPLITS = ("train", "tune", "test")
"""`tune` stops the training and chooses; `test` is only ever reported."""


def split_of(number: int) -> int:
    """Row of SPLITS that a body belongs to by its number: of each 8 the last tests and the one before tunes.

    The same for all tasks; only depth's, which parts women from men, has another that tunes (`depth_data`).
    """
    return SPLITS.index({6: "tune", 7: "test"}.get(number % 8, "train"))


@dataclass(frozen=True)
class Prepared:
    """Data of one task.

    Attributes:
        folder: where it lies.
        arrays: by name, N rows each, memory-mapped.
        split: (N,) uint8.
        about: `task`, `sources` (each: `name`, `sha256`, `licence`, `rows`) and what the module's head names.
    """

    folder: Path
    arrays: Mapping[str, NDArray[Any]]
    split: NDArray[np.uint8]
    about: Mapping[str, Any]

    @classmethod
    def open(cls, folder: Path) -> "Prepared":
        """Opens what `prepare` wrote.

        Raises:
            InputError: not there, unfinished or damaged, or of other keypoints or features than the device has.
        """
        try:
            about = json.loads((folder / "about.json").read_text("utf-8"))
            split = np.load(folder / "split.npy")
            arrays = {name: np.load(folder / f"{name}.npy", mmap_mode="r") for name in about["arrays"]}
        except (*DAMAGED, TypeError) as error:
            raise InputError(f"{folder}: no prepared data ({error}); make it with: python -m convert prepare") from None
        for name, array in arrays.items():
            if len(array) != len(split):
                raise InputError(f"{folder}/{name}.npy: {len(array)} rows, expected {len(split)}")
        if about.get("split") != _sha256(folder / "split.npy"):
            raise InputError(f"{folder}/split.npy: not as `prepare` wrote it; prepare it anew")
        _same_keypoints(folder, about)
        return cls(folder, arrays, split, about)

    def check(self) -> None:
        """Looks at every number once, that it is as `prepare` wrote it, and that no two splits share an item.

        Each class and split must have rows. Items are the same if the largest array has the same bytes for them.

        Raises:
            InputError: one line that names the array and the row, or the class and the split.
        """
        for name, wanted in self.about["arrays"].items():
            if _sha256(self.folder / f"{name}.npy") != wanted:
                raise InputError(f"{self.folder}/{name}.npy: not as `prepare` wrote it; prepare it anew")
        if self.split.max() >= len(SPLITS):
            raise InputError(f"{self.folder}/split.npy: holds {self.split.max()}, expected 0 to {len(SPLITS) - 1}")
        for split in ("train", "tune"):
            rows = self.rows(split)
            if classes := self.about.get("classes"):
                counts = np.bincount(self.arrays[classes["array"]][rows], minlength=len(classes["names"]))
                for name, count in zip(classes["names"], counts, strict=True):
                    if not count:
                        raise InputError(f"{self.folder}: class {name} has no rows in the {split} split")
        for name, array in self.arrays.items():
            if name not in self.about.get("gaps", ()) and array.dtype.kind == "f":
                for start in range(0, len(array), CHECKED_ROWS):
                    part = np.asarray(array[start : start + CHECKED_ROWS])
                    bad = np.flatnonzero(~np.isfinite(part.reshape(len(part), -1)).all(1))
                    if len(bad):
                        raise InputError(f"{self.folder}/{name}.npy: NaN or infinite in row {start + bad[0]}")
        self._check_apart()

    def _check_apart(self) -> None:
        name = max(self.arrays, key=lambda name: self.arrays[name][0].nbytes)
        first: dict[bytes, int] = {}
        for row, split in enumerate(self.split):
            item = hashlib.blake2b(np.ascontiguousarray(self.arrays[name][row]), digest_size=16).digest()
            other = first.setdefault(item, row)
            if self.split[other] != split:
                both = f"row {row} ({SPLITS[split]}) is the same as row {other} ({SPLITS[self.split[other]]})"
                raise InputError(f"{self.folder}/{name}.npy: {both}; split by lifter, video or block")

    def rows(self, split: str) -> NDArray[np.intp]:
        """The rows of a split, in order.

        Raises:
            InputError: it has none.
        """
        rows = np.flatnonzero(self.split == SPLITS.index(split))
        if not len(rows):
            raise InputError(f"{self.folder}: no rows in the {split} split")
        return rows


def _same_keypoints(folder: Path, about: Mapping[str, Any]) -> None:
    for place, (found, wanted) in enumerate(zip(about.get("keypoints", ()), KEYPOINTS, strict=False)):
        if found != wanted:
            raise InputError(f"{folder}: keypoint {place} is {found}, expected {wanted}; prepare it anew")
    for key, wanted in (("keypoints", list(KEYPOINTS)), ("features", FEATURES_VERSION)):
        if about.get(key) != wanted:
            raise InputError(f"{folder}: {key} is {about.get(key)}, expected {wanted}; prepare it anew")


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        found = hashlib.sha256()
        while block := file.read(1 << 20):
            found.update(block)
    return found.hexdigest()


def write(
    folder: Path, arrays: Mapping[str, NDArray[Any]], split: NDArray[np.uint8], about: Mapping[str, Any]
) -> Prepared:
    """Writes prepared data whole: `about.json` comes last.

    Arrays that already lie in `folder` under their names as open memory maps are flushed, not copied.

    Raises:
        InputError: an array has another number of rows, or holds nothing.
    """
    for name, array in arrays.items():
        if len(array) != len(split) or not len(array):
            raise InputError(f"{folder}: {name} has {len(array)} rows, expected {len(split)} and at least one")
    begin(folder)
    for name, array in arrays.items():
        if isinstance(array, np.memmap):
            array.flush()
        else:
            np.save(folder / f"{name}.npy", array)
    np.save(folder / "split.npy", np.asarray(split, np.uint8))
    hashes = {name: _sha256(folder / f"{name}.npy") for name in (*sorted(arrays), "split")}
    split_hash = hashes.pop("split")
    device = {"keypoints": list(KEYPOINTS), "features": FEATURES_VERSION}
    text = json.dumps({**about, **device, "arrays": hashes, "split": split_hash}, indent=1)
    unfinished = folder / "about.json.part"
    unfinished.write_text(text, "utf-8")
    os.replace(unfinished, folder / "about.json")
    return Prepared.open(folder)


def begin(folder: Path) -> None:
    """Makes room for the first array; data that a `prepare` before left there is no more from here on."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "about.json").unlink(missing_ok=True)


def create(folder: Path, name: str, shape: Sequence[int], dtype: Any) -> "np.memmap[Any, Any]":
    """An empty array of prepared data to fill row by row, larger than memory if need be."""
    begin(folder)
    return np.lib.format.open_memmap(folder / f"{name}.npy", mode="w+", dtype=dtype, shape=tuple(shape))  # type: ignore[no-any-return]

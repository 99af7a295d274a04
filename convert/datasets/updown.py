"""Up or down: frames of squats, seen from in front, as MediaPipe landmarks with the stage a person gave each frame.

Reads `train.csv` and `test.csv` of Exercise-Correction's squat model (MIT): label, then x, y, z, visibility of the nine
landmarks of `KEPT`. The rows follow each other as they were filmed, but the way between two stages was left out, and
so are the times.
"""

import csv
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from convert.datasets.mediapipe import ALL, sorted_in
from device.errors import InputError

KEPT = {
    "nose": 0, "left_shoulder": 11, "right_shoulder": 12, "left_hip": 23, "right_hip": 24, "left_knee": 25,
    "right_knee": 26, "left_ankle": 27, "right_ankle": 28,
}  # fmt: skip
STAGES = ("up", "down")
FPS = 30.0  # not stored
SIZE = (1920, 1080)
"""Not stored: the shoulders of those who stand are 0.28 wide for legs 1 high, in shares of the picture. 16:9 makes them
0.50 leg lengths, near to what lifters have; upright pictures make dwarfs of them."""
LEFT_OUT_S = 0.4  # the way between two stages, of which no frame was kept; a guess, not stored either


@dataclass(frozen=True)
class Frames:
    """Frames in the order of their file.

    Attributes:
        landmarks: (N, 33, 4) x and y in picture widths and heights, z in widths, visibility; NaN = was not kept.
        down: (N,) whether a person called it down, else up.
    """

    landmarks: NDArray[np.float32]
    down: NDArray[np.bool_]

    @property
    def stretches(self) -> list[range]:
        """Runs of frames of one stage."""
        edges = [0, *(np.flatnonzero(np.diff(self.down)) + 1).tolist(), len(self.down)]
        return [range(a, b) for a, b in pairwise(edges)]

    @property
    def at_s(self) -> NDArray[np.float64]:
        """(N,) times at `FPS`, with `LEFT_OUT_S` more where the stage changes."""
        changes = np.concatenate([[0], np.cumsum(np.diff(self.down))])
        return np.arange(len(self.down)) / FPS + changes * LEFT_OUT_S


def read(folder: Path, split: str) -> Frames:
    """The rows of a split.

    Args:
        folder: holds the file, at any depth.
        split: train or test.

    Raises:
        InputError: no such file, other columns, an unknown stage, a stage without frames, or no number; one line.
    """
    path = next(iter(sorted_in(folder, f"{split}.csv")), None)
    if path is None:
        raise InputError(f"{folder}: no {split}.csv")
    rows = list(_rows(path))
    down = np.array([label == "down" for label, _ in rows], bool)
    for stage, there in zip(STAGES, (~down, down), strict=True):
        if not there.any():
            raise InputError(f"{path}: no frame is {stage}")
    landmarks = np.full((len(rows), ALL, 4), np.nan, np.float32)
    landmarks[:, list(KEPT.values())] = np.array([values for _, values in rows]).reshape(-1, len(KEPT), 4)
    return Frames(landmarks, down)


def _rows(path: Path) -> Iterator[tuple[str, list[float]]]:
    wanted = ["label", *(f"{name}_{key}" for name in KEPT for key in "xyzv")]
    try:
        reader = csv.reader(path.read_text("utf-8").splitlines())
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: {error}") from None
    if (head := next(reader, [])) != wanted:
        missing = [name for name in wanted if name not in head]
        raise InputError(f"{path}: other columns than expected{', without ' + missing[0] if missing else ''}")
    for line, row in enumerate(reader, 2):
        try:
            label, values = row[0], [float(value) for value in row[1:]]
        except (ValueError, IndexError) as error:
            raise InputError(f"{path}, line {line}: not a row of landmarks ({error})") from None
        if label not in STAGES:
            raise InputError(f"{path}, line {line}: stage {label!r}, expected up or down")
        if len(values) != len(wanted) - 1 or not np.isfinite(values).all():
            raise InputError(f"{path}, line {line}: expected {len(wanted) - 1} finite numbers")
        yield label, values

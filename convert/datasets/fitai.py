"""FiT-AI: squats as MediaPipe landmarks, a file each, named correct or incorrect.

Reads a folder with `squat_correct_N.json` and `squat_incorrect_N.json`, at any depth: {"sequence": frames of 48
numbers}, x, y, z, visibility of the 12 landmarks of `KEPT`. A sequence is made of the first 30 frames of a video in
which somebody was found, so it is no whole rep, and a shorter video repeats its last frame. The set names no licence:
for tables, never for what ships.
"""

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from convert.datasets.mediapipe import ALL, sorted_in
from device.errors import InputError

KEPT = (23, 24, 25, 26, 27, 28, 11, 12, 29, 30, 31, 32)
"""MediaPipe's numbers of left and right hip, knee, ankle, shoulder, heel, toe, in the order of the files."""
FPS = 30.0  # not stored
SIZE = (1080, 1920)
"""Not stored: seen from in front the shoulders of those who stand are 0.93 wide for legs 1 high, in shares of the
picture. Of the usual pictures upright 9:16 alone makes them 0.52 leg lengths, near to what lifters have."""


@dataclass(frozen=True)
class Sequence:
    """One sequence.

    Attributes:
        name: of its file, e.g. "squat_correct_3".
        correct: as its file is named.
        landmarks: (T, 33, 4) x and y in picture widths and heights, z in widths, visibility; NaN = was not kept.
    """

    name: str
    correct: bool
    landmarks: NDArray[np.float32]


def read(folder: Path) -> list[Sequence]:
    """All sequences, the correct ones first.

    Raises:
        InputError: none of one kind, or a file of another form; one line that names it.
    """
    found = [
        Sequence(path.stem, correct, _landmarks(path))
        for correct, kind in ((True, "correct"), (False, "incorrect"))
        for path in sorted_in(folder, f"squat_{kind}_*.json")
    ]
    for correct, kind in ((True, "correct"), (False, "incorrect")):
        if not any(sequence.correct == correct for sequence in found):
            raise InputError(f"{folder}: no squat_{kind}_N.json")
    return found


def _landmarks(path: Path) -> NDArray[np.float32]:
    try:
        kept = np.array(json.loads(path.read_text("utf-8"))["sequence"], np.float32)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(f"{path}: no sequence of landmarks ({error!r})") from None
    if kept.ndim != 2 or kept.shape[1] != len(KEPT) * 4 or not len(kept):
        raise InputError(f"{path}: expected (frames, {len(KEPT) * 4}) numbers, got {kept.shape}")
    if not np.isfinite(kept).all():
        raise InputError(f"{path}: NaN or infinite")
    if not kept.any(1).all():
        raise InputError(f"{path}: a frame of zeros, nobody was found")
    out = np.full((len(kept), ALL, 4), np.nan, np.float32)
    out[:, KEPT] = kept.reshape(len(kept), len(KEPT), 4)
    return out[: _moving(kept)]


def _moving(kept: NDArray[np.float32]) -> int:
    """How many frames there are without the repeated ones at the end."""
    changes = np.flatnonzero((np.diff(kept, axis=0) != 0).any(1))
    return int(changes[-1]) + 2 if len(changes) else 1

"""FrontSquat: squats seen from in front, as MediaPipe landmarks, each marked valid or invalid.

Reads the .npz with `Valid_NNN` and `Invalid_NNN` (T, 33, 4), and the folders as Kaggle gives them: a folder per clip
below one named valid or invalid, with a .npy of landmarks per frame in the order of the numbers in their names. The
set names no licence: for tables, never for what ships.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from convert.datasets.mediapipe import poses_of
from device.errors import InputError
from device.inference.recorded import DAMAGED
from device.squat.pose import Pose

FPS = 30.0  # not stored; phones record at 30
SIZE = (1080, 1920)
"""Not stored either: of the usual pictures (9:16, 3:4, 1:1, 4:3, 16:9) upright 9:16 alone gives standing lifters
shoulders of 0.44 and hips of 0.26 leg lengths, which BlazePose gives lifters on labelled clips seen from in front."""
NOT_STOOD_UP = 18
"""`Invalid` 0 to 17 went deep and were not stood up from: failed lifts, a class of their own."""


@dataclass(frozen=True)
class FrontSquat:
    """One clip.

    Attributes:
        name: of the clip, e.g. "Invalid_003".
        number: of the clip within its class; neighbours were filmed in one session.
        valid: deep and stood up.
        failed: deep, not stood up.
        landmarks: (T, 33, 4) x and y in picture widths and heights, z in widths, visibility; NaN = nobody was found.
    """

    name: str
    number: int
    valid: bool
    failed: bool
    landmarks: NDArray[np.float32]


def read(path: Path) -> list[FrontSquat]:
    """All clips, by class and number.

    Raises:
        InputError: neither such an .npz nor such folders, or a clip of another shape.
    """
    clips = sorted(_from_folders(path) if path.is_dir() else _from_npz(path), key=lambda c: (not c.valid, c.number))
    if not clips or len({c.valid for c in clips}) < 2:
        raise InputError(f"{path}: expected valid and invalid clips of landmarks, found {len(clips)} clips of one kind")
    return clips


def _from_npz(path: Path) -> Iterator[FrontSquat]:
    try:
        with np.load(path) as stored:
            arrays = {name: stored[name] for name in stored.files if not name.endswith("_idx")}
    except DAMAGED as error:
        raise InputError(f"{path}: not FrontSquat landmarks ({error})") from error
    for name, array in arrays.items():
        yield _clip(path, name, array)


def _from_folders(path: Path) -> Iterator[FrontSquat]:
    clips: dict[Path, list[Path]] = {}
    for file in path.rglob("*.npy"):
        clips.setdefault(file.parent, []).append(file)
    for folder, files in clips.items():
        kind = next((p.lower() for p in reversed(folder.relative_to(path).parts) if "valid" in p.lower()), "")
        if not kind:
            raise InputError(f"{folder}: neither in a folder named valid nor in one named invalid")
        try:
            frames = [np.load(file) for file in sorted(files, key=lambda f: _number(f.stem))]
            array = np.stack([frame.reshape(33, -1) for frame in frames])
        except DAMAGED as error:
            raise InputError(f"{folder}: not one .npy of 33 landmarks per frame ({error})") from error
        yield _clip(folder, f"{'Invalid' if 'invalid' in kind else 'Valid'}_{_number(folder.name):03d}", array)


def _number(text: str) -> int:
    numbers = re.findall(r"\d+", text)
    return int(numbers[-1]) if numbers else 0


def _clip(path: Path, name: str, array: NDArray[np.generic]) -> FrontSquat:
    if array.ndim != 3 or array.shape[1:] != (33, 4) or not len(array):
        raise InputError(f"{path}, {name}: expected (frames, 33, 4) landmarks, got {array.shape}")
    landmarks = array.astype(np.float32)
    landmarks[(landmarks == 0).all((1, 2))] = np.nan  # a row of zeros is no detection, not the picture's corner
    if np.isnan(landmarks).all():
        raise InputError(f"{path}, {name}: nobody was found in any frame")
    valid, number = name.lower().startswith("valid"), _number(name)
    return FrontSquat(name, number, valid, not valid and number < NOT_STOOD_UP, landmarks)


def blocks(clips: list[FrontSquat], folds: int = 5) -> NDArray[np.intp]:
    """(N,) the fold of each clip: runs of neighbours of each class, so that hardly a session lies on both sides."""
    out = np.zeros(len(clips), np.intp)
    for valid in (False, True):
        rows = [i for i, c in enumerate(clips) if c.valid == valid]
        rows.sort(key=lambda i: clips[i].number)
        for fold, part in enumerate(np.array_split(np.array(rows), folds)):
            out[part] = fold
    return out


def poses(clip: FrontSquat) -> Iterator[tuple[float, Pose | None]]:
    """The clip as a pose model would have given it, time and pose; see `poses_of`."""
    return poses_of(clip.landmarks, SIZE, np.arange(len(clip.landmarks)) / FPS)

"""Stored keypoints, replayed as if a model had just found them: tests and tuning need no model and no clip."""

import hashlib
import os
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np

from device.camera.frames import Frame
from device.errors import InputError
from device.squat.pose import JOINTS, KEYPOINTS, Array, Pose

_FIRST = ("keypoints", "scores", "world", "time_s", "size", "names")
STORED = (*_FIRST, "refined", "second_keypoints", "second_scores", "second_world", "second_rows")
"""Names of the arrays in a file. Those of `Pose.second` have a row for each frame that has one: `second_rows`."""
DAMAGED = (OSError, ValueError, KeyError, EOFError, BadZipFile, zlib.error)
"""What numpy raises of a .npy or .npz that is not there, empty, cut short or of something else."""


def save(path: str | os.PathLike[str], poses: Sequence[tuple[float, Pose | None]], size: tuple[int, int]) -> None:
    """Stores what a pose model found.

    Args:
        path: a .npz file; written whole or not at all.
        poses: time of each frame in seconds, and the pose or None.
        size: width and height of the picture.
    """
    seconds = [pose.second if pose is not None else None for _, pose in poses]
    there = [row for row, pose in enumerate(seconds) if pose is not None]
    stacked = [("", [pose for _, pose in poses]), ("second_", [seconds[row] for row in there])]
    arrays: dict[str, Any] = {of + name: array for of, some in stacked for name, array in _stacked(some).items()}
    arrays |= {"second_rows": np.array(there, np.int64), "time_s": np.array([at_s for at_s, _ in poses])}
    unknown = np.full((len(JOINTS), 2), np.nan, np.float32)
    refined = [pose.refined if pose is not None else None for _, pose in poses]
    arrays["refined"] = np.array([unknown if joints is None else joints for joints in refined]).reshape(
        -1, *unknown.shape
    )
    path = Path(path)
    temporary = path.with_name(path.name + ".part.npz")
    np.savez_compressed(temporary, **arrays, size=size, names=KEYPOINTS)
    temporary.replace(path)


def _stacked(poses: Sequence[Pose | None]) -> dict[str, Array]:
    """The arrays of poses by name, a row each; NaN where nobody is."""
    count, points = len(poses), len(KEYPOINTS)
    keypoints = np.full((count, points, 2), np.nan, np.float32)
    scores = np.zeros((count, points), np.float32)
    world = np.full((count, points, 3), np.nan, np.float32)
    for row, pose in enumerate(poses):
        if pose is not None:
            keypoints[row], scores[row] = pose.keypoints, pose.scores
            if pose.world is not None:
                world[row] = pose.world
    return {"keypoints": keypoints, "scores": scores, "world": world}


def load(path: str | os.PathLike[str]) -> Iterator[tuple[float, Pose | None]]:
    """Yields time and pose of each stored frame.

    Raises:
        InputError: not such a file, or made for other keypoints, or before all of `STORED` was kept.
    """
    try:
        with np.load(path) as stored:
            data = {name: stored[name] for name in STORED if name in stored or name in _FIRST}
    except DAMAGED as error:
        raise InputError(f"{path}: not stored keypoints ({error})") from error
    if len(data) < len(STORED):
        lacking = next(name for name in STORED if name not in data)
        raise InputError(f"{path}: stored before {lacking} was kept beside them; store them anew")
    if tuple(data["names"]) != KEYPOINTS:
        raise InputError(f"{path}: holds other keypoints than this version's; store them anew")
    rows = data["second_rows"]
    if (
        any(len(data[f"second_{name}"]) != len(rows) for name in ("keypoints", "scores", "world"))
        or not ((rows >= 0) & (rows < len(data["time_s"]))).all()
    ):
        raise InputError(f"{path}: not stored keypoints (rows of our own network's that are not there)")
    size = (int(data["size"][0]), int(data["size"][1]))
    times_s = data["time_s"].tolist()
    if data["refined"].shape != (len(times_s), len(JOINTS), 2):
        raise InputError(f"{path}: not stored keypoints (refined joints of shape {data['refined'].shape})")
    refined = [None if np.isnan(joints).all() else joints for joints in data["refined"]]

    def pose(of: str, at: int, row: int, second: Pose | None = None) -> Pose | None:
        keypoints, scores, world = (data[of + name][at] for name in ("keypoints", "scores", "world"))
        if np.isnan(keypoints).all():
            return None
        there = None if np.isnan(world).all() else world
        better = None if of else refined[row]
        return Pose(keypoints, scores, there, times_s[row], row, 0, size, better, second)

    seconds = {row: pose("second_", at, row) for at, row in enumerate(data["second_rows"].tolist())}
    for row, at_s in enumerate(times_s):
        yield at_s, pose("", row, row, seconds.get(row))


def _of_frame(pose: Pose, frame: Frame) -> Pose:
    return replace(pose, captured_s=frame.captured_s, index=frame.index, dropped=frame.dropped)


class RecordedPoses:
    """A pose model that finds what is stored, by the time of the frame alone, again and again from the beginning.

    Args:
        path: as `save` wrote it.

    Raises:
        InputError: not such a file.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        stored = list(load(path))
        if len(stored) < 2:
            raise InputError(f"{path}: expected two frames or more, got {len(stored)}")
        self.hashes = {"pose": f"sha256:{hashlib.sha256(Path(path).read_bytes()).hexdigest()}"}
        self._poses = [pose for _, pose in stored]
        self._times = np.array([at_s for at_s, _ in stored]) - stored[0][0]
        self._gap_s = float(np.median(np.diff(self._times)))

    def estimate(self, frame: Frame) -> Pose | None:
        """The pose that was stored for this time, as one of this frame."""
        at_s = (frame.captured_s + self._gap_s / 2) % (self._times[-1] + self._gap_s)
        row = int(np.searchsorted(self._times, at_s, side="right")) - 1
        pose = self._poses[row]
        if pose is None:
            return None
        second = _of_frame(pose.second, frame) if pose.second is not None else None
        return replace(_of_frame(pose, frame), second=second)

    def look_around(self, frame: Frame) -> None:
        """Nobody else is looked for."""

    def close(self) -> None:
        """Nothing to free."""

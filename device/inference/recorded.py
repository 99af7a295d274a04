"""Stored keypoints, replayed as if a model had just found them: tests and tuning need no model and no clip."""

import hashlib
import os
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from zipfile import BadZipFile

import numpy as np

from device.camera.frames import Frame
from device.errors import InputError
from device.squat.pose import KEYPOINTS, Pose

DAMAGED = (OSError, ValueError, KeyError, EOFError, BadZipFile, zlib.error)
"""What numpy raises of a .npy or .npz that is not there, empty, cut short or of something else."""


def save(path: str | os.PathLike[str], poses: Sequence[tuple[float, Pose | None]], size: tuple[int, int]) -> None:
    """Stores what a pose model found.

    Args:
        path: a .npz file; written whole or not at all.
        poses: time of each frame in seconds, and the pose or None.
        size: width and height of the picture.
    """
    count, points = len(poses), len(KEYPOINTS)
    keypoints = np.full((count, points, 2), np.nan, np.float32)
    scores = np.zeros((count, points), np.float32)
    world = np.full((count, points, 3), np.nan, np.float32)
    for row, (_, pose) in enumerate(poses):
        if pose is not None:
            keypoints[row], scores[row] = pose.keypoints, pose.scores
            if pose.world is not None:
                world[row] = pose.world
    path = Path(path)
    temporary = path.with_name(path.name + ".part.npz")
    np.savez_compressed(
        temporary, keypoints=keypoints, scores=scores, world=world,
        time_s=np.array([at_s for at_s, _ in poses]), size=size, names=KEYPOINTS,
    )  # fmt: skip
    temporary.replace(path)


def load(path: str | os.PathLike[str]) -> Iterator[tuple[float, Pose | None]]:
    """Yields time and pose of each stored frame.

    Raises:
        InputError: not such a file, or made for other keypoints.
    """
    try:
        with np.load(path) as stored:
            data = {name: stored[name] for name in ("keypoints", "scores", "world", "time_s", "size", "names")}
    except DAMAGED as error:
        raise InputError(f"{path}: not stored keypoints ({error})") from error
    if tuple(data["names"]) != KEYPOINTS:
        raise InputError(f"{path}: holds other keypoints than this version's; store them anew")
    size = (int(data["size"][0]), int(data["size"][1]))
    for row, at_s in enumerate(data["time_s"].tolist()):
        keypoints, world = data["keypoints"][row], data["world"][row]
        if np.isnan(keypoints).all():
            yield at_s, None
        else:
            there = None if np.isnan(world).all() else world
            yield at_s, Pose(keypoints, data["scores"][row], there, at_s, row, 0, size)


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
        return replace(pose, captured_s=frame.captured_s, index=frame.index, dropped=frame.dropped)

    def look_around(self, frame: Frame) -> None:
        """Nobody else is looked for."""

    def close(self) -> None:
        """Nothing to free."""

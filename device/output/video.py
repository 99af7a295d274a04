"""Annotated video files that browsers play: VP8 in .webm, and VP9 in .mp4, which takes seven times as long to write."""

import os
import shutil
from pathlib import Path
from types import TracebackType

import cv2
import numpy as np
from numpy.typing import NDArray

from device.errors import InputError, PartFailed

_CODECS = {".webm": cv2.VideoWriter.fourcc(*"VP80"), ".mp4": cv2.VideoWriter.fourcc(*"vp09")}
MAX_SIDE_PX = {".webm": 960, ".mp4": 640}  # larger pictures are made smaller, so that nobody waits for minutes

MAX_HZ = 60.0  # a container that does not tell its rate is said to have 1000 frames a second
FULL = 65_536  # bytes left on a disk that took no more: of a video that does not fit, its end is missing


class VideoWriter:
    """Writes frames at a constant rate; the file appears under its name when it is whole.

    Args:
        path: the file to be, .mp4 or .webm.
        size: width and height of the frames given.
        fps: frames a second.

    Raises:
        InputError: the name ends otherwise.
        PartFailed: the file cannot be written; at the end of the block: its disk is full.
    """

    def __init__(self, path: Path, size: tuple[int, int], fps: float) -> None:
        if path.suffix not in _CODECS:
            raise InputError(f"{path}: expected a name that ends in {' or '.join(_CODECS)}")
        shrink = min(1.0, MAX_SIDE_PX[path.suffix] / max(size))
        self.path = path
        self._size = (round(size[0] * shrink) // 2 * 2, round(size[1] * shrink) // 2 * 2)
        self._part = path.with_name(f".part-{path.name}")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise PartFailed(f"{path}: cannot be written ({error.strerror})") from error
        # Read once, by whoever is first to use FFmpeg here: without it a camera that is away later fills the log.
        os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", "-8")
        self._fps = min(fps, MAX_HZ)
        self._written = self._cut = 0
        self._writer = cv2.VideoWriter(str(self._part), _CODECS[path.suffix], self._fps, self._size)
        if not self._writer.isOpened():
            raise PartFailed(f"{path}: cannot be written as video; expected a writable folder")

    def due(self, at_s: float) -> int:
        """How often an image of that time, in seconds since the first, has to be written so that the video keeps time.

        A pause of more than a second is shortened to one: a clip may be of two that lie hours apart.
        """
        most = max(1, round(self._fps))
        count = round(at_s * self._fps) + 1 - self._cut - self._written
        self._cut += max(count - most, 0)
        return min(max(count, 0), most)

    def write(self, image: NDArray[np.uint8], times: int = 1) -> None:
        """Appends an image (H, W, 3) RGB, so many times."""
        small = cv2.cvtColor(cv2.resize(image, self._size, interpolation=cv2.INTER_AREA), cv2.COLOR_RGB2BGR)
        for _ in range(times):
            self._writer.write(small)
        self._written += times

    def __enter__(self) -> "VideoWriter":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._writer.release()
        full = shutil.disk_usage(self._part.parent).free < FULL or not _has_pictures(self._part)
        if kind is None and not full:
            self._part.replace(self.path)
            return
        self._part.unlink(missing_ok=True)
        if kind is None:
            raise PartFailed(f"{self.path}: cannot be written; is the disk full?")


def _has_pictures(path: Path) -> bool:
    """Whether a video can be played: OpenCV does not tell of what it could not write."""
    reader = cv2.VideoCapture(str(path))
    try:
        return bool(reader.grab())
    finally:
        reader.release()

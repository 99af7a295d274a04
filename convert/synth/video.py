"""Writing videos: Motion JPEG (any machine), VP9 by the ffmpeg command (small, for the bundled clip)."""

import shutil
import subprocess
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from convert.synth.avi import MotionJpeg
from device.errors import PartFailed

SUFFIX = {"mjpg": ".avi", "vp9": ".webm"}


class Writer(Protocol):
    """Takes RGB frames; the file is whole after `close`."""

    def write(self, image: NDArray[np.uint8]) -> None:
        """Appends a frame (height, width, 3)."""

    def close(self) -> None:
        """Ends the file."""


class Vp9:
    """VP9 in WebM, which browsers play; needs the ffmpeg command."""

    def __init__(self, path: Path, size: tuple[int, int], fps: float, quality: float) -> None:
        if shutil.which("ffmpeg") is None:
            raise PartFailed('codec = "vp9" needs the ffmpeg command; on Debian: apt install ffmpeg')
        self.path = path
        crf = round(np.interp(quality, [0, 100], [55, 20]))
        self.process = subprocess.Popen(
            ["ffmpeg", "-y", "-loglevel", "error", "-f", "rawvideo", "-pix_fmt", "rgb24", "-s", f"{size[0]}x{size[1]}",
             "-r", f"{fps:g}", "-i", "-", "-an", "-c:v", "libvpx-vp9", "-b:v", "0", "-crf", str(crf), "-g", "60",
             "-deadline", "good", "-cpu-used", "3", "-pix_fmt", "yuv420p", "-threads", "1", "-f", "webm", str(path)],
            stdin=subprocess.PIPE,
        )  # fmt: skip

    def write(self, image: NDArray[np.uint8]) -> None:
        """Appends a frame."""
        assert self.process.stdin is not None
        self.process.stdin.write(np.ascontiguousarray(image).tobytes())

    def close(self) -> None:
        """Ends the file.

        Raises:
            PartFailed: ffmpeg failed.
        """
        assert self.process.stdin is not None
        self.process.stdin.close()
        if self.process.wait() != 0:
            raise PartFailed(f"{self.path}: ffmpeg ended with {self.process.returncode}")


def writer(codec: str, path: Path, size: tuple[int, int], fps: float, quality: float) -> Writer:
    """A writer of the named codec; `quality` 1-100."""
    return (MotionJpeg if codec == "mjpg" else Vp9)(path, size, fps, quality)

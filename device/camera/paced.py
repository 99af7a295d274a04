"""A clip at its own speed, as if it were a camera."""

import threading
import time
from collections.abc import Iterator

from device.camera.clip import Clip
from device.camera.frames import Frame


class Paced:
    """Yields a clip's frames not before their time.

    Args:
        clip: the clip; closed with this.
    """

    def __init__(self, clip: Clip) -> None:
        self.clip = clip
        self.name = clip.name
        self._closed = threading.Event()

    def frames(self) -> Iterator[Frame]:
        """Every frame of the clip, none dropped, each waiting for its time since the first."""
        start_s = None
        for frame in self.clip.frames():
            now_s = time.monotonic()
            start_s = now_s - frame.captured_s if start_s is None else start_s
            if self._closed.wait(max(0.0, start_s + frame.captured_s - now_s)):
                return
            yield frame

    def close(self) -> None:
        """Closes the clip."""
        self._closed.set()
        self.clip.close()

    def __enter__(self) -> "Paced":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

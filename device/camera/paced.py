"""A clip at its own speed, as if it were a camera."""

import time
from collections.abc import Iterator

from device.camera.clip import Clip
from device.camera.frames import Frame

TINY_S = 1e-4  # no sleep is that exact
SLICE_S = 0.1  # so long at most until a stop is noticed


class Paced:
    """Yields a clip's frames not before their time.

    Args:
        clip: the clip; closed with this.
    """

    def __init__(self, clip: Clip) -> None:
        self.clip = clip
        self.name = clip.name
        self._ending = False

    def frames(self) -> Iterator[Frame]:
        """Every frame of the clip, none dropped, each waiting for its time since the first."""
        start_s = None
        for frame in self.clip.frames():
            start_s = time.monotonic() - frame.captured_s if start_s is None else start_s
            while (left_s := start_s + frame.captured_s - time.monotonic()) > TINY_S:
                if self._ending:
                    return
                time.sleep(min(left_s, SLICE_S))
            yield frame

    def stop(self) -> None:
        """Ends the frames soon; a signal handler may call it."""
        self._ending = True
        self.clip.stop()

    def close(self) -> None:
        """Closes the clip."""
        self.clip.close()

    def __enter__(self) -> "Paced":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

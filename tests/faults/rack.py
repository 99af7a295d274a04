"""A camera before a rack, that does as a test says."""

import threading
from time import monotonic

import numpy as np

from device.camera.capture import CameraLost, Shot

RATE_HZ = 30.0


class Rack:
    """A camera before a rack; a test says what becomes of it.

    Attributes:
        fault: `none`, `unplugged`, `frozen`, `black`, `half rate` or `hanging`.
    """

    def __init__(self) -> None:
        self.fault = "none"
        self._random = np.random.default_rng(1)
        self._last = self._picture()
        self._next_s = monotonic()

    def __call__(self) -> "Rack":
        if self.fault == "unplugged":
            raise CameraLost("it is not there")
        return self

    def _picture(self) -> np.ndarray:
        return self._random.integers(60, 200, (72, 128, 3), np.uint8)

    def read(self) -> Shot:
        while self.fault == "hanging":
            threading.Event().wait(0.01)
        if self.fault == "unplugged":
            raise CameraLost("no picture")
        self._next_s = max(self._next_s + (2 if self.fault == "half rate" else 1) / RATE_HZ, monotonic() - 0.1)
        threading.Event().wait(max(0.0, self._next_s - monotonic()))
        if self.fault == "black":
            return Shot(np.zeros((72, 128, 3), np.uint8), monotonic())
        self._last = self._last if self.fault == "frozen" else self._picture()
        return Shot(self._last, monotonic())

    def close(self) -> None: ...

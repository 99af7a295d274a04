"""A camera that does as a test says, picture by picture; nothing here waits for time to pass."""

import logging
import queue
import threading
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from device.camera.capture import CameraLost, Shot
from device.camera.frames import Frame
from device.camera.live import LiveCamera
from device.camera.state import CameraState, NoFrame

PATIENCE_S = 5.0


def picture(level: int, width: int = 64, height: int = 48) -> np.ndarray:
    return np.full((height, width, 3), level, np.uint8)


class Scripted:
    """Opens as a capture; gives what was put in."""

    def __init__(self) -> None:
        self.script: queue.Queue[Shot | Exception] = queue.Queue()
        self.plugged = True
        self.opened = self.closed = 0
        self.waiting = threading.Event()  # the capturing thread has taken everything and come back for more
        self.tried = threading.Event()

    def __call__(self) -> "Scripted":
        self.tried.set()
        if not self.plugged:
            raise CameraLost("it is not there")
        self.opened += 1
        return self

    def shoot(self, *pictures: tuple[np.ndarray, float] | Exception) -> None:
        """Shows pictures with their times and raises exceptions, and waits until they have been taken."""
        self.waiting.clear()
        for item in pictures:
            self.script.put(Shot(*item) if isinstance(item, tuple) else item)
        assert self.waiting.wait(PATIENCE_S)

    def unplug(self) -> None:
        self.plugged = False
        self.tried.clear()
        self.script.put(CameraLost("it is gone"))

    def read(self) -> Shot:
        while True:
            try:
                item = self.script.get_nowait()
            except queue.Empty:
                self.waiting.set()
                try:
                    item = self.script.get(timeout=PATIENCE_S)
                except queue.Empty:
                    raise CameraLost("the test showed no more") from None
            if isinstance(item, Exception):
                raise item
            return item

    def close(self) -> None:
        self.closed += 1


def live(script: Scripted, **settings: Any) -> LiveCamera:
    return LiveCamera("cam", script, **{"timeout_s": 0.02, "retry_s": (0.0, 0.0), "steady_s": 0.0, **settings})


def until(turns: Iterator[Frame | NoFrame], state: CameraState) -> Frame | NoFrame:
    """The first turn in that state."""
    for _ in range(int(PATIENCE_S / 0.02)):
        turn = next(turns)
        if (turn.state if isinstance(turn, NoFrame) else CameraState.LIVE) is state:
            return turn
    raise AssertionError(f"never {state}")


def lines(caplog: pytest.LogCaptureFixture, level: int = logging.WARNING) -> list[str]:
    return [entry.getMessage() for entry in caplog.records if entry.levelno == level]

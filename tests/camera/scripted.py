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
        self._all_done = threading.Condition()
        self._shown = self._done = 0
        self._given = False
        self.tried = threading.Event()

    def __call__(self) -> "Scripted":
        self.tried.set()
        if not self.plugged:
            raise CameraLost("it is not there")
        self.opened += 1
        return self

    def shoot(self, *pictures: tuple[np.ndarray, float] | Exception) -> None:
        """Shows pictures with their times and raises exceptions, and waits until they have been taken."""
        for item in pictures:
            self.show(item)
        with self._all_done:
            assert self._all_done.wait_for(lambda: self._done == self._shown, PATIENCE_S)

    def show(self, item: tuple[np.ndarray, float] | Exception) -> None:
        """The same without waiting."""
        with self._all_done:
            self._shown += 1
        self.script.put(Shot(*item) if isinstance(item, tuple) else item)

    def read(self) -> Shot:
        self._finish()
        item = self.script.get(timeout=PATIENCE_S)
        self._given = True
        if isinstance(item, Exception):
            raise item
        return item

    def _finish(self) -> None:
        with self._all_done:
            self._done += self._given
            self._given = False
            self._all_done.notify_all()

    def close(self) -> None:
        self.closed += 1
        self._finish()


class Live(LiveCamera):
    """Ends its script when it is closed, so that nothing has to wait."""

    script: Scripted | None = None

    def close(self) -> None:
        self._closing.set()
        if self.script is not None:
            self.script.show(CameraLost("the test is over"))
        super().close()


def live(script: Any, **settings: Any) -> LiveCamera:
    camera = Live("cam", script, **{"timeout_s": 0.02, "retry_s": (0.001, 0.001), "steady_s": 0.0, **settings})
    camera.script = script if isinstance(script, Scripted) else None
    return camera


def until(turns: Iterator[Frame | NoFrame], state: CameraState) -> Frame | NoFrame:
    """The first turn in that state."""
    for _ in range(int(PATIENCE_S / 0.02)):
        turn = next(turns)
        if (turn.state if isinstance(turn, NoFrame) else CameraState.LIVE) is state:
            return turn
    raise AssertionError(f"never {state}")


def lines(caplog: pytest.LogCaptureFixture, level: int = logging.WARNING) -> list[str]:
    return [entry.getMessage() for entry in caplog.records if entry.levelno == level]

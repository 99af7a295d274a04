"""One line in the log when a camera falls out, one when it is back for good."""

import logging
import threading
from collections.abc import Callable
from time import monotonic

log = logging.getLogger(__name__)


class Outage:
    """Follows one camera; a camera that comes and goes is one outage until it has held for a while.

    Args:
        name: of the camera.
        steady_s: how long it has to hold.
        clock: monotonic seconds.
    """

    def __init__(self, name: str, steady_s: float, clock: Callable[[], float] = monotonic) -> None:
        self.name, self.steady_s, self._clock = name, steady_s, clock
        self._told_s: float | None = None  # since when the outage lasts
        self._fine_s: float | None = None  # since when there have been pictures again
        self._lock = threading.Lock()

    def fault(self, words: str) -> None:
        """Takes note of a fault; from any thread."""
        with self._lock:
            self._fine_s = None
            if self._told_s is None:
                self._told_s = self._clock()
                log.warning("camera %s: %s; tried again until it is back", self.name, words)

    def fine(self) -> bool:
        """Takes note of a picture; tells whether an outage is over by it."""
        with self._lock:
            if self._told_s is None:
                return False
            now_s = self._clock()
            self._fine_s = now_s if self._fine_s is None else self._fine_s
            if now_s - self._fine_s < self.steady_s:
                return False
            log.info("camera %s: back, after %.0f s", self.name, self._fine_s - self._told_s)
            self._told_s = None
            return True

"""A guard that does something when its time has come, in a thread of its own: the loop that should may hang."""

import logging
import threading
from collections.abc import Callable
from time import monotonic

_log = logging.getLogger(__name__)
AGAIN_S = 0.5  # after so long what has failed is done again


class Guard:
    """Calls when a time has come, unless it was put off or called off before; again where that fails.

    Args:
        due: called then, with the lock held.
        lock: held by whoever sets the time, so that what is done at the last moment is not undone by the guard.
        clock: monotonic seconds.
    """

    def __init__(self, due: Callable[[], None], lock: threading.RLock, clock: Callable[[], float] = monotonic) -> None:
        self._due, self._clock = due, clock
        self._changed = threading.Condition(lock)
        self._at_s: float | None = None
        self._closed = False
        self._told = ""  # the failure that is in the log already
        self._thread = threading.Thread(target=self._run, name="light", daemon=True)
        self._thread.start()

    def set(self, after_s: float | None) -> None:
        """Puts the time off to so many seconds from now; None calls it off."""
        with self._changed:
            self._at_s = None if after_s is None else self._clock() + after_s
            self._changed.notify()

    def close(self) -> None:
        """Ends it."""
        with self._changed:
            self._closed = True
            self._changed.notify()

    def _run(self) -> None:
        with self._changed:
            while not self._closed:
                left_s = None if self._at_s is None else self._at_s - self._clock()
                if left_s is None or left_s > 0:
                    self._changed.wait(left_s)
                else:
                    self._at_s = None
                    try:
                        self._due()
                    except Exception as error:
                        if self._told != str(error):
                            _log.error("%s", error)
                        self._told = str(error)
                        self._at_s = self._clock() + AGAIN_S
                    else:
                        self._told = ""

"""A place for one thing between two threads: the newest wins."""

import threading
from typing import Generic, TypeVar

T = TypeVar("T")


class Slot(Generic[T]):
    """Holds the newest thing that was put in, until it is taken."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._thing: T | None = None
        self._dropped = 0
        self._closed = False

    def put(self, thing: T) -> None:
        """Puts it in; what nobody took is dropped and counted."""
        with self._changed:
            self._dropped += self._thing is not None
            self._thing = thing
            self._changed.notify()

    def take(self, timeout_s: float) -> tuple[T, int] | None:
        """Waits for a thing.

        Returns:
            it, and how many were dropped since the last one was taken; None after the timeout and once closed.
        """
        with self._changed:
            self._changed.wait_for(lambda: self._thing is not None or self._closed, timeout_s)
            if self._thing is None or self._closed:
                return None
            taken = self._thing, self._dropped
            self._thing, self._dropped = None, 0
            return taken

    def close(self) -> None:
        """Ends the waiting."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

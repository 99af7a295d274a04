"""Letters: messages that must arrive, and what keeps them until a broker has taken them."""

from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, field
from threading import Lock
from typing import Any, Protocol


@dataclass(frozen=True, slots=True)
class Letter:
    """A message that must arrive.

    Attributes:
        id: by which a receiver drops a second copy.
        topic: where to.
        payload: JSON of an object.
        properties: user properties, sent along where the broker speaks MQTT 5.
    """

    id: str
    topic: str
    payload: str
    properties: Mapping[str, str] = field(default_factory=dict)


class Outbox(Protocol):
    """Keeps letters in the order in which they came. Called from two threads: one puts, the other sends."""

    def put(self, letter: Letter, rep: Mapping[str, Any] | None = None) -> None:
        """Takes a letter, and with it the rep it tells of: both are kept, or neither."""

    def pending(self, limit: int) -> list[Letter]:
        """The oldest letters that are not done, at most `limit`."""

    def done(self, id: str) -> None:
        """The broker has taken the letter."""


class MemoryOutbox:
    """An outbox that ends with the process: for a demonstration, and while the disk is full.

    Args:
        keeps: how many letters; beyond it the oldest go, so that memory has a bound (a letter is about 1 kB).
    """

    def __init__(self, keeps: int = 1000) -> None:
        self._keeps = keeps
        self._letters: OrderedDict[str, Letter] = OrderedDict()
        self._lock = Lock()

    def put(self, letter: Letter, rep: Mapping[str, Any] | None = None) -> None:
        """Takes a letter; it keeps no reps."""
        with self._lock:
            self._letters.setdefault(letter.id, letter)
            if len(self._letters) > self._keeps:
                self._letters.popitem(last=False)

    def pending(self, limit: int) -> list[Letter]:
        """The oldest letters that are not done."""
        with self._lock:
            return list(self._letters.values())[:limit]

    def done(self, id: str) -> None:
        """Forgets the letter."""
        with self._lock:
            self._letters.pop(id, None)

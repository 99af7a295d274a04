"""Which letters wait, which are under way, and which are done."""

from collections import deque
from collections.abc import Callable, Collection
from typing import Any

from device.errors import PartFailed
from device.output.link import Link
from device.output.messages import letter_message
from device.output.outbox import Letter, MemoryOutbox, Outbox

WINDOW = 8  # letters under way at once; mosquitto takes 20 messages (max_inflight_messages), and state comes on top


class Dispatch:
    """Sends the letters of an outbox, in order, and lets go of one when the broker has confirmed it.

    A letter is late unless it goes out in the attempt to connect, or on the connection it led to, in which it was
    posted. `post` is called by the judge's thread, everything else by the one that sends.

    Args:
        outbox: keeps the letters.
        warn: told of a fault: its name, and a line for the log.
    """

    def __init__(self, outbox: Outbox, warn: Callable[[str, str], None]) -> None:
        self._outbox = outbox
        self._warn = warn
        self._spare = MemoryOutbox()  # for what the outbox cannot take
        self._attempt = 1
        self._posted: dict[str, int] = {}  # attempt during which a letter came, by its id
        self._flying: dict[int, str] = {}  # ids of the letters under way, by packet number
        self._delivered: set[str] = set()  # confirmed, but the outbox did not let go of them (disk full)

    @property
    def flying(self) -> Collection[int]:
        """Packet numbers of the letters under way."""
        return self._flying.keys()

    def post(self, letter: Letter, rep: Any) -> None:
        """Puts a letter into the outbox; while that fails it is sent from memory.

        Raises:
            PartFailed: it is not on the disk.
        """
        self._posted[letter.id] = self._attempt
        try:
            self._outbox.put(letter, rep)
        except PartFailed:
            self._spare.put(letter)
            raise

    def attempt(self) -> None:
        """A new attempt to connect begins."""
        self._attempt += 1

    def lost(self) -> None:
        """The connection has ended: what was under way has to go again."""
        self._flying.clear()

    def settle(self, acked: deque[int]) -> None:
        """Takes out the packet numbers that the broker has confirmed, and lets go of their letters."""
        while acked:
            id = self._flying.pop(acked.popleft(), None)
            if id is not None:
                self._delivered.add(id)
                self._posted.pop(id, None)
        for id in list(self._delivered):
            try:
                self._outbox.done(id)
                self._spare.done(id)
                self._delivered.discard(id)
            except PartFailed as failure:
                self._warn("outbox", str(failure))
                break

    def send(self, link: Link) -> str | None:
        """Sends what waits, as far as the window reaches; returns the payload of the newest letter once it has gone."""
        try:
            letters = self._outbox.pending(WINDOW + 1 + len(self._delivered))
        except PartFailed as failure:
            self._warn("outbox", str(failure))
            letters = []
        letters += self._spare.pending(WINDOW + 1)
        waiting = [letter for letter in letters if letter.id not in self._delivered]
        under_way = set(self._flying.values())
        newest = None
        for letter in waiting[:WINDOW]:
            if letter.id not in under_way:
                message = letter_message(letter, late=self._posted.get(letter.id) != self._attempt)
                self._flying[link.publish(message)] = letter.id
                newest = str(message.payload) if letter is waiting[-1] else None
        return newest

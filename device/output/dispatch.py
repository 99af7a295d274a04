"""Which letters wait, which are under way, and which are done."""

from collections import OrderedDict, deque
from collections.abc import Callable, Collection
from contextlib import suppress
from threading import RLock
from time import monotonic
from typing import Any

from device.errors import PartFailed
from device.output.link import Link
from device.output.messages import letter_message
from device.output.outbox import Letter, Outbox

WINDOW = 8  # letters under way at once; mosquitto takes 20 messages (max_inflight_messages), and state comes on top
REFUSED_S = 60.0  # a letter that the broker does not take is tried again after so long: its rights may have changed
SPARES = 1000  # letters held while the disk takes none, about 1 kB each; beyond it the oldest go


class Dispatch:
    """Sends the letters of an outbox, in order, and lets go of one when the broker has confirmed it.

    A letter is late unless it goes out in the attempt to connect, or on the connection it led to, in which it was
    posted. What the outbox cannot take (a full disk) is sent from memory, and put into the outbox as soon as that takes
    it, before anything newer and also where it was delivered meanwhile: with it comes its rep. `post` is called by the
    judge's thread, everything else by the one that sends.

    Args:
        outbox: keeps the letters.
        warn: told of a fault: its name, and a line for the log.
    """

    def __init__(self, outbox: Outbox, warn: Callable[[str, str], None]) -> None:
        self._outbox = outbox
        self._warn = warn
        self._lock = RLock()  # over what both threads change
        self._spare: OrderedDict[str, tuple[Letter, Any]] = OrderedDict()  # what the outbox did not take, and the reps
        self._fresh: set[str] = set()  # ids of the letters that came during this attempt
        self._flying: dict[int, str] = {}  # ids of the letters under way, by packet number
        self._refused: dict[int, float] = {}  # until when the place of one that is not taken stays taken, by number
        self._delivered: set[str] = set()  # confirmed, but still in the outbox or to come into it (disk full)

    @property
    def flying(self) -> Collection[int]:
        """Packet numbers of the letters under way."""
        return self._flying.keys()

    def post(self, letter: Letter, rep: Any) -> None:
        """Puts a letter into the outbox; while that fails it is sent from memory.

        Raises:
            PartFailed: it is not on the disk.
        """
        with self._lock:
            self._fresh.add(letter.id)
            try:
                self._rescue()
                self._outbox.put(letter, rep)
            except PartFailed:
                self._spare[letter.id] = letter, rep
                if len(self._spare) > SPARES:
                    self._delivered.discard(self._spare.popitem(last=False)[0])
                raise

    def attempt(self) -> None:
        """A new attempt to connect begins; what the disk did not take before it may take by now."""
        with self._lock:
            self._fresh.clear()
            self.rescue()

    def rescue(self) -> None:
        """Puts into the outbox what it could not take before, if it takes it now."""
        with self._lock, suppress(PartFailed):  # told when it was posted
            self._rescue()

    def lost(self) -> None:
        """The connection has ended: what was under way has to go again."""
        self._flying.clear()
        self._refused.clear()

    def refused(self, number: int) -> bool:
        """The broker has not taken a packet; tells whether it was a letter. Sent again at once it would fail again."""
        if number in self._flying:
            self._refused[number] = monotonic() + REFUSED_S
        return number in self._flying

    def settle(self, acked: deque[int]) -> None:
        """Takes out the packet numbers that the broker has confirmed, and lets go of their letters."""
        with self._lock:
            while acked:
                id = self._flying.pop(acked.popleft(), None)
                if id is not None:
                    self._delivered.add(id)
                    self._fresh.discard(id)
            try:
                self._rescue()
                for id in list(self._delivered - self._spare.keys()):
                    self._outbox.done(id)
                    self._delivered.discard(id)
            except PartFailed as failure:
                self._warn("outbox", str(failure))

    def send(self, link: Link) -> str | None:
        """Sends what waits, as far as the window reaches; returns the payload of the newest letter once it has gone."""
        for number in [number for number, until_s in self._refused.items() if monotonic() >= until_s]:
            del self._refused[number]
            del self._flying[number]
        waiting = self._waiting()
        under_way = set(self._flying.values())
        newest = None
        for letter in waiting[:WINDOW]:
            if letter.id not in under_way:
                message = letter_message(letter, late=letter.id not in self._fresh)
                self._flying[link.publish(message)] = letter.id
                newest = str(message.payload) if letter is waiting[-1] else None
        return newest

    def _waiting(self) -> list[Letter]:
        """The oldest letters that are not delivered: more than the window holds, where there are so many."""
        with self._lock:
            try:
                letters = self._outbox.pending(WINDOW + 1 + len(self._delivered - self._spare.keys()))
            except PartFailed as failure:
                self._warn("outbox", str(failure))
                letters = []
            letters += [letter for letter, _ in self._spare.values()]  # newer than all that the outbox has
            return [letter for letter in letters if letter.id not in self._delivered]

    def _rescue(self) -> None:
        """Puts into the outbox what it could not take before, the oldest first.

        Raises:
            PartFailed: it still cannot.
        """
        while self._spare:
            id, (letter, rep) = next(iter(self._spare.items()))
            self._outbox.put(letter, rep)
            del self._spare[id]

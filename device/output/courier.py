"""The courier: a thread that keeps a connection to a broker and sends what is to be sent."""

import logging
import socket
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from threading import Event, Lock, Thread
from time import monotonic
from typing import Any

from device.output.dispatch import Dispatch
from device.output.link import ANSWER_S, V311, Link, LinkFailed, find_version
from device.output.messages import Message
from device.output.outbox import Letter, Outbox
from device.output.route import Ears, Route

_log = logging.getLogger(__name__)

_STEADY_S = 10.0  # after a shorter connection the pause grows on: two devices of one name throw each other out
_TURN_S = 1.0  # longest wait for something to happen; what is posted wakes at once
_FLOOD, _BREATH_S = 16, 0.1  # so many messages at once are no person's; the pause after them
OLD_S = 3600.0  # a broker that spoke 3.1.1 alone is asked again, as it connects, after so long: it may have been mended
_CLOSE_S = 1.4  # a stop has 2 s for everything
_GOODBYE_S = 0.5  # of these, kept back for the good-bye


class Courier:
    """Sends messages while the broker is there, and letters whenever it is.

    Nothing here waits for the network but its own thread. A letter goes in order, at QoS 1, and leaves the outbox when
    the broker has confirmed it.

    Args:
        route: how to the broker.
        online: what every new connection begins with.
        offline: the last will, and the good-bye.
        outbox: keeps the letters.
        newest: the message that goes with the newest letter, from its payload.
        ears: what to listen to; None = nothing.
    """

    def __init__(
        self,
        route: Route,
        online: Message,
        offline: Message,
        outbox: Outbox,
        newest: Callable[[str], Message],
        ears: Ears | None = None,
    ) -> None:
        self._route = route
        self._online = online
        self._offline = offline
        self._newest = newest
        self._ears = ears
        self._dispatch = Dispatch(outbox, self._warn)
        self._version: int | None = None  # that the broker speaks; None = not known
        self._ask_s = 0.0  # from when on one that spoke 3.1.1 alone is asked anew
        self._kept: dict[str, Message] = {}  # the newest retained message of each topic, for a broker that lost it
        self._news: deque[Message] = deque(maxlen=100)
        self._lock = Lock()  # over _kept and _news
        self._asked: dict[int, str] = {}  # topics asked for, by packet number
        self._told: set[str] = set()  # faults that are in the log already
        self._pause_s = route.retry_s[0]
        self._up = Event()
        self._closing = Event()
        self._close_by_s = 0.0
        self._woken, self._waker = socket.socketpair()
        self._woken.setblocking(False)
        self._waker.setblocking(False)
        self._thread = Thread(target=self._run, name="mqtt", daemon=True)

    def start(self) -> None:
        """Connects; what has been told before is kept for it."""
        self._thread.start()

    def tell(self, message: Message) -> None:
        """Sends a message if the broker is there; one that is retained goes out again with every new connection."""
        with self._lock:
            if message.retain:
                self._kept[message.topic] = message
            self._news.append(message)
        self._wake()

    def repeat(self) -> None:
        """Sends again all that the broker keeps: somebody new may not have heard it."""
        with self._lock:
            self._news.extend((self._online, *self._kept.values()))
        self._wake()

    def post(self, letter: Letter, rep: Any) -> None:
        """Puts a letter into the outbox; while that fails it is sent from memory.

        Raises:
            PartFailed: it is not on the disk.
        """
        try:
            self._dispatch.post(letter, rep)
        finally:
            self._wake()

    def close(self) -> None:
        """Sends what can be sent in the time that a stop has, and says good-bye."""
        if not self._closing.is_set():
            self._close_by_s = monotonic() + _CLOSE_S
            self._closing.set()
            self._wake()
        # Not up: the thread may hang in a connect that nobody needs any more.
        self._thread.join(_CLOSE_S + 0.2 if self._up.is_set() else 0.2)
        self._dispatch.rescue()

    def _wake(self) -> None:
        with suppress(OSError):  # full: it is awake; closed: it has ended
            self._waker.send(b"x")

    def _run(self) -> None:
        while not self._closing.is_set():
            try:
                self._serve()
            except LinkFailed as failure:
                self._warn("broker", f"mqtt: {self._route.address}: {failure}; trying again, results are kept")
            except Exception:
                if "fault" not in self._told:
                    _log.exception("mqtt: %s: a fault of this program; trying again", self._route.address)
                self._told.add("fault")
            self._closing.wait(self._pause_s)
            self._pause_s = min(2.0 * self._pause_s, self._route.retry_s[1])
            self._dispatch.attempt()
        self._woken.close()
        self._waker.close()

    def _serve(self) -> None:
        """One connection, from the attempt to its end."""
        link: Link | None = None
        try:
            link = self._open()
            self._subscribe(link)
            self._greet(link)
            steady_s = monotonic() + _STEADY_S
            while not self._closing.is_set():
                self._turn(link, _TURN_S)
                if monotonic() > steady_s:
                    self._pause_s = self._route.retry_s[0]
            self._take_leave(link)
        finally:
            self._up.clear()
            self._dispatch.lost()
            self._asked.clear()
            if link is not None:
                link.drop()

    def _open(self) -> Link:
        route = self._route
        if self._version is None or (self._version == V311 and monotonic() > self._ask_s):
            self._version = find_version(route.address, route.client_id)
            self._ask_s = monotonic() + OLD_S
        link = Link(route.address, self._version, route.client_id, self._offline, route.will_delay_s)
        try:
            link.open()
        except LinkFailed as failure:
            if failure.other_version:
                self._version = None
            link.drop()
            raise
        return link

    def _subscribe(self, link: Link) -> None:
        """Before the birth: who sees the station online may command it at once."""
        for topic in self._ears.topics if self._ears is not None else ():
            self._asked[link.subscribe(topic)] = topic
        until_s = monotonic() + ANSWER_S
        while self._asked.keys() - {*link.acked, *(number for number, _ in link.refused)}:
            if monotonic() > until_s or self._closing.is_set():
                break
            link.turn(0.1)

    def _greet(self, link: Link) -> None:
        """The birth, and all that the broker should keep: it may have lost it."""
        if "broker" in self._told:
            _log.info("mqtt: %s is back", self._route.address)
        self._told.clear()
        with self._lock:
            self._news.clear()
            kept = list(self._kept.values())
        for message in (self._online, *kept):
            link.publish(message)
        self._up.set()
        self._send_letters(link)

    def _turn(self, link: Link, timeout_s: float) -> None:
        link.turn(timeout_s, self._woken)
        with suppress(BlockingIOError):
            self._woken.recv(4096)
        self._settle(link)
        self._listen(link)
        while self._news:
            with self._lock:
                message = self._news.popleft()
            link.publish(message)
        self._send_letters(link)

    def _settle(self, link: Link) -> None:
        """Takes in what the broker has confirmed, and what it does not let through."""
        self._dispatch.settle(link.acked)
        while link.refused:
            number, why = link.refused.popleft()
            if number in self._asked:
                self._warn("deaf", f"mqtt: {self._route.address} does not let us hear {self._asked[number]}: {why}")
            else:
                what = "results" if self._dispatch.refused(number) else "all messages"
                self._warn(f"refused {what}", f"mqtt: {self._route.address} does not take {what}: {why}")

    def _listen(self, link: Link) -> None:
        flood = len(link.received) >= _FLOOD
        while link.received and self._ears is not None:
            answer = self._ears.hear(link.received.popleft())
            if answer is not None:
                link.publish(answer)
        if flood:  # the judge shares this processor; what is not read the broker holds back or drops
            self._closing.wait(_BREATH_S)

    def _send_letters(self, link: Link) -> None:
        newest = self._dispatch.send(link)
        if newest is not None:
            self._send_newest(link, newest)

    def _send_newest(self, link: Link, payload: str) -> None:
        message = self._newest(payload)
        with self._lock:
            self._kept[message.topic] = message
        link.publish(message)

    def _take_leave(self, link: Link) -> None:
        """Sends what waits, then the good-bye, and waits for its confirmation, all within the time of a stop."""
        while (self._dispatch.flying or self._news) and monotonic() < self._close_by_s - _GOODBYE_S:
            self._turn(link, 0.05)
        goodbye = link.publish(self._offline)
        while goodbye not in link.acked and monotonic() < self._close_by_s:
            link.turn(0.05)
        self._settle(link)
        link.leave()

    def _warn(self, fault: str, words: str) -> None:
        """One line per fault and outage."""
        if fault not in self._told:
            _log.warning("%s", words)
        self._told.add(fault)

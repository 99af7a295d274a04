"""Tells systemd how the service does, as sd_notify(3) says; nobody is told where nobody has asked."""

import os
import socket
from collections.abc import Callable, Mapping
from contextlib import suppress
from time import monotonic, monotonic_ns

STATE_S = 1.0  # how long a busy systemd may keep us waiting with news that must arrive


class Notifier:
    """The service's side of `Type=notify`.

    Args:
        environment: as systemd has set it.
        clock: monotonic seconds.
    """

    def __init__(self, environment: Mapping[str, str] = os.environ, clock: Callable[[], float] = monotonic) -> None:
        self._clock = clock
        self._socket: socket.socket | None = None
        self._every_s = _watchdog_s(environment) / 4
        self._fed_s = clock()
        address = environment.get("NOTIFY_SOCKET", "")
        if address.startswith(("/", "@")):
            self._address = "\0" + address[1:] if address[0] == "@" else address
            self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC)
            self._socket.settimeout(STATE_S)

    def ready(self, words: str) -> None:
        """All parts are open, and the work begins; also after `reloading`."""
        self._fed_s = self._clock()
        self._send(f"READY=1\nSTATUS={words}\nWATCHDOG=1")

    def reloading(self) -> None:
        """The settings are read anew."""
        self._send(f"RELOADING=1\nMONOTONIC_USEC={monotonic_ns() // 1000}")

    def stopping(self) -> None:
        """The end has begun."""
        self._send("STOPPING=1")

    def turned(self) -> None:
        """A turn of the loop is done. Nothing else feeds the watchdog, least of all a timer."""
        now_s = self._clock()
        if self._every_s and now_s - self._fed_s >= self._every_s:
            self._fed_s = now_s
            self._send("WATCHDOG=1", socket.MSG_DONTWAIT)  # a later one does as well

    def _send(self, state: str, flags: int = 0) -> None:
        if self._socket is not None:
            with suppress(OSError):  # without systemd the work goes on
                self._socket.sendto(state.encode(), flags, self._address)


def _watchdog_s(environment: Mapping[str, str]) -> float:
    """How long systemd waits for a sign of life; 0 = it does not."""
    if environment.get("WATCHDOG_PID", str(os.getpid())) != str(os.getpid()):
        return 0.0
    value = environment.get("WATCHDOG_USEC", "")
    return int(value) / 1e6 if value.isdecimal() else 0.0

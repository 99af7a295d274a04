"""What the machine says of itself: room on the disk, its clock, its heat."""

import ctypes
import os
from collections.abc import Callable
from pathlib import Path

from device.errors import PartFailed

THERMAL = Path("/sys/class/thermal")  # of Linux; millidegrees
ROOM_BYTES = 100_000_000  # less, and the log, the database and the system soon fail together
HOT_C = 80.0  # from here on a Raspberry Pi slows down (its firmware's `temp_limit` is 85)
_TIME_ERROR = 5  # adjtimex(2): the clock is not synchronised


def room(folder: Path) -> str:
    """Words for the room left where a folder is, or will be made.

    Raises:
        PartFailed: too little, or the disk does not tell.
    """
    try:
        there = next(place for place in (folder, *folder.absolute().parents) if place.exists())
        about = os.statvfs(there)
    except OSError as error:
        raise PartFailed(f"{folder}: the disk does not tell its room: {error.strerror}") from error
    free = about.f_bavail * about.f_frsize
    words = f"{free / 1e9:.1f} GB free in {there}"
    if free < ROOM_BYTES:
        raise PartFailed(f"{words}; expected {ROOM_BYTES / 1e9:.1f} GB or more")
    return words


def synchronised() -> bool | None:
    """Whether the clock follows others' (NTP), as the kernel knows; None where it must not be asked."""
    libc = ctypes.CDLL(None, use_errno=True)
    answer = libc.adjtimex(ctypes.create_string_buffer(512))  # struct timex, zeroed: only asks; 512 bytes are plenty
    return None if answer < 0 else answer != _TIME_ERROR


def clock(now_s: float, built_s: float, ask: Callable[[], bool | None] = synchronised) -> str:
    """Words for the clock. Judging needs it for nothing but the `at` of a rep.

    Args:
        now_s: the clock's time, seconds since 1970.
        built_s: a time that is past for certain.
        ask: whether it is synchronised.

    Raises:
        PartFailed: it is wrong for certain.
    """
    from datetime import datetime, timezone

    words = f"{datetime.fromtimestamp(now_s, timezone.utc):%Y-%m-%d %H:%M} UTC"
    if now_s < built_s:
        raise PartFailed(f"{words} is past: no network, and no battery for the clock? Reps would carry that time")
    found = {True: "synchronised", False: "not synchronised: reps may carry a wrong time", None: "not to be asked here"}
    return f"{words}, {found[ask()]}"


def celsius(folder: Path = THERMAL) -> float | None:
    """The hottest of the machine's own thermometers; None where it has none."""
    found = []
    for path in sorted(folder.glob("thermal_zone*/temp")):
        try:
            found.append(int(path.read_text()) / 1000)
        except (OSError, ValueError):  # some answer only while their part is powered
            continue
    return max(found, default=None)


def heat(folder: Path = THERMAL) -> str:
    """Words for the temperature.

    Raises:
        PartFailed: so hot that it slows down.
    """
    found = celsius(folder)
    if found is None:
        return "no thermometer here"
    if found >= HOT_C:
        raise PartFailed(f"{found:.0f} °C: it slows down from {HOT_C:.0f} °C on; give it air")
    return f"{found:.0f} °C"

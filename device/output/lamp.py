"""What the lamp shows and for how long, apart from what it is made of: pins, a message, a line in a terminal."""

from enum import Enum
from time import monotonic

from device.squat.rulebook import Decision

_COLOURS = {"red": "31", "white": "97", "amber": "33"}  # ANSI foregrounds
_GREY = "90"
_ROUNDING_S = 1e-6  # 5.1 s - 3.1 s is a little less than 2 s, and the hold must not last a frame longer for it


class Lamp(str, Enum):
    """What is lit; never two at once."""

    OFF = "off"
    RED = "red"
    WHITE = "white"
    AMBER = "amber"


def lamp_of(decision: Decision, has_amber: bool) -> Lamp:
    """The lamp of a verdict: white is a good lift, red is none; no decision leaves both dark, amber if there is one."""
    if decision is Decision.GOOD_LIFT:
        return Lamp.WHITE
    if decision is Decision.NO_LIFT:
        return Lamp.RED
    return Lamp.AMBER if has_amber else Lamp.OFF


class LampHold:
    """Keeps a verdict lit for its hold time, on the clock of the frames.

    Args:
        hold_s: how long a verdict stays lit, seconds.
        has_amber: whether there is a lamp for "no decision".
    """

    def __init__(self, hold_s: float, has_amber: bool) -> None:
        self._hold_s = hold_s
        self._has_amber = has_amber
        self._lamp = Lamp.OFF
        self._since_s = 0.0

    def judged(self, decision: Decision, at_s: float, now_s: float) -> Lamp:
        """What to show at `now_s` of a verdict of `at_s`; a new verdict takes the place of the one before."""
        self._lamp = lamp_of(decision, self._has_amber)
        self._since_s = at_s
        return self.tick(now_s)

    def end(self) -> None:
        """Dark from now on, whatever the hold."""
        self._lamp = Lamp.OFF

    def tick(self, now_s: float) -> Lamp:
        """What to show at `now_s`.

        A clock that went backwards (a camera that was opened anew) says nothing about the age of a verdict: dark.
        """
        if not 0.0 <= now_s - self._since_s < self._hold_s - _ROUNDING_S:
            self._lamp = Lamp.OFF
        return self._lamp


def now_of(at_s: float, live: bool) -> float:
    """The time now, on the clock of the frames, when a verdict of `at_s` comes: of a clip that is the verdict's own."""
    return max(monotonic(), at_s) if live else at_s


def lamp_line(lamp: Lamp, colour: bool, has_amber: bool = False) -> str:
    """The lamp as one line for a terminal, such as `● red  ○ white`.

    Args:
        lamp: what is lit.
        colour: whether to use ANSI colours.
        has_amber: whether the amber lamp is drawn even when dark.
    """
    drawn = [Lamp.RED, Lamp.WHITE]
    if has_amber or lamp is Lamp.AMBER:
        drawn.append(Lamp.AMBER)
    return "  ".join(_bulb(each, each is lamp, colour) for each in drawn)


def _bulb(lamp: Lamp, lit: bool, colour: bool) -> str:
    words = f"{'●' if lit else '○'} {lamp.value}"
    if not colour:
        return words
    return f"\x1b[{_COLOURS[lamp.value] if lit else _GREY}m{words}\x1b[0m"

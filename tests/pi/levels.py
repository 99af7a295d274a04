"""Pins as the kernel's debugfs shows them. Standard library alone: it also runs inside the emulated Pi."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

_HIGH = re.compile(r"^pin \d+ \(gpio(\d+)\) .* in hi;", re.MULTILINE)
_CHIP = re.compile(r"^gpiochip\d+: .*?(\d+)-(\d+).*pinctrl-bcm2835", re.MULTILINE)
_HELD = re.compile(r"^ gpio-(\d+) +\([^|)]*\|([^)]*)\) (?:out|in)\b", re.MULTILINE)


def high(text: str) -> set[int]:
    """The pins at high level, outputs or inputs, from `pinctrl/*/pins` of the Pi's chip: the chip's own register."""
    return {int(pin) for pin in _HIGH.findall(text)}


def held(text: str) -> dict[int, str]:
    """Who holds which pin of the Pi's chip, from `gpio`."""
    chip = _CHIP.search(text)
    if chip is None:
        return {}
    first, last = int(chip[1]), int(chip[2])
    return {int(n) - first: holder.strip() for n, holder in _HELD.findall(text) if first <= int(n) <= last}


@dataclass(frozen=True)
class Lit:
    """A lamp, from when to when, monotonic seconds; `end_s` is None while it is still lit."""

    pin: int
    begin_s: float
    end_s: float | None


def lit(trace: Sequence[tuple[float, Sequence[int]]]) -> list[Lit]:
    """What was lit, in the order in which it began.

    Args:
        trace: at each change the time and the pins at high level.
    """
    found: list[Lit] = []
    since: dict[int, float] = {}
    for at_s, pins in trace:
        for pin in set(since) - set(pins):
            found.append(Lit(pin, since.pop(pin), at_s))
        for pin in set(pins) - set(since):
            since[pin] = at_s
    found += [Lit(pin, begin_s, None) for pin, begin_s in since.items()]
    return sorted(found, key=lambda one: one.begin_s)

"""A Jetson's lines without a Jetson: the part of gpiod's interface (version 2) that `jetson.py` uses, and its checks.

`FakeGpiod` stands for the module `gpiod`:

    fake = FakeGpiod()
    with SignalLight(112, 122, pin_factory=JetsonFactory(fake, fake.chips)) as light: ...
    fake.assert_used_well()
"""

from dataclasses import dataclass
from enum import Enum
from types import SimpleNamespace


class Misuse(AssertionError):
    """Used as gpiod must not be used."""


class Direction(Enum):
    """Which way a line works."""

    AS_IS = 1
    INPUT = 2
    OUTPUT = 3


class Value(Enum):
    """A line's level."""

    INACTIVE = 0
    ACTIVE = 1


@dataclass
class LineSettings:
    """How a line is wanted."""

    direction: Direction = Direction.AS_IS
    output_value: Value = Value.INACTIVE


Wanted = LineSettings  # inside the fake module the name is its own


@dataclass(frozen=True)
class ChipInfo:
    """What a chip is."""

    label: str
    num_lines: int


class FakeGpiod:
    """Chips whose lines are kept in memory.

    Args:
        chips: label and number of lines of each, by path.
        held: lines that another program holds.

    Attributes:
        outputs: level of each line that is an output.
        history: line and level, whenever one is driven.
    """

    LineSettings = LineSettings  # as in the module
    line = SimpleNamespace(Direction=Direction, Value=Value)

    def __init__(
        self, chips: dict[str, tuple[str, int]] | None = None, held: frozenset[int] | set[int] = frozenset()
    ) -> None:
        orin = {"/dev/gpiochip0": ("tegra234-gpio-aon", 32), "/dev/gpiochip1": ("tegra234-gpio", 164)}
        self.chips = orin if chips is None else chips
        self.held = set(held)
        self.outputs: dict[int, Value] = {}
        self.history: list[tuple[int, bool]] = []
        self.open = 0  # chips and requests that were not closed yet

    def Chip(self, path: str) -> "FakeChip":
        """Opens a chip, as the class `gpiod.Chip` does.

        Raises:
            OSError: there is none.
        """
        if path not in self.chips:
            raise FileNotFoundError(2, "No such file or directory", path)
        return FakeChip(self, *self.chips[path])

    def drive(self, offset: int, wanted: "Wanted") -> None:
        """A line as somebody with the right to it wants it."""
        if wanted.direction is Direction.OUTPUT:
            self.outputs[offset] = wanted.output_value
            self.history.append((offset, wanted.output_value is Value.ACTIVE))
        else:
            self.outputs.pop(offset, None)

    def assert_used_well(self) -> None:
        """All was closed, and no line is driven any more.

        Raises:
            Misuse: not so.
        """
        if self.open or self.outputs:
            raise Misuse(f"{self.open} chips or requests were never closed; lines {sorted(self.outputs)} still driven")


class FakeChip:
    """One open chip; made by `FakeGpiod`. The names are gpiod's."""

    def __init__(self, gpiod: FakeGpiod, label: str, lines: int) -> None:
        self._gpiod, self._info, self._closed = gpiod, ChipInfo(label, lines), False
        gpiod.open += 1

    def __bool__(self) -> bool:
        """Whether it is open."""
        return not self._closed

    def get_info(self) -> ChipInfo:
        """Label and number of lines."""
        self._check()
        return self._info

    def request_lines(self, config: dict[int, LineSettings], consumer: str | None = None) -> "FakeRequest":
        """Lines for oneself.

        Raises:
            OSError: another has one of them.
            ValueError: there is no such line.
        """
        self._check()
        for offset in config:
            if not 0 <= offset < self._info.num_lines:
                raise ValueError("line offset out of range")
            if offset in self._gpiod.held:
                raise OSError(16, "Device or resource busy")
        return FakeRequest(self._gpiod, config)

    def close(self) -> None:
        """Closes it; once."""
        self._check()
        self._closed = True
        self._gpiod.open -= 1

    def _check(self) -> None:
        if self._closed:
            raise Misuse("a closed chip was used")


class FakeRequest:
    """Lines that are held. The names are gpiod's."""

    def __init__(self, gpiod: FakeGpiod, config: dict[int, LineSettings]) -> None:
        self._gpiod, self._lines, self._released = gpiod, set(config), False
        gpiod.open += 1
        gpiod.held |= self._lines
        self.reconfigure_lines(config)

    def reconfigure_lines(self, config: dict[int, LineSettings]) -> None:
        """Changes direction and level."""
        for offset, wanted in config.items():
            self._check(offset)
            self._gpiod.drive(offset, wanted)

    def get_value(self, line: int) -> Value:
        """The level that a line has."""
        self._check(line)
        return self._gpiod.outputs.get(line, Value.INACTIVE)

    def set_value(self, line: int, value: Value) -> None:
        """Drives a line.

        Raises:
            PermissionError: it is an input.
        """
        self._check(line)
        if line not in self._gpiod.outputs:
            raise PermissionError(1, "Operation not permitted")
        self._gpiod.drive(line, LineSettings(Direction.OUTPUT, value))

    def release(self) -> None:
        """Gives them back, as they are: an output goes on being driven until somebody else has it; once."""
        for offset in self._lines:
            self._check(offset)
        self._released = True
        self._gpiod.held -= self._lines
        self._gpiod.open -= 1

    def _check(self, offset: int) -> None:
        if self._released:
            raise Misuse("released lines were used")
        if offset not in self._lines:
            raise Misuse(f"line {offset} was not requested")

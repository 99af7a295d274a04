"""Pins of a Jetson: a gpiozero factory over libgpiod, for gpiozero itself knows no Jetson.

A pin's number is that of its line on the main GPIO controller, the first column of the tables in NVIDIA's Jetson.GPIO;
`gpioinfo` lists the lines.
"""

import errno
from collections.abc import Iterable
from pathlib import Path
from time import monotonic
from typing import Any

from gpiozero import PinInvalidFunction, PinInvalidPin, PinPWMUnsupported, PinSetInput
from gpiozero.pins import BoardInfo, Factory, HeaderInfo, Pin, PinInfo

from device.errors import PartFailed

CONSUMER = "squatlight"  # `gpioinfo` shows it beside the lines that are held


class JetsonFactory(Factory):  # type: ignore[misc]
    """Makes pins of the lines of the main controller; they are inputs again once it is closed.

    Args:
        gpiod: the module, version 2, or what stands for it.
        paths: GPIO chips to look among; None = all of this machine.

    Raises:
        PartFailed: no such controller, or no right to use it.
    """

    def __init__(self, gpiod: Any, paths: Iterable[str] | None = None) -> None:
        super().__init__()
        self.gpiod = gpiod
        self.pins: dict[int, JetsonPin] = {}
        self.chip = _main_controller(
            gpiod, sorted(map(str, Path("/dev").glob("gpiochip*"))) if paths is None else paths
        )
        self._board = _board(self.chip.get_info().num_lines)

    def close(self) -> None:
        """Gives all lines back."""
        for pin in self.pins.values():
            pin.close()
        self.pins.clear()
        if self.chip:
            self.chip.close()

    def pin(self, name: Any) -> "JetsonPin":
        """The pin of a line, one and the same each time.

        Raises:
            PinInvalidPin: there is no such line.
        """
        for _, info in self._board.find_pin(name):
            return self.pins.setdefault(info.number, JetsonPin(self, info))
        raise PinInvalidPin(f"there is no line {name!r}")

    def ticks(self) -> float:
        """Seconds."""
        return monotonic()

    def ticks_diff(self, later: float, earlier: float) -> float:
        """Seconds between two of them."""
        return later - earlier

    def _get_board_info(self) -> Any:
        return self._board


class JetsonPin(Pin):  # type: ignore[misc]
    """One line; held from when it becomes an output until it is closed.

    Args:
        factory: whose line it is.
        info: its number and names.
    """

    def __init__(self, factory: JetsonFactory, info: Any) -> None:
        self._factory, self._info = factory, info
        self._request: Any = None

    def close(self) -> None:
        """An input, so that the pull-down on the wire decides, and given back."""
        request, self._request = self._request, None
        if request is not None:
            try:
                request.reconfigure_lines({self._info.number: self._settings("INPUT")})
            finally:
                request.release()

    def output_with_state(self, state: bool) -> None:
        """An output, at a level from its first moment on.

        Raises:
            OSError: somebody else holds the line.
        """
        wanted = {self._info.number: self._settings("OUTPUT", state)}
        if self._request is None:
            self._request = self._factory.chip.request_lines(wanted, consumer=CONSUMER)
        else:
            self._request.reconfigure_lines(wanted)

    def _settings(self, direction: str, state: bool = False) -> Any:
        gpiod = self._factory.gpiod
        return gpiod.LineSettings(direction=gpiod.line.Direction[direction], output_value=self._level(state))

    def _level(self, state: bool) -> Any:
        return self._factory.gpiod.line.Value["ACTIVE" if state else "INACTIVE"]

    def _get_info(self) -> Any:
        return self._info

    def _get_function(self) -> str:
        return "input" if self._request is None else "output"

    def _set_function(self, value: str) -> None:
        if value not in ("input", "output"):
            raise PinInvalidFunction(f"{self!r} is an input or an output, not {value!r}")
        if value == "input":
            self.close()
        elif self._request is None:
            self.output_with_state(False)

    def _get_state(self) -> int:
        if self._request is None:  # nobody here needs inputs
            raise PinSetInput(f"{self!r} is not an output")
        return int(self._request.get_value(self._info.number) is self._level(True))

    def _set_state(self, value: bool) -> None:
        if self._request is None:
            raise PinSetInput(f"{self!r} is not an output")
        self._request.set_value(self._info.number, self._level(bool(value)))

    def _set_frequency(self, value: float | None) -> None:
        if value is not None:
            raise PinPWMUnsupported(f"{self!r} knows high and low alone")

    def __repr__(self) -> str:
        return str(self._info.name)


def _main_controller(gpiod: Any, paths: Iterable[str]) -> Any:
    """The open chip whose lines the header's pins are; the small one, "-aon", is always on and has few of them."""
    refused = ""
    for path in paths:
        try:
            chip = gpiod.Chip(path)
        except OSError as error:
            if error.errno in (errno.EACCES, errno.EPERM):
                refused = f": no right to open {path}; is this user in the group gpio?"
            continue
        label = chip.get_info().label
        if label.startswith("tegra") and not label.endswith("-aon"):
            return chip
        chip.close()
    raise PartFailed(f"lamp: no GPIO of a Jetson here{refused or '; pins mock do without'}")


def _board(lines: int) -> Any:
    """What gpiozero wants to know of a board: one header with a pin for each line."""
    pins = {
        number: PinInfo(number, f"GPIO{number}", frozenset({number, str(number), f"GPIO{number}"}), "", number + 1, 1,
                        frozenset({"gpio"}))
        for number in range(lines)
    }  # fmt: skip
    header = HeaderInfo("LINES", lines, 1, pins)
    return BoardInfo(
        revision="", model="Jetson", pcb_revision="", released="", soc="Tegra", manufacturer="NVIDIA", memory=0,
        storage="", usb=0, usb3=0, ethernet=0, eth_speed=0, wifi=False, bluetooth=False, csi=0, dsi=0,
        headers={"LINES": header}, board="",
    )  # fmt: skip

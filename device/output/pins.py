"""The pins that lamps hang on: gpiozero's factories, always asked for by name and never fallen back to another."""

import json
import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from time import monotonic
from typing import Any

from device.errors import PartFailed, SettingsError

FILE = "file:"
REMEMBERED = 16  # changes of a mock pin


def open_pins(name: str) -> Any:
    """Opens the pins of this machine, or the mock ones.

    Args:
        name: `mock` for pins that exist in memory alone, `file:PATH` for mock pins whose levels stand in a file and
            stay there when the process dies, as those of a board do; `lgpio` for a Raspberry Pi's, `jetson` for a
            Jetson's.

    Returns:
        A gpiozero factory, which belongs to the caller, who closes it.

    Raises:
        PartFailed: these pins are not to be had here.
        SettingsError: there are no pins of this name.
    """
    if name.startswith(FILE):
        return _file(Path(name.removeprefix(FILE)))
    if name not in FACTORIES:
        raise SettingsError(f"lamp: no pins named {name!r}; there are {', '.join(sorted(FACTORIES))}")
    return FACTORIES[name]()


def words_of(error: BaseException) -> str:
    """What a pin library said; lgpio wraps its words in quotes."""
    return str(error).strip("'\"") or type(error).__name__


def _mock() -> Any:
    from gpiozero.pins.mock import MockFactory

    return MockFactory(pin_class=_mock_pin())


def _mock_pin() -> Any:
    """The mock pin of gpiozero, which for its tests lists all that it ever did, with a shorter memory."""
    from gpiozero.pins.mock import MockPin

    class Pin(MockPin):  # type: ignore[misc]
        def _set_state(self, value: Any) -> None:
            super()._set_state(value)
            del self.states[:-REMEMBERED]

    return Pin


def _file(path: Path) -> Any:
    """Mock pins that write which of them are at high level, and since when, into a file that is whole at any moment.

    It holds a JSON object: the pins by their names, and monotonic seconds.
    """
    from gpiozero.pins.mock import MockFactory

    since_s: dict[str, float] = {}

    class FilePin(_mock_pin()):  # type: ignore[misc]
        def _set_state(self, value: Any) -> None:
            super()._set_state(value)
            if not value:
                since_s.pop(self.info.name, None)
            else:
                since_s.setdefault(self.info.name, monotonic())
            new = path.with_name(path.name + ".new")
            new.write_text(json.dumps(since_s))
            new.replace(path)

    return MockFactory(pin_class=FilePin)


def _lgpio() -> Any:
    if "LG_WD" not in os.environ and not os.access(os.getcwd(), os.W_OK):  # `check` by a person, somewhere
        os.environ["LG_WD"] = tempfile.mkdtemp(prefix="squatlight-")
    try:
        from gpiozero.pins.lgpio import LGPIOFactory
    except ImportError as error:
        raise PartFailed("lamp: lgpio is not installed; pip install 'squatlight[pi]' brings it") from error
    except OSError as error:  # lgpio makes a pipe in its working directory as it is imported
        raise PartFailed(f"lamp: lgpio cannot start: {error}; LG_WD must name a directory it may write to") from error
    try:
        return LGPIOFactory()
    except Exception as error:  # lgpio.error is no more than an Exception, gpiozero's is a RuntimeError
        raise PartFailed(f"lamp: no GPIO here: {words_of(error)}; pins 'mock' do without") from error


def _jetson() -> Any:
    try:
        import gpiod
    except ImportError as error:
        raise PartFailed("lamp: gpiod is not installed; pip install 'squatlight[jetson]' brings it") from error
    if not hasattr(gpiod, "LineSettings"):
        raise PartFailed("lamp: gpiod is older than version 2; pip install 'squatlight[jetson]' brings a newer one")
    from device.output.jetson import JetsonFactory

    return JetsonFactory(gpiod)


FACTORIES: dict[str, Callable[[], Any]] = {"mock": _mock, "lgpio": _lgpio, "jetson": _jetson}

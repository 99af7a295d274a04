"""`squatlight dark`: puts the lamps out. The service ends with it, however it ends: it must be quick, and loads little.

`python -m device.dark` is the same without loading the settings, where the daemon has left word of its lamps.
"""

import logging
import os
import sys
from collections.abc import Callable, Mapping
from contextlib import closing
from pathlib import Path

from device import strict_toml
from device.errors import PartFailed, SettingsError, SquatlightError
from device.output.pins import open_pins, words_of
from device.strict_toml import Scalar

log = logging.getLogger(__name__)

NOTE = "light.toml"  # in the service's /run: the lamps as they were opened, whatever the settings say by now


def note(light: Mapping[str, Scalar]) -> None:
    """Leaves word of the lamps in use.

    Args:
        light: the settings of that name.
    """
    path = _note()
    if path is not None:
        try:
            strict_toml.replace_whole(path, strict_toml.write({"light": dict(light)}))
        except OSError as error:
            log.warning("lamp: %s cannot be written (%s): a crash may leave a lamp lit", path, error.strerror)


def dark(light: Callable[[], Mapping[str, Scalar]]) -> int:
    """Puts out the lamps that a daemon, which has ended, had opened; without word of them those of the settings.

    Args:
        light: gives the settings of that name.

    Raises:
        SquatlightError: a pin does not obey, or nobody knows which pins they are.
    """
    put_out(_noted() or light())
    return 0


def put_out(light: Mapping[str, Scalar]) -> None:
    """All lamps, also where one of them fails.

    Raises:
        PartFailed: a pin does not obey.
    """
    from gpiozero import DigitalOutputDevice

    failed = None
    with closing(open_pins(str(light["pins"]))) as pins:
        for name in ("red", "white", "amber"):
            number = light[f"{name}_pin"]
            if number == -1:
                continue
            try:
                DigitalOutputDevice(
                    number, active_high=light["active_high"], initial_value=False, pin_factory=pins
                ).close()
            except Exception as error:  # a pin library may raise anything, and the other lamps must still go dark
                failed = failed or PartFailed(f"lamp: {name}: GPIO{number}: {words_of(error)}; it may still be lit")
    if failed is not None:
        raise failed


def _noted() -> Mapping[str, Scalar] | None:
    path = _note()
    try:
        return None if path is None else strict_toml.parse(path.read_bytes(), str(path))["light"]
    except (OSError, SettingsError, KeyError):  # it was never opened, or has no lamps any more
        return None


def _note() -> Path | None:
    folder = os.environ.get("RUNTIME_DIRECTORY")  # systemd sets it for the service and what runs after it
    return Path(folder) / NOTE if folder else None


def main() -> int:
    """`python -m device.dark`."""
    if _noted() is None:
        from device.__main__ import main as command

        return command(["dark"])
    try:
        return dark(dict)
    except SquatlightError as error:
        print(f"squatlight: {error}", file=sys.stderr)
        return error.exit_code


if __name__ == "__main__":
    sys.exit(main())

"""The lamps of the settings, and `squatlight dark`, which the service ends with however it ends."""

import logging
import os
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

from device import strict_toml
from device.errors import SettingsError
from device.output.light import SignalLight
from device.overrides import replace_whole
from device.settings import Light, Settings

log = logging.getLogger(__name__)

NOTE = "light.toml"  # in the service's /run: the lamps as they were opened, whatever the settings say by now


def open_light(light: Light, live: bool = False) -> SignalLight:
    """The lamps of the settings; live, nothing stays lit beyond its hold time even where the loop hangs."""
    amber = light.amber_pin if light.amber_pin >= 0 else None
    return SignalLight(light.red_pin, light.white_pin, amber, light.hold_s, light.active_high, light.pins, live)


def note(light: Light) -> None:
    """Leaves word for `dark` of the lamps in use."""
    path = _note()
    if path is not None:
        try:
            replace_whole(path, strict_toml.write({"light": asdict(light)}))
        except OSError as error:
            log.warning("lamp: %s cannot be written (%s): a crash may leave a lamp lit", path, error.strerror)


def dark(read: Callable[[], Settings]) -> int:
    """Puts all lamps out: those that a daemon which has ended had opened, and those of the settings.

    Args:
        read: gives the settings.

    Raises:
        SquatlightError: the pins cannot be had, or nobody knows which they are.
    """
    noted, path = None, _note()
    if path is not None and path.exists():
        noted = strict_toml.build(Light, strict_toml.parse(path.read_bytes(), str(path)).get("light", {}))
        open_light(noted).close()
    try:
        wanted = read().light
    except SettingsError:
        if noted is None:
            raise
        return 0
    if wanted != noted:
        open_light(wanted).close()
    return 0


def _note() -> Path | None:
    folder = os.environ.get("RUNTIME_DIRECTORY")  # systemd sets it for the service and what runs after it
    return Path(folder) / NOTE if folder else None

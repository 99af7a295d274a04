"""What people have changed at the running station: kept in a file with the keys of the settings, over which it wins."""

import logging
import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from time import monotonic

from device import strict_toml
from device.errors import SettingsError
from device.settings import Settings, changed
from device.strict_toml import Scalar, Tables

log = logging.getLogger(__name__)

EVERY_S = 1.0  # whoever plays with a slider must not wear out the card, nor hold up the frames
HEAD = "# What was changed at the running station; it wins over the settings. Written by squatlight.\n"


def overridden(settings: Settings) -> tuple[Settings, "Overrides"]:
    """The settings as people have changed them, and what keeps further changes.

    A file that cannot be read, or that does not go with the settings (any more), is set aside with a line in the log.
    """
    path = path_of(settings)
    if path is None or not path.exists():
        return settings, Overrides(path)
    try:
        tables = strict_toml.parse(path.read_bytes(), str(path))
        return changed(settings, tables), Overrides(path, tables)
    except (OSError, SettingsError) as error:
        aside = path.with_name(f"{path.name}.broken")
        with suppress(OSError):  # not ours to move: the line below tells that it is not used
            os.replace(path, aside)
        log.error("overrides: not used, and moved to %s: %s", aside, error)
        return settings, Overrides(path)


def path_of(settings: Settings) -> Path | None:
    """The file; None where nothing is kept on the disk."""
    s = settings.store
    if s.overrides:
        return Path(s.overrides)
    return Path(s.path).with_name("overrides.toml") if s.path else None


class Overrides:
    """Keeps changes. A context manager.

    Args:
        path: the file; None = nothing outlasts the process.
        tables: what it holds already.
        clock: monotonic seconds.
    """

    def __init__(self, path: Path | None, tables: Tables | None = None, clock: Callable[[], float] = monotonic) -> None:
        self._path, self._clock = path, clock
        self._tables: Tables = tables or {}
        self._to_write = False
        self._written_s = float("-inf")
        self._told = ""

    def __enter__(self) -> "Overrides":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def change(self, key: str, value: Scalar) -> None:
        """Takes a change, to be written at the next `tick`.

        Args:
            key: as in the settings, such as `lifter.height_cm`.
            value: of the same type.
        """
        table, _, name = key.partition(".")
        values = self._tables.setdefault(table, {})
        self._to_write |= values.get(name) != value
        values[name] = value

    def tick(self) -> None:
        """Writes what was changed, at once or, after another change, a second later; a full disk is told once."""
        if self._to_write and self._clock() - self._written_s >= EVERY_S:
            self.close()

    def close(self) -> None:
        """Writes what was changed and is not written yet."""
        if not self._to_write or self._path is None:
            return
        self._written_s = self._clock()
        try:
            strict_toml.replace_whole(self._path, HEAD + strict_toml.write(self._tables))
            self._to_write, self._told = False, ""
        except OSError as error:
            if self._told != str(error):
                log.error("overrides: %s: cannot be written (%s); trying again", self._path, error.strerror)
            self._told = str(error)

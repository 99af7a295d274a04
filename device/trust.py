"""Files that decide what this device does: read only where nobody else may write them, or read a secret in them."""

import os
import stat
from pathlib import Path

from device.errors import SettingsError


def read_trusted(path: Path, secret: bool = False) -> bytes:
    """The bytes of a file that root or this user owns and nobody else may write.

    Args:
        path: the file.
        secret: whether others must not read it either; a group may.

    Raises:
        SettingsError: it cannot be read, or others have too many rights in it.
    """
    try:
        with path.open("rb") as file:
            about = os.fstat(file.fileno())  # of what is open: the name may mean another file by now
            _check(path, about, secret)
            return file.read()
    except OSError as error:
        raise SettingsError(f"{path}: cannot be read ({error.strerror})") from error


def _check(path: Path, about: os.stat_result, secret: bool) -> None:
    if about.st_uid not in (0, os.geteuid()):
        raise SettingsError(
            f"{path}: belongs to user {about.st_uid}, who could change it: expected root or user {os.geteuid()}"
        )
    mode = stat.S_IMODE(about.st_mode)
    shared = mode & stat.S_IWGRP and about.st_gid not in (0, os.getegid())
    if shared or mode & stat.S_IWOTH:
        raise SettingsError(f"{path}: others may change it (mode {mode:o}): chmod go-w {path}")
    if secret and mode & stat.S_IROTH:
        raise SettingsError(f"{path}: everybody may read the password (mode {mode:o}): chmod o= {path}")

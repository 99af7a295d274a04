"""How long pictures are kept: by age and by size, the oldest go first."""

import re
from dataclasses import dataclass
from pathlib import Path

_OURS = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\.(jpg|webm)")
_UNFINISHED = re.compile(r"\.part-.*\.(jpg|webm)")


@dataclass(frozen=True, slots=True)
class Limits:
    """What a folder may hold.

    Attributes:
        megabytes: all files together.
        days: the age of each.
    """

    megabytes: float
    days: float


def is_ours(path: Path) -> bool:
    """Whether a file is named as the stills and clips of reps are: nothing else is ever removed."""
    return bool(_OURS.fullmatch(path.name))


def tidy(folder: Path, limits: Limits, now_s: float) -> list[Path]:
    """Removes what is too old, then the oldest until the rest fits.

    A clock that was set back makes nothing too old; of the newest rep files stay whatever their size, not their age.

    Args:
        folder: of the pictures.
        limits: what it may hold.
        now_s: the wall clock, seconds since 1970.

    Returns:
        What was removed.

    Raises:
        OSError: the folder cannot be read, or a file not removed.
    """
    files = []
    for path in folder.iterdir():
        if is_ours(path) and path.is_file() and not path.is_symlink():
            found = path.stat()
            files.append((found.st_mtime, found.st_size, path))
    files.sort(reverse=True)
    removed, room = [], limits.megabytes * 1e6
    for changed_s, size, path in files:
        room -= size
        newest = path.stem == files[0][2].stem
        if now_s - changed_s > limits.days * 86400 or (room < 0 and not newest):
            path.unlink(missing_ok=True)
            removed.append(path)
    return removed


def clear_unfinished(folder: Path) -> None:
    """Removes what a crash has left half-written."""
    for path in folder.iterdir():
        if _UNFINISHED.fullmatch(path.name):
            path.unlink(missing_ok=True)

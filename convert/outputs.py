"""Where a command writes: its arguments' types, which look before the work begins whether it will be possible."""

import os
from argparse import ArgumentTypeError
from pathlib import Path


def new_file(text: str) -> Path:
    """A file to be written, in a folder that is there.

    Raises:
        ArgumentTypeError: it cannot be written.
    """
    path = Path(text)
    if path.is_dir():
        raise ArgumentTypeError(f"{path}: is a folder, expected a file")
    if not path.parent.is_dir():
        raise ArgumentTypeError(f"{path}: there is no folder {path.parent}")
    if not os.access(path if path.exists() else path.parent, os.W_OK):
        raise ArgumentTypeError(f"{path}: cannot be written")
    return path


def new_folder(text: str) -> Path:
    """A folder to be filled; what of its path is not there will be made.

    Raises:
        ArgumentTypeError: it cannot be made, or nothing can be written there.
    """
    path = Path(text)
    there = next(place for place in (path, *path.absolute().parents) if place.exists())
    if not there.is_dir():
        raise ArgumentTypeError(f"{there}: is a file, expected a folder")
    if not os.access(there, os.W_OK):
        raise ArgumentTypeError(f"{there}: cannot be written to")
    return path

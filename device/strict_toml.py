"""TOML into frozen dataclasses, strictly: an unknown key or a value of another type is an error that names it."""

import os
import sys
from collections.abc import Mapping
from dataclasses import MISSING, fields, replace
from json import dumps
from pathlib import Path
from typing import Any, TypeVar, get_type_hints

from device.errors import SettingsError

T = TypeVar("T")
Scalar = str | int | float | bool
Tables = dict[str, dict[str, Scalar]]  # a TOML file of tables of single values


def parse(data: bytes, name: str) -> dict[str, Any]:
    """The tables of a TOML file.

    Args:
        data: its bytes.
        name: of the file, for the error.

    Raises:
        SettingsError: not UTF-8, or not TOML.
    """
    if sys.version_info >= (3, 11):
        import tomllib
    else:
        import tomli as tomllib
    try:
        return dict(tomllib.loads(data.decode("utf-8")))
    except ValueError as error:
        raise SettingsError(f"{name}: {error}") from error


def write(tables: Tables) -> str:
    """The TOML of tables of single values."""
    parts = []
    for name, values in tables.items():
        lines = [f"{key} = {_written(value)}" for key, value in values.items()]
        parts.append("\n".join([f"[{name}]", *lines]) + "\n")
    return "\n".join(parts)


def replace_whole(path: Path, text: str) -> None:
    """Writes a file so that it holds the old or the new text whenever the power goes.

    Raises:
        OSError: it cannot be written; the old one is still there.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    new = path.with_name(f".{path.name}.new")
    with new.open("w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    new.replace(path)
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(folder)  # the name, too
    finally:
        os.close(folder)


def _written(value: Scalar) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):  # JSON's strings are TOML's, but for this one character
        return dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
    return repr(value)


def build(kind: type[T], values: Mapping[str, Any], before: T | None = None, at: str = "") -> T:
    """An object of a settings class from a table.

    Args:
        kind: a frozen dataclass of str, int, float, bool and further such classes.
        values: as read.
        before: gives what the table lacks; None = it may lack nothing.
        at: where in the file, for the error.

    Raises:
        SettingsError: an unknown key, a value of another type, a key that is missing.
    """
    hints = get_type_hints(kind)
    for key in values:
        if key not in hints:
            raise SettingsError(f"{at}{key}: unknown; known here are {', '.join(hints)}")
    found: dict[str, Any] = {}
    for key, value in values.items():
        wanted = hints[key]
        if wanted in (str, int, float, bool):
            found[key] = _scalar(wanted, value, f"{at}{key}")
        elif isinstance(value, Mapping):
            found[key] = build(wanted, value, getattr(before, key, None), f"{at}{key}.")
        else:
            raise SettingsError(f"{at}{key}: expected a table, got {value!r}")
    if before is not None:
        return replace(before, **found)  # type: ignore[type-var]
    missing = [f.name for f in fields(kind) if f.name not in found and f.default is MISSING]  # type: ignore[arg-type]
    if missing:
        raise SettingsError(f"{at}{missing[0]}: missing")
    return kind(**found)


def _scalar(wanted: type, value: Any, key: str) -> Any:
    whole = isinstance(value, int) and not isinstance(value, bool)
    if wanted is float and whole:
        return float(value)
    if type(value) is not wanted:
        raise SettingsError(f"{key}: expected {wanted.__name__}, got {value!r}")
    return value

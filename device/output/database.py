"""The file of the store: opened, migrated step by step, and moved aside where it is damaged. SQLite."""

import errno
import logging
import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timezone
from pathlib import Path

from device.errors import PartFailed

_log = logging.getLogger(__name__)

# One step per schema version: step n brings version n to n + 1. Steps are added at the end and never changed.
MIGRATIONS = (
    """
    CREATE TABLE reps (id TEXT PRIMARY KEY, at TEXT, json TEXT NOT NULL);
    CREATE TABLE outbox (
        place INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, topic TEXT NOT NULL, payload TEXT NOT NULL,
        properties TEXT NOT NULL, created TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ', 'now')));
    """,
    """
    CREATE TABLE corrections (
        place INTEGER PRIMARY KEY AUTOINCREMENT, rep TEXT NOT NULL REFERENCES reps (id), depth TEXT NOT NULL,
        at TEXT NOT NULL)
    """,
)
_CACHE_KB = 256  # SQLite's own bound of 2 MB is filled over thousands of reps, and serves nobody here
_LOCKED_S = 1.0  # how long another program may hold the file before a write fails; longer would hold up the frames
_PASSING = (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EIO)  # of a disk, not of a mistake in the settings


@contextmanager
def transaction(base: sqlite3.Connection) -> Iterator[None]:
    """All that is done within it, or nothing."""
    base.execute("BEGIN IMMEDIATE")  # at once: a lock or a read-only file shows here, not at the end
    try:
        yield
        base.execute("COMMIT")
    except BaseException:
        if base.in_transaction:  # a full disk has rolled back by itself
            base.execute("ROLLBACK")
        raise


def passes(path: Path, error: Exception) -> bool:
    """Whether what keeps a file from being opened may pass: a disk that is full or fails, and not a wrong setting."""
    if not isinstance(error, sqlite3.OperationalError):
        return isinstance(error, OSError) and error.errno in _PASSING
    try:
        place = path if path.exists() else path.parent
        only_read = bool(os.statvfs(place).f_flag & os.ST_RDONLY)  # what Linux makes of a card that fails
    except OSError as failed:  # the disk does not even tell what it is
        return failed.errno in _PASSING
    return not path.is_dir() and (os.access(place, os.W_OK) or only_read)


def open_file(path: Path) -> sqlite3.Connection:
    """The open database; its folder is made where missing.

    A file that is damaged is moved aside, never deleted, and a new one begun.

    Raises:
        OSError, sqlite3.Error: it cannot be opened now, or by this user.
        PartFailed: it is none, or a newer version of this program made it.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        return _connect(path)
    except sqlite3.OperationalError:  # a kind of DatabaseError: full, locked, read-only; nothing is wrong with the file
        raise
    except sqlite3.DatabaseError as error:
        if not _is_ours(path):  # a mistake in the settings must not move somebody's file away
            raise PartFailed(f"store: {path}: it is no SQLite database ({error})") from error
        aside = _move_aside(path)
        _log.warning("store: %s is damaged (%s): moved to %s, and a new one begun", path, error, aside)
        return _connect(path)


def _is_ours(path: Path) -> bool:
    """Whether a file that SQLite cannot read may be a database: by its name, or by how it begins."""
    with path.open("rb") as file:
        head = file.read(16)
    return path.suffix in (".db", ".sqlite", ".sqlite3") or head == b"SQLite format 3\0" or not any(head)


def _connect(path: Path) -> sqlite3.Connection:
    base = sqlite3.connect(path, timeout=_LOCKED_S, isolation_level=None, check_same_thread=False)
    try:
        base.execute("PRAGMA journal_mode = WAL")
        base.execute("PRAGMA synchronous = FULL")  # power may go at any time: a commit is on the disk
        base.execute(f"PRAGMA cache_size = -{_CACHE_KB}")
        found = base.execute("PRAGMA quick_check(1)").fetchone()[0]
        if found != "ok":
            raise sqlite3.DatabaseError(found)
        _migrate(base, path)
    except BaseException:
        base.close()
        raise
    return base


def _migrate(base: sqlite3.Connection, path: Path) -> None:
    if base.execute("PRAGMA user_version").fetchone()[0] == len(MIGRATIONS):
        return  # nothing to write: a full disk is no reason not to begin
    with transaction(base):
        version = base.execute("PRAGMA user_version").fetchone()[0]
        if version > len(MIGRATIONS):
            raise PartFailed(f"store: {path} has schema {version}, newer than this program's {len(MIGRATIONS)}")
        for step in MIGRATIONS[version:]:
            for statement in step.split(";"):  # executescript would commit in between
                base.execute(statement)
        base.execute(f"PRAGMA user_version = {len(MIGRATIONS)}")


def _move_aside(path: Path) -> Path:
    stem = f"{path.name}.damaged-{datetime.now(timezone.utc):%Y%m%dT%H%M%S.%fZ}"
    for suffix in ("", "-wal", "-shm"):  # the journal belongs to the damaged file and would spoil a new one
        part = path.with_name(path.name + suffix)
        if part.exists():
            part.rename(path.with_name(stem + suffix))
    return path.with_name(stem)

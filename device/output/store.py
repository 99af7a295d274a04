"""The store: every rep, and the outbox of what has not been delivered. SQLite, from the standard library."""

import errno
import json
import logging
import os
import sqlite3
from collections import deque
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import datetime, timezone
from pathlib import Path
from threading import RLock
from time import monotonic
from typing import Any

from device.errors import PartFailed
from device.output.outbox import Letter
from device.output.record import Record
from device.squat.events import Event, RepJudged

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
AGAIN_S = 10.0  # what could not be written, or opened, is tried again so often
HELD = 1000  # reps held in memory until they can be written, about 1 kB each; beyond it the oldest go
_PASSING = (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EIO)  # of a disk, not of a mistake in the settings


class Store:
    """Reps and outbox in one file, so that a rep and its letter are kept together or not at all.

    A file that is damaged is moved aside, never deleted, and a new one begun. What is written is on the disk when the
    call returns; a judged rep that cannot be written is held until it can. One thread may write while another sends.

    Args:
        path: the database file; its folder is made where missing.
        patient: whether a file that cannot be opened now, because the disk is full or fails, is opened later.

    Raises:
        PartFailed: the file cannot be written, or a newer version of this program made it.
    """

    name = "store"

    def __init__(self, path: Path, patient: bool = False) -> None:
        self.path = path
        self._lock = RLock()
        self._base: sqlite3.Connection | None = None
        self._held: deque[Mapping[str, Any]] = deque()  # judged reps that are not on the disk
        self._again_s = 0.0  # before it nothing is tried again
        self._why = "closed"
        try:
            self._base = _open(path)
        except (OSError, sqlite3.Error) as error:
            words = f"store: cannot write {path}: {error}"
            if not patient or not _passes(path, error):
                raise PartFailed(words) from error
            self._put_off(error)
            _log.error("%s; judging without it, and trying again", words)

    def __enter__(self) -> "Store":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def handle(self, event: Event, record: Mapping[str, Any] | None) -> None:
        """Keeps a judged rep; one that its letter has brought along is there already.

        Raises:
            PartFailed: it cannot be written, and is held.
        """
        if isinstance(event, RepJudged) and record is not None:
            with self._lock:
                self._held.append(record)
                if len(self._held) > HELD:
                    self._lose()
                self._write_held()

    def tick(self, now_s: float) -> None:
        """Tries again, now and then, to write what is held."""
        if self._held and monotonic() >= self._again_s:
            with suppress(PartFailed):  # told when the rep came
                self._write_held()

    def _lose(self) -> None:
        """The oldest rep that is held goes: into the log, at least."""
        _log.error("store: %s: a rep that could not be written: %s", self.path, json.dumps(self._held.popleft()))

    def _write_held(self) -> None:
        try:
            with self._writing() as base:
                for rep in self._held:
                    _keep(base, rep)
                self._held.clear()
        except PartFailed:
            if self._base is not None:  # else it was put off as it could not be opened
                self._again_s = monotonic() + AGAIN_S
            raise

    def hurry(self) -> None:
        """What was put off is tried with the next call: the end comes."""
        with self._lock:
            self._again_s = min(self._again_s, monotonic())

    def reps(self) -> list[Record]:
        """Every rep, in the order in which they were judged."""
        return [json.loads(text) for (text,) in self._read("SELECT json FROM reps ORDER BY rowid")]

    def newest(self) -> Record | None:
        """The rep that was judged last; None where there is none."""
        found = self._read("SELECT json FROM reps ORDER BY rowid DESC LIMIT 1")
        return json.loads(found[0][0]) if found else None

    def beginning(self, id: str) -> list[Record]:
        """The reps whose ids begin so; two where there are more."""
        query = "SELECT json FROM reps WHERE id >= ? AND id < ? LIMIT 2"  # by the index: quick after years, too
        return [json.loads(text) for (text,) in self._read(query, id, id + chr(0x10FFFF))]

    def correct(self, rep: str, depth: str, at: str) -> None:
        """Keeps what a person says of a rep beside what was judged; the newest word counts, none is removed.

        Args:
            rep: its id.
            depth: in the words of `device.output.labels`.
            at: when it was said, as in a record.
        """
        with self._writing() as base:
            base.execute("INSERT INTO corrections (rep, depth, at) VALUES (?, ?, ?)", (rep, depth, at))

    def corrections(self) -> dict[str, tuple[str, str]]:
        """The newest correction of each rep that has one, by its id: depth and when it was said."""
        rows = self._read("SELECT rep, depth, at FROM corrections ORDER BY place")
        return {rep: (depth, at) for rep, depth, at in rows}

    def put(self, letter: Letter, rep: Mapping[str, Any] | None = None) -> None:
        """Takes a letter and the rep it tells of; a letter that waits already is not taken twice."""
        row = (letter.id, letter.topic, letter.payload, json.dumps(dict(letter.properties)))
        with self._writing() as base:
            if rep is not None:
                _keep(base, rep)
            base.execute("INSERT OR IGNORE INTO outbox (id, topic, payload, properties) VALUES (?, ?, ?, ?)", row)

    def pending(self, limit: int) -> list[Letter]:
        """The oldest letters that are not done."""
        query = "SELECT id, topic, payload, properties FROM outbox ORDER BY place LIMIT ?"
        return [Letter(id, topic, payload, json.loads(props)) for id, topic, payload, props in self._read(query, limit)]

    def done(self, id: str) -> None:
        """The broker has taken the letter."""
        with self._writing() as base:
            base.execute("DELETE FROM outbox WHERE id = ?", (id,))

    def close(self) -> None:
        """Writes what is held, where it can be written now, and closes the file."""
        with self._lock:
            if self._held:
                self.hurry()
                with suppress(PartFailed):
                    self._write_held()
            while self._held:
                self._lose()
            if self._base is not None:
                self._base.close()
            self._base, self._why, self._again_s = None, "closed", float("inf")

    def _opened(self) -> sqlite3.Connection:
        """The open file; opened now, where it could not be before."""
        if self._base is None:
            if monotonic() < self._again_s:
                raise sqlite3.OperationalError(self._why)
            try:
                self._base = _open(self.path)
            except (OSError, sqlite3.Error) as error:
                self._put_off(error)
                raise sqlite3.OperationalError(self._why) from error
            _log.info("store: %s: can be written again", self.path)
        return self._base

    def _put_off(self, error: Exception) -> None:
        self._why, self._again_s = str(error), monotonic() + AGAIN_S

    def _read(self, query: str, *values: Any) -> list[Any]:
        with self._lock, self._told():
            return self._opened().execute(query, values).fetchall()

    @contextmanager
    def _writing(self) -> Iterator[sqlite3.Connection]:
        with self._lock, self._told():
            base = self._opened()
            with _transaction(base):
                yield base

    @contextmanager
    def _told(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            raise PartFailed(f"store: {self.path}: {error}") from error


def _keep(base: sqlite3.Connection, rep: Mapping[str, Any]) -> None:
    row = (rep["id"], rep["at"], json.dumps(rep, ensure_ascii=False))
    base.execute("INSERT OR IGNORE INTO reps (id, at, json) VALUES (?, ?, ?)", row)


@contextmanager
def _transaction(base: sqlite3.Connection) -> Iterator[None]:
    base.execute("BEGIN IMMEDIATE")  # at once: a lock or a read-only file shows here, not at the end
    try:
        yield
        base.execute("COMMIT")
    except BaseException:
        if base.in_transaction:  # a full disk has rolled back by itself
            base.execute("ROLLBACK")
        raise


def _passes(path: Path, error: Exception) -> bool:
    """Whether what keeps a file from being opened may pass: a disk that is full or fails, and not a wrong setting."""
    if not isinstance(error, sqlite3.OperationalError):
        return isinstance(error, OSError) and error.errno in _PASSING
    place = path if path.exists() else path.parent
    only_read = bool(os.statvfs(place).f_flag & os.ST_RDONLY)  # what Linux makes of a card that fails
    return not path.is_dir() and (os.access(place, os.W_OK) or only_read)


def _open(path: Path) -> sqlite3.Connection:
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
    with _transaction(base):
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

"""The store: every rep, and the outbox of what has not been delivered. SQLite, from the standard library."""

import json
import logging
import sqlite3
from collections import deque
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import RLock
from time import monotonic
from typing import Any

from device.errors import PartFailed
from device.output import database
from device.output.outbox import Letter
from device.output.record import Record
from device.squat.events import Event, RepJudged

_log = logging.getLogger(__name__)

AGAIN_S = 10.0  # what could not be written, or opened, is tried again so often
HELD = 1000  # reps held in memory until they can be written, about 1 kB each; beyond it the oldest go


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
            self._base = database.open_file(path)
        except (OSError, sqlite3.Error) as error:
            words = f"store: cannot write {path}: {error}"
            if not patient or not database.passes(path, error):
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
                self._base = database.open_file(self.path)
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
            with database.transaction(base):
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

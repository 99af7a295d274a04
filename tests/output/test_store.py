import json
import logging
import os
import signal
import sqlite3
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest
from reps import judged, record_of

from device.errors import PartFailed
from device.output import database
from device.output import store as store_module
from device.output.database import MIGRATIONS
from device.output.outbox import Letter, MemoryOutbox
from device.output.store import Store


def letter(number: int) -> Letter:
    return Letter(f"id-{number}", "squatlight/rack1/rep", json.dumps({"rep": number}), {"schema": "1"})


@pytest.fixture(params=["store", "memory"])
def outbox(request: pytest.FixtureRequest, tmp_path: Path) -> Any:
    return Store(tmp_path / "reps.db") if request.param == "store" else MemoryOutbox()


def test_an_outbox_gives_letters_in_order_until_they_are_done(outbox: Any) -> None:
    for number in range(1, 6):
        outbox.put(letter(number))
    outbox.put(letter(2))  # waits already
    assert outbox.pending(3) == [letter(1), letter(2), letter(3)]
    outbox.done("id-2")
    outbox.done("unknown")
    assert [each.id for each in outbox.pending(9)] == ["id-1", "id-3", "id-4", "id-5"]


def test_reps_are_kept_over_a_restart(tmp_path: Path) -> None:
    path = tmp_path / "new" / "folder" / "reps.db"
    events = [judged(number) for number in range(1, 4)]
    records = [record_of(event) for event in events]
    with Store(path) as store:
        for event, record in zip(events, records, strict=True):
            store.handle(event, record)
    with Store(path) as store:
        assert store.reps() == records


def test_a_rep_that_came_with_its_letter_is_kept_once(tmp_path: Path) -> None:
    event = judged()
    record = record_of(event)
    with Store(tmp_path / "reps.db") as store:
        store.put(letter(1), record)
        store.handle(event, record)
        assert store.reps() == [record]


def test_a_rep_and_its_letter_are_kept_together_or_not_at_all(tmp_path: Path) -> None:
    with Store(tmp_path / "reps.db") as store:
        store._base.execute("DROP TABLE outbox")
        with pytest.raises(PartFailed):
            store.put(letter(1), record_of(judged()))
        assert store.reps() == []


def test_a_killed_process_loses_nothing_that_it_had_written(tmp_path: Path) -> None:
    script = """
import sys
from pathlib import Path
from device.output.outbox import Letter
from device.output.store import Store
store = Store(Path(sys.argv[1]))
for number in range(100_000):
    id = f"id-{number}"
    store.put(Letter(id, "topic", "{}"), {"id": id, "at": None})
    print(number, flush=True)
"""
    path = tmp_path / "reps.db"
    command = [sys.executable, "-c", script, str(path)]
    root = Path(__file__).parents[2]
    for kill_after in (1, 17, 40):
        path.unlink(missing_ok=True)
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=root) as writer:
            lines = [writer.stdout.readline() for _ in range(kill_after)]
            os.kill(writer.pid, signal.SIGKILL)
            lines += writer.stdout.readlines()
        told = int([line for line in lines if line.endswith("\n")][-1])
        with Store(path) as store:
            reps, letters = store.reps(), store.pending(100_000)
        assert len(reps) in (told + 1, told + 2), "the last one may have been written and not told"
        assert [rep["id"] for rep in reps] == [each.id for each in letters] == [f"id-{n}" for n in range(len(reps))]


@pytest.mark.parametrize("damage", ["header", "middle", "no_database"])
def test_a_damaged_file_is_moved_aside_and_a_new_one_begun(
    tmp_path: Path, damage: str, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "reps.db"
    with Store(path) as store:
        for number in range(200):
            store.put(letter(number), {"id": str(number), "at": None, "text": "x" * 200})
    content = bytearray(path.read_bytes())
    if damage == "header":
        content[:100] = b"\xff" * 100
    elif damage == "middle":
        content[4096:] = b"\xa5" * (len(content) - 4096)
    else:
        content = bytearray(b"this is a letter to my aunt\n" * 50)
    path.write_bytes(content)

    with Store(path) as store:
        assert store.reps() == []
        store.put(letter(1))
    [aside] = [
        each for each in tmp_path.iterdir() if ".damaged-" in each.name and not each.name.endswith(("-wal", "-shm"))
    ]
    assert aside.read_bytes() == bytes(content)
    [line] = [entry for entry in caplog.records if entry.levelno == logging.WARNING]
    assert str(aside) in line.getMessage()


def test_a_full_disk_is_told_and_gets_over(tmp_path: Path) -> None:
    with Store(tmp_path / "reps.db") as store:
        store.put(letter(1))
        pages = store._base.execute("PRAGMA page_count").fetchone()[0]
        store._base.execute(f"PRAGMA max_page_count = {pages}")

        def fill() -> None:
            for number in range(2, 1000):
                store.put(letter(number), {"id": str(number), "at": None, "text": "x" * 500})

        with pytest.raises(PartFailed, match="full") as caught:
            fill()
        assert caught.value.exit_code == 1
        kept = len(store.reps())
        assert len(store.pending(2000)) == kept + 1
        store._base.execute("PRAGMA max_page_count = 100000")
        store.put(letter(5000), {"id": "5000", "at": None})
        assert len(store.reps()) == kept + 1


@pytest.mark.parametrize("place", ["folder", "below_a_file"])
def test_a_path_that_cannot_be_written_is_one_clear_line(tmp_path: Path, place: str) -> None:
    path = tmp_path / "place"
    if place == "folder":
        path.mkdir()
    else:
        path.write_text("a file")
        path = path / "reps.db"
    with pytest.raises(PartFailed, match="store: cannot write"):
        Store(path)


def test_a_file_that_another_program_holds_is_told_and_not_moved(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database, "_LOCKED_S", 0.01)
    path = tmp_path / "reps.db"
    with Store(path) as store:
        other = sqlite3.connect(path, isolation_level=None)
        other.execute("BEGIN EXCLUSIVE")
        with pytest.raises(PartFailed, match="locked"):
            store.put(letter(1))
        with Store(path) as second, pytest.raises(PartFailed, match="locked"):
            second.put(letter(1))
        other.execute("ROLLBACK")
        other.close()
        store.put(letter(1))
    assert not [each for each in tmp_path.iterdir() if "damaged" in each.name]


def test_a_rep_that_cannot_be_written_is_held_until_it_can(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(database, "_LOCKED_S", 0.01)
    events = [judged(number) for number in range(1, 6)]
    records = [{**record_of(event), "id": str(number)} for number, event in enumerate(events)]
    other = sqlite3.connect(tmp_path / "reps.db", isolation_level=None)
    with Store(tmp_path / "reps.db") as store:

        def fail(number: int) -> None:
            other.execute("BEGIN EXCLUSIVE")
            with pytest.raises(PartFailed, match="locked"):
                store.handle(events[number], records[number])
            other.execute("ROLLBACK")

        fail(0)
        store.tick(1.0)
        assert store.reps() == [], "not with every frame"
        store.handle(events[1], records[1])
        assert store.reps() == records[:2], "the next rep brings it along"
        fail(2)
        monkeypatch.setattr(store, "_again_s", 0.0)
        store.tick(2.0)
        assert store.reps() == records[:3], "and so does time, where no rep follows"
        fail(3)
    with Store(tmp_path / "reps.db") as store:
        assert store.reps() == records[:4], "and the end"
    other.close()


def test_reps_that_can_never_be_written_end_in_the_log(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(database, "_LOCKED_S", 0.01)
    monkeypatch.setattr(store_module, "HELD", 2)
    with Store(tmp_path / "reps.db") as store:
        other = sqlite3.connect(tmp_path / "reps.db", isolation_level=None)
        other.execute("BEGIN EXCLUSIVE")
        for number in range(3):
            with pytest.raises(PartFailed, match="locked"):
                store.handle(judged(), {**record_of(judged()), "id": f"rep-{number}"})
    lost = [entry.getMessage() for entry in caplog.records if "could not be written" in entry.getMessage()]
    assert [f'"id": "rep-{number}"' in line for number, line in enumerate(lost)] == [True] * 3
    other.close()


@pytest.mark.parametrize("fault", [sqlite3.OperationalError("database or disk is full"), OSError(28, "No space left")])
def test_a_patient_store_that_cannot_be_opened_now_is_opened_later(
    fault: Exception, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")

    def full(path: Path) -> None:
        raise fault

    monkeypatch.setattr(database, "open_file", full)
    with pytest.raises(PartFailed, match="cannot write"):
        Store(tmp_path / "reps.db")
    with Store(tmp_path / "reps.db", patient=True) as store:
        with pytest.raises(PartFailed, match=r"full|No space"):
            store.handle(judged(), record_of(judged()))
        monkeypatch.undo()
        with pytest.raises(PartFailed, match=r"full|No space"):
            store.put(letter(1))  # not tried with every call
        monkeypatch.setattr(store, "_again_s", 0.0)
        store.tick(1.0)
        assert len(store.reps()) == 1
    assert ["can be written again" in entry.getMessage() for entry in caplog.records].count(True) == 1


def test_reps_that_come_meanwhile_do_not_put_the_opening_off(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(path: Path) -> None:
        raise sqlite3.OperationalError("database or disk is full")

    monkeypatch.setattr(database, "open_file", full)
    with Store(tmp_path / "reps.db", patient=True) as store:
        again_s = store._again_s
        for number in range(3):
            with pytest.raises(PartFailed):
                store.handle(judged(number), record_of(judged(number)))
        assert store._again_s == again_s
        monkeypatch.undo()
        store.hurry()
        store.put(letter(1))
        assert store.pending(9) == [letter(1)], "at the end letters are written, too"
    with Store(tmp_path / "reps.db") as store:
        assert len(store.reps()) == 3


def test_a_disk_that_does_not_even_tell_what_it_is_may_come_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*_: object) -> None:
        raise OSError(5, "Input/output error")

    def unreadable(path: Path) -> None:
        raise sqlite3.OperationalError("disk I/O error")

    monkeypatch.setattr(database, "open_file", unreadable)
    monkeypatch.setattr(database.os, "statvfs", fails)
    with Store(tmp_path / "reps.db", patient=True) as store:
        with pytest.raises(PartFailed, match="I/O"):
            store.handle(judged(), record_of(judged()))
        monkeypatch.undo()
        store.hurry()
        store.tick(1.0)
        assert len(store.reps()) == 1


@pytest.mark.parametrize("place", ["folder", "no_database", "below_a_file"])
def test_patience_is_not_for_mistakes(tmp_path: Path, place: str) -> None:
    path = tmp_path / "place"
    if place == "folder":
        path.mkdir()
    else:
        path.write_text("a file" * 100)
        path = path / "reps.db" if place == "below_a_file" else path
    with pytest.raises(PartFailed):
        Store(path, patient=True)


def test_the_schema_migrates_step_by_step_and_refuses_a_newer_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "reps.db"
    with Store(path) as store:
        store.handle(judged(), record_of(judged()))
    newer = (*MIGRATIONS, "ALTER TABLE reps ADD COLUMN corrected TEXT; CREATE INDEX by_time ON reps (at)")
    monkeypatch.setattr(database, "MIGRATIONS", newer)
    with Store(path) as store:
        assert len(store.reps()) == 1
        assert store._base.execute("SELECT corrected FROM reps").fetchall() == [(None,)]
    monkeypatch.undo()
    with pytest.raises(PartFailed, match=f"schema {len(newer)}, newer than this program's {len(MIGRATIONS)}"):
        Store(path)


def test_a_migration_that_fails_leaves_the_old_file_as_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "reps.db"
    with Store(path) as store:
        store.put(letter(1))
    broken = (*MIGRATIONS, "ALTER TABLE reps ADD COLUMN corrected TEXT; CREATE TABLE reps (id)")
    monkeypatch.setattr(database, "MIGRATIONS", broken)
    with pytest.raises(PartFailed):
        Store(path)
    monkeypatch.undo()
    with Store(path) as store:
        assert store.pending(9) == [letter(1)]
        assert "corrected" not in [row[1] for row in store._base.execute("PRAGMA table_info(reps)")]


def test_one_thread_writes_while_another_sends(tmp_path: Path) -> None:
    with Store(tmp_path / "reps.db") as store:
        sent: list[str] = []

        def send() -> None:
            while len(sent) < 100:
                for each in store.pending(8):
                    store.done(each.id)
                    sent.append(each.id)

        sender = threading.Thread(target=send, daemon=True)
        sender.start()
        for number in range(100):
            store.put(letter(number))
        sender.join(10.0)
        assert sent == [f"id-{number}" for number in range(100)]


def test_a_commit_is_on_the_disk_when_the_call_returns(tmp_path: Path) -> None:
    with Store(tmp_path / "reps.db") as store:
        assert store._base.execute("PRAGMA synchronous").fetchone()[0] == 2, "FULL"
        assert store._base.execute("PRAGMA journal_mode").fetchone()[0] == "wal"


def test_memory_does_not_grow_with_the_file(tmp_path: Path) -> None:
    with Store(tmp_path / "reps.db") as store:
        assert store._base.execute("PRAGMA cache_size").fetchone()[0] == -256, "kB"


def test_memory_has_a_bound() -> None:
    outbox = MemoryOutbox(keeps=3)
    for number in range(10):
        outbox.put(letter(number))
    assert [each.id for each in outbox.pending(9)] == ["id-7", "id-8", "id-9"]


def test_somebody_elses_file_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "passwd"
    path.write_text("root:x:0:0\n" * 100)
    before = path.read_bytes()
    with pytest.raises(PartFailed, match="no SQLite database"):
        Store(path)
    assert path.read_bytes() == before
    assert [p.name for p in tmp_path.iterdir()] == ["passwd"]


def test_a_file_of_the_first_version_is_opened_with_all_that_it_holds(tmp_path: Path) -> None:
    """Written out here, so that no later change of the program changes it too."""
    path = tmp_path / "reps.db"
    old = sqlite3.connect(path, isolation_level=None)
    old.executescript(
        """
        PRAGMA journal_mode = WAL;
        CREATE TABLE reps (id TEXT PRIMARY KEY, at TEXT, json TEXT NOT NULL);
        CREATE TABLE outbox (
            place INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, topic TEXT NOT NULL,
            payload TEXT NOT NULL, properties TEXT NOT NULL,
            created TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ', 'now')));
        PRAGMA user_version = 1;
        """
    )
    records = [{**record_of(judged(number)), "id": f"id-{number}"} for number in (1, 2, 3)]
    for record in records:
        old.execute("INSERT INTO reps VALUES (?, ?, ?)", (record["id"], record["at"], json.dumps(record)))
    for number in (2, 3):
        values = (f"id-{number}", "squatlight/rack1/rep", json.dumps({"rep": number}), '{"schema": "1"}')
        old.execute("INSERT INTO outbox (id, topic, payload, properties) VALUES (?, ?, ?, ?)", values)
    old.close()
    for _ in range(2):  # the second time there is nothing left to migrate
        with Store(path) as store:
            assert store.reps() == records
            assert store.pending(9) == [letter(2), letter(3)]
            assert store._base.execute("PRAGMA user_version").fetchone() == (len(MIGRATIONS),)
    assert not [each for each in tmp_path.iterdir() if "damaged" in each.name]

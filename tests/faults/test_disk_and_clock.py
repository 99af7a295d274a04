"""A full disk, a clock that is set, a lamp that raises: judging goes on, and what was judged arrives."""

import time
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from brokers import Gate, Mosquitto
from world import Running, Witness, until

from device import station as station_module
from device.errors import PartFailed
from device.output import store as store_module
from device.output.lamp import Lamp
from device.output.store import Store

PADDING = "padding"  # a file that takes what is left of the disk


def fill(place: Path) -> None:
    """Takes all that is left."""
    with (place / PADDING).open("wb", buffering=0) as file:
        try:
            while file.write(b"\0" * 4096) == 4096:
                pass
        except OSError:
            pass


def kept(store: Path) -> list[str]:
    with Store(store) as opened:
        return [rep["id"] for rep in opened.reps()]


@pytest.mark.parametrize("away", [False, True], ids=["broker there", "broker away"])
def test_a_full_disk_stops_neither_the_judge_nor_the_results(
    away: bool, small_disk: Path, tmp_path: Path, wanted: Any, tally: Any, monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:  # fmt: skip
    path = small_disk / "squatlight.db"
    with Mosquitto(tmp_path) as broker, Witness(broker.port) as listener, Gate(broker.port) as line:
        listener.back()
        with Running(wanted(line.port, speed=5, store={"path": str(path)}), monkeypatch) as device:
            device.more(3)
            if away:
                line.shut()
                device.more(1)
            fill(small_disk)
            device.more(6)
            assert any("full" in entry.getMessage() for entry in caplog.records)
            before = len(caplog.records)
            device.more(3)
            assert len([e for e in caplog.records[before:] if "full" in e.getMessage()]) == 0, "once"
            (small_disk / PADDING).unlink()
            if away:
                line.open()
            device.more(3)
            device.stop()
            device.delivered()
            listener.received(device.judged)
            tally(f"disk full, {'broker away too' if away else 'broker there'}").count(device.judged, listener)
        assert kept(path) == device.judged, "on the disk, too, as soon as there was place"


def test_a_station_begins_on_a_full_disk_and_loses_nothing(
    small_disk: Path, tmp_path: Path, wanted: Any, tally: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = small_disk / "squatlight.db"
    Store(path).close()
    fill(small_disk)
    with pytest.raises(PartFailed, match="store: cannot write"):
        Store(path)
    monkeypatch.setattr(store_module, "AGAIN_S", 0.2)
    with Mosquitto(tmp_path) as broker, Witness(broker.port) as listener:
        listener.back()
        with Running(wanted(broker.port, speed=5, store={"path": str(path)}), monkeypatch) as device:
            device.more(3)
            (small_disk / PADDING).unlink()
            store = next(each for each in device.station.outputs if isinstance(each, Store))
            until(lambda: store._base is not None and not store._held, "written")
            device.more(2)
            device.stop()
            device.delivered()
            listener.received(device.judged)
            tally("begun on a full disk").count(device.judged, listener)
        assert kept(path) == device.judged


def test_a_file_that_may_not_grow_stops_nothing(
    tmp_path: Path, wanted: Any, tally: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As above where no disk can be mounted: the database itself is full."""
    with Mosquitto(tmp_path) as broker, Witness(broker.port) as listener:
        listener.back()
        with Running(wanted(broker.port, speed=5), monkeypatch) as device:
            store = next(each for each in device.station.outputs if isinstance(each, Store))
            device.more(2)
            with store._lock:
                pages = store._base.execute("PRAGMA page_count").fetchone()[0]
                store._base.execute(f"PRAGMA max_page_count = {pages}")
            device.more(12)
            with store._lock:
                store._base.execute("PRAGMA max_page_count = 1000000")
            device.more(2)
            device.stop()
            device.delivered()
            listener.received(device.judged)
            assert [rep["id"] for rep in store.reps()] == device.judged
            tally("database full").count(device.judged, listener)


class SetClock(datetime):
    """A wall clock that somebody sets."""

    hours = 0.0

    @classmethod
    def now(cls, tz: Any = None) -> datetime:
        return datetime.now(timezone.utc) + timedelta(hours=cls.hours)


def test_a_clock_that_is_set_by_hours_changes_nothing_but_the_time_of_day(
    tmp_path: Path, wanted: Any, tally: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(station_module, "datetime", SetClock)
    wall = time.time
    monkeypatch.setattr(time, "time", lambda: wall() + 3600 * SetClock.hours)
    with Mosquitto(tmp_path) as broker, Witness(broker.port) as listener, Gate(broker.port) as line:
        listener.back()
        with Running(wanted(line.port, speed=5), monkeypatch) as device:
            for number, hours in enumerate((0.0, 5.0, -7.0, 2.0, -26.0, 0.0)):
                monkeypatch.setattr(SetClock, "hours", hours)
                device.more(2)
                if number == 2:
                    line.shut()  # what waits in the outbox keeps its order, too
                if number == 4:
                    line.open()
            device.stop()
            device.delivered()
            listener.received(device.judged)
            device.assert_no_old_light(0.6, 1 / 15)
            seen = [rep["at"] for rep in {rep["id"]: rep for rep in listener.reps()}.values()]
            tally("clock set by -26 to +5 h").count(device.judged, listener)
    assert seen != sorted(seen), "it was set"
    times = [event.at_s for event in device.events]
    assert times == sorted(times)


def test_a_lamp_that_raises_costs_no_rep_and_works_again_by_itself(
    tmp_path: Path, wanted: Any, tally: Any, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    with Mosquitto(tmp_path) as broker, Witness(broker.port) as listener:
        listener.back()
        with Running(wanted(broker.port, speed=5), monkeypatch) as device:
            device.more(2)
            lamps, off = list(device.station.light._lamps.values()), {}
            for lamp in lamps:
                off[lamp] = lamp.on

                def broken() -> None:
                    raise OSError("the bus is gone")

                lamp.on = broken
            device.more(3)
            assert device.station.light.shown is Lamp.OFF
            for lamp in lamps:
                lamp.on = off[lamp]
            lit = len(device.changes)
            device.more(3)
            until(lambda: len(device.changes) > lit, "lit again")
            device.stop()
            device.delivered()
            listener.received(device.judged)
            tally("lamp raises").count(device.judged, listener)
    lines = [entry.getMessage() for entry in caplog.records if "light" in entry.getMessage()]
    assert [line for line in lines if "gone" in line], "told"
    assert len([line for line in lines if "gone" in line]) <= 6, "once until it works again, of a verdict and of a tick"

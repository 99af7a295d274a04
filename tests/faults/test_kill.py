"""The device is killed at random moments: its lamps go dark, and no rep that it had told is lost."""

import json
import os
import random
import re
import sqlite3
import threading
from contextlib import closing
from pathlib import Path
from time import monotonic
from typing import Any

from brokers import Mosquitto
from world import Process, Witness, until

KILLS = int(os.environ.get("SQUATLIGHT_KILLS", "50"))
DARK_S = 3.0  # from SIGKILL to dark lamps
ROW = re.compile(r"\d+\.\d+ +\d+\.\d\d s +(good_lift|no_lift|no_decision)")


def lit(pins: Path) -> bool:
    return pins.exists() and json.loads(pins.read_text()) != {}


def overloaded() -> bool:
    """Whether other work takes the processors, so that the time of a process of ours says nothing."""
    return os.getloadavg()[0] > 2 * (os.cpu_count() or 1) + 1


def ids(store: Path, table: str) -> list[str]:
    order = {"reps": "rowid", "outbox": "place"}[table]
    with closing(sqlite3.connect(f"file:{store}?mode=ro", uri=True)) as base:
        return [id for (id,) in base.execute(f"SELECT id FROM {table} ORDER BY {order}")]


def test_killed_fifty_times_at_random_moments_it_goes_dark_and_loses_nothing(
    tmp_path: Path, wanted: Any, tally: Any
) -> None:
    """A supervisor's part is played as systemd would: the `dark` command, and a new start."""
    chance, pins, store = random.Random(7), tmp_path / "pins.json", tmp_path / "store" / "squatlight.db"
    dark_s: list[float] = []
    with Mosquitto(tmp_path) as broker, Witness(broker.port) as listener:
        listener.back()
        light = {"pins": f"file:{pins}", "hold_s": 5.0}  # lit at nearly every moment
        device = Process(wanted(broker.port, speed=20, light=light), tmp_path)
        for kill in range(KILLS):
            device.start()
            if kill % 5:  # every fifth one while it starts
                until(lambda: lit(pins), "a verdict")
                threading.Event().wait(chance.uniform(0, 0.4))
            else:
                threading.Event().wait(chance.uniform(0, 1.0))
            device.kill()
            killed_s, was_lit = monotonic(), lit(pins)
            device.command("dark")
            if was_lit:
                dark_s.append(monotonic() - killed_s)
            assert not lit(pins)
        device.start()
        device.judging()
        until(lambda: len(listener.reps()) and not ids(store, "outbox"), "the outbox to be empty")
        assert device.end() == 0
        assert not lit(pins)
        kept = ids(store, "reps")
        listener.received(kept)
        told = sum(bool(ROW.search(line)) for line in device.lines)
        assert told <= len(kept) <= told + KILLS, "a rep is kept before it is told"
        words = f"lit at {len(dark_s)} kills, dark after {max(dark_s):.2f} s at most"
        tally(f"device killed {KILLS} times").count(kept, listener, words)
    assert len(dark_s) > KILLS // 2
    assert max(dark_s) <= DARK_S or overloaded()
    assert not [line for line in device.lines if "Traceback" in line or "damaged" in line]


def test_terminated_it_ends_dark_within_two_seconds(tmp_path: Path, wanted: Any) -> None:
    pins = tmp_path / "pins.json"
    with Mosquitto(tmp_path) as broker:
        light = {"pins": f"file:{pins}", "hold_s": 60.0}
        device = Process(wanted(broker.port, light=light), tmp_path)
        device.start()
        until(lambda: lit(pins), "a verdict")
        asked_s = monotonic()
        assert device.end() == 0
        assert monotonic() - asked_s < 2.0 or overloaded()
        assert json.loads(pins.read_text()) == {}

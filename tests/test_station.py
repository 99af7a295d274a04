"""The wiring, with the real parts: clip, model, lamp, broker, store."""

import json
import os
import signal
import sqlite3
import subprocess
import sys
import threading
from dataclasses import replace
from typing import ClassVar

import paho.mqtt.client as paho
import pytest
from reps import judged, record_of

from device import settings
from device.controls import Controls, Gate
from device.meter import Meter
from device.output import database
from device.output.commands import LampTest, ResetSet, SetHeight, SetJudging
from device.output.light import SignalLight
from device.output.output import Fanout
from device.output.store import Store
from device.overrides import Overrides
from device.squat.judge import Judge
from device.station import Station


@pytest.fixture
def wanted(tmp_path):
    default = settings.load(settings.DEFAULT_FILE)
    return replace(default, store=replace(default.store, path=str(tmp_path / "squatlight.db")))


def test_a_clip_lights_the_lamp_fills_the_store_and_reaches_a_subscriber(wanted, tmp_path):
    heard, whole = [], threading.Event()

    def on_message(client, userdata, message):
        heard.append(json.loads(message.payload))
        if len(heard) == 3:
            whole.set()

    with Station(wanted, live=False) as station:
        listener = paho.Client(paho.CallbackAPIVersion.VERSION2)
        listener.on_message = on_message
        listener.connect("127.0.0.1", station.broker.port)
        subscribed = threading.Event()
        listener.on_subscribe = lambda *_: subscribed.set()
        listener.subscribe("squatlight/rack1/rep", qos=1)
        listener.loop_start()
        assert subscribed.wait(10)
        records = [record for _, record in station.run() if record is not None]
        lit = [change.lamp.value for change in station.light.history]
        assert whole.wait(20)
        listener.loop_stop()
    decisions = ["good_lift", "good_lift", "no_lift"]
    assert [r["decision"] for r in records] == decisions
    assert [r["id"] for r in heard] == [r["id"] for r in records]
    assert [lamp for lamp in lit if lamp != "off"] in (["white", "red"], ["white", "white", "red"])
    with Store(tmp_path / "squatlight.db") as store:
        assert [r["id"] for r in store.reps()] == [r["id"] for r in records]
        assert store.pending(10) == []


@pytest.mark.parametrize(("source", "live"), [("usb:63", True), ("demo", False)])
def test_lamp_and_broker_know_whether_a_verdict_can_be_late(wanted, source, live):
    with Station(replace(wanted, camera=replace(wanted.camera, source=source))) as station:
        assert (station.light.live, station.mqtt.live) == (live, live)


def test_what_a_full_disk_did_not_take_is_written_at_the_end_with_its_letters(wanted, tmp_path, monkeypatch):
    def full(path):
        raise sqlite3.OperationalError("database or disk is full")

    monkeypatch.setattr(database, "open_file", full)
    wanted = replace(wanted, mqtt=replace(wanted.mqtt, host="127.0.0.1", port=9))  # nobody there
    with Station(wanted, live=False) as station:
        event = judged()
        record = record_of(event)
        Fanout(station.outputs).handle(event, record)
        monkeypatch.undo()
    with Store(tmp_path / "squatlight.db") as store:
        assert store.reps() == [record]
        assert [letter.id for letter in store.pending(9)] == [record["id"]]


@pytest.mark.parametrize("judging", [True, False])
def test_judging_that_was_switched_off_stays_off_from_the_first_frame_on(wanted, judging):
    wanted = replace(wanted, station=replace(wanted.station, judging=judging), mqtt=replace(wanted.mqtt, host=""))
    with Station(wanted, live=False) as station:
        station.model.meter = Model()
        assert (station.model.estimate(None) == "pose") is judging


class Asked:
    """A broker's side that asks for what it is given."""

    def __init__(self, *commands):
        self.waiting, self.told = list(commands), []

    def commands(self):
        taken, self.waiting = self.waiting, []
        return taken

    def controls(self, judging, height_cm):
        self.told.append((judging, height_cm))

    def new_set(self, number):
        self.told.append(number)


class Model:
    hashes: ClassVar[dict[str, str]] = {}
    around = 0

    def estimate(self, frame):
        return "pose"

    def look_around(self, frame):
        self.around += 1


def test_commands_are_obeyed_and_confirmed():
    asked = Asked(SetJudging(False), SetHeight(180.0), ResetSet(), LampTest())
    judge, model = Judge(), Model()
    gate, left = Gate(Meter(model)), []
    judge.leave = lambda: left.append(True)
    with SignalLight(17, 27) as light:
        Controls(judge, gate, light, asked, Overrides(None)).obey()
        assert gate.estimate(None) is None
        gate.look_around(None)
        assert model.around == 0
        assert left == [True], "what is under way is not judged"
        assert judge.settings.height_cm == 180.0
        assert asked.told == [(False, None), (False, 180.0), 1]
        for now_s in (1.0, 1.5, 2.1, 2.5, 3.2, 3.5):
            light.tick(now_s)
        light.assert_states(["off", (1.0, "red"), (2.1, "white"), (3.2, "off")])
    asked.waiting = [SetJudging(True)]
    Controls(judge, gate, light, asked, Overrides(None)).obey()
    assert gate.estimate(None) == "pose"
    gate.look_around(None)
    assert model.around == 1
    assert left == [True]


def test_a_signal_ends_the_daemon_dark_and_clean(tmp_path):
    path = tmp_path / "s.toml"
    path.write_text('[mqtt]\nhost = ""\n')
    run = subprocess.Popen(
        [sys.executable, "-m", "device", "run", "-c", str(path)], stderr=subprocess.PIPE, text=True,
        env=os.environ | {"PYTHONUNBUFFERED": "1"},
    )  # fmt: skip
    for line in run.stderr:
        if "judging demo" in line:
            break
    run.send_signal(signal.SIGTERM)
    try:
        _, rest = run.communicate(timeout=10)
    finally:
        run.kill()
    assert run.returncode == 0, rest
    assert "Traceback" not in rest

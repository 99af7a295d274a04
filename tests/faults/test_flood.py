"""A flood of commands, malformed, huge and well-formed, at a real broker, while a station judges."""

import logging
import random
import threading
from time import monotonic
from typing import Any

import pytest
from brokers import Mosquitto, Subscriber
from world import Running, Witness, until

from device.output.lamp import Lamp
from device.squat.events import RepJudged

NAMES = ("judging", "reset_set", "lamp_test", "height", "reboot", "x" * 300, "judging\u00e9")
FLOOD_S = 3.0
RED_THEN_TEST = [(Lamp.RED, False), (Lamp.OFF, False), (Lamp.RED, True)]


def garbage(chance: random.Random) -> bytes:
    """What nobody should send."""
    kind = chance.randrange(5)
    if kind == 0:
        return chance.randbytes(chance.randrange(200))
    if kind == 1:
        return b"\xff\xfe" * 40
    if kind == 2:
        return b"9" * 50_000
    return (b"PRESS", b"OFF ", b"1e999", b'{"on": true}', b"\0ON")[chance.randrange(5)]


def test_a_flood_of_garbage_costs_no_rep_and_no_light(
    tmp_path: Any, wanted: Any, tally: Any, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    chance, sent = random.Random(3), 0
    with Mosquitto(tmp_path) as broker, Witness(broker.port) as listener:
        listener.back()
        with Running(wanted(broker.port, speed=2), monkeypatch) as device:
            device.more(1)
            before = len(caplog.records)
            flooders = [Subscriber(broker.host, broker.port, topics=("nothing",)) for _ in range(2)]
            end_s = monotonic() + FLOOD_S
            while monotonic() < end_s:
                for flooder in flooders:
                    flooder.command(chance.choice(NAMES), garbage(chance), qos=0, retain=chance.random() < 0.1)
                    sent += 1
                if sent % 6 == 0:
                    threading.Event().wait(0.01)
            device.more(2)
            for flooder in flooders:
                flooder.__exit__()
            device.stop()
            device.delivered()
            listener.received(device.judged)
            device.assert_no_old_light(0.6, 0.5)
            tally("flood of garbage").count(device.judged, listener, f"{sent} commands in {FLOOD_S:g} s")
    assert sent > 500
    lines = [e.getMessage() for e in caplog.records[before:] if e.levelno >= logging.WARNING]
    assert 1 <= len(lines) <= 8, "one of each kind a minute"
    assert all("command refused" in line for line in lines), lines


def test_a_lamp_test_pressed_while_a_verdict_is_lit_makes_no_light_older(
    tmp_path: Any, wanted: Any, tally: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each press comes by a real broker, and the loop stands at the verdict until it is there: none comes too late."""
    monkeypatch.setattr("device.output.light.TEST_S", 0.1)  # hold, gap and test fit between two reps
    with Mosquitto(tmp_path) as broker, Witness(broker.port) as listener:
        listener.back()
        device = Running(wanted(broker.port, speed=1), monkeypatch)
        light, mqtt = device.station.light, device.station.mqtt
        handle = light.handle

        def pressed(event: Any, record: Any) -> None:
            handle(event, record)
            if isinstance(event, RepJudged):
                listener.command("lamp_test", b"PRESS")
                until(lambda: mqtt._inbox._waiting, "the press at the station")

        monkeypatch.setattr(light, "handle", pressed)
        with device:
            device.more(5)
            device.stop()
            device.delivered()
            listener.received(device.judged)
            device.assert_no_old_light(0.6, 0.5)
            tally("lamp test while lit").count(device.judged, listener)
    seen = [(change.lamp, change.test) for change in device.changes]
    assert any(seen[n : n + 3] == RED_THEN_TEST for n in range(len(seen))), "\n".join(map(str, device.changes))

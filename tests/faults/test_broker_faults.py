"""The broker is away, is killed, keeps us out, restarts again and again: every rep arrives, once and in order."""

import logging
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from brokers import Gate, Mosquitto
from world import Running, Witness, until

FRAME_S = 1 / 15


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Mosquitto]:
    made = Mosquitto(tmp_path)
    yield made
    made.close()


def warnings(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [entry.getMessage() for entry in caplog.records if entry.levelno >= logging.WARNING]


def all_arrived(device: Running, listener: Witness, row: Any) -> None:
    """Three more reps in peace, and everything judged was received, once and in order."""
    device.more(3)
    device.stop()
    device.delivered()
    listener.received(device.judged)
    row.count(device.judged, listener)


def restart(broker: Mosquitto, listener: Witness, line: Gate) -> None:
    """The station comes back only when somebody listens: what nobody hears a broker does not keep."""
    broker.kill()
    line.shut()
    listener.gone()
    broker.start()
    listener.back()
    line.open()


def test_two_hundred_reps_while_the_broker_is_away(
    broker: Mosquitto, wanted: Any, tally: Any, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    with Witness(broker.port) as listener, Gate(broker.port) as line:
        listener.back()
        with Running(wanted(line.port, speed=0), monkeypatch) as device:
            device.more(2)
            line.shut()
            broker.kill()
            device.more(200)
            device.hold()
            listener.gone()
            broker.start()
            listener.back()
            line.open()
            device.go()
            all_arrived(device, listener, tally("broker away for 200 reps"))
            device.assert_no_old_light(0.6, FRAME_S)
    assert len(warnings(caplog)) == 1, "one line an outage"
    late = [rep["late"] for rep in listener.reps()]
    assert late.count(True) >= 195


def test_the_broker_is_killed_while_results_go_out(
    broker: Mosquitto, wanted: Any, tally: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Witness(broker.port) as listener, Gate(broker.port) as line:
        listener.back()
        with Running(wanted(line.port, speed=0), monkeypatch) as device:
            for _ in range(5):
                seen = len(listener.heard)
                until(lambda seen=seen: len(listener.heard) > seen + 8, "results")
                restart(broker, listener, line)
            all_arrived(device, listener, tally("broker killed mid-publish, 5 times"))


def test_the_password_is_refused_until_it_is_not(
    tmp_path: Path, wanted: Any, tally: Any, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    if shutil.which("mosquitto_passwd") is None:
        pytest.skip("mosquitto_passwd is not installed (packages.txt)")
    passwords, ours = tmp_path / "passwords", tmp_path / "password"

    def allow(password: str) -> None:
        for name, word in (("rack1", password), ("witness", "witness")):
            create = ["-c"] if name == "rack1" else []
            command = ["mosquitto_passwd", "-b", *create, str(passwords), name, word]
            subprocess.run(command, check=True, capture_output=True)

    allow("another")
    ours.write_text("secret\n")
    ours.chmod(0o600)
    login = {"username": "rack1", "password_file": str(ours)}
    with (
        Mosquitto(tmp_path, "allow_anonymous false", f"password_file {passwords}") as broker,
        Gate(broker.port) as line,
        Running(wanted(line.port, speed=0, mqtt=login), monkeypatch) as device,
    ):
        device.more(20)
        until(lambda: warnings(caplog), "a line in the log")
        device.hold()
        broker.kill()
        line.shut()
        allow("secret")
        broker.start()
        with Witness(broker.port, "witness", "witness") as listener:
            listener.back()
            line.open()
            device.go()
            all_arrived(device, listener, tally("password refused, then taken"))
    assert warnings(caplog) == [f"mqtt: 127.0.0.1:{line.port}: not authorized; trying again, results are kept"]


def test_the_broker_restarts_every_other_second(
    broker: Mosquitto, wanted: Any, tally: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Witness(broker.port) as listener, Gate(broker.port) as line:
        listener.back()
        with Running(wanted(line.port, speed=5), monkeypatch) as device:
            for _ in range(5):
                device.more(6)  # two seconds
                restart(broker, listener, line)
            all_arrived(device, listener, tally("broker restarts every 2 s, 5 times"))
            device.assert_no_old_light(0.6, FRAME_S)

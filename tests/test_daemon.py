"""The daemon as a service: what it tells systemd, signals, settings read anew, changes that stay."""

import json
import signal
import socket
from pathlib import Path
from time import sleep

import pytest
from brokers import Gate, Mosquitto, Subscriber
from service import running, settings_file, settings_text

from device import strict_toml


def test_it_is_ready_once_all_is_open_and_feeds_the_watchdog_with_its_turns(tmp_path: Path) -> None:
    with running(tmp_path, settings_file(tmp_path), WATCHDOG_USEC="400000") as service:
        assert "STATUS=judging recorded:" in service.wait_for("READY=1")
        for _ in range(3):
            assert service.wait_for("WATCHDOG=1", 5) == "WATCHDOG=1"
        service.end()
        service.wait_for("STOPPING=1", 1)
    assert service.process.returncode == 0
    assert service.told[0].startswith("READY=1"), "nothing is fed before the first turn"


def test_a_loop_that_stands_still_does_not_feed_the_watchdog(tmp_path: Path) -> None:
    """The source gives one turn in 100 s: no timer feeds in its place."""
    import numpy as np

    path = settings_file(tmp_path)
    stored = tmp_path / "nobody.npz"
    with np.load(stored) as data:
        held = dict(data)
    held["time_s"] = held["time_s"] * 3000
    np.savez(stored, **held)
    with running(tmp_path, path, WATCHDOG_USEC="400000") as service:
        service.wait_for("READY=1")
        with pytest.raises(AssertionError, match="WATCHDOG=1 was not told"):
            service.wait_for("WATCHDOG=1", 2)
        assert service.end() < 2, "and it still ends in time"


@pytest.mark.parametrize("sign", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_dark_and_clean_in_two_seconds(tmp_path: Path, sign: int) -> None:
    with running(tmp_path, settings_file(tmp_path)) as service:
        service.wait_for("READY=1")
        assert service.end(sign) < 2
    assert service.process.returncode == 0
    assert "Traceback" not in service.log
    assert json.loads((tmp_path / "pins.json").read_text()) == {}


def test_a_broker_and_a_camera_that_hang_do_not_hold_up_the_end(tmp_path: Path) -> None:
    """The broker has let us in and confirms nothing more; the camera's driver does not return."""
    with (
        Mosquitto(tmp_path) as broker,
        Gate(broker.port) as gate,
        socket.create_server(("127.0.0.1", 0)) as blind,
        Subscriber(broker.host, broker.port) as subscriber,
    ):
        path = settings_file(tmp_path, mqtt=f'host = "127.0.0.1"\nport = {gate.port}')
        camera = f'"http://127.0.0.1:{blind.getsockname()[1]}/"'
        path.write_text(path.read_text().replace(f'"recorded:{tmp_path}/nobody.npz"', camera, 1))
        with running(tmp_path, path) as service:
            service.wait_for("READY=1")
            subscriber.wait(lambda: "online" in subscriber.texts("availability"))
            gate.deaf = True
            took_s = service.end()
    assert service.process.returncode == 0, service.log
    assert took_s < 2


def test_sighup_reads_the_settings_anew(tmp_path: Path) -> None:
    path = settings_file(tmp_path, station='name = "before"')
    with running(tmp_path, path) as service:
        service.wait_for("READY=1")
        path.write_text(settings_text(tmp_path, station='name = "after"'))
        service.process.send_signal(signal.SIGHUP)
        assert "MONOTONIC_USEC=" in service.wait_for("RELOADING=1", 5)
        service.wait_for("READY=1", 5)
        service.end()
    assert service.process.returncode == 0
    judging = [line for line in service.log.splitlines() if "judging" in line]
    assert [line.split()[-1] for line in judging] == ["before", "after"]


BAD = {  # settings that cannot be read, and some that cannot be used
    "not TOML": "[station\n",
    "no such value": '[station]\nmode = "party"\n',
    "no such clip": '[camera]\nsource = "nowhere.mp4"\n',
    "no such certificate": '[mqtt]\nhost = "127.0.0.1"\nca_file = "nowhere.pem"\n',
}


@pytest.mark.parametrize("text", BAD.values(), ids=BAD)
def test_bad_settings_on_sighup_are_told_in_one_line_and_the_old_ones_stay(tmp_path: Path, text: str) -> None:
    path = settings_file(tmp_path, station='name = "before"')
    with running(tmp_path, path, WATCHDOG_USEC="400000") as service:
        service.wait_for("READY=1")
        path.write_text(text)
        service.process.send_signal(signal.SIGHUP)
        if "nowhere.mp4" in text:  # found out when its parts were opened
            service.wait_for("READY=1", 10)
        service.wait_for("WATCHDOG=1", 5)
        service.wait_for("WATCHDOG=1", 5)
        service.end()
    assert service.process.returncode == 0
    lines = [line for line in service.log.splitlines() if "going on with the old ones" in line]
    assert len(lines) == 1, service.log
    assert lines[0].startswith("squatlight: settings: ")
    assert "Traceback" not in service.log


def with_password(folder: Path) -> Path:
    """The file of a password, which the settings of the station name."""
    password = folder / "password"
    password.write_text("secret")
    password.chmod(0o600)
    return password


def test_a_password_that_everybody_may_read_by_now_does_not_end_the_service(tmp_path: Path) -> None:
    password = with_password(tmp_path)
    mqtt = f'host = "127.0.0.1"\nport = 1\nusername = "rack"\npassword_file = "{password}"'
    with running(tmp_path, settings_file(tmp_path, mqtt=mqtt), WATCHDOG_USEC="400000") as service:
        service.wait_for("READY=1")
        password.chmod(0o644)
        service.process.send_signal(signal.SIGHUP)
        service.wait_for("WATCHDOG=1", 5)
        service.wait_for("WATCHDOG=1", 5)
        service.end()
    assert service.process.returncode == 0, service.log
    assert service.log.count("everybody may read the password") == 1
    assert "RELOADING" not in " ".join(service.told)


def test_where_the_old_settings_cannot_be_used_either_it_is_started_again(tmp_path: Path) -> None:
    """Exit code 78 would keep systemd from that."""
    password = with_password(tmp_path)
    mqtt = f'host = "127.0.0.1"\nport = 1\nusername = "rack"\npassword_file = "{password}"'
    path = settings_file(tmp_path, mqtt=mqtt)
    with running(tmp_path, path) as service:
        service.wait_for("READY=1")
        password.unlink()
        path.write_text('[camera]\nsource = "nowhere.mp4"\n')
        service.process.send_signal(signal.SIGHUP)
        assert service.process.wait(20) == 1, service.log


def test_height_and_judging_set_over_mqtt_outlast_sigkill_and_the_settings_stay_as_they_are(tmp_path: Path) -> None:
    overrides = tmp_path / "state" / "overrides.toml"

    def told(subscriber: Subscriber, judging: bool, height_cm: float | None) -> bool:
        states = [json.loads(text) for text in subscriber.texts("state")]
        return bool(states) and (states[-1]["judging"], states[-1]["height_cm"]) == (judging, height_cm)

    with Mosquitto(tmp_path) as broker, Subscriber(broker.host, broker.port) as subscriber:
        path = settings_file(
            tmp_path,
            mqtt=f'host = "127.0.0.1"\nport = {broker.port}',
            store=f'path = "{tmp_path}/state/reps.db"',
        )
        text = path.read_text()
        with running(tmp_path, path) as service:
            service.wait_for("READY=1")
            subscriber.wait(lambda: told(subscriber, True, None))
            subscriber.command("judging", "OFF")
            subscriber.command("height", "183.5")
            subscriber.wait(lambda: told(subscriber, False, 183.5))
            for _ in range(200):  # the second change is written a second after the first
                if "height_cm" in overrides.read_text() and "judging" in overrides.read_text():
                    break
                sleep(0.02)
            service.end(signal.SIGKILL)
        assert strict_toml.parse(overrides.read_bytes(), "") == {
            "station": {"judging": False}, "lifter": {"height_cm": 183.5},
        }  # fmt: skip
        assert path.read_text() == text
        subscriber.heard.clear()
        with running(tmp_path, path) as service:
            service.wait_for("READY=1")
            subscriber.wait(lambda: told(subscriber, False, 183.5))


def test_a_broken_overrides_file_is_set_aside_with_a_line_and_stops_nothing(tmp_path: Path) -> None:
    path = settings_file(tmp_path, store=f'path = "{tmp_path}/reps.db"')
    (tmp_path / "overrides.toml").write_bytes(b"\xff\x00 not TOML")
    with running(tmp_path, path) as service:
        service.wait_for("READY=1")
        service.end()
    assert service.process.returncode == 0
    assert sum("overrides: not used" in line for line in service.log.splitlines()) == 1
    assert (tmp_path / "overrides.toml.broken").read_bytes() == b"\xff\x00 not TOML"
    assert not (tmp_path / "overrides.toml").exists()


def test_the_log_as_json_is_an_object_a_line(tmp_path: Path) -> None:
    with running(tmp_path, settings_file(tmp_path, log='form = "json"')) as service:
        service.wait_for("READY=1")
        service.end()
    lines = [line for line in service.log.splitlines() if "XNNPACK delegate" not in line]  # the runtime's own
    objects = [json.loads(line) for line in lines]
    assert any("judging recorded:" in told["message"] for told in objects)
    assert all(set(told) >= {"at", "level", "from", "message"} for told in objects)


def test_the_argument_wins_over_the_settings_and_holds_for_errors(squatlight, tmp_path: Path) -> None:
    ran = squatlight("--log", "json", "run", "-c", tmp_path / "nowhere.toml")
    assert ran.returncode == 78
    assert json.loads(ran.stderr)["level"] == "error"

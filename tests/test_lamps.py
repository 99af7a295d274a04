"""`squatlight check` on the lamps, and `squatlight dark`."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from time import monotonic

import pytest
from service import ROOT, running, settings_file, settings_text

from device import check, settings
from device.dark import NOTE, dark
from device.errors import PartFailed
from device.output.lamp import Lamp
from device.station import open_light


def lit_by_a_crash(path: Path, pin: str) -> None:
    """As `file:` pins and real ones are after SIGKILL: nobody has put the lamp out."""
    path.write_text(json.dumps({pin: monotonic()}))


def test_dark_puts_out_what_a_crash_has_left_lit(squatlight, tmp_path: Path) -> None:
    path, pins = settings_file(tmp_path), tmp_path / "pins.json"
    lit_by_a_crash(pins, "GPIO17")
    begin_s = monotonic()
    assert squatlight("dark", "-c", path).returncode == 0
    print(f"{monotonic() - begin_s:.2f} s")
    assert json.loads(pins.read_text()) == {}


def test_dark_puts_out_the_lamps_of_the_daemon_that_died_whatever_the_settings_say_by_now(
    squatlight, tmp_path: Path
) -> None:
    path, pins, run = settings_file(tmp_path), tmp_path / "pins.json", tmp_path / "run"
    run.mkdir()
    with running(tmp_path, path, RUNTIME_DIRECTORY=str(run)) as service:
        service.wait_for("READY=1")
        service.end(signal.SIGKILL)
    assert "red_pin = 17" in (run / NOTE).read_text()
    for text in ('[light]\npins = "mock"\n', "not TOML"):
        path.write_text(text)
        lit_by_a_crash(pins, "GPIO17")
        assert squatlight("dark", "-c", path, RUNTIME_DIRECTORY=str(run)).returncode == 0
        assert json.loads(pins.read_text()) == {}


def test_dark_without_any_word_of_the_lamps_ends_with_78(squatlight, one_line, tmp_path: Path) -> None:
    path = tmp_path / "squatlight.toml"
    path.write_text("not TOML")
    one_line(squatlight("dark", "-c", path), 78)


def test_one_pin_that_fails_leaves_no_other_lit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from gpiozero.pins.mock import MockPin

    pins, drive = tmp_path / "pins.json", MockPin._set_state
    lit_by_a_crash(pins, "GPIO27")

    def broken(pin: MockPin, value: object) -> None:
        if pin.info.name == "GPIO17":
            raise OSError("wire cut")
        drive(pin, value)

    monkeypatch.setattr(MockPin, "_set_state", broken)
    light = {"pins": f"file:{pins}", "red_pin": 17, "white_pin": 27, "amber_pin": -1, "active_high": True}
    with pytest.raises(PartFailed, match="lamp: red: GPIO17: wire cut; it may still be lit"):
        dark(lambda: light)
    assert json.loads(pins.read_text()) == {}


def test_the_service_ends_with_what_loads_next_to_nothing(tmp_path: Path) -> None:
    """A second of loading is a second of a lamp that nobody minds."""
    (tmp_path / NOTE).write_text(
        f'[light]\npins = "file:{tmp_path}/pins.json"\nred_pin = 17\nwhite_pin = 27\namber_pin = -1\n'
        "active_high = true\nhold_s = 5.0\n"
    )
    lit_by_a_crash(tmp_path / "pins.json", "GPIO17")
    code = "import sys, device.dark; code = device.dark.main(); print(code, {'numpy', 'cv2'} & set(sys.modules))"
    ran = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=False,
        env={**os.environ, "PYTHONPATH": str(ROOT), "RUNTIME_DIRECTORY": str(tmp_path)},
    )  # fmt: skip
    assert ran.stdout.split() == ["0", "set()"], ran.stderr
    assert json.loads((tmp_path / "pins.json").read_text()) == {}


@pytest.mark.parametrize("amber", [-1, 22])
def test_check_lights_each_lamp_in_turn(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, amber: int) -> None:
    light = f"amber_pin = {amber}"
    settings_file(tmp_path, light=light)
    wanted, seen = settings.load(tmp_path / "squatlight.toml"), []
    monkeypatch.setattr(check.time, "sleep", lambda s: seen.append((tmp_path / "pins.json").read_text()))
    words = check._lamp(wanted)
    assert [list(json.loads(text)) for text in seen] == [["GPIO17"], ["GPIO27"], ["GPIO22"]][: 3 if amber > 0 else 2]
    assert json.loads((tmp_path / "pins.json").read_text()) == {}
    assert ("amber on 22" in words) == (amber > 0)


def test_check_fails_where_a_pin_does_not_show_what_it_should(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    wanted = settings.load(settings.DEFAULT_FILE)
    monkeypatch.setattr(check, "SHOWN_S", 0.0)

    def broken(light: settings.Light):
        found = open_light(light)
        white = found._lamps[Lamp.WHITE].pin
        white._set_state = lambda value: None
        monkeypatch.setattr(type(white), "_get_state", lambda pin: False if pin is white else pin._state)
        return found

    monkeypatch.setattr(check, "open_light", broken)
    with pytest.raises(PartFailed, match="one after the other"):
        check._lamp(wanted)


def test_settings_that_change_the_lamps_take_note_of_the_new_ones(tmp_path: Path) -> None:
    path, run = settings_file(tmp_path), tmp_path / "run"
    run.mkdir()
    with running(tmp_path, path, RUNTIME_DIRECTORY=str(run)) as service:
        service.wait_for("READY=1")
        path.write_text(settings_text(tmp_path, light="white_pin = 5"))
        service.process.send_signal(signal.SIGHUP)
        service.wait_for("READY=1")
        assert "white_pin = 5" in (run / NOTE).read_text()

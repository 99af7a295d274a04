"""`squatlight check` on the lamps, and `squatlight dark`."""

import json
import signal
from dataclasses import replace
from pathlib import Path
from time import monotonic

import pytest
from service import running, settings_file, settings_text

from device import check, settings
from device.errors import PartFailed
from device.lamps import NOTE, dark, open_light
from device.output.lamp import Lamp


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


def test_dark_puts_out_both_the_old_lamps_and_the_new_ones(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings_file(tmp_path)
    wanted = settings.load(tmp_path / "squatlight.toml")
    monkeypatch.setenv("RUNTIME_DIRECTORY", str(tmp_path))
    from device.lamps import note

    note(wanted.light)
    (tmp_path / "new").mkdir()
    new = replace(wanted, light=replace(wanted.light, pins=f"file:{tmp_path}/new/pins.json"))
    for folder in (tmp_path, tmp_path / "new"):
        lit_by_a_crash(folder / "pins.json", "GPIO17")
    assert dark(lambda: new) == 0
    for folder in (tmp_path, tmp_path / "new"):
        assert json.loads((folder / "pins.json").read_text()) == {}


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

import logging
import os
from dataclasses import replace
from pathlib import Path

import pytest

from device import settings, strict_toml
from device.overrides import Overrides, overridden, path_of


@pytest.fixture
def wanted(tmp_path: Path) -> settings.Settings:
    default = settings.load(settings.DEFAULT_FILE)
    return replace(default, store=replace(default.store, path=str(tmp_path / "squatlight.db")))


def test_what_was_changed_wins_over_the_settings(wanted: settings.Settings) -> None:
    _, overrides = overridden(wanted)
    overrides.change("lifter.height_cm", 171.5)
    overrides.change("station.judging", False)
    overrides.close()
    found, again = overridden(wanted)
    assert found == replace(
        wanted, lifter=settings.Lifter(171.5), station=replace(wanted.station, judging=False)
    )  # fmt: skip
    again.change("station.judging", True)
    again.close()
    assert overridden(wanted)[0] == replace(wanted, lifter=settings.Lifter(171.5)), "older changes stay"


def test_it_lies_beside_the_store_or_where_the_settings_say_or_nowhere(wanted: settings.Settings) -> None:
    assert path_of(wanted) == Path(wanted.store.path).with_name("overrides.toml")
    assert path_of(replace(wanted, store=settings.Store("", ""))) is None
    assert path_of(replace(wanted, store=settings.Store("", "/x/y.toml"))) == Path("/x/y.toml")
    nowhere = Overrides(None)
    nowhere.change("station.judging", False)
    nowhere.tick()


@pytest.mark.parametrize(
    "text", ["[lifter\n", "[lifter]\nheight_cm = 7\n", "[lifter]\nshoe = 46\n", "lifter = 1\n", "\0\0\0"],
    ids=["cut off", "cannot be", "unknown", "no table", "zeros after a power cut"],
)  # fmt: skip
def test_a_broken_file_is_set_aside_with_a_line(
    wanted: settings.Settings, caplog: pytest.LogCaptureFixture, text: str
) -> None:
    path = path_of(wanted)
    path.write_text(text)
    found, overrides = overridden(wanted)
    assert found == wanted
    assert len(caplog.messages) == 1
    assert "overrides: not used" in caplog.messages[0]
    assert path.with_name("overrides.toml.broken").read_text() == text
    overrides.change("station.judging", False)
    overrides.close()
    assert not overridden(wanted)[0].station.judging


def test_a_slider_is_written_once_a_second_and_at_the_end(tmp_path: Path) -> None:
    now_s = 0.0
    path = tmp_path / "overrides.toml"
    overrides = Overrides(path, clock=lambda: now_s)

    def height_after(cm: float) -> object:
        overrides.change("lifter.height_cm", cm)
        overrides.tick()
        return strict_toml.parse(path.read_bytes(), "")["lifter"]["height_cm"]

    assert height_after(180.0) == 180.0
    now_s = 0.5
    assert height_after(181.0) == 180.0
    now_s = 1.0
    assert height_after(182.0) == 182.0
    now_s = 1.1
    assert height_after(183.0) == 182.0
    overrides.close()
    assert "183.0" in path.read_text()
    before = path.stat().st_ino
    assert height_after(183.0) == 183.0
    overrides.close()
    assert path.stat().st_ino == before, "the same again is not written"


def test_power_that_goes_while_it_is_written_leaves_the_old_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "overrides.toml"
    overrides = Overrides(path)
    overrides.change("lifter.height_cm", 180.0)
    overrides.close()
    old = path.read_text()

    class PowerGone(BaseException):
        pass

    def gone(*_: object) -> None:
        raise PowerGone

    for name in ("fsync", "replace"):
        overrides.change("lifter.height_cm", 181.0 if name == "fsync" else 182.0)
        with monkeypatch.context() as patch:
            patch.setattr(os, name, gone)
            with pytest.raises(PowerGone):
                overrides.close()
        assert path.read_text() == old


def test_a_full_disk_is_told_once_and_tried_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    now_s = 0.0
    path = tmp_path / "overrides.toml"
    overrides = Overrides(path, clock=lambda: now_s)
    overrides.change("lifter.height_cm", 180.0)

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        for now_s in (0.0, 1.0, 2.0):  # noqa: B007
            overrides.tick()
    assert len(caplog.messages) == 1
    assert "No space left" in caplog.messages[0]
    now_s = 3.0
    overrides.tick()
    assert "180.0" in path.read_text()


@pytest.mark.parametrize("text", ['a "b" \\ c', "ü\n\t\x7f\x01", "\U0001f3cb", ""])
def test_what_is_written_is_read_again(text: str) -> None:
    tables = {"a": {"s": text, "b": True, "i": -3, "f": 1e-9}, "b-c": {"f": 180.0}}
    assert strict_toml.parse(strict_toml.write(tables).encode(), "") == tables

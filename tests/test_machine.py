import os
from pathlib import Path

import pytest

from device import machine
from device.errors import PartFailed

NOON_S = 1_779_000_000.0  # 2026-05-17


def test_room_is_that_of_the_folder_or_of_where_it_will_be_made(tmp_path: Path) -> None:
    assert f"free in {tmp_path}" in machine.room(tmp_path)
    assert f"free in {tmp_path}" in machine.room(tmp_path / "not" / "yet")


def test_a_disk_that_is_nearly_full_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    full = list(os.statvfs(tmp_path))
    full[4] = int(99e6 / full[1])  # f_bavail blocks of f_frsize
    monkeypatch.setattr(os, "statvfs", lambda path: os.statvfs_result(full))
    with pytest.raises(PartFailed, match=r"0\.1 GB free"):
        machine.room(tmp_path)


@pytest.mark.parametrize(("module", "name"), [(os, "statvfs"), (Path, "exists")])
def test_a_disk_that_fails_is_one_line(
    module: object, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(path: Path) -> None:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(module, name, fails)
    with pytest.raises(PartFailed, match=r"does not tell its room: Input/output error"):
        machine.room(tmp_path)


@pytest.mark.parametrize(
    ("state", "words"), [(True, "UTC, synchronised"), (False, "not synchronised"), (None, "not to be asked")]
)
def test_the_clock_is_told_and_whether_it_follows_others(state: bool | None, words: str) -> None:
    told = machine.clock(NOON_S, NOON_S - 1, lambda: state)
    assert told.startswith("2026-05-17")
    assert words in told


def test_a_clock_before_the_program_was_made_fails() -> None:
    with pytest.raises(PartFailed, match="1970-01-01 00:01 UTC is past"):
        machine.clock(60.0, NOON_S, lambda: True)


def test_the_kernel_can_be_asked_without_rights() -> None:
    assert machine.synchronised() in (True, False, None)


def thermometers(folder: Path, *texts: str) -> Path:
    for number, text in enumerate(texts):
        (folder / f"thermal_zone{number}").mkdir()
        (folder / f"thermal_zone{number}" / "temp").write_text(text)
    return folder


def test_the_hottest_thermometer_counts_and_a_silent_one_does_not(tmp_path: Path) -> None:
    assert machine.heat(thermometers(tmp_path, "48312\n", "", "61000\n")) == "61 °C"


def test_a_machine_that_slows_down_for_heat_fails(tmp_path: Path) -> None:
    with pytest.raises(PartFailed, match="81 °C"):
        machine.heat(thermometers(tmp_path, "80600\n"))


def test_a_machine_without_thermometer_is_no_failure(tmp_path: Path) -> None:
    assert machine.celsius(tmp_path) is None
    assert machine.heat(tmp_path) == "no thermometer here"

import os
from pathlib import Path

import pytest

from device import settings
from device.errors import SettingsError
from device.trust import read_trusted

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file to somebody else")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    made = tmp_path / "squatlight.toml"
    made.write_text("[light]\nhold_s = 3\n")
    made.chmod(0o600)
    return made


@pytest.mark.parametrize("mode", [0o600, 0o644, 0o640, 0o400])
def test_what_nobody_else_may_write_is_read(path: Path, mode: int) -> None:
    path.chmod(mode)
    assert read_trusted(path).startswith(b"[light]")


@pytest.mark.parametrize("mode", [0o666, 0o602, 0o777])
def test_what_everybody_may_write_is_refused(path: Path, mode: int) -> None:
    path.chmod(mode)
    with pytest.raises(SettingsError, match="others may change it") as caught:
        settings.load(path)
    assert caught.value.exit_code == 78


@needs_root
def test_what_a_strange_group_may_write_is_refused_and_what_ours_may_is_not(path: Path) -> None:
    path.chmod(0o664)
    assert read_trusted(path)
    os.chown(path, -1, 4242)
    with pytest.raises(SettingsError, match="others may change it"):
        read_trusted(path)


@needs_root
def test_settings_of_another_user_end_run_with_78_and_one_line(squatlight, one_line, path: Path) -> None:
    os.chown(path, 4242, -1)
    line = one_line(squatlight("run", "-c", path), 78)
    assert "belongs to user 4242" in line
    assert str(path) in line


def test_a_secret_may_be_read_by_a_group_and_not_by_everybody(path: Path) -> None:
    path.chmod(0o640)
    assert read_trusted(path, secret=True)
    path.chmod(0o644)
    with pytest.raises(SettingsError, match="everybody may read the password"):
        read_trusted(path, secret=True)


def test_a_password_that_everybody_may_read_ends_run_with_78_and_one_line_before_anything_is_opened(
    squatlight, one_line, tmp_path: Path
) -> None:
    password = tmp_path / "password"
    password.write_text("secret\n")
    password.chmod(0o644)
    path = tmp_path / "s.toml"
    path.write_text(
        '[camera]\nsource = "no such clip"\n'
        f'[mqtt]\nhost = "127.0.0.1"\nusername = "me"\npassword_file = "{password}"\n'
    )
    line = one_line(squatlight("run", "-c", path), 78)
    assert "everybody may read the password" in line
    assert "mqtt.password_file" in line
    assert "secret" not in line

"""What `squatlight check` looks at, part by part; the command as a whole is tested in `test_command_line`."""

from dataclasses import replace
from pathlib import Path

import pytest

from device import check, settings
from device.errors import ModelError, PartFailed


def wanted(**changes: dict[str, object]) -> settings.Settings:
    found = settings.load(settings.DEFAULT_FILE)
    return replace(found, **{name: replace(getattr(found, name), **values) for name, values in changes.items()})


@pytest.mark.usefixtures("pose_files")
def test_it_opens_every_network_that_the_settings_ask_for() -> None:
    told = check._models(wanted(depth={"method": "network"}))
    for role in ("pose", "surface", "depth", "form", "squat"):
        assert f"{role} sha256:" in told, told


@pytest.mark.usefixtures("pose_files")
def test_a_network_that_is_asked_once_a_rep_fails_it_too(monkeypatch: pytest.MonkeyPatch) -> None:
    def damaged(*_: object) -> None:
        raise ModelError("form.tflite: damaged")

    monkeypatch.setattr("device.judging.open_form_model", damaged)
    with pytest.raises(ModelError, match="damaged"):
        check._models(wanted())


def test_it_looks_at_the_disk_of_the_results_and_at_that_of_the_pictures(tmp_path: Path) -> None:
    folders = [tmp_path / name for name in ("results", "pictures")]
    for folder in folders:
        folder.mkdir()
    kept = {"store": {"path": str(folders[0] / "reps.db")}, "evidence": {"folder": str(folders[1])}}
    told = check._disk(wanted(**kept))
    assert all(f"GB free in {folder}" in told for folder in folders)
    kept["evidence"]["show"] = "off"
    assert str(folders[1]) not in check._disk(wanted(**kept))


def test_a_store_of_another_user_fails_it_like_any_other_part(monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*_: object) -> bool:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "exists", refused)
    with pytest.raises(PartFailed, match="Permission denied; it is for the service's user"):
        check._store(wanted(store={"path": "/var/lib/squatlight/squatlight.db"}))


def test_it_leaves_it_to_the_service_to_make_the_store(tmp_path: Path) -> None:
    """Whoever checks may be root, whose file the service could not write."""
    path = tmp_path / "lib" / "reps.db"
    assert "made at the first start" in check._store(wanted(store={"path": str(path)}))
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "lib").write_text("a file")
    with pytest.raises(PartFailed, match="cannot be made"):
        check._store(wanted(store={"path": str(path)}))

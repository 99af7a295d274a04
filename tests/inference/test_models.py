import json
from collections.abc import Callable
from pathlib import Path

import pytest

from device.errors import ModelError
from device.inference import fetch, models


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("SQUATLIGHT_MODELS", str(tmp_path))
    return tmp_path


def put(folder: Path, name: str, content: bytes = b"graph", **more: object) -> None:
    graph = folder / f"{name}.tflite"
    graph.write_bytes(content)
    (folder / f"{name}.json").write_text(json.dumps({"sha256": models.sha256(graph), **more}))


def test_a_whole_model_is_found_with_what_its_manifest_says(folder: Path) -> None:
    put(folder, "depth", licence="Apache-2.0")
    found = models.find("depth")
    assert (found.name, found.path, found.more["licence"]) == ("depth", folder / "depth.tflite", "Apache-2.0")
    assert "depth" in [manifest.name for manifest in models.all_models()]


def test_a_model_that_is_not_there_says_what_brings_it(folder: Path) -> None:
    with pytest.raises(ModelError, match="squatlight models fetch"):
        models.find("depth")


def test_a_changed_file_is_refused(folder: Path) -> None:
    put(folder, "depth")
    (folder / "depth.tflite").write_bytes(b"grapH")
    with pytest.raises(ModelError, match=r"sha256 is .*, expected .*--force"):
        models.find("depth")


def test_a_manifest_without_its_file_is_refused(folder: Path) -> None:
    put(folder, "depth")
    (folder / "depth.tflite").unlink()
    with pytest.raises(ModelError, match="missing"):
        models.find("depth")


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '"sha256"', "null"])
def test_a_manifest_that_is_none_is_named(folder: Path, text: str) -> None:
    put(folder, "depth")
    (folder / "depth.json").write_text(text)
    with pytest.raises(ModelError, match="depth.json: not a model's manifest"):  # noqa: RUF043
        models.find("depth")


def test_third_party_models_lie_where_the_person_says_else_in_the_cache(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SQUATLIGHT_MODELS", raising=False)
    monkeypatch.setattr(models, "SYSTEM", tmp_path / "system")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    assert models.fetched_folder() == tmp_path / "cache" / "squatlight" / "models"
    (tmp_path / "system").mkdir()
    assert models.fetched_folder() == tmp_path / "system"
    monkeypatch.setenv("SQUATLIGHT_MODELS", str(tmp_path / "named"))
    assert models.fetched_folder() == tmp_path / "named"


def test_a_fetch_without_a_network_gives_one_clear_line_and_leaves_nothing(
    squatlight: Callable, one_line: Callable, tmp_path: Path
) -> None:
    away = {"PIP_INDEX_URL": "http://127.0.0.1:9/simple", "PIP_NO_INDEX": "1", "PIP_RETRIES": "0"}
    ran = squatlight("models", "fetch", SQUATLIGHT_MODELS=str(tmp_path / "models"), **away)
    line = one_line(ran, 2)
    assert "network" in line
    assert "mediapipe" in line
    assert not (tmp_path / "models").exists()


def test_the_demo_without_a_model_or_a_network_says_so(
    squatlight: Callable, lines_of: Callable, tmp_path: Path
) -> None:
    away = {"PIP_NO_INDEX": "1", "PIP_RETRIES": "0"}
    ran = squatlight("demo", SQUATLIGHT_MODELS=str(tmp_path / "models"), **away)
    assert ran.returncode == 2
    assert "fetching" in lines_of(ran)[0]
    assert "network" in lines_of(ran)[-1]
    assert len(lines_of(ran)) == 2


def test_a_pose_model_that_an_older_version_folded_says_what_brings_it_anew(
    folder: Path, squatlight: Callable, one_line: Callable, tmp_path: Path
) -> None:
    for name, source in fetch.SOURCES.items():
        put(folder, name, outputs=list(source.outputs.values()))
    assert fetch.find("blazepose_full").name == "blazepose_full"
    put(folder, "blazepose_full", outputs=["landmarks", "presence", "heatmap", "world"])
    line = one_line(squatlight("models", "fetch", SQUATLIGHT_MODELS=str(folder)), 2)
    assert "another version" in line
    assert "squatlight models fetch --force" in line


def test_a_file_that_is_not_the_pinned_one_is_never_put_into_place(folder: Path) -> None:
    source = fetch.SOURCES["blazepose_full"]
    with pytest.raises(ModelError, match="expected e9a5c5cb17f7"):
        fetch._put(folder, "blazepose_full", source, b"something else")
    assert list(folder.iterdir()) == []

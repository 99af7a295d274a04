import json
from collections.abc import Callable
from pathlib import Path

import pytest

from device.errors import ModelError
from device.inference import fetch, models
from device.squat.features import FEATURES_VERSION
from device.squat.pose import KEYPOINTS


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
        models.find("blazepose_full")


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


OURS = {"task": "depth", "keypoints": list(KEYPOINTS), "features": FEATURES_VERSION}


def test_a_network_of_ours_is_found_with_the_device_s_keypoints_and_features(folder: Path) -> None:
    put(folder, "depth", **OURS)
    assert models.find("depth").more["task"] == "depth"


SWAPPED = [*KEYPOINTS[:7], KEYPOINTS[8], KEYPOINTS[7], *KEYPOINTS[9:]]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"keypoints": SWAPPED}, "other keypoints: keypoint 7 is right_hip, expected left_hip"),
        ({"keypoints": KEYPOINTS[:17]}, "other keypoints: 17 of them, expected 23"),
        ({"keypoints": None}, "other keypoints: 0 of them, expected 23"),
        ({"features": FEATURES_VERSION + 1}, f"features version {FEATURES_VERSION + 1}, expected {FEATURES_VERSION}"),
        ({"features": None}, f"features version None, expected {FEATURES_VERSION}"),
        ({"requires": ["ab" * 32]}, "built on a model of sha256 abababababab…, which is not here"),
    ],
)
def test_a_network_of_another_device_is_refused_in_one_line(folder: Path, change: dict, said: str) -> None:
    put(folder, "depth", **{**OURS, **change})
    with pytest.raises(ModelError) as caught:
        models.find("depth")
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


def test_models_verify_tells_of_a_network_of_another_device(folder: Path, squatlight: Callable) -> None:
    put(folder, "depth", **{**OURS, "features": 0})
    ran = squatlight("models", "verify", SQUATLIGHT_MODELS=str(folder))
    assert ran.returncode == 2
    assert "depth                    BROKEN" in ran.stdout
    assert "features version 0" in ran.stdout


def test_a_network_built_on_a_model_that_is_here_is_found(folder: Path) -> None:
    put(folder, "backbone", content=b"backbone")
    put(folder, "head", **{**OURS, "requires": [models.sha256(folder / "backbone.tflite")]})
    assert models.find("head").name == "head"


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


@pytest.mark.parametrize("damage", ["missing", "other"])
def test_of_a_network_that_ships_no_fetch_is_spoken(tmp_path: Path, damage: str) -> None:
    path = tmp_path / "squat.tflite"
    if damage == "other":
        path.write_bytes(b"another graph")
    manifest = models.Manifest("squat", path, "ab" * 32, {"task": "squat"})
    with pytest.raises(ModelError, match="install squatlight anew") as raised:
        models.verify(manifest)
    assert "fetch" not in str(raised.value)

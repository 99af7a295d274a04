"""The folded graphs against the ones in the wheel."""

import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest

from device.inference.fetch import PLATFORM, SOURCES, WHEEL
from device.inference.fold import fold
from device.inference.models import find
from device.inference.tflite import Model

KEPT = Path(__file__).parents[2] / ".venv-wheels"  # git-ignored; `make clean` takes it away


@pytest.fixture(scope="session")
def wheel() -> zipfile.ZipFile:
    """The wheel, downloaded once (36 MB) and kept."""
    if not list(KEPT.glob("mediapipe-*.whl")):
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary=:all:", *PLATFORM,
                   "--timeout", "10", "--retries", "1", "--dest", str(KEPT), WHEEL]  # fmt: skip
        if subprocess.run(command, capture_output=True, check=False).returncode:
            pytest.skip(f"{WHEEL} is not here and cannot be downloaded")
    return zipfile.ZipFile(next(KEPT.glob("mediapipe-*.whl")))


@pytest.mark.parametrize("name", SOURCES)
def test_the_folded_graph_computes_the_same_to_the_last_bit(
    pose_files: None, wheel: zipfile.ZipFile, tmp_path: Path, name: str
) -> None:
    source, original = SOURCES[name], tmp_path / "original.tflite"
    original.write_bytes(wheel.read(source.member))
    with Model(original) as before, Model(find(name).path) as after:
        values = np.random.default_rng(1).random(before.input_shape, np.float32)
        expected, got = before(values), after(values)
        assert set(got) == set(source.outputs.values())
        heads = {old: new for old, new in source.outputs.items() if old in expected}
        assert len(heads) == len(source.outputs) - (name == "blazepose_full")  # its features are an inner map
        for old, new in heads.items():
            assert np.abs(got[new] - expected[old]).max() == 0.0
            assert np.ptp(got[new]) > 0 or got[new].size == 1


def test_the_features_are_what_the_heatmaps_are_made_of(pose_files: None) -> None:
    with Model(find("blazepose_full").path) as model:
        out = model(np.random.default_rng(1).random(model.input_shape, np.float32))
    assert out["features"].shape == (1, 64, 64, 48)
    maps = np.append(out["features"].reshape(-1, 48), np.ones((64 * 64, 1)), axis=1)
    heat = out["heatmap"].reshape(64 * 64, -1)
    weights = np.linalg.lstsq(maps[::2], heat[::2], rcond=None)[0]
    assert np.abs(maps[1::2] @ weights - heat[1::2]).max() < 1e-3 * np.ptp(heat)


def test_folding_again_gives_the_file_that_was_fetched(pose_files: None, wheel: zipfile.ZipFile) -> None:
    source = SOURCES["blazepose_full"]
    assert fold(wheel.read(source.member), source.outputs) == find("blazepose_full").path.read_bytes()


def test_an_output_that_is_not_in_the_graph_is_named(wheel: zipfile.ZipFile) -> None:
    with pytest.raises(KeyError, match="Nonsense"):
        fold(wheel.read(SOURCES["blazepose_full"].member), {"Nonsense": "x"})

"""Both TFLite runtimes run the same graphs on the same picture, each in a process of its own."""

import os
import subprocess
import sys
import venv
from pathlib import Path

import numpy as np
import pytest

from device.camera.clip import Clip
from device.inference.letterbox import Crop
from device.inference.models import find
from device.inference.tflite import Model

ROOT = Path(__file__).parents[2]
OLDER = ("tflite-runtime==2.14.0", "numpy<2")
TOLERANCE = 1e-3  # of an output's largest value, or absolutely where that is below 1

RUN = """
import sys
import numpy as np
from device.inference.tflite import Model
path, values, out = sys.argv[1:]
model = Model(path, runtime="tflite_runtime")
assert model.runtime == "tflite_runtime"
assert "ai_edge_litert" not in sys.modules
np.savez(out, **model(np.load(values)))
"""


@pytest.fixture(scope="session")
def older_python() -> Path:
    """Python of a venv with the older runtime; made once, kept beside .venv."""
    if sys.version_info >= (3, 12):
        pytest.skip("tflite-runtime 2.14.0 has no wheel for Python >= 3.12")
    folder = ROOT / f".venv-tflite-{sys.version_info.major}.{sys.version_info.minor}"
    python, done = folder / "bin" / "python", folder / "done"
    if not done.exists():
        venv.create(folder, with_pip=True, clear=True)
        command = [python, "-m", "pip", "install", "--quiet", "--timeout", "10", "--retries", "1", *OLDER]
        ran = subprocess.run(command, capture_output=True, text=True, check=False)
        if ran.returncode:
            said = (ran.stderr.strip().splitlines() or ["nothing"])[-1]
            pytest.skip(f"tflite-runtime could not be installed: no network, or no wheel here (pip says: {said})")
        done.touch()
    return python


def inputs(demo_clip: Path) -> dict[str, np.ndarray]:
    with Clip(demo_clip) as clip:
        frame = next(clip.frames())
    height, width = frame.image.shape[:2]
    whole = Crop.of_frame(width, height)
    return {
        "blazepose_detector": whole.cut(frame.image, 224)[None].astype(np.float32) / 127.5 - 1,
        "blazepose_full": whole.cut(frame.image, 256)[None].astype(np.float32) / 255,
    }


@pytest.mark.parametrize("name", ["blazepose_detector", "blazepose_full"])
def test_both_runtimes_agree(pose_files: None, older_python: Path, demo_clip: Path, tmp_path: Path, name: str) -> None:
    values, path = inputs(demo_clip)[name], find(name).path
    np.save(tmp_path / "in.npy", values)
    command = [older_python, "-c", RUN, path, tmp_path / "in.npy", tmp_path / "out.npz"]
    subprocess.run(command, check=True, env={**os.environ, "PYTHONPATH": str(ROOT)}, capture_output=True)
    with Model(path, runtime="ai_edge_litert") as model, np.load(tmp_path / "out.npz") as older:
        newer = model(values)
        assert set(newer) == set(older)
        for output, expected in newer.items():
            assert np.isfinite(expected).all()
            difference = np.abs(older[output] - expected).max()
            assert difference <= TOLERANCE * max(1.0, np.abs(expected).max()), output

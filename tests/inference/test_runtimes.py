"""Both TFLite runtimes run the same graphs on the same picture, each in a process of its own."""

import os
import subprocess
from pathlib import Path

import numpy as np
import pytest

from convert.runtimes import older_python
from device.camera.clip import Clip
from device.inference.letterbox import Crop
from device.inference.models import find
from device.inference.tflite import Model

ROOT = Path(__file__).parents[2]
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
def older() -> Path:
    """Python of an environment with the older runtime; made once, kept beside .venv."""
    python, why_not = older_python()
    if python is None:
        pytest.skip(why_not)
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
def test_both_runtimes_agree(pose_files: None, older: Path, demo_clip: Path, tmp_path: Path, name: str) -> None:
    values, path = inputs(demo_clip)[name], find(name).path
    np.save(tmp_path / "in.npy", values)
    command = [older, "-c", RUN, path, tmp_path / "in.npy", tmp_path / "out.npz"]
    subprocess.run(command, check=True, env={**os.environ, "PYTHONPATH": str(ROOT)}, capture_output=True)
    with Model(path, runtime="ai_edge_litert") as model, np.load(tmp_path / "out.npz") as said:
        newer = model(values)
        assert set(newer) == set(said)
        for output, expected in newer.items():
            assert np.isfinite(expected).all()
            difference = np.abs(said[output] - expected).max()
            assert difference <= TOLERANCE * max(1.0, np.abs(expected).max()), output

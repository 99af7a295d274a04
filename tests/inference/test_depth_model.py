"""The depth network is refused where it is missing or was made for other features."""

import json
from pathlib import Path

import pytest

from device import settings
from device.errors import ModelError
from device.inference import depth_model, models
from device.inference.depth_model import DepthModel, layout, open_depth_model
from device.judging import open_judge


def test_a_missing_network_is_told_in_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(models, "shipped_folder", lambda: tmp_path)
    monkeypatch.setenv("SQUATLIGHT_MODELS", str(tmp_path))
    wanted = tmp_path / "station.toml"
    wanted.write_text('[models]\nform = ""\n[depth]\nmethod = "network"\n')
    missing = pytest.raises(ModelError, match=r"^depth\.method: network needs .*depth\.tflite")
    with missing, open_judge(settings.load(wanted)):
        pass
    wanted.write_text('[models]\nform = ""\nsquat = ""\n[depth]\nmethod = "image_plane"\n')
    with open_judge(settings.load(wanted)) as (judge, hashes):
        assert judge.settings.method == "image_plane"
        assert "depth" not in hashes


def test_other_features_are_refused_and_named(tmp_path: Path) -> None:
    told = json.loads(json.dumps(layout()))
    told["times_s"] = [0.0]
    with pytest.raises(ModelError, match="times_s"):
        DepthModel(models.Manifest("depth", tmp_path / "depth.tflite", "", {"layout": told}))
    with pytest.raises(ModelError, match="other features"):
        DepthModel(models.Manifest("depth", tmp_path / "depth.tflite", "", {}))
    assert json.loads(json.dumps(layout())) == layout()  # what the manifest holds after a round trip


@pytest.mark.skipif(not models.exists(depth_model.NAME), reason="models/ holds no depth network")
def test_the_shipped_network_runs() -> None:
    import numpy as np

    with open_depth_model() as network:
        margins, sigmas = network(np.zeros(depth_model.COUNT, np.float32))
    assert margins.shape == sigmas.shape == (2,)
    assert (sigmas > 0).all()

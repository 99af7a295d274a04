"""From data to the files that the device runs: the smallest task whole, and the depth network from rendered lifters."""

import importlib
import json
from pathlib import Path

import pytest

pytest.importorskip("litert_torch", reason="exporting needs litert-torch: pip install 'squatlight[convert]'")
pytest.importorskip("ai_edge_quantizer", reason="quantizing needs ai-edge-quantizer: pip install 'squatlight[convert]'")

from convert.__main__ import main
from device.errors import ModelError
from device.inference import models
from device.squat.pose import KEYPOINTS


@pytest.fixture
def shipped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A models/ of its own, with nothing but what finds the keypoints beside BlazePose."""
    folder, ours = tmp_path / "models", models.shipped_folder()
    folder.mkdir()
    for name in ("surface.tflite", "surface.json", "pose.tflite", "pose.json"):
        (folder / name).symlink_to(ours / name)
    monkeypatch.setattr(models, "shipped_folder", lambda: folder)
    for module in ("verify", "quantize"):
        monkeypatch.setattr(f"convert.{module}.shipped_folder", lambda: folder)
    return folder


def test_the_smallest_task_from_its_recipe_to_the_device(toy, shipped: Path, tmp_path: Path, capsys) -> None:
    _, prepared = toy
    path, data, run = str(tmp_path / "toy.toml"), str(prepared.folder), str(tmp_path / "run")
    longer = Path(path).read_text().replace("epochs = 3", "epochs = 20").replace("batch = 32", "batch = 16")
    Path(path).write_text(longer)
    assert main(["train", path, "--data", data, "--out", run]) == 0
    assert main(["quantize", run, "--data", data, "--out", str(shipped)]) == 0
    manifest = models.find("toys.blob").more
    assert manifest["sha256"] == models.sha256(shipped / "toys.blob.tflite")
    assert manifest["float_sha256"] == models.sha256(shipped / "float" / "toys.blob.tflite")
    assert [one["name"] for one in manifest["outputs"]] == ["place", "right"]
    assert manifest["inputs"][0]["dtype"] == "int8"
    assert manifest["thresholds"] == {"right": 0.5}
    assert manifest["keypoints"] == list(KEYPOINTS)
    assert manifest["training"]["seed"] == 5
    assert manifest["training"]["sources"][0]["licence"] == "CC0-1.0"
    assert manifest["metrics"]["test"]["accuracy"] > 0.8
    assert manifest["verify"]["ai_edge_litert"]["passed"]
    card = (shipped / "toys.blob.md").read_text()
    for said in ("| blobs | CC0-1.0 | 240 |", "Seed 5", "static int8", "Blobs are found.", "convert/recipes/toy.toml"):
        assert said in card, said
    capsys.readouterr()
    assert main(["verify", "toys.blob", "--data", data, "--all"]) == 0
    assert "toys.blob in ai_edge_litert: passed: 30 images" in capsys.readouterr().out
    assert main(["report", "toys.blob"]) == 0
    assert "seed 5, 20 epochs" in capsys.readouterr().out
    _is_exported_again_with_the_same_weights(Path(path), manifest, data, shipped, capsys)
    _fails_where_the_graphs_differ(Path(path), run, data, shipped, capsys)


def _is_exported_again_with_the_same_weights(path: Path, before: dict, data: str, shipped: Path, capsys) -> None:
    other = path.with_name("other.toml")
    other.write_text(path.read_text() + "[quantize]\ncalibration = 77\n")
    again = ["quantize", "--again", "toys.blob", "--data", data, "--out", str(shipped)]
    assert main([*again, "--recipe", str(other)]) == 0
    after = models.find("toys.blob").more
    assert after["training"] == {**before["training"], "recipe": other.read_text()}
    assert after["quantization"]["calibration"] == 77
    assert after["metrics"]["test"] == pytest.approx(before["metrics"]["test"], abs=1e-4)
    assert after["again"]["float_sha256"] == before["float_sha256"]
    assert "exported anew, with the same weights" in (shipped / "toys.blob.md").read_text()
    capsys.readouterr()
    assert main(["quantize", "--again", "none", "--data", data, "--out", str(shipped)]) == 2
    assert "no model none" in capsys.readouterr().err
    about = Path(data) / "about.json"
    told = about.read_text()
    about.write_text(json.dumps({**json.loads(told), "task": "depth"}))
    assert main(again) == 2
    assert "prepared for depth, toys.blob is of toys.blob" in capsys.readouterr().err
    about.write_text(told)
    kept = shipped / "toys.blob.json"
    kept.write_text(json.dumps({**after, "float_sha256": "another"}))
    assert main(again) == 2
    assert "not the graph that toys.blob was made from" in capsys.readouterr().err
    kept.write_text(json.dumps({**after, "requires": ["another backbone"]}))
    task = importlib.import_module("toys.blob").TASK
    task.manifest = lambda told, prepared: {"requires": ["this one"]}
    assert main(again) == 2
    assert "prepared with requires ['this one'], toys.blob has ['another backbone']" in capsys.readouterr().err
    del task.manifest
    kept.write_text(json.dumps(after))


def _fails_where_the_graphs_differ(path: Path, run: str, data: str, shipped: Path, capsys) -> None:
    """A quantization that spoils an output is refused by `quantize` and by `verify`, and nothing is written."""
    before = (shipped / "toys.blob.json").read_text()
    spoiled = path.with_name("spoiled.toml")
    spoiled.write_text(path.read_text() + '[quantize]\ncalibration = 3\nranges = "mean"\n')
    assert main(["quantize", run, "--data", data, "--out", str(shipped), "--recipe", str(spoiled)]) == 1
    assert "nothing was written" in capsys.readouterr().out
    assert (shipped / "toys.blob.json").read_text() == before
    spoiled.write_text(path.read_text().replace("rate = 0.01", "rate = 0.02"))
    assert main(["quantize", run, "--data", data, "--out", str(shipped), "--recipe", str(spoiled)]) == 2
    assert "train is not what was trained; only [quantize] may differ" in capsys.readouterr().err
    about = Path(data) / "about.json"
    told = about.read_text()
    about.write_text(json.dumps({**json.loads(told), "task": "depth"}))
    assert main(["verify", "toys.blob", "--data", data]) == 2
    assert "prepared for depth, toys.blob needs what is prepared for toys.blob" in capsys.readouterr().err
    about.write_text(told)
    (shipped / "float" / "toys.blob.tflite").write_bytes(b"another")
    assert main(["verify", "toys.blob", "--data", data]) == 2
    assert "not the graph that toys.blob was made from" in capsys.readouterr().err
    manifest = json.loads(before)
    (shipped / "toys.blob.json").write_text(json.dumps({**manifest, "features": 0}))
    with pytest.raises(ModelError, match="features version 0"):
        models.find("toys.blob")


LIFTER = """
[output]
seed = 3
clips = 1
width = 256
height = 256
fps = 15
supersample = 1
[people]
bodies = [{body}]
bystanders = [0, 0]
spotter_share = 0
[motion]
reps = [1, 1]
walk_out_share = 0
fail_share = 0
fault_share = 0
rest_s = [0.9, 1.0]
[motion.holds]
bodyweight = 1
[scene]
rack_share = 0
mirror_share = 0
brightness = [1, 1]
[camera]
view_deg = [60, 90]
height_m = [0.8, 1.2]
away_m = [2.5, 3]
"""

DEPTH = """
task = "depth"
[data]
clips = 24
views = 3
[net]
frame_width = 8
width = 16
[train]
epochs = 2
batch = 16
[quantize]
mode = "weights"
"""

BODIES = {"train": 0, "tune": 6, "test": 7}


def test_depth_from_rendered_lifters_to_the_device(pose_files: None, shipped: Path, tmp_path: Path, capsys) -> None:
    """synth, prepare, train, quantize, verify: minutes on two cores, most of them the renderer's."""
    pytest.importorskip("scipy", reason="the generator needs scipy: pip install 'squatlight[synth]'")
    pytest.importorskip("moderngl", reason="rendering needs moderngl: pip install 'squatlight[synth]'")
    for split, body in BODIES.items():
        (tmp_path / "synth.toml").write_text(LIFTER.format(body=body))
        if main(["synth", str(tmp_path / "synth.toml"), "--out", str(tmp_path / split), "--workers", "1"]):
            pytest.skip(f"rendering does not work here: {capsys.readouterr().err.splitlines()[-1]}")
    (tmp_path / "depth.toml").write_text(DEPTH)
    recipe, data, run = (str(tmp_path / name) for name in ("depth.toml", "data", "run"))
    assert main(["prepare", recipe, "--out", data, *(str(tmp_path / split) for split in BODIES)]) == 0
    assert main(["train", recipe, "--data", data, "--out", run]) == 0
    code = main(["quantize", run, "--data", data, "--out", str(shipped)])
    assert code == 0, capsys.readouterr().out
    assert models.find("depth").more["training"]["sources"][0]["rows"] > 0
    assert main(["verify", "depth", "--data", data]) == 0
    assert "depth in ai_edge_litert: passed" in capsys.readouterr().out

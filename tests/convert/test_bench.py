import sys
import time

import cv2
import flatbuffers
import numpy as np
import pytest

from convert import bench
from convert.contestants import ASKED
from convert.flops import mflop
from device.camera.clip import Clip
from device.inference import fetch, fold

GOOD = {"device": {"peak_mb": 159.0, "first_pose_s": 0.5}, "ratio": 2.5}


def run(fps, **more):
    return {"frames": 10, "fps": fps, "quick_ms": 1.0, "cpu_ms": 1.0, "first_pose_s": 0.5, "peak_mb": 159.0, **more}


def graph(layers):
    """A TFLite graph of (operator, weights, output) layers, shapes only."""
    s = fold._schema()
    model, subgraph = s.ModelT(), s.SubGraphT()
    model.operatorCodes, model.buffers, model.subgraphs = [], [s.BufferT()], [subgraph]
    subgraph.tensors, subgraph.operators = [], []
    for at, (name, *shapes) in enumerate(layers):
        code, operator = s.OperatorCodeT(), s.OperatorT()
        code.builtinCode = getattr(s.BuiltinOperator, name)
        code.deprecatedBuiltinCode = min(code.builtinCode, 127)
        for shape in shapes:
            tensor = s.TensorT()
            tensor.shape = shape
            subgraph.tensors.append(tensor)
        weights = len(subgraph.tensors) - 2
        operator.opcodeIndex, operator.inputs, operator.outputs = at, [0, weights], [weights + 1]
        model.operatorCodes.append(code)
        subgraph.operators.append(operator)
    builder = flatbuffers.Builder(1024)
    builder.Finish(model.Pack(builder), b"TFL3")
    return bytes(builder.Output())


def test_multiply_adds_are_counted_from_the_shapes(tmp_path):
    path = tmp_path / "net.tflite"
    path.write_bytes(
        graph(
            [
                ("CONV_2D", [8, 3, 3, 4], [1, 10, 20, 8]),  # 3 * 3 * 4 for each of 1600 values
                ("DEPTHWISE_CONV_2D", [1, 5, 5, 8], [1, 10, 20, 8]),  # 5 * 5 for each of 1600
                ("FULLY_CONNECTED", [7, 50], [1, 7]),  # 50 for each of 7
                ("ADD", [1, 7], [1, 7]),  # not counted
            ]
        )
    )
    assert mflop(path) * 1e6 == pytest.approx(2 * (1600 * 36 + 1600 * 25 + 350))


def test_the_ratio_is_the_median_of_neighbouring_runs():
    # the second round met other work on the machine: both were slow, and the ratio stays
    found = bench.summary({"device": [run(120), run(40), run(90)], "mediapipe": [run(40), run(20), run(45)]})
    assert found["ratio"] == 2.0
    assert found["ratios"] == [3.0, 2.0, 2.0]
    assert found["device"]["fps"] == 90
    assert found["mediapipe"]["fps"] == 40


def test_every_bar_can_be_missed():
    assert bench.missed(GOOD) == []
    assert bench.missed({**GOOD, "ratio": 2.0}) == []
    assert "ratio" in bench.missed({**GOOD, "ratio": 1.99})[0]
    assert "peak_mb" in bench.missed({**GOOD, "device": {"peak_mb": 220.0, "first_pose_s": 0.5}})[0]
    assert "first_pose_s" in bench.missed({**GOOD, "device": {"peak_mb": 159.0, "first_pose_s": 2.0}})[0]
    assert "first_pose_s" in bench.missed({**GOOD, "device": {"peak_mb": 159.0, "first_pose_s": None}})[0]


def test_the_share_of_other_work_leaves_out_the_benchs_own():
    before = {"all": 100.0, "busy": 10.0, "own": 1.0}
    assert bench.others_share(before, {"all": 200.0, "busy": 90.0, "own": 31.0}) == pytest.approx(0.5)
    assert bench.others_share(before, {"all": 200.0, "busy": 40.0, "own": 32.0}) == 0.0


def test_a_run_without_any_pose_leaves_no_median_of_its_start():
    found = bench.summary({"device": [run(50, first_pose_s=None), run(50)], "mediapipe": []})
    assert found["device"]["first_pose_s"] is None
    assert found["ratio"] is None


def test_the_stages_are_timed_one_by_one_and_those_that_are_asked_for_apart(pose_files):
    found = bench.contest("stages", str(bench.DEMO), sys.executable)
    always = {"decode", "crop", "detector", "landmarks", "surface head", "judge", "around"}
    assert set(found) == always | set(ASKED)
    assert all(stage["frame_ms"] > 0 for stage in found.values())
    assert 0.25 < found["surface head"]["runs"] < 0.45, "in every other frame of who squats, seldom of who stands"


@pytest.fixture
def measured(monkeypatch):
    """The bench with invented measurements: which contestants ran, and numbers for each."""
    ran = []

    def contest(name, clip, python):
        ran.append((name, python))
        if name == "stages":
            return {"landmarks": {"run_ms": 9.0, "runs": 1.0, "frame_ms": 9.0}}
        if name == "latency":
            way = {"stages": {"pose": [9.0, 12.0]}, "every_frame_ms": [11.0, 20.0, 40.0]}
            return {where: {**way, "frame_to_pin_ms": [12.0], "dwell_s": [0.2]} for where in ("alone", "hanging")}
        return run(100.0) if name == "device" else run(40.0, peak_mb=390.0)

    monkeypatch.setattr(bench, "contest", contest)
    monkeypatch.setattr(bench, "mflop", lambda path: 690.0)
    monkeypatch.setattr(bench.models, "find", lambda name: type("Found", (), {"path": name}))
    return ran


def test_the_two_run_in_turn_and_the_table_names_estimates_as_such(measured, monkeypatch, capsys):
    monkeypatch.setattr(bench, "_mediapipe_python", lambda: ("other-python", ""))
    assert bench.main(["--rounds", "2"]) == 0
    assert measured[:4] == [("device", sys.executable), ("mediapipe", "other-python")] * 2
    out = capsys.readouterr().out
    assert "2.50 (median of 2.50, 2.50)" in out
    assert "estimated, not measured on a Pi" in out
    assert "100 to 192 ms" in out  # 690 MFLOP at 6.9 and 3.6 GFLOP a second


def test_a_missed_bar_ends_with_1(measured, monkeypatch, capsys):
    monkeypatch.setattr(bench, "_mediapipe_python", lambda: ("other-python", ""))
    monkeypatch.setitem(bench.BARS, "ratio", (2.6, "at least"))
    assert bench.main(["--rounds", "1"]) == 1
    assert "MISSED ratio: 2.50, expected at least 2.6" in capsys.readouterr().out


def test_without_a_network_only_the_device_is_measured_and_one_line_says_so(measured, monkeypatch, tmp_path, capsys):
    monkeypatch.chdir(tmp_path)

    def no_network(command, **_):
        failed = "pip" in command
        return bench.subprocess.CompletedProcess(command, int(failed), "", "WARNING: x\nNo matching distribution")

    monkeypatch.setattr(bench.subprocess, "run", no_network)
    assert bench.main(["--rounds", "1"]) == 0
    assert [name for name, _ in measured] == ["device", "stages", "latency"]
    told = [line for line in capsys.readouterr().err.splitlines() if "cannot be installed" in line]
    assert len(told) == 1
    assert "No matching distribution" in told[0]


def test_the_device_is_measured_as_its_own_process(tmp_path):
    if not fetch.fetched():
        pytest.skip("the pose model is not fetched: squatlight models fetch")
    path, count = str(tmp_path / "short.avi"), 12
    writer = cv2.VideoWriter(path, cv2.VideoWriter_fourcc(*"MJPG"), 30, (640, 480))
    with Clip(bench.DEMO) as demo:
        for _, frame in zip(range(count), demo.frames(), strict=False):
            writer.write(np.ascontiguousarray(frame.image[:, :, ::-1]))
    writer.release()
    start_s = time.monotonic()
    found = bench.contest("device", path, sys.executable)
    took_s = time.monotonic() - start_s
    assert found["frames"] == count
    assert 0 < found["first_pose_s"] < took_s
    assert found["fps"] > (count - 1) / took_s  # start-up is not counted
    assert 60 < found["peak_mb"] < 400


def test_a_contestant_that_fails_says_why_in_one_line(tmp_path):
    path = tmp_path / "words.mp4"
    path.write_text("not a video")
    with pytest.raises(bench.PartFailed, match="cannot be read as a video"):
        bench.contest("device", str(path), sys.executable)

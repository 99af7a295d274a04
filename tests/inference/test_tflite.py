from pathlib import Path

import numpy as np
import pytest

from device.errors import ModelError
from device.inference import tflite
from device.inference.models import find
from device.inference.tflite import Model

QUANTIZED = [
    {"quantization": (0.02, -5), "dtype": np.int8},
    {"quantization": (1 / 255, 0), "dtype": np.uint8},
    {"quantization": (0.0004, 12), "dtype": np.int16},
]


@pytest.mark.parametrize("detail", QUANTIZED, ids=["int8", "uint8", "int16"])
def test_quantizing_and_back_loses_at_most_half_a_step(detail: dict) -> None:
    scale, zero = detail["quantization"]
    limits = np.iinfo(detail["dtype"])
    values = np.linspace((limits.min - zero) * scale, (limits.max - zero) * scale, 999).astype(np.float32)
    stored = tflite._quantize(values, detail)
    assert stored.dtype == detail["dtype"]
    back = tflite._dequantize(stored, detail)
    assert back.dtype == np.float32
    assert np.abs(back - values).max() <= 0.5001 * scale + 1e-6


@pytest.mark.parametrize("detail", QUANTIZED, ids=["int8", "uint8", "int16"])
def test_what_lies_outside_the_range_is_held_at_its_ends_and_never_wraps(detail: dict) -> None:
    limits = np.iinfo(detail["dtype"])
    assert tflite._quantize(np.float32([-1e6, 1e6]), detail).tolist() == [limits.min, limits.max]


def test_dequantizing_does_not_overflow_the_stored_type() -> None:
    detail = {"quantization": (1.0, 100), "dtype": np.int8}
    assert tflite._dequantize(np.int8([-128, 127]), detail).tolist() == [-228.0, 27.0]


def test_a_float_graph_gets_its_values_as_they_are() -> None:
    detail = {"quantization": (0.0, 0), "dtype": np.float32}
    values = np.float32([0.1, -3e5])
    np.testing.assert_array_equal(tflite._dequantize(tflite._quantize(values, detail), detail), values)


def test_a_model_that_is_not_there_or_no_graph_is_a_model_error(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="no such model"):
        Model(tmp_path / "none.tflite")
    words = tmp_path / "words.tflite"
    words.write_text("not a graph")
    with pytest.raises(ModelError, match="not a TFLite model"):
        Model(words)


def test_a_runtime_that_is_unknown_or_not_installed_is_a_model_error(pose_files: None) -> None:
    path = find("blazepose_detector").path
    with pytest.raises(ModelError, match="expected one of ai_edge_litert, tflite_runtime"):
        Model(path, runtime="onnx")


def test_without_any_runtime_the_complaint_says_what_to_install(
    pose_files: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = find("blazepose_detector").path
    for name in tflite.RUNTIMES:
        monkeypatch.setitem(__import__("sys").modules, f"{name}.interpreter", None)
    with pytest.raises(ModelError, match="pip install"):
        Model(path)


def test_outputs_go_by_name_and_are_copies(pose_files: None) -> None:
    with Model(find("blazepose_full").path) as model:
        assert set(model.output_shapes) == {"landmarks", "presence", "heatmap", "world", "features"}
        assert model.input_shape == (1, 256, 256, 3)
        dark, bright = (np.full(model.input_shape, value, np.float32) for value in (0.0, 1.0))
        first = model(dark)
        kept = {name: values.copy() for name, values in first.items()}
        second = model(bright)
        for name, values in first.items():
            np.testing.assert_array_equal(values, kept[name])
            assert values.shape == model.output_shapes[name]
        assert any(not np.array_equal(first[name], second[name]) for name in first)

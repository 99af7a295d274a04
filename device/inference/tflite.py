"""One loader for both TFLite runtimes, and the only place that quantizes and dequantizes."""

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from device.errors import ModelError

RUNTIMES = ("ai_edge_litert", "tflite_runtime")


def _interpreter(runtime: str | None) -> tuple[str, Callable[..., Any]]:
    """The interpreter class of the named runtime, else of the first that is installed."""
    for name in (runtime,) if runtime else RUNTIMES:
        try:
            if name == "ai_edge_litert":
                from ai_edge_litert.interpreter import Interpreter
            elif name == "tflite_runtime":
                from tflite_runtime.interpreter import Interpreter
            else:
                raise ModelError(f"runtime {name!r}: expected one of {', '.join(RUNTIMES)}")
        except ImportError:
            continue
        return name, Interpreter
    wanted = runtime or " or ".join(RUNTIMES)
    raise ModelError(f"no TFLite runtime: {wanted} is not installed (pip install ai-edge-litert)")


class Model:
    """A TFLite graph with one input, its outputs chosen by name.

    Args:
        path: the .tflite file.
        threads: threads of the interpreter.
        runtime: a name of `RUNTIMES`; None takes the first that is installed.

    Raises:
        ModelError: no runtime, no such file, or not a TFLite graph.
    """

    def __init__(self, path: str | os.PathLike[str], threads: int = 1, runtime: str | None = None) -> None:
        self.path = Path(path)
        if not self.path.is_file():
            raise ModelError(f"{path}: no such model; `squatlight models fetch` brings the pose model")
        self.runtime, interpreter = _interpreter(runtime)
        try:
            self._interpreter = interpreter(model_path=str(path), num_threads=threads)
            self._interpreter.allocate_tensors()
        except (ValueError, RuntimeError) as error:
            raise ModelError(f"{path}: not a TFLite model ({error})") from error
        (self._input,) = self._interpreter.get_input_details()
        self._outputs: Mapping[str, Any] = {o["name"]: o for o in self._interpreter.get_output_details()}
        self.input_shape = tuple(int(n) for n in self._input["shape"])
        self.output_shapes = {name: tuple(int(n) for n in o["shape"]) for name, o in self._outputs.items()}

    def __call__(self, values: NDArray[np.float32]) -> dict[str, NDArray[np.float32]]:
        """Runs the graph once.

        Args:
            values: the input in real units, of shape `input_shape`.

        Returns:
            Each output by its name, in real units, float32, a copy.
        """
        self._interpreter.set_tensor(self._input["index"], _quantize(values, self._input))
        self._interpreter.invoke()
        return {
            name: _dequantize(self._interpreter.get_tensor(o["index"]), o) for name, o in self._outputs.items()
        }  # fmt: skip

    def close(self) -> None:
        """Frees the interpreter's memory."""
        self._interpreter = None

    def __enter__(self) -> "Model":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()


def _quantize(values: NDArray[np.float32], detail: Mapping[str, Any]) -> NDArray[Any]:
    scale, zero = detail["quantization"]
    if not scale:
        return np.asarray(values, detail["dtype"])
    limits = np.iinfo(detail["dtype"])
    return np.asarray(np.clip(np.rint(values / scale) + zero, limits.min, limits.max), detail["dtype"])


def _dequantize(values: NDArray[Any], detail: Mapping[str, Any]) -> NDArray[np.float32]:
    scale, zero = detail["quantization"]
    if not scale:
        return np.asarray(values, np.float32)
    return np.asarray((values.astype(np.float32) - zero) * scale, np.float32)


Network = TypeVar("Network", bound="Asked")


class Asked:
    """A network that the judge asks: a graph with its hash, and a context manager that frees it.

    Args:
        role: of the network among those that a rep tells of.
        sha256: hash of the file.
        model: the graph.

    Attributes:
        hashes: hash of the model file by its role.
    """

    def __init__(self, role: str, sha256: str, model: Model) -> None:
        self.hashes, self._model = {role: f"sha256:{sha256}"}, model

    def close(self) -> None:
        """Frees the model."""
        self._model.close()

    def __enter__(self: Network) -> Network:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

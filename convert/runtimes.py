"""The older TFLite runtime (tflite-runtime), which wants a Python environment of its own: numpy 1, Python <= 3.11."""

import os
import pickle
import subprocess
import sys
import venv
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
from numpy.typing import NDArray

import device
from device.errors import PartFailed

ROOT = Path(device.__file__).parents[1]
OLDER = ("tflite-runtime==2.14.0", "numpy<2")

SERVE = """
import os, pickle, sys
from device.inference.tflite import Model
answers = os.fdopen(os.dup(1), "wb")
os.dup2(2, 1)
model = Model(sys.argv[1], runtime="tflite_runtime")
assert "ai_edge_litert" not in sys.modules
pickle.dump((model.input_shape, model.output_shapes), answers, protocol=4)
answers.flush()
while True:
    try:
        values = pickle.load(sys.stdin.buffer)
    except EOFError:
        break
    pickle.dump(model(values), answers, protocol=4)
    answers.flush()
"""


def older_python() -> tuple[Path | None, str]:
    """The Python of an environment with the older runtime: made once, kept as `.venv-tflite-VERSION`.

    Returns:
        Its path; or None and the reason why there is none.
    """
    if sys.version_info >= (3, 12):
        return None, "tflite-runtime 2.14.0 has no wheel for Python >= 3.12"
    folder = ROOT / f".venv-tflite-{sys.version_info.major}.{sys.version_info.minor}"
    python, done = folder / "bin" / "python", folder / "done"
    if not done.exists():
        venv.create(folder, with_pip=True, clear=True)
        command = [python, "-m", "pip", "install", "--quiet", "--timeout", "10", "--retries", "1", *OLDER]
        ran = subprocess.run(command, capture_output=True, text=True, check=False)
        if ran.returncode:
            said = (ran.stderr.strip().splitlines() or ["nothing"])[-1]
            return None, f"tflite-runtime could not be installed: no network, or no wheel here (pip says: {said})"
        done.touch()
    return python, ""


class OlderModel:
    """A graph in the older runtime, used as `device.inference.tflite.Model` is; it runs in a process of its own.

    Args:
        path: the .tflite file.
        python: of `older_python`.

    Raises:
        PartFailed: the runtime refuses the graph.
    """

    runtime = "tflite_runtime"

    def __init__(self, path: Path, python: Path) -> None:
        self.path = Path(path)
        self._process = subprocess.Popen(
            [python, "-c", SERVE, path],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
        )
        self.input_shape, self.output_shapes = self._answer()

    def __call__(self, values: NDArray[np.float32]) -> dict[str, NDArray[np.float32]]:
        """Runs the graph once, as `Model` does."""
        assert self._process.stdin is not None
        try:
            pickle.dump(np.ascontiguousarray(values), self._process.stdin, protocol=4)
            self._process.stdin.flush()
        except BrokenPipeError:
            pass  # `_answer` tells what it said
        return dict(self._answer())

    def close(self) -> None:
        """Ends the process."""
        for pipe in (self._process.stdin, self._process.stdout, self._process.stderr):
            if pipe is not None:
                pipe.close()
        self._process.wait()

    def __enter__(self) -> "OlderModel":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def _answer(self) -> Any:
        assert self._process.stdout is not None
        assert self._process.stderr is not None
        try:
            return pickle.load(self._process.stdout)
        except EOFError:
            said = self._process.stderr.read().decode(errors="replace").splitlines()
            told = next((line for line in reversed(said) if "Error" in line), "nothing")
            raise PartFailed(f"{self.path.name}: tflite-runtime does not run it (it says: {told})") from None

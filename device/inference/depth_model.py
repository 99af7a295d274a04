"""The depth network: from the features of a rep to the margins of both legs."""

from typing import Any

from device.errors import ModelError
from device.inference import models
from device.inference.models import Manifest
from device.inference.tflite import Asked, Model
from device.squat.depth_features import COUNT, GLOBAL, PER_FRAME, POINTS, TIMES_S
from device.squat.pose import Array

NAME = "depth"
SHAPES = {"margins": (1, 2), "sigmas": (1, 2)}


def layout() -> dict[str, Any]:
    """What the features are: a network that was trained on others is refused."""
    return {
        "times_s": list(TIMES_S), "points": list(POINTS), "global": list(GLOBAL), "count": COUNT,
        "per_frame": {name: list(shape) for name, shape in PER_FRAME.items()},
    }  # fmt: skip


class DepthModel(Asked):
    """Runs a depth network; a `device.squat.depth.Network`, and a context manager.

    Args:
        manifest: of the network.
        runtime: TFLite runtime, see `device.inference.tflite`.

    Attributes:
        hashes: hash of the model file by its role.

    Raises:
        ModelError: made for other features, or with other outputs.
    """

    def __init__(self, manifest: Manifest, runtime: str | None = None) -> None:
        if (found := manifest.more.get("layout")) != layout():
            keys = [key for key, wanted in layout().items() if not isinstance(found, dict) or found.get(key) != wanted]
            raise ModelError(f"{manifest.path}: trained on other features than this device makes ({', '.join(keys)})")
        super().__init__("depth", manifest.sha256, Model(manifest.path, 1, runtime))
        if self._model.input_shape != (1, COUNT) or self._model.output_shapes != SHAPES:
            raise ModelError(f"{manifest.path}: not a depth network; its outputs are {self._model.output_shapes}")

    def __call__(self, features: Array) -> tuple[Array, Array]:
        """Margins (2,) left and right in thigh lengths and their standard deviations (2,) of (COUNT,) features."""
        out = self._model(features[None])
        return out["margins"][0], out["sigmas"][0]


def open_depth_model(runtime: str | None = None) -> DepthModel:
    """Loads the depth network.

    Args:
        runtime: TFLite runtime; None takes the first that is installed.

    Raises:
        ModelError: not there, damaged, or made for another device.
    """
    if not models.exists(NAME):
        raise ModelError(f"depth.method: network needs {models.shipped_folder() / NAME}.tflite, which is not there")
    return DepthModel(models.find(NAME), runtime)

"""The network that tells squats from other ways down and up."""

import math

from device.errors import ModelError
from device.inference import models
from device.inference.models import Manifest
from device.inference.tflite import Asked, Model
from device.squat.form_input import CHANNELS, FORM_INPUT_VERSION, PER_JOINT, STEPS, form_input
from device.squat.pose import JOINTS
from device.squat.rep import Rep

NAMES = ("squat",)
SHAPES = {"squat": (1, 1)}


class SquatModel(Asked):
    """Says of each way down and up how likely it is a squat; a `device.squat.squatness.SquatNetwork`.

    Args:
        manifest: of the network.
        runtime: TFLite runtime, see `device.inference.tflite`.

    Attributes:
        hashes: hash of the model file by its role.

    Raises:
        ModelError: made for another input, or with other outputs.
    """

    def __init__(self, manifest: Manifest, runtime: str | None = None) -> None:
        if (found := manifest.more.get("form_input")) != FORM_INPUT_VERSION:
            raise ModelError(f"{manifest.path}: trained on form input {found}, expected {FORM_INPUT_VERSION}")
        super().__init__("squat", manifest.sha256, Model(manifest.path, 1, runtime))
        if self._model.input_shape != (1, STEPS, CHANNELS) or self._model.output_shapes != SHAPES:
            self._model.close()
            raise ModelError(f"{manifest.path}: tells no squats; its outputs are {self._model.output_shapes}")

    def __call__(self, rep: Rep) -> float | None:
        """The probability; None where a joint lacks coordinates at any step, as the pose models here let none."""
        shown = form_input(rep)
        if shown is None or not shown[:, : len(JOINTS) * PER_JOINT].reshape(-1, PER_JOINT).any(-1).all():
            return None
        p = float(self._model(shown[None])["squat"][0, 0])
        return p if math.isfinite(p) else None


def open_squat_model(name: str, runtime: str | None = None) -> SquatModel:
    """Loads such a network.

    Args:
        name: one of `NAMES`.
        runtime: TFLite runtime; None takes the first that is installed.

    Raises:
        ModelError: no such model, damaged, or made for another device.
    """
    if name not in NAMES:
        raise ModelError(f"squat model {name!r}: expected one of {', '.join(NAMES)}")
    return SquatModel(models.find(name), runtime)

"""Form networks by name: from a rep to what is wrong with it."""

import numpy as np

from device.errors import ModelError
from device.inference import models
from device.inference.models import Manifest
from device.inference.tflite import Asked, Model
from device.squat.form import FAULTS, Form
from device.squat.form_input import FORM_INPUT_VERSION, REFINED_INPUT_VERSION, refined_input
from device.squat.perspective import Optics
from device.squat.pose_image import pose_images
from device.squat.rep import Rep

NAMES = ("form", "form_paper")
REFINED = "form"  # the one that is shown the refined joints


class FormModel(Asked):
    """Says of each rep how likely its form is good, and where the network can, which faults it has.

    Args:
        manifest: of the network; its `input` is `refined_rep_keypoints` or `pose_images`.
        threads: threads of the TFLite interpreter.
        runtime: TFLite runtime, see `device.inference.tflite`.

    Attributes:
        hashes: hash of the model file by its role.

    Raises:
        ModelError: made for another input, or for other faults than this device names.
    """

    def __init__(self, manifest: Manifest, threads: int = 1, runtime: str | None = None) -> None:
        self._shown = str(manifest.more.get("input"))
        _check(manifest, self._shown)
        super().__init__("form", manifest.sha256, Model(manifest.path, threads, runtime))

    def __call__(self, rep: Rep, optics: Optics) -> Form | None:
        """The form of a rep, seen by a camera as far as that is known; None where too little of it was seen."""
        return self._of_images(rep) if self._shown == "pose_images" else self._of_keypoints(rep, optics)

    def _of_keypoints(self, rep: Rep, optics: Optics) -> Form | None:
        shown = refined_input(rep, optics)
        if shown is None:
            return None
        out = self._model(shown[None])
        pairs = zip(FAULTS, out["faults"][0].tolist(), out["sizes"][0].tolist(), strict=True)
        return Form(float(out["good"][0, 0]), {name: (p, size) for name, p, size in pairs})

    def _of_images(self, rep: Rep) -> Form | None:
        images = pose_images(rep)
        if images is None:
            return None
        votes = [float(self._model((image / np.float32(255))[None])["good"][0, 0]) for image in images]
        return Form(float(np.mean(votes)), {})


def _check(manifest: Manifest, shown: str) -> None:
    if shown not in ("refined_rep_keypoints", "pose_images"):
        raise ModelError(f"{manifest.path}: takes {shown}, expected refined_rep_keypoints or pose_images")
    if shown == "pose_images":
        return
    for name, wanted in (("form_input", FORM_INPUT_VERSION), ("refined_input", REFINED_INPUT_VERSION)):
        if (found := manifest.more.get(name)) != wanted:
            raise ModelError(f"{manifest.path}: trained on {name.replace('_', ' ')} {found}, expected {wanted}")
    if (faults := manifest.more.get("faults")) != list(FAULTS):
        raise ModelError(f"{manifest.path}: names the faults {faults}, expected {list(FAULTS)}")


def open_form_model(name: str, runtime: str | None = None) -> FormModel:
    """Loads a form network.

    Args:
        name: one of `NAMES`.
        runtime: TFLite runtime; None takes the first that is installed.

    Raises:
        ModelError: no such model, damaged, or made for another device.
    """
    if name not in NAMES:
        raise ModelError(f"form model {name!r}: expected one of {', '.join(NAMES)}")
    return FormModel(models.find(name), 1, runtime)

"""What the device asks of a form network, and what reaches the outputs of what it says."""

from pathlib import Path

import numpy as np
import pytest
from squat.figure import Shot, squat, stand

from device.errors import ModelError
from device.inference import form_model
from device.inference.form_model import FormModel, open_form_model
from device.inference.models import Manifest
from device.output.record import rep_record, row
from device.squat.form import FAULTS
from device.squat.form_input import CAMERA, FORM_INPUT_VERSION, PLACE, REFINED_CHANNELS, REFINED_INPUT_VERSION, STEPS
from device.squat.judge import Judge, JudgeSettings
from device.squat.perspective import Optics
from device.squat.pose import index
from device.squat.pose_image import FRAMES, HEIGHT, WIDTH

OURS = {
    "input": "refined_rep_keypoints",
    "form_input": FORM_INPUT_VERSION,
    "refined_input": REFINED_INPUT_VERSION,
    "faults": list(FAULTS),
}


class Graph:
    """Stands in for a TFLite graph: says the same of everything, and keeps what it was shown."""

    def __init__(self, *_: object) -> None:
        self.shown: list[np.ndarray] = []

    def __call__(self, values: np.ndarray) -> dict[str, np.ndarray]:
        self.shown.append(values)
        p = np.zeros((1, len(FAULTS)), np.float32)
        p[0, 0], p[0, 3] = 0.75, 0.9
        return {"good": np.full((1, 1), 0.25, np.float32), "faults": p, "sizes": np.full_like(p, 12.0)}

    def close(self) -> None:
        pass


def manifest(**more: object) -> Manifest:
    return Manifest("form", Path("form.tflite"), "ab" * 32, {**OURS, **more})


@pytest.fixture
def graph(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(form_model, "Model", Graph)


def judged(network: FormModel, hips: float = 1.0, settings: JudgeSettings | None = None):
    judge = Judge(settings, form_network=network)
    poses = Shot().film([*stand(), *squat(5.0), *stand()])
    for pose in poses:
        pose.scores[index("left_hip", "right_hip")] *= hips
    events = [event for pose in poses for event in judge.see(pose, pose.captured_s)]
    return next(event for event in events if type(event).__name__ == "RepJudged")


def test_a_rep_carries_its_faults_to_json_and_to_the_table(graph: None) -> None:
    with FormModel(manifest()) as network:
        event = judged(network)
        assert network._model.shown[0].shape == (1, STEPS, REFINED_CHANNELS)
        assert network.hashes == {"form": f"sha256:{'ab' * 32}"}
    record = rep_record(event, "clip", "gym", network.hashes)
    assert record["form"]["good"] == 0.25
    assert list(record["form"]["faults"]) == list(FAULTS)
    assert record["form"]["faults"]["knees_in"] == {"p": 0.75, "size": 12.0}
    assert row(record).endswith("0.25  bent over, knees in")


@pytest.mark.parametrize("known", [False, True])
def test_a_camera_that_was_measured_is_told_to_the_network(graph: None, known: bool) -> None:
    settings = JudgeSettings(optics=Optics(60.0, 7.0, known=known), learn_pitch=not known)
    with FormModel(manifest()) as network:
        judged(network, settings=settings)
        (shown,) = network._model.shown
    assert (shown[0, :, PLACE.start] == known).all()
    assert (abs(shown[0, 0, CAMERA][-1] * 30 - 7.0) < 1e-3) == known


def test_of_a_rep_whose_hips_nobody_saw_nothing_is_said(graph: None) -> None:
    with FormModel(manifest()) as network:
        event = judged(network, hips=0.4)
        assert event.form is None
        assert event.depth is None
        assert network._model.shown == []
    assert rep_record(event, "clip", "gym", network.hashes)["form"] is None


def test_the_papers_network_sees_eleven_images_and_votes(graph: None) -> None:
    with FormModel(manifest(input="pose_images")) as network:
        event = judged(network)
        shown = network._model.shown
        assert [image.shape for image in shown] == [(1, HEIGHT, WIDTH, 3)] * FRAMES
        assert max(float(image.max()) for image in shown) == 1.0
    assert (event.form.good, dict(event.form.faults)) == (0.25, {})


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"input": "sound"}, "takes sound, expected refined_rep_keypoints or pose_images"),
        ({"input": "rep_keypoints"}, "takes rep_keypoints, expected"),
        ({"refined_input": 0}, "trained on refined input 0, expected"),
        ({"form_input": 0}, "trained on form input 0, expected"),
        ({"faults": ["knees_in"]}, "names the faults"),
    ],
)
def test_a_network_for_another_device_is_refused(graph: None, more: dict[str, object], words: str) -> None:
    with pytest.raises(ModelError, match=words):
        FormModel(manifest(**more))


def test_an_unknown_name_says_which_there_are() -> None:
    with pytest.raises(ModelError, match="expected one of form, form_paper"):
        open_form_model("shape")

"""The bar's ends in each pose: whose they are, and when they are left alone."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from squat.figure import STANDING, Shot, stand

from device.camera.frames import Frame
from device.errors import ModelError
from device.inference import models
from device.inference.bar_end import SIZE, BarEndModel, WithBarEnds
from device.inference.pose_model import open_pose_model
from device.squat.pose import BAR_ENDS, Pose, index

ENDS = index(*BAR_ENDS)
FRAME = Frame(np.zeros((1280, 720, 3), np.uint8), 0.0, 0, 0)


class Poses:
    """A pose model that knows what it will find."""

    def __init__(self, pose: Pose | None) -> None:
        self.pose, self.hashes, self.closed = pose, {"pose": "sha256:1"}, 0

    def estimate(self, frame: Frame) -> Pose | None:
        return self.pose

    def look_around(self, frame: Frame) -> None:
        self.around = frame

    def close(self) -> None:
        self.closed += 1


class Peaks:
    """A network that sees the ends at two places of its picture, in shares of it."""

    def __init__(self, places: list[tuple[float, float]]) -> None:
        self.heat = np.full((1, 32, 32, 2), -50.0, np.float32)
        for end, (x, y) in enumerate(places):
            self.heat[0, int(y * 32), int(x * 32), end] = 50.0

    def __call__(self, picture: np.ndarray) -> dict[str, np.ndarray]:
        assert picture.shape == (1, SIZE, SIZE, 3)
        return {"heat": self.heat, "sight": np.full((1, 32, 32, 2), 3.0, np.float32)}

    def close(self) -> None:
        pass


def bar_model(places: list[tuple[float, float]]) -> BarEndModel:
    model: Any = BarEndModel.__new__(BarEndModel)
    model._model = Peaks(places)
    return model


@pytest.fixture
def pose() -> Pose:
    return Shot(0).film(stand(0.1), STANDING)[0]


def test_the_ends_lie_where_the_network_sees_them_in_the_crop_around_the_wrists(pose: Pose) -> None:
    found = WithBarEnds(Poses(pose), bar_model([(0.1, 0.5), (0.9, 0.5)]), "2").estimate(FRAME)
    assert found is not None
    wrists = pose.keypoints[index("left_wrist", "right_wrist")]
    left, right = found.keypoints[ENDS]
    assert left[0] > wrists[0, 0] > wrists[1, 0] > right[0], "outside the hands, each on its own side"
    assert abs(left[1] - wrists[:, 1].mean()) < 30
    assert (found.scores[ENDS] > 0.9).all()
    assert np.isnan(pose.keypoints[ENDS]).all(), "the pose that went in is left as it was"


def test_seen_from_behind_the_ends_change_sides_with_the_hands() -> None:
    pose = Shot(180).film(stand(0.1), STANDING)[0]
    found = WithBarEnds(Poses(pose), bar_model([(0.1, 0.5), (0.9, 0.5)]), "2").estimate(FRAME)
    assert found is not None
    left, right = found.keypoints[ENDS]
    assert left[0] < right[0]


def test_nobody_has_no_bar() -> None:
    assert WithBarEnds(Poses(None), bar_model([(0.1, 0.5), (0.9, 0.5)]), "2").estimate(FRAME) is None


def test_a_model_that_gives_ends_itself_keeps_its_own(pose: Pose) -> None:
    keypoints = pose.keypoints.copy()
    keypoints[ENDS] = [[500, 300], [100, 310]]
    own = replace(pose, keypoints=keypoints)
    assert WithBarEnds(Poses(own), bar_model([(0.1, 0.5), (0.9, 0.5)]), "2").estimate(FRAME) is own


def test_who_the_lifter_is_says_the_model_behind(pose: Pose) -> None:
    poses = Poses(pose)
    WithBarEnds(poses, bar_model([(0.1, 0.5), (0.9, 0.5)]), "2").look_around(FRAME)
    assert poses.around is FRAME


def test_both_files_are_told_and_both_models_freed(pose: Pose) -> None:
    poses = Poses(pose)
    model = WithBarEnds(poses, bar_model([(0.1, 0.5), (0.9, 0.5)]), "2")
    assert model.hashes == {"pose": "sha256:1", "bar_end": "sha256:2"}
    model.close()
    assert poses.closed == 1


def test_without_the_network_asking_for_it_is_one_clear_line(monkeypatch: pytest.MonkeyPatch) -> None:
    find = models.find
    monkeypatch.setattr(
        models,
        "find",
        lambda name: (_ for _ in ()).throw(ModelError(f"{name}: gone")) if name == "bar_end" else find(name),
    )
    with pytest.raises(ModelError, match="bar_end"):
        open_pose_model("squatlight", bar_ends=True)

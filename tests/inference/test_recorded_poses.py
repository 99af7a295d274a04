"""Stored keypoints in place of camera and model."""

from pathlib import Path

import numpy as np
import pytest

from device.camera.frames import Frame
from device.camera.recorded import Recorded
from device.errors import InputError
from device.inference.pose_model import open_pose_model
from device.inference.recorded import RecordedPoses, save
from device.squat.pose import KEYPOINTS, Pose


def pose(x: float) -> Pose:
    return Pose(np.full((len(KEYPOINTS), 2), x, np.float32), np.ones(len(KEYPOINTS), np.float32), None, 0.0, 0)


@pytest.fixture
def stored(tmp_path: Path) -> Path:
    path = tmp_path / "k.npz"
    save(path, [(0.5, pose(1)), (0.6, None), (0.7, pose(3)), (0.8, pose(4))], (64, 48))
    return path


def test_camera_and_model_together_give_back_what_was_stored_round_after_round(stored: Path) -> None:
    source, model = Recorded(f"recorded:{stored}?speed=0"), open_pose_model(f"recorded:{stored}")
    found, times = [], []
    for frame in source.frames():
        seen = model.estimate(frame)
        found.append(None if seen is None else float(seen.keypoints[0, 0]))
        times.append(frame.captured_s)
        assert seen is None or (seen.captured_s, seen.index) == (frame.captured_s, frame.index)
        if frame.index == 3999:
            source.stop()
    assert found == [1, None, 3, 4] * 1000
    assert np.diff(times) == pytest.approx(0.1)


def test_a_model_of_stored_poses_goes_by_the_time_of_any_camera(stored: Path) -> None:
    model = RecordedPoses(stored)
    image = np.zeros((48, 64, 3), np.uint8)
    found = [model.estimate(Frame(image, 1000 + at_s, 0)) for at_s in (0.0, 0.04, 0.16, 0.24, 0.31, 0.4)]
    assert [p and float(p.keypoints[0, 0]) for p in found] == [1, 1, 3, 3, 4, 1]


def test_it_ends_by_itself_and_keeps_its_pace(stored: Path) -> None:
    assert len(list(Recorded(f"recorded:{stored}?speed=0&hours=0.01").frames())) == 361
    assert len(list(Recorded(f"recorded:{stored}?speed=40&hours=0.001").frames())) == 37


@pytest.mark.parametrize(
    "source", ["recorded:/nowhere.npz", "recorded:{}?speed=-1", "recorded:{}?hours=x", "recorded:{}?x=1"]
)
def test_what_cannot_be_played_is_told(stored: Path, source: str) -> None:
    with pytest.raises(InputError, match="recorded:"):
        Recorded(source.format(stored))

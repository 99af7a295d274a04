"""Our own pose network as it travels with the package, on the bundled clip."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from device.camera.clip import Clip
from device.camera.frames import Frame
from device.inference import models
from device.inference.pose_model import PoseModel, open_pose_model
from device.squat.pose import BAR_ENDS, KEYPOINTS, Pose, index

pytestmark = pytest.mark.skipif(
    not (models.shipped_folder() / "pose.json").is_file(), reason="models/pose.tflite is not trained yet"
)
HIPS, BAR = index("left_hip", "right_hip"), index(*BAR_ENDS)


@pytest.fixture
def model() -> Iterator[PoseModel]:
    opened = open_pose_model("squatlight", 1)
    yield opened
    opened.close()


@pytest.fixture(scope="module")
def seen(demo_clip: Path) -> list[tuple[float, Pose | None]]:
    model = open_pose_model("squatlight", 1)
    with Clip(demo_clip) as clip:
        found = [(frame.captured_s, model.estimate(frame)) for frame in clip.frames()]
    model.close()
    return found


def test_the_lifter_is_found_and_followed(seen: list[tuple[float, Pose | None]]) -> None:
    assert np.mean([pose is not None for _, pose in seen]) >= 0.97


def test_scores_are_shares_and_what_is_not_there_is_nan(seen: list[tuple[float, Pose | None]]) -> None:
    poses = [pose for _, pose in seen if pose is not None]
    for pose in poses:
        assert ((pose.scores >= 0) & (pose.scores <= 1)).all()
        assert (np.isnan(pose.keypoints).all(-1) == np.isnan(pose.world).all(-1)).all()
        assert (pose.scores[np.isnan(pose.keypoints).all(-1)] == 0).all()
        assert np.isfinite(np.delete(pose.keypoints, BAR, 0)).all()
        assert (np.abs(pose.world[HIPS].mean(0)) < 1e-3).all()
    assert len(poses[0].keypoints) == len(KEYPOINTS)


def test_the_hips_are_lowest_where_the_truth_says(seen: list[tuple[float, Pose | None]], demo_clip: Path) -> None:
    truth = json.loads(demo_clip.with_suffix(".json").read_text("utf-8"))
    at_s = np.array([at for at, _ in seen])
    rows = np.array([np.nan if pose is None else pose.keypoints[HIPS, 1].mean() for _, pose in seen])
    for rep in truth["reps"]:
        inside = (at_s > rep["start_s"]) & (at_s < rep["lockout_s"])
        low = at_s[inside][rows[inside] > np.nanmax(rows[inside]) - 6].mean()
        assert low == pytest.approx(rep["bottom_s"], abs=0.25)


def test_an_empty_room_shows_nobody(model: PoseModel) -> None:
    rng = np.random.default_rng(0)
    for image in (np.zeros((480, 640, 3), np.uint8), rng.integers(90, 120, (480, 640, 3)).astype(np.uint8)):
        assert model.estimate(Frame(image, 0.0, 0)) is None


def test_a_changed_graph_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, one_line, squatlight) -> None:
    folder = models.shipped_folder()
    for name in ("pose.json", "pose.tflite"):
        (tmp_path / name).write_bytes((folder / name).read_bytes())
    with (tmp_path / "pose.tflite").open("ab") as file:
        file.write(b"x")
    ran = squatlight("replay", "clip.mp4", "--pose", "squatlight", SQUATLIGHT_MODELS=str(tmp_path))
    assert "pose.tflite" in one_line(ran, 2)


def test_replay_judges_with_it(squatlight: Callable[..., object], demo_clip: Path) -> None:
    ran = squatlight("replay", demo_clip, "--pose", "squatlight", "--json", "-")
    assert ran.returncode == 0, ran.stderr
    rows = [json.loads(line) for line in ran.stdout.splitlines()]
    reps = [row for row in rows if row["type"] == "rep"]
    truth = json.loads(demo_clip.with_suffix(".json").read_text("utf-8"))
    assert len(reps) == len(truth["reps"])
    sha256 = models.find("pose").sha256
    assert all(rep["model"]["pose"] == f"sha256:{sha256}" for rep in reps)

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from device.camera.frames import Frame
from device.errors import InputError
from device.inference import recorded
from device.squat.pose import KEYPOINTS, Pose


def some(index: int, world: bool = True) -> Pose:
    random = np.random.default_rng(index)
    keypoints = random.random((len(KEYPOINTS), 2)).astype(np.float32) * 500
    keypoints[17:] = np.nan
    metres = random.random((len(KEYPOINTS), 3)).astype(np.float32) if world else None
    return Pose(keypoints, random.random(len(KEYPOINTS)).astype(np.float32), metres, index / 30, index, 0, (640, 480))


def test_what_is_stored_comes_back(tmp_path: Path) -> None:
    second = replace(some(4), captured_s=2 / 30, index=2)
    poses = [
        (0.0, replace(some(0), refined=some(7).keypoints[:17])), (1 / 30, None),
        (2 / 30, replace(some(2), second=second)), (3 / 30, some(3, world=False)),
    ]  # fmt: skip
    recorded.save(tmp_path / "poses.npz", poses, (640, 480))
    back = list(recorded.load(tmp_path / "poses.npz"))
    assert [at_s for at_s, _ in back] == [at_s for at_s, _ in poses]
    pairs = [(before, after) for (_, before), (_, after) in zip(poses, back, strict=True)]
    for before, after in (*pairs, (second, back[2][1].second)):
        if before is None:
            assert after is None
            continue
        assert (after.second is None) == (before.second is None)
        assert (after.refined is None) == (before.refined is None)
        if before.refined is not None:
            np.testing.assert_array_equal(after.refined, before.refined)
        assert (after.captured_s, after.index, after.size) == (before.captured_s, before.index, before.size)
        np.testing.assert_array_equal(after.keypoints, before.keypoints)
        np.testing.assert_array_equal(after.scores, before.scores)
        if before.world is None:
            assert after.world is None
        else:
            np.testing.assert_array_equal(after.world, before.world)
    assert [path.name for path in tmp_path.iterdir()] == ["poses.npz"]


def test_what_is_no_such_file_is_an_input_error(tmp_path: Path) -> None:
    words, other = tmp_path / "words.npz", tmp_path / "other.npz"
    words.write_text("no numbers")
    np.savez(other, keypoints=np.zeros(3))
    for path in (tmp_path / "none.npz", words, other):
        with pytest.raises(InputError, match=path.name):
            list(recorded.load(path))


def test_keypoints_of_another_version_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "poses.npz"
    recorded.save(path, [(0.0, some(0))], (640, 480))
    with np.load(path) as stored:
        data = dict(stored)
    data["names"] = data["names"][::-1]
    np.savez(path, **data)
    with pytest.raises(InputError, match="other keypoints"):
        list(recorded.load(path))


def test_keypoints_stored_before_our_network_looked_along_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "poses.npz"
    recorded.save(path, [(0.0, some(0))], (640, 480))
    with np.load(path) as stored:
        data = dict(stored)
    for lacks in ("second", "refined"):
        np.savez(path, **{name: array for name, array in data.items() if not name.startswith(lacks)})
        with pytest.raises(InputError, match=rf"before {lacks}\w* was kept .* store them anew"):
            list(recorded.load(path))
    for wrong in (data["refined"][:0], data["refined"][:, :5], np.float32(1)):
        np.savez(path, **{**data, "refined": wrong})
        with pytest.raises(InputError, match="refined joints of shape"):
            list(recorded.load(path))


def test_replayed_the_second_view_is_of_the_same_frame(tmp_path: Path) -> None:
    path = tmp_path / "poses.npz"
    recorded.save(path, [(0.0, replace(some(0), second=some(1))), (1 / 30, some(2))], (640, 480))
    model = recorded.RecordedPoses(path)
    found = model.estimate(Frame(np.zeros((4, 4, 3), np.uint8), 10.0, 77, 3))
    assert found.second is not None
    assert (found.second.captured_s, found.second.index, found.second.dropped) == (10.0, 77, 3)
    assert model.estimate(Frame(np.zeros((4, 4, 3), np.uint8), 10.0 + 1 / 30, 78, 0)).second is None


def test_rows_of_our_network_that_are_not_there_are_an_input_error(tmp_path: Path) -> None:
    path = tmp_path / "poses.npz"
    recorded.save(path, [(0.0, replace(some(0), second=some(1)))], (640, 480))
    with np.load(path) as stored:
        data = dict(stored)
    for rows in ([50], [-1], [0, 0]):
        np.savez(path, **{**data, "second_rows": np.array(rows)})
        with pytest.raises(InputError, match="not stored keypoints"):
            list(recorded.load(path))

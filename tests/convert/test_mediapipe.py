"""Picture landmarks become poses; the depth of the picture is measured where the world was kept."""

import numpy as np
import pytest

from convert.datasets.mediapipe import WORLD_PER_PICTURE, pose_of_picture, world_per_picture
from device.errors import InputError
from device.squat.pose import JOINTS, index


def landmarks(frames: int = 20) -> np.ndarray:
    """(T, 33, 3) metres."""
    return np.random.default_rng(3).normal(0, 0.4, (frames, 33, 3))


def test_the_share_is_found_whatever_the_scale_of_the_picture() -> None:
    world = landmarks()
    picture = world * [1, 1, 4] * np.linspace(150, 300, len(world))[:, None, None] + [400, 300, 0]
    picture[3] = np.nan
    share, follows = world_per_picture(picture, world)
    assert share == pytest.approx(0.25)
    assert follows == pytest.approx(1)


def test_without_a_frame_that_has_both_it_is_refused() -> None:
    with pytest.raises(InputError, match="nobody was found"):
        world_per_picture(np.full((4, 33, 3), np.nan), landmarks(4))


def test_a_pose_of_a_picture_has_the_depth_of_a_world() -> None:
    world = landmarks(1)[0]
    world -= world[[23, 24]].mean(0)
    picture = world * [1, 1, 1 / WORLD_PER_PICTURE] * 250 + [400, 300, 0]
    pose = pose_of_picture(picture, np.full(33, 0.9), 0.8 * 250, 1.5, 45, (1080, 1920))
    assert pose.world is not None
    left_knee = index("left_knee")[0]
    assert pose.world[left_knee] == pytest.approx(world[25], abs=1e-5)
    assert pose.keypoints[left_knee] == pytest.approx(picture[25, :2], abs=1e-3)
    assert np.isnan(pose.keypoints[len(JOINTS) :]).all()
    assert not pose.scores[len(JOINTS) :].any()
    assert (pose.captured_s, pose.index, pose.size) == (1.5, 45, (1080, 1920))

"""What a form network is shown stays the same where only the camera's rate, the lifter's size or his place change."""

from dataclasses import replace

import numpy as np
import pytest

from device.squat.form import Form
from device.squat.form_input import CHANNELS, DOWN, OTHER_SIDE, STEPS, form_input, mirrored
from device.squat.pose import JOINTS
from device.squat.pose_image import FRAMES, HEIGHT, WIDTH, draw, flipped, pose_images, rep_points, zoomed_out
from tests.squat.figure import Shot, reps, squat, stand

MOVEMENT = [*stand(), *squat(5.0), *stand()]


def rep(**shot):
    (event,) = reps(Shot(**shot).film(MOVEMENT))
    return event.rep


def joints(shown):
    return shown[:, :-3].reshape(STEPS, len(JOINTS), -1)


def test_the_same_squat_looks_the_same_at_any_frame_rate():
    slow, fast = form_input(rep(fps=15.0)), form_input(rep(fps=60.0))
    assert slow.shape == (STEPS, CHANNELS)
    assert np.abs(joints(slow) - joints(fast))[..., :3].max() < 0.07


def test_a_lifter_twice_as_far_in_a_picture_twice_as_large_looks_the_same():
    near = form_input(rep())
    large = rep()
    poses = tuple(replace(p, keypoints=p.keypoints * 2, size=(1440, 2560)) for p in large.poses)
    assert form_input(replace(large, poses=poses)) == pytest.approx(near, abs=1e-4)


def test_a_lifter_seen_from_two_sides_is_turned_to_face_one_way():
    front, side = (joints(form_input(rep(view_deg=view)))[..., :3] for view in (10.0, 80.0))
    assert np.abs(front - side).max() < 0.08
    assert joints(form_input(rep(view_deg=80.0)))[DOWN, JOINTS.index("left_knee"), 2] < -0.2  # knees before the hips


def test_the_mirror_image_of_a_mirror_image_is_the_rep_itself():
    shown = form_input(rep(view_deg=40.0))
    assert mirrored(mirrored(shown)) == pytest.approx(shown)
    left, right = JOINTS.index("left_knee"), JOINTS.index("right_knee")
    assert joints(mirrored(shown))[:, left, 0] == pytest.approx(-joints(shown)[:, right, 0])
    assert mirrored(shown)[0, -3] == pytest.approx(-shown[0, -3])


def test_a_joint_that_is_nowhere_is_zeros_and_poses_without_a_world_are_nothing():
    seen = rep()
    nose = JOINTS.index("nose")

    def without(pose):
        world = pose.world.copy()
        world[nose] = np.nan
        return replace(pose, world=world)

    shown = form_input(replace(seen, poses=tuple(without(p) for p in seen.poses)))
    assert np.isfinite(shown).all()
    assert not joints(shown)[:, nose].any()
    assert form_input(replace(seen, poses=tuple(replace(p, world=None) for p in seen.poses))) is None


def test_pose_images_hold_the_lifter_alone_on_black_around_the_bottom():
    seen = rep()
    images = pose_images(seen)
    assert images.shape == (FRAMES, HEIGHT, WIDTH, 3)
    assert 0.02 < (images.max(-1) > 0).mean() < 0.4
    hips = rep_points(seen)[:, JOINTS.index("left_hip"), 1]
    assert hips[FRAMES // 2] == pytest.approx(hips.max(), abs=1.0)  # the lowest in the middle


def test_flipping_swaps_the_sides_colours_and_zooming_out_halves():
    points = rep_points(rep(view_deg=20.0))[FRAMES // 2]
    image, flip = draw(points), draw(flipped(points, OTHER_SIDE))
    assert (image.max(-1) > 0).mean() == pytest.approx((flip.max(-1) > 0).mean(), rel=0.05)
    knee = points[JOINTS.index("left_knee")]
    assert flipped(points, OTHER_SIDE)[JOINTS.index("right_knee")] == pytest.approx([WIDTH - knee[0], knee[1]])
    assert np.ptp(zoomed_out(points), axis=0) == pytest.approx(np.ptp(points, axis=0) / 2, rel=1e-4)


def test_faults_are_called_from_one_half_on_the_likeliest_first():
    form = Form(0.2, {"knees_in": (0.6, 12.0), "shallow": (0.9, 3.0), "heels_up": (0.4, 1.0)})
    assert form.called == ("shallow", "knees_in")

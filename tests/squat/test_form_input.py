"""What a form network is shown stays the same where only the camera's rate, the lifter's size or his place change."""

from dataclasses import replace

import numpy as np
import pytest
from squat.figure import Shot, reps, squat, stand

from device.squat.form import Form
from device.squat.form_input import (
    CAMERA,
    CHANNELS,
    DOWN,
    OTHER_SIDE,
    PLACE,
    POINTS,
    REFINED,
    REFINED_CHANNELS,
    STEPS,
    at_moments,
    balanced_up,
    form_input,
    mirrored,
    moments,
    refined_input,
)
from device.squat.perspective import Optics
from device.squat.pose import JOINTS, KEYPOINTS, MIRRORED, index
from device.squat.pose_image import FRAMES, HEIGHT, WIDTH, draw, flipped, pose_images, rep_points, zoomed_out

UNKNOWN = Optics()
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


def stance(knees_m: float) -> np.ndarray:
    """(1, 23, 3) a lifter who stands with the knees so far before the ankles; his mass over the middle of the feet."""
    heights = {"shoulder": 1.4, "elbow": 1.1, "wrist": 0.9, "hip": 0.85, "knee": 0.42, "ankle": 0.08}
    before = {"heel": -0.06, "toe": 0.2, "knee": knees_m}
    before["hip"] = before["shoulder"] = (0.07 - 0.17 * knees_m) / 0.79  # the feet reach from -0.06 to 0.2
    world = np.zeros((1, len(KEYPOINTS), 3))
    for row, name in enumerate(KEYPOINTS):
        side, _, part = name.partition("_")
        world[0, row] = [0.1 if side == "left" else -0.1, -heights.get(part, 0.0), -before.get(part, 0.0)]
    return world


@pytest.mark.parametrize("knees_m", [0.02, 0.12])
def test_the_vertical_is_that_of_the_lifters_balance_however_his_legs_lean(knees_m):
    up = balanced_up(stance(knees_m), np.array([0.79]))
    assert np.degrees(np.arccos(up @ [0, -1, 0])) < 0.1


def test_a_lifter_who_never_stands_is_shown_as_the_camera_sees_him():
    assert balanced_up(stance(0.1), np.array([1.2])).tolist() == [0, -1, 0]  # hips at two thirds of the legs' length


def test_a_camera_that_looks_down_changes_nothing_in_the_room():
    a = np.radians(20)
    turn = np.array([[1, 0, 0], [0, np.cos(a), -np.sin(a)], [0, np.sin(a), np.cos(a)]], np.float32)
    level = rep()
    poses = tuple(replace(p, world=p.world @ turn.T) for p in level.poses)
    steep = joints(form_input(replace(level, poses=poses)))
    assert np.abs(steep - joints(form_input(level)))[..., :3].max() < 1e-4


def test_the_mirror_image_of_a_mirror_image_is_the_rep_itself():
    shown = form_input(rep(view_deg=40.0))
    assert mirrored(mirrored(shown)) == pytest.approx(shown)
    left, right = JOINTS.index("left_knee"), JOINTS.index("right_knee")
    assert joints(mirrored(shown))[:, left, 0] == pytest.approx(-joints(shown)[:, right, 0])
    assert mirrored(shown)[0, -3] == pytest.approx(-shown[0, -3])


def without(seen, name):
    """The rep with a joint nowhere in the world."""

    def lacking(pose):
        world = pose.world.copy()
        world[JOINTS.index(name)] = np.nan
        return replace(pose, world=world)

    return replace(seen, poses=tuple(lacking(pose) for pose in seen.poses))


def test_a_joint_that_is_nowhere_is_zeros_and_poses_without_a_world_are_nothing():
    seen = rep()
    shown = form_input(without(seen, "nose"))
    assert np.isfinite(shown).all()
    assert not joints(shown)[:, JOINTS.index("nose")].any()
    assert form_input(replace(seen, poses=tuple(replace(p, world=None) for p in seen.poses))) is None
    assert form_input(without(seen, "left_toe")) is None, "nobody knows which way is up"


def test_what_is_not_there_is_not_made_up_by_a_known_camera():
    seen, known = rep(), Optics(pitch_deg=5.0, known=True)
    assert refined_input(without(seen, "left_toe"), known) is None
    sizeless = replace(seen, poses=tuple(replace(p, size=(0, 0)) for p in seen.poses))
    assert refined_input(sizeless, known)[DOWN, PLACE].tolist() == [1, 0, 0, 0]


def with_refined(seen, first=0):
    """The rep with joints moved by (3, -2) pixels from its pose `first` on; creases and knee tops at hips and knees."""
    at = index("left_hip", "right_hip", "left_knee", "right_knee")

    def better(pose, row):
        keypoints = pose.keypoints.copy()
        keypoints[17:21] = keypoints[at]
        moved = pose.keypoints[:17] + np.float32([3, -2])
        return replace(pose, keypoints=keypoints, refined=moved if row >= first else None)

    return replace(seen, poses=tuple(better(pose, row) for row, pose in enumerate(seen.poses)))


def test_refined_joints_are_shown_from_their_own_hips_and_surface_points_as_they_lie():
    seen = with_refined(rep(view_deg=40.0))
    shown = refined_input(seen, UNKNOWN)
    assert shown.shape == (STEPS, REFINED_CHANNELS)
    np.testing.assert_array_equal(shown[:, :CHANNELS], form_input(seen))
    points, plain = shown[:, POINTS].reshape(STEPS, REFINED, 2), joints(shown[:, :CHANNELS])
    assert points[:, :17] == pytest.approx(plain[..., 3:5], abs=1e-4), "moved as a whole they are where they were"
    off = points[:, 17:19] - points[:, index("left_hip", "right_hip")]
    assert off[..., 0].max() < 0
    assert off[..., 1].min() > 0
    assert np.ptp(off, axis=(0, 1)) == pytest.approx(0, abs=1e-4)


def test_without_refined_joints_there_are_zeros_in_their_place():
    assert not refined_input(rep(), UNKNOWN)[:, POINTS].any()
    late = with_refined(rep(), first=30)
    there = refined_input(late, UNKNOWN)[:, POINTS].any(1)
    assert not there[0]
    assert there[-1]
    assert np.isfinite(refined_input(late, UNKNOWN)).all()
    assert refined_input(replace(late, poses=tuple(replace(p, world=None) for p in late.poses)), UNKNOWN) is None


def test_the_mirror_image_has_the_refined_points_of_the_other_side():
    shown = refined_input(with_refined(rep(view_deg=40.0)), Optics(70.0, 12.0, known=True))
    assert mirrored(mirrored(shown)) == pytest.approx(shown)
    assert mirrored(shown)[:, :CHANNELS] == pytest.approx(mirrored(shown[:, :CHANNELS]))
    before, after = (part[:, POINTS].reshape(STEPS, REFINED, 2) for part in (shown, mirrored(shown)))
    assert after == pytest.approx(before[:, MIRRORED[:REFINED]] * [-1, 1])
    assert mirrored(shown)[:, PLACE] == pytest.approx(shown[:, PLACE] * [1, -1, 1, 1])


def test_a_known_camera_tells_the_vertical_and_where_the_lifter_is():
    level = with_refined(rep())
    a = np.radians(20)
    turn = np.array([[1, 0, 0], [0, np.cos(a), -np.sin(a)], [0, np.sin(a), np.cos(a)]], np.float32)
    steep = replace(level, poses=tuple(replace(p, world=p.world @ turn.T) for p in level.poses))
    straight = joints(refined_input(level, Optics(pitch_deg=0.0, known=True))[:, :CHANNELS])
    for optics in (Optics(pitch_deg=20.0, known=True), Optics(pitch_deg=-20.0, known=True)):
        shown = refined_input(steep, optics)
        apart = np.abs(joints(shown[:, :CHANNELS]) - straight)[..., :3].max()
        assert (apart < 1e-3) == (optics.pitch_deg > 0)
        assert shown[0, CAMERA][-1] * 30 == pytest.approx(optics.pitch_deg)
    for unknown in (Optics(pitch_deg=30.0), Optics(fov_deg=100.0, height_m=1.0)):
        np.testing.assert_array_equal(refined_input(level, unknown), refined_input(level, UNKNOWN))
    optics = Optics(60.0, 0.0, known=True)
    known, x, y, leg = refined_input(level, optics)[DOWN, PLACE]
    pose = at_moments(level.poses, moments(level))[DOWN]
    focal = optics.focal_px(pose.size)
    hips = pose.keypoints[index("left_hip", "right_hip")].mean(0)
    assert (x, y) == pytest.approx((hips - np.array(pose.size) / 2) / focal, abs=1e-5)
    assert known == 1
    ankle = straight[DOWN, JOINTS.index("left_ankle"), 4]
    assert leg * ankle == pytest.approx((pose.keypoints[11, 1] - hips[1]) / focal, rel=1e-3)


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

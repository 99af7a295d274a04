"""Which way is up."""

from dataclasses import replace

import numpy as np
import pytest

from device.squat.level import TALLEST, Level, upright
from device.squat.pose import KEYPOINTS, Pose, index


def pose(world, at_s):
    """Seen from afar: 100 pixels a metre, no perspective."""
    whole = np.where(np.isfinite(world), world, world[index("left_hip")])  # the scale rests on all joints
    return Pose((whole[:, :2] * 100 + 200).astype(np.float32), np.ones(len(world), np.float32), whole, at_s, 0)


def see(level, world, at_s):
    return level.see(pose(world, at_s), world)


def standing(pitch_deg=0.0, bend=0.0):
    """World points (23, 3) of straight legs seen by a camera that looks down by `pitch_deg`; `bend` moves the knees."""
    world = np.full((len(KEYPOINTS), 3), np.nan, np.float32)
    for side, x in (("left", 0.1), ("right", -0.1)):
        hip, knee, ankle = index(f"{side}_hip", f"{side}_knee", f"{side}_ankle")
        world[hip], world[knee], world[ankle] = (x, 0, 0), (x, 0.42, -bend), (x, 0.84, 0)
    pitch = np.radians(pitch_deg)
    down = np.array([[1, 0, 0], [0, np.cos(pitch), -np.sin(pitch)], [0, np.sin(pitch), np.cos(pitch)]])
    return (world @ down.T).astype(np.float32)


@pytest.mark.parametrize("pitch_deg", [-20, 0, 15, 35])
def test_a_standing_lifter_tells_the_cameras_pitch(pitch_deg):
    level = Level()
    turned = see(level, standing(pitch_deg), 0.0)
    assert level.pitch_deg == pytest.approx(pitch_deg, abs=0.1)
    assert turned[index("left_hip")[0]] == pytest.approx((0.1, 0, 0), abs=1e-5)
    assert turned[index("left_ankle")[0]] == pytest.approx((0.1, 0.84, 0), abs=1e-3)


def test_bent_legs_teach_nothing():
    level = Level()
    see(level, standing(30, bend=0.25), 0.0)
    assert level.pitch_deg == 0


def test_one_wrong_moment_hardly_moves_what_was_learnt():
    level = Level()
    for i in range(60):
        see(level, standing(10), i / 30)
    see(level, standing(40), 60 / 30)
    assert level.pitch_deg == pytest.approx(10, abs=1.5)


def test_a_lifter_who_lies_is_no_plumb_line():
    level = Level()
    see(level, standing(80), 0.0)
    assert level.pitch_deg == 0


@pytest.mark.parametrize("pitch_deg", [0, 25])
@pytest.mark.parametrize("back_m", [-0.3, 0.0, 0.3])
def test_the_picture_tells_the_height_whatever_the_pitch_and_the_way_the_hips_go(pitch_deg, back_m):
    facing = -1 if back_m < 0 else 1  # hips that come nearer are those of somebody who turns his back
    assert half_down(pitch_deg, back_m, facing) == pytest.approx(0.5, abs=0.01)


@pytest.mark.parametrize(("back_m", "facing", "believed_m"), [(-0.4, 1, -0.084), (0.4, -1, 0.084), (0.7, 1, 0.504)])
def test_hips_that_go_where_no_squat_takes_them_are_believed_no_further(back_m, facing, believed_m):
    wrong = (back_m - believed_m) / 0.84 * np.tan(np.radians(25))
    assert half_down(25, back_m, facing) == pytest.approx(0.5 + wrong, abs=0.01)


def half_down(pitch_deg, back_m, facing):
    """The height in the picture of a lifter half a leg down, his hips `back_m` further from the camera."""
    level, turned = Level(), np.array([facing, 1, 1], np.float32)
    stands, low = standing(pitch_deg) * turned, standing() * turned
    see(level, stands, 0.0)
    hips, knees = index("left_hip", "right_hip"), index("left_knee", "right_knee")
    low[hips] += (0, 0.42, back_m)
    low[knees] += (0, 0.1, -0.6)
    pitch = np.radians(pitch_deg)
    down = np.array([[1, 0, 0], [0, np.cos(pitch), -np.sin(pitch)], [0, np.sin(pitch), np.cos(pitch)]])
    world = (low @ down.T).astype(np.float32)
    levelled = see(level, world, 0.1)
    return level.height_in_picture(pose(world, 0.1), levelled)


def seen_straight(px, at_s):
    """A lifter whose world says that he stands, whatever the picture shows: hips `px` over the ankles."""
    world = standing()
    picture = pose(world, at_s)
    picture.keypoints[index("left_hip", "right_hip"), 1] = picture.keypoints[index("left_ankle")[0], 1] - px
    return picture, world


def test_legs_seen_bent_are_the_standing_ones_once_they_rest():
    level = Level()
    for i in range(30):
        see(level, standing(0, bend=0.2), i / 30)
    assert level.height_in_picture(pose(standing(0, bend=0.2), 1.0), standing()) == pytest.approx(1.0, abs=0.01)


def test_who_moves_or_sits_is_not_taken_for_standing():
    moving, sitting = Level(), Level()
    for i in range(30):
        see(moving, standing(0, bend=0.15 + 0.01 * i), i / 30)
        see(sitting, standing(0, bend=0.42), i / 30)
    for level in (moving, sitting):
        assert np.isnan(level.height_in_picture(pose(standing(), 1.0), standing()))


def test_straight_legs_end_what_a_rest_taught():
    level = Level()
    for i in range(30):
        see(level, standing(0, bend=0.2), i / 30)
    see(level, standing(), 1.0)
    assert level.straight == pytest.approx(1.0, abs=1e-3)


def test_while_the_feet_stay_the_picture_tells_the_height_though_the_world_denies_it():
    level = Level()
    see(level, standing(), 0.0)
    for i in range(1, 60):
        picture, world = seen_straight(42, i / 30)
        level.see(picture, world)
        assert level.height_in_picture(picture, world) == pytest.approx(0.5, abs=0.01)


def test_one_pose_gone_wrong_does_not_make_the_lifter_taller():
    level = Level()
    for i in range(30):
        see(level, standing(), i / 30)
    picture, world = seen_straight(120, 1.0)
    level.see(picture, world)
    assert level.height_in_picture(pose(standing(), 1.1), standing()) > 0.88


def test_nobody_is_taller_than_he_stands():
    level = Level()
    see(level, standing(), 0.0)
    picture, world = seen_straight(150, 0.01)
    assert level.height_in_picture(picture, world) <= TALLEST


def test_after_the_lifter_is_gone_a_shorter_one_stands_as_tall():
    level = Level()
    see(level, standing(), 0.0)
    level.forget_lifter()
    picture, world = seen_straight(55, 10.0)
    level.see(picture, world)
    assert level.height_in_picture(picture, world) == pytest.approx(1.0, abs=0.01)
    assert level.pitch_deg == pytest.approx(0, abs=0.1)


def test_hidden_legs_do_not_tell_the_vertical():
    level, hidden = Level(), pose(standing(30), 0.0)
    hidden.scores[:] = 0.1
    level.see(hidden, hidden.world)
    assert level.pitch_deg == 0


def test_who_walks_away_becomes_smaller_and_does_not_sink():
    level = Level()
    see(level, standing(), 0.0)
    stepping = standing(bend=0.25)
    for at_s in (0.1, 0.13):  # twice: one pose may be wrong
        near = pose(stepping, at_s)
        away = replace(near, keypoints=near.keypoints * np.float32(0.6))
        level.see(away, stepping)
    assert level.height_in_picture(away, standing()) == pytest.approx(1.0, abs=0.01)


def test_who_has_walked_to_another_place_stands_there_though_one_leg_is_hidden():
    def seen(px, at_s, right_bend):
        world = standing()
        world[index("right_knee"), 2] = -right_bend  # drawn bent behind a post
        found = pose(world, at_s)
        return replace(found, keypoints=found.keypoints * np.float32(px) + np.float32([300 * (px < 1), 0])), world

    level = Level()
    for i in range(60):
        level.see(*seen(1.0, i / 30, 0.0))
    level.see(*seen(0.8, 2.0, 0.25))
    assert level.planted, "one pose may be wrong"
    level.see(*seen(0.8, 61 / 30, 0.25))
    assert not level.planted
    for i in range(62, 120):
        level.see(*seen(0.8, i / 30, 0.25))
    assert level.planted
    assert level.seen_px == pytest.approx(0.8 * 84, rel=0.05)


def test_feet_that_jump_for_single_poses_have_not_walked():
    level, world = Level(), standing()
    for i in range(60):
        level.see(pose(world, i / 30), world)
    stood_px = level.seen_px
    low = pose(world, 2.0)
    low.keypoints[index("left_hip", "right_hip"), 1] += 34  # far down in the picture, straight in the world
    for i in range(60, 90):
        aside = np.float32([60, 0] if i % 3 == 0 else [0, 0])
        level.see(replace(low, keypoints=low.keypoints + aside, captured_s=i / 30), world)
        assert level.planted
    assert level.seen_px == pytest.approx(stood_px)


@pytest.mark.parametrize("seed", range(10))
def test_the_vertical_is_turned_upright_by_the_shortest_rotation(seed: int) -> None:
    up = np.random.default_rng(seed).normal(size=3) - [0, 2, 0]
    up /= np.linalg.norm(up)
    turn = upright(up)
    assert turn @ up == pytest.approx([0, -1, 0], abs=1e-9)
    assert turn @ turn.T == pytest.approx(np.eye(3), abs=1e-9)
    assert np.trace(turn) == pytest.approx(1 - 2 * up[1]), "by the angle between the two, about what stands on both"

"""What makes a dip a squat."""

from dataclasses import replace

import numpy as np
import pytest

from device.squat.features import Features
from device.squat.squatness import (
    ANY_LEG,
    BENT_DEG,
    HANG,
    HANG_BOTH,
    HANG_DROP,
    LEAST_DROP,
    MIN_DROP,
    SURE,
    UNLIKELY,
    dip,
    is_squat,
    plausible,
)

HEIGHTS = [0.97, 0.97, 0.8, 0.6, 0.5, 0.5, 0.5, 0.6, 0.8, 0.97, 0.97]


def moment(height):
    """One pose of a sound squat with the bar on the back."""
    bent = 1 - height
    pair = np.array([1.0, 1.0], np.float32)
    return Features(
        height, knee_deg=pair * (175 - 180 * bent), lean_deg=8 + 60 * bent, shank_up=pair * (1 - 0.3 * bent),
        thigh_down=pair * (1 - 2 * bent), hands_down=0.1, feet=np.zeros(3, np.float32), legs_seen=pair * 0.9,
        hips_seen=0.9, lateral=np.zeros(2, np.float32), stands_px=np.array([320.0, 400.0]), rises_px=200 * height,
    )  # fmt: skip


def squat(**low):
    """A squat whose lowest poses say something else."""
    return [replace(moment(h), **low) if h == 0.5 else moment(h) for h in HEIGHTS]


def test_a_sound_squat_is_one():
    assert is_squat(squat(), HEIGHTS)


@pytest.mark.parametrize(
    "low",
    [
        {"thigh_down": np.array([0.5, 0.8], np.float32), "shank_up": np.array([0.9, -0.5], np.float32)},
        {"knee_deg": np.array([85.0, 170.0], np.float32)},
        {"feet": np.array([0.0, 1.2, 0.0], np.float32)},
        {"thigh_down": np.array([0.0, 0.9], np.float32), "shank_up": np.array([0.9, 0.3], np.float32)},
    ],
)
def test_a_leg_that_does_otherwise_is_no_squat_where_it_is_seen_and_tells_nothing_where_it_is_hidden(low):
    assert not is_squat(squat(**low), HEIGHTS)
    assert is_squat(squat(**low, legs_seen=np.array([0.9, 0.05], np.float32)), HEIGHTS)


def test_where_hips_are_hidden_a_leg_that_is_hardly_seen_is_not_compared():
    low = {
        "knee_deg": np.array([85.0, 165.0], np.float32),
        "hips_seen": 0.04,
        "legs_seen": np.array([0.7, 0.3], np.float32),
    }
    assert is_squat(squat(**low), HEIGHTS)
    assert not is_squat(squat(**low | {"hips_seen": 0.9}), HEIGHTS)
    assert not is_squat(squat(**low | {"legs_seen": np.array([0.9, 0.85], np.float32)}), HEIGHTS)


def test_a_shank_that_lies_beside_a_thigh_like_the_others_is_a_pose_gone_wrong():
    lies = {"shank_up": np.array([0.7, 0.06], np.float32), "thigh_down": np.array([0.1, 0.14], np.float32)}
    assert is_squat(squat(**lies), HEIGHTS)
    assert dip(squat(**lies), HEIGHTS).shank_up == pytest.approx(0.7)
    assert not is_squat(squat(**lies | {"thigh_down": np.array([0.1, 0.25], np.float32)}), HEIGHTS)
    assert not is_squat(squat(**lies | {"shank_up": np.array([0.1, 0.06], np.float32)}), HEIGHTS), "he kneels"
    hidden = {"legs_seen": np.array([0.05, 0.9], np.float32)}
    assert not is_squat(squat(**lies | hidden), HEIGHTS), "of one leg that is seen nothing is known of the other"


def hanging(lowest=0.6, stood=0.8, **low):
    """A squat with arms that hang, and its heights: nothing of it is sure."""
    heights = [lowest if h == 0.5 else max(h, lowest) for h in HEIGHTS]
    bent = {"hands_down": 0.65} | low
    return [replace(moment(h), **(bent if h == lowest else {"hands_down": stood})) for h in heights], heights


@pytest.mark.parametrize(
    ("stood", "low", "fails"),
    [(0.1, 0.6, True), (0.69, 0.6, True), (0.9, 0.3, True), (0.79, 0.6, False), (0.9, 0.4, False)],
)
def test_who_stays_down_with_arms_that_hung_has_sat_down_unless_he_reaches_forward(stood, low, fails):
    seen, heights = hanging(lowest=0.5, stood=stood, hands_down=low)
    assert is_squat(seen, heights, stood_up=False) is fails
    assert is_squat(seen, heights)


def test_of_arms_that_hang_a_little_more_is_asked():
    assert is_squat(*hanging())
    shallow = 0.97 - HANG_DROP + 0.01
    assert not is_squat(*hanging(lowest=shallow))
    assert is_squat(*hanging(lowest=shallow, hands_down=0.5)), "they rise"
    assert is_squat(*hanging(lowest=shallow, stood=0.7)), "they did not hang"
    assert is_squat(*hanging(lowest=shallow - 0.02))


LUNGES = {"shank_up": np.array([0.56, 0.98], np.float32), "thigh_down": np.array([0.6, 0.3], np.float32)}


@pytest.mark.parametrize("low", [LUNGES, {"lean_deg": BENT_DEG + 1}])
def test_a_lunge_and_a_lift_seen_badly_are_no_squats_of_arms_that_hang(low):
    assert not is_squat(*hanging(**low))
    assert is_squat(*hanging(**low, hands_down=0.5)), "the hands go forward"
    assert is_squat(*hanging(stood=0.7, **low)), "they hold a goblet as he stands"
    assert is_squat(*hanging(lowest=0.36, **low)), "far down"


def test_of_arms_that_hang_a_lean_is_no_lift_yet_nor_shanks_that_differ_a_little_a_lunge():
    assert is_squat(*hanging(lean_deg=BENT_DEG - 2))
    assert is_squat(*hanging(**LUNGES | {"shank_up": np.array([0.68, 0.98], np.float32)}))
    assert is_squat(*hanging(**LUNGES, legs_seen=np.array([0.05, 0.9], np.float32))), "a hidden leg is not compared"


def test_a_deep_pause_seen_from_the_front_is_plausible():
    shanks = np.array([0.33, 0.3], np.float32)  # as BlazePose's world tells them; found on a rendered lifter
    assert plausible(replace(moment(0.3), shank_up=shanks, legs_seen=np.array([0.44, 0.23], np.float32)))
    assert not plausible(replace(moment(0.3), shank_up=shanks - 0.1))


def test_the_better_leg_tells_where_both_are_hidden():
    hidden = squat(shank_up=np.array([0.1, 0.8], np.float32), legs_seen=np.array([0.05, 0.1], np.float32))
    assert dip(hidden, HEIGHTS).shank_up == pytest.approx(0.8)


def test_hanging_arms_under_a_trunk_far_over_lift_from_the_floor():
    over = {"lean_deg": 65.0}
    assert is_squat(squat(**over), HEIGHTS)
    assert not is_squat(squat(**over, hands_down=HANG + 0.05), HEIGHTS)
    assert is_squat(squat(**over, hands_down=HANG_BOTH + 0.05), HEIGHTS)
    both = [replace(f, hands_down=HANG_BOTH + 0.05) for f in squat(**over)]
    assert not is_squat(both, HEIGHTS)
    assert is_squat([replace(f, lean_deg=40.0) for f in both], HEIGHTS)  # with a weight in each hand


def test_who_sinks_further_than_for_a_lift_squats_whatever_the_arms_do():
    heights = [0.38 if h == 0.5 else h for h in HEIGHTS]
    low = [replace(f, height=h, lean_deg=65.0, hands_down=1.0) for f, h in zip(squat(), heights, strict=True)]
    assert is_squat([replace(f, lean_deg=10.0) if f.height > 0.9 else f for f in low], heights)


def test_a_pose_model_that_jumps_to_somebody_else_and_back_has_seen_no_squat():
    far = np.array([320.0 + 1.3 * 194, 400.0])  # leg lengths of who stands there
    assert is_squat(squat(stands_px=np.array([400.0, 400.0])), HEIGHTS)
    assert not is_squat(squat(stands_px=far), HEIGHTS)
    assert dip(squat(stands_px=far), HEIGHTS).walked == pytest.approx(1.3, abs=0.01)


def test_one_pose_gone_wrong_as_he_stands_hides_no_squat():
    odd = replace(moment(0.5), feet=np.array([0.0, 2.0, 0.0], np.float32), stands_px=np.array([0.0, 400.0]))
    assert is_squat([odd, moment(0.97), *squat()], [0.97, 0.97, *HEIGHTS])


def test_who_only_rises_from_a_bend_has_not_stood():
    bent = [replace(f, lean_deg=60.0) for f in squat()]
    assert not is_squat(bent, HEIGHTS)


def test_who_leans_far_over_at_the_lowest_and_still_afterwards_has_hinged():
    over = squat(lean_deg=65.0)
    lowest = HEIGHTS.index(0.5)
    after = [replace(f, lean_deg=65.0) if n > lowest else f for n, f in enumerate(over)]
    assert is_squat(over, HEIGHTS)
    assert not is_squat(after, HEIGHTS)
    assert is_squat([replace(f, lean_deg=45.0) if f.height == 0.5 else f for f in after], HEIGHTS)
    assert dip(over[: lowest + 1], HEIGHTS[: lowest + 1]).lean_risen_deg == 0  # he never rose


def test_where_the_hips_are_hidden_only_hands_at_the_bar_or_a_long_way_down_make_a_squat():
    assert is_squat(squat(hips_seen=0.1), HEIGHTS)
    hanging = [replace(f, hands_down=0.6) for f in squat()]
    assert is_squat(hanging, HEIGHTS)
    hidden = [replace(f, hips_seen=0.1) for f in hanging]
    assert not is_squat(hidden, HEIGHTS)
    assert is_squat(hidden, [0.4 if h == 0.5 else h for h in HEIGHTS])


def test_who_goes_down_upright_under_hanging_arms_has_one_foot_behind():
    heights = [0.62 if h == 0.5 else max(h, 0.62) for h in HEIGHTS]
    seen = [replace(moment(h), lean_deg=10.0, hands_down=HANG + 0.1) for h in heights]
    assert not is_squat(seen, heights)
    assert is_squat([replace(f, hands_down=0.1) for f in seen], heights)
    leaning = [replace(f, lean_deg=25.0) for f in seen]
    assert is_squat(leaning, heights)
    kneeling = [replace(f, shank_up=f.shank_up * (1.0, 0.0), legs_seen=f.legs_seen * (1.0, 0.1)) for f in leaning]
    assert not is_squat(kneeling, heights), "the leg behind is hidden, and guessed to lie"
    assert is_squat([replace(f, hands_down=0.1) for f in kneeling], heights), "behind a plate they kick about"
    deep = [0.35 if h == 0.62 else h for h in heights]
    assert is_squat([replace(f, height=h) for f, h in zip(seen, deep, strict=True)], deep)


def test_a_pose_none_of_whose_legs_is_seen_is_made_up():
    hidden = np.array([ANY_LEG - 0.02, 0.0], np.float32)
    assert plausible(moment(0.97))
    assert plausible(replace(moment(0.97), legs_seen=hidden + 0.03))
    assert not plausible(replace(moment(0.97), legs_seen=hidden))


def test_a_height_that_was_put_right_decides_which_poses_are_the_lowest():
    seen = squat()
    seen[2] = replace(moment(0.1), shank_up=np.array([-0.5, -0.5], np.float32))
    assert dip(seen, HEIGHTS).shank_up == pytest.approx(0.85)
    assert dip(seen, HEIGHTS).drop == pytest.approx(0.47)


def test_a_network_refuses_what_looks_like_a_squat_and_where_it_knows_nothing_the_rules_say():
    assert is_squat(squat(), HEIGHTS, p_squat=UNLIKELY + 0.01)
    assert not is_squat(squat(), HEIGHTS, p_squat=UNLIKELY - 0.01)
    assert is_squat(squat(), HEIGHTS, p_squat=None)
    assert not is_squat(squat(feet=np.array([0.0, 1.2, 0.0], np.float32)), HEIGHTS, p_squat=None)


@pytest.mark.parametrize(
    "low",
    [
        {"feet": np.array([0.0, 1.2, 0.0], np.float32)},
        {"hips_seen": 0.1},
        {"lean_deg": 60.0},
    ],
)
def test_a_network_that_is_sure_lets_pass_what_the_rules_refuse(low):
    seen = [replace(f, hands_down=HANG + 0.05) for f in squat(**low)]
    assert not is_squat(seen, HEIGHTS, p_squat=SURE - 0.01)
    assert is_squat(seen, HEIGHTS, p_squat=SURE)


@pytest.mark.parametrize(
    "low",
    [
        {"thigh_down": np.array([0.5, 0.8], np.float32), "shank_up": np.array([0.9, -0.5], np.float32)},
        {"knee_deg": np.array([85.0, 170.0], np.float32)},
        {"thigh_down": np.array([0.0, 0.9], np.float32), "shank_up": np.array([0.9, 0.3], np.float32)},
        {"stands_px": np.array([600.0, 400.0])},
    ],
)
def test_no_network_makes_a_squat_of_a_leg_that_does_otherwise_nor_of_a_pose_that_jumped_to_somebody_else(low):
    assert not is_squat(squat(**low), HEIGHTS, p_squat=1.0)


def test_thighs_that_differ_over_a_shank_that_stands_are_no_lunge():
    apart = {"thigh_down": np.array([0.0, 0.7], np.float32)}
    assert is_squat(squat(**apart, shank_up=np.array([0.75, 0.8], np.float32)), HEIGHTS)
    assert not is_squat(squat(**apart, shank_up=np.array([0.5, 0.8], np.float32)), HEIGHTS)


def test_of_who_stays_down_a_network_that_is_sure_only_agrees():
    seen, heights = hanging(lowest=0.5, stood=0.9, hands_down=0.6)
    assert not is_squat(seen, heights, stood_up=False, p_squat=1.0), "he rests on a bench"
    assert is_squat(seen, heights, stood_up=True, p_squat=1.0)
    assert is_squat(squat(), HEIGHTS, stood_up=False, p_squat=1.0)


def test_a_network_that_is_sure_sees_squats_that_look_a_little_higher():
    def sunk(drop):
        heights = [0.97 - drop if h == 0.5 else max(h, 0.97 - drop) for h in HEIGHTS]
        return [moment(h) for h in heights], heights

    assert LEAST_DROP < MIN_DROP
    between = sunk((LEAST_DROP + MIN_DROP) / 2)
    assert not is_squat(*between)
    assert not is_squat(*between, p_squat=SURE - 0.01)
    assert is_squat(*between, p_squat=SURE)
    assert is_squat(*sunk(0.24), p_squat=SURE), "as some seen from above"
    assert not is_squat(*sunk(0.2), p_squat=1.0), "no dip of the generator counts, which sink by a fifth of the leg"

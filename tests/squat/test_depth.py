import math
from dataclasses import replace

import numpy as np
import pytest
from figure import THIGH, Part, Shot, reps, squat, squatting, stand

from device.squat.depth import DEFAULT, ESTIMATORS, MEAN_HEIGHT_CM, MIN_SCORE, THIGH_PER_HEIGHT, estimate, joint_margins
from device.squat.judge import JudgeSettings
from device.squat.perspective import Optics
from device.squat.pose import Pose, index
from device.squat.rulebook import Decision, Rules

METHODS = ("image_plane", "floor_plane")
OPTICS = Optics(fov_deg=65.0)
LEGS = index("left_hip", "right_hip", "left_knee", "right_knee")


def held(thigh_deg: float, shot: Shot) -> list[Pose]:
    low = squatting(thigh_deg)
    return shot.film([Part(low, 0.4)], start=low)


def test_both_estimators_of_the_papers_are_there_by_name_and_the_default_is_one_of_all() -> None:
    assert set(METHODS) <= set(ESTIMATORS)
    assert DEFAULT in ESTIMATORS


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("view_deg", [0, 45, 90, -90, -135, 180])
@pytest.mark.parametrize("height_m", [0.5, 1.1, 1.8])
@pytest.mark.parametrize("thigh_deg", [-25.0, 0.0, 15.0])
def test_the_knee_over_the_hip_is_measured_from_every_side_and_height(
    method: str, view_deg: float, height_m: float, thigh_deg: float
) -> None:
    """Tolerance in thigh lengths: `image_plane` takes one scale for the whole body, which costs up to 0.07."""
    poses = held(thigh_deg, Shot(view_deg=view_deg, height_m=height_m))
    margins, seen = joint_margins(poses, poses, method, OPTICS)
    # knees stand 7 cm wider than hips: that much of the thigh's length points to the side
    truth = math.sin(math.radians(thigh_deg)) * THIGH / math.hypot(THIGH, 0.07)
    assert margins == pytest.approx([truth, truth], abs={"image_plane": 0.08, "floor_plane": 0.03}[method])
    assert seen.min() > MIN_SCORE


def test_perspective_alone_would_turn_the_verdict_and_is_put_right() -> None:
    (pose,) = held(0.0, Shot(view_deg=0, height_m=1.8, distance_m=2.5))[:1]
    hips, knees = pose.keypoints[index("left_hip", "right_hip"), 1], pose.keypoints[index("left_knee", "right_knee"), 1]
    assert (knees > hips + 20).all()  # level thighs, and yet the knees' rows lie lower
    assert joint_margins([pose], [pose], "image_plane", OPTICS)[0] == pytest.approx([0, 0], abs=0.06)


def test_a_camera_that_looks_down_is_put_right_by_its_pitch() -> None:
    """The figure turned about the camera's x-axis is what a pitched camera sees."""
    pitch = math.radians(12)
    turn = np.array([[1, 0, 0], [0, math.cos(pitch), -math.sin(pitch)], [0, math.sin(pitch), math.cos(pitch)]])
    (pose,) = held(10.0, Shot(view_deg=60, height_m=1.6))[:1]
    tilted = replace(pose, world=(pose.world @ turn.T).astype(np.float32))
    level, told = (
        joint_margins([tilted], [tilted], "floor_plane", Optics(65.0, deg))[0] for deg in (0.0, math.degrees(pitch))
    )
    truth = math.sin(math.radians(10)) * THIGH / math.hypot(THIGH, 0.07)
    assert told == pytest.approx([truth, truth], abs=0.03)
    assert np.abs(level - truth).max() > 0.05


def test_a_camera_that_looks_down_has_its_horizon_above_the_middle_of_the_picture() -> None:
    level, down = Optics(65.0), Optics(65.0, 10.0)
    assert level.horizon_px((720, 1280)) == 640
    assert 640 - down.horizon_px((720, 1280)) == pytest.approx(down.focal_px((720, 1280)) * math.tan(math.radians(10)))


@pytest.mark.parametrize("method", METHODS)
def test_the_estimate_says_which_leg_in_which_unit_and_how_sure(method: str) -> None:
    poses = held(10.0, Shot(view_deg=60))
    depth = estimate(poses, poses, method, OPTICS, height_cm=180)
    assert depth.method == method
    assert depth.side == "left"  # the view is from the left
    assert depth.margin == depth.margins[0]
    assert depth.margin_cm == pytest.approx(depth.margin * THIGH_PER_HEIGHT * 180)
    assert depth.sigma > 0
    assert depth.sigma_cm > 0
    assert depth.p_below > 0.5
    right = estimate(held(10.0, Shot(view_deg=-60)), poses, method, OPTICS)
    assert right.side == "right"


@pytest.mark.parametrize("method", METHODS)
def test_an_unknown_height_takes_the_mean_and_doubts_centimetres_more(method: str) -> None:
    poses = held(20.0, Shot())
    known, unknown = (estimate(poses, poses, method, OPTICS, cm) for cm in (MEAN_HEIGHT_CM, None))
    assert known.margin_cm == pytest.approx(unknown.margin_cm)
    assert known.sigma_cm < unknown.sigma_cm
    assert known.p_below == unknown.p_below


@pytest.mark.parametrize("method", METHODS)
def test_p_below_is_a_half_where_crease_and_knee_top_are_level_and_follows_the_margin(method: str) -> None:
    row = ESTIMATORS[method]
    for thigh_deg in np.arange(-40, 26, 6.0):
        poses = held(float(thigh_deg), Shot())
        depth = estimate(poses, poses, method, OPTICS)
        assert (depth.p_below > 0.5) == (depth.margin > 0)
        assert depth.p_below == pytest.approx(0.5 * math.erfc(-depth.margin / row.sigma / math.sqrt(2)), abs=1e-6)


def blind(pose: Pose, rows: np.ndarray) -> Pose:
    scores = pose.scores.copy()
    scores[rows] = 0.1
    return replace(pose, scores=scores)


@pytest.mark.parametrize("method", METHODS)
def test_the_better_seen_leg_counts_and_both_are_kept(method: str) -> None:
    poses = [blind(p, index("left_knee")) for p in held(10.0, Shot(view_deg=60))]
    depth = estimate(poses, poses, method, OPTICS)
    assert depth.side == "right"
    assert math.isnan(depth.margins[0])
    assert depth.margin == depth.margins[1]


@pytest.mark.parametrize("method", METHODS)
def test_unseen_legs_give_no_depth(method: str) -> None:
    poses = [blind(p, LEGS) for p in held(10.0, Shot())]
    assert estimate(poses, poses, method, OPTICS) is None


@pytest.mark.parametrize("method", METHODS)
def test_without_world_points_there_is_no_depth(method: str) -> None:
    poses = [replace(p, world=None) for p in held(10.0, Shot())]
    assert estimate(poses, poses, method, OPTICS) is None


@pytest.mark.parametrize("mode", ["gym", "meet"])
def test_a_rep_whose_legs_are_not_seen_gets_no_decision_and_the_reason(mode: str) -> None:
    poses = [blind(p, LEGS) for p in Shot().film([*stand(), *squat(14.0), *stand()])]
    (event,) = reps(poses, JudgeSettings(rules=Rules(mode=mode)))
    assert event.depth is None
    assert event.verdict.decision is Decision.NO_DECISION
    assert event.verdict.cards == ()
    assert event.verdict.reasons == ("hips and knees not seen at the bottom",)


@pytest.mark.parametrize("method", METHODS)
def test_meet_mode_abstains_on_a_close_lift_which_gym_mode_judges(method: str) -> None:
    offset = ESTIMATORS[method].offset
    level = -math.degrees(math.asin(offset))  # the crease as high as the knee top
    poses = Shot(height_m=0.9).film([*stand(), *squat(level, pause_s=0.5), *stand()])
    (gym,) = reps(poses, JudgeSettings(method=method))
    assert 0.2 < gym.depth.p_below < 0.8
    assert gym.verdict.decision in (Decision.GOOD_LIFT, Decision.NO_LIFT)
    (meet,) = reps(poses, JudgeSettings(method=method, rules=Rules(mode="meet")))
    assert meet.verdict.decision is Decision.NO_DECISION
    assert "close" in meet.verdict.reasons[0]


def test_meet_mode_abstains_from_behind_and_judges_the_same_lift_from_the_side() -> None:
    parts = [*stand(), *squat(25.0), *stand()]
    for view_deg, decision in ((90, Decision.GOOD_LIFT), (-90, Decision.GOOD_LIFT), (170, Decision.NO_DECISION),
                               (-130, Decision.NO_DECISION)):  # fmt: skip
        (event,) = reps(Shot(view_deg=view_deg).film(parts), JudgeSettings(rules=Rules(mode="meet")))
        assert event.verdict.decision is decision, view_deg
        assert ("view" in "".join(event.verdict.reasons)) == (decision is Decision.NO_DECISION)

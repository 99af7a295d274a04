"""What the bar's report says of ends and velocities whose truth is known."""

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from convert.bar_report import Lift, _ends, _lifts, _table
from device.squat.bar import Velocity
from device.squat.pose import BAR_ENDS, KEYPOINTS, index

ENDS, HIPS = index(*BAR_ENDS), index("left_hip", "right_hip")
RATE_HZ, FOCAL_PX, AWAY_M = 20.0, 500.0, 4.0


def truth() -> Any:
    """Three seconds in which the bar sinks by 0.6 m in one and rises again in one; the right end is hidden."""
    frames = round(3 * RATE_HZ) + 1
    at_s = np.arange(frames) / RATE_HZ
    pixels = np.zeros((frames, len(KEYPOINTS), 2), np.float32)
    pixels[:, index("left_shoulder")] = [100, 100]
    pixels[:, HIPS] = [100, 200]
    room = np.zeros((frames, len(KEYPOINTS), 3), np.float32)
    room[:, ENDS, 2] = np.interp(at_s, [0, 1, 2, 3], [1.4, 0.8, 1.4, 1.4])[:, None]
    visible = np.full((frames, len(KEYPOINTS)), 2, np.uint8)
    visible[:, ENDS[1]] = 1
    view = np.eye(4)
    view[2, :] = [0, 0, 0, -AWAY_M]  # everything lies at this distance
    rep = {"start_s": 0.0, "bottom_s": 1.0, "lockout_s": 2.0, "completed": True}
    return SimpleNamespace(
        keypoints_px=pixels, keypoints_m=room, visible=visible, view=view, matrix=np.diag([FOCAL_PX, FOCAL_PX, 1]),
        about={"fps": RATE_HZ, "view_deg": 60.0}, reps=[rep],
    )  # fmt: skip


def pose(off_px: float, hips_px: float = 0.0) -> Any:
    keypoints = np.zeros((len(KEYPOINTS), 2), np.float32)
    keypoints[HIPS] = [100 + hips_px, 200]
    keypoints[ENDS] = [off_px, 0]
    scores = np.full(len(KEYPOINTS), 0.9)
    scores[ENDS[1]] = 0.2
    return SimpleNamespace(keypoints=keypoints, scores=scores)


def test_an_end_in_sight_is_off_by_metres_at_its_distance_and_a_hidden_one_does_not_count() -> None:
    off_m: list[float] = []
    scores: list[tuple[float, bool]] = []
    _ends(truth(), 3, pose(off_px=25.0), off_m, scores)
    assert off_m == [pytest.approx(25 * AWAY_M / FOCAL_PX)]
    assert scores == [(pytest.approx(0.9), True), (pytest.approx(0.2), False)]


def test_where_somebody_else_is_followed_nothing_is_noted() -> None:
    off_m: list[float] = []
    _ends(truth(), 3, pose(25.0, hips_px=80), off_m, [])
    assert off_m == []


def test_the_true_velocity_is_what_the_bar_rises_between_the_devices_lowest_pose_and_lockout() -> None:
    lowest, rep = SimpleNamespace(captured_s=1.0), {"bottom_s": 1.1, "lowest": 0, "lockout_s": 2.0}
    judged = SimpleNamespace(rep=SimpleNamespace(poses=[lowest], **rep), velocity=Velocity(0.5, 0.9))
    (lift,) = _lifts(truth(), [judged])
    assert lift.view == "front oblique"
    assert lift.truth.mean_m_s == pytest.approx(0.6, rel=1e-3)
    assert lift.truth.peak_m_s == pytest.approx(0.6, rel=1e-3)
    assert lift.found is judged.velocity


def test_a_rep_that_belongs_to_no_true_one_is_left_out() -> None:
    assert list(_lifts(truth(), [SimpleNamespace(rep=SimpleNamespace(bottom_s=2.9), velocity=None)])) == []


def test_the_table_counts_reps_without_a_velocity_and_errors_of_those_with_one() -> None:
    lifts = [
        Lift("side", Velocity(0.6, 1.0), Velocity(0.5, 0.8)),
        Lift("side", Velocity(0.6, 1.0), None),
        Lift("back", Velocity(0.4, 0.7), None),
    ]
    text = "\n".join(_table([0.02, 0.04], [(0.9, True), (0.8, False), (0.1, False)], lifts))
    assert "off by a median of 3.0 cm" in text
    assert "100% of these, 50% of the hidden ones" in text
    assert "| side | 2 | 1 | 0.100 / 0.100 | 0.200 | 0.60 |" in text
    assert "| back | 1 | 0 | - | - | 0.40 |" in text

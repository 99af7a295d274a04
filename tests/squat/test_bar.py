"""The bar's velocity, against a figure whose shoulders carry it."""

import numpy as np
import pytest
from squat.figure import STANDING, THIGH, Shot, _joints, bar_ends, reps, squat, squatting, stand

from device.squat.depth import THIGH_PER_HEIGHT
from device.squat.judge import JudgeSettings

DEEP, UP_S = 10.0, 1.1
SETTINGS = JudgeSettings(height_cm=100 * THIGH / THIGH_PER_HEIGHT, velocity=True)
LIFT = [*stand(), *squat(DEEP, up_s=UP_S), *stand()]


def heights_m(times: np.ndarray) -> np.ndarray:
    """The bar's height at shares of the way up, which is eased as the figure's film is."""
    shares = 0.5 - 0.5 * np.cos(np.pi * times)
    return np.array([bar_ends(_joints(squatting(DEEP).towards(STANDING, share)))[0, 1] for share in shares])


@pytest.mark.parametrize("view_deg", [0, 35, 60, -60, 140])
def test_it_is_what_the_bar_travels_in_the_time_whatever_the_side(view_deg: float) -> None:
    (rep,) = reps(Shot(view_deg, bar=True).film(LIFT), SETTINGS)
    assert rep.velocity is not None
    took_s = rep.rep.lockout_s - rep.rep.poses[rep.rep.lowest].captured_s
    truth_m = heights_m(np.linspace(0, 1, 400))
    assert rep.velocity.mean_m_s * took_s == pytest.approx(truth_m[-1] - truth_m[0], rel=0.1)
    assert rep.velocity.peak_m_s == pytest.approx(np.diff(truth_m).max() * 399 / UP_S, rel=0.1)


def test_a_larger_lifter_moves_the_bar_faster_in_metres() -> None:
    film = Shot(60, bar=True).film(LIFT)
    small, large = (reps(film, JudgeSettings(height_cm=cm, velocity=True))[0].velocity for cm in (150, 200))
    assert small is not None
    assert large is not None
    assert large.mean_m_s > 1.2 * small.mean_m_s


def test_a_slow_rep_is_slow() -> None:
    slow = [*stand(), *squat(DEEP, up_s=2 * UP_S), *stand()]
    quick, late = (reps(Shot(60, bar=True).film(film), SETTINGS)[0].velocity for film in (LIFT, slow))
    assert quick is not None
    assert late is not None
    assert late.mean_m_s < 0.6 * quick.mean_m_s


def test_without_ends_there_is_none() -> None:
    assert [rep.velocity for rep in reps(Shot(60).film(LIFT), SETTINGS)] == [None]


def test_ends_that_nobody_saw_tell_nothing() -> None:
    film = Shot(60, bar=True).film(LIFT)
    for pose in film[::2]:
        pose.scores[-2:] = 0.1
    assert [rep.velocity for rep in reps(film, SETTINGS)] == [None]


def test_ends_that_do_not_rise_are_not_the_bars() -> None:
    film = Shot(60, bar=True).film(LIFT)
    for pose in film:
        pose.keypoints[-2:, 1] = 100.0 + 10 * pose.captured_s  # a lamp behind him, say
    assert [rep.velocity for rep in reps(film, SETTINGS)] == [None]


@pytest.mark.parametrize("view_deg", [90, -90, 75])
def test_a_bar_that_points_at_the_camera_tells_nothing(view_deg: float) -> None:
    assert [rep.velocity for rep in reps(Shot(view_deg, bar=True).film(LIFT), SETTINGS)] == [None]


def test_nobody_is_told_a_velocity_unasked() -> None:
    assert [rep.velocity for rep in reps(Shot(60, bar=True).film(LIFT))] == [None]

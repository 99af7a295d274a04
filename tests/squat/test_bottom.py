"""What is taken for the bottom, and when it counts as seen."""

from dataclasses import replace

import numpy as np
import pytest
from figure import Part, Shot, reps, squat, squatting, stand

from device.squat.events import RepJudged
from device.squat.judge import Judge, JudgeSettings
from device.squat.level import Level
from device.squat.pose import Pose
from device.squat.rulebook import Decision

SHOT = Shot(noise_m=0.002)


def depth_of(parts) -> float:
    (event,) = reps(SHOT.film(parts))
    return event.depth.margin


@pytest.mark.parametrize("middle_deg", [-10, -20, -40])
def test_a_second_dip_does_not_spoil_the_depth_of_the_first(middle_deg):
    low = squatting(8)
    plain = depth_of([*stand(), *squat(8), *stand()])
    up = [Part(squatting(middle_deg), 0.5), Part(low, 0.5), Part(low, 0.1)]
    twice = depth_of([*stand(), Part(low, 1.2), Part(low, 0.1), *up, *squat(8)[2:], *stand()])
    assert twice == pytest.approx(plain, abs=0.06)


@pytest.mark.parametrize("mode", ["gym", "meet"])
def test_a_bottom_that_nobody_saw_is_not_judged(mode):
    poses = SHOT.film([*stand(), *squat(14, 1.2, 0.6, 1.2), *stand()])
    judge = Judge(replace(JudgeSettings(), rules=replace(JudgeSettings().rules, mode=mode)))
    events = []
    for pose in poses:
        hidden = 2.3 < pose.captured_s < 3.7  # from the middle of the way down to the middle of the way up
        events += judge.see(None if hidden else pose, pose.captured_s)
    events += judge.finish(poses[-1].captured_s)
    (found,) = [e for e in events if isinstance(e, RepJudged)]
    assert found.depth is None
    assert found.verdict.decision is Decision.NO_DECISION


def test_who_sits_there_for_long_does_not_pile_up():
    judge = Judge()
    (sitting, *_) = SHOT.film([Part(squatting(0), 0.2)], start=squatting(0))
    for i in range(2000):
        list(judge.see(replace(sitting, captured_s=i / 30, index=i), i / 30))
    assert len(judge._lifter.track) <= 2


def test_a_jump_of_the_clock_is_no_failed_lift():
    poses = SHOT.film([*stand(), *squat(14)[:2]])
    judge, events = Judge(), []
    for pose in poses:
        events += judge.see(pose, pose.captured_s)
    later = replace(poses[0], captured_s=poses[-1].captured_s + 60)
    events += judge.see(later, later.captured_s)
    assert not [e for e in events if isinstance(e, RepJudged)]


def pitched(pose: Pose, pitch_deg: float) -> Pose:
    """As the same camera sees it when it looks down (its lens stays where it is)."""
    focal = max(pose.size) / 2 / np.tan(np.radians(65 / 2))
    pitch = np.radians(pitch_deg)
    turn = np.array([[1, 0, 0], [0, np.cos(pitch), -np.sin(pitch)], [0, np.sin(pitch), np.cos(pitch)]])
    rays = np.c_[(pose.keypoints - np.array(pose.size) / 2) / focal, np.ones(len(pose.keypoints))] @ turn.T
    points = rays[:, :2] / rays[:, 2:] * focal + np.array(pose.size) / 2
    return replace(pose, keypoints=points.astype(np.float32), world=(pose.world @ turn.T).astype(np.float32))


@pytest.mark.parametrize("view_deg", [0, 45, 90])
@pytest.mark.parametrize("pitch_deg", [10, 20, 25])
def test_a_camera_that_looks_down_tells_the_same_depth(view_deg, pitch_deg, monkeypatch):
    monkeypatch.setattr("device.squat.judge.PITCH_BIAS_DEG", 0.0)  # this figure's world has none
    poses = replace(SHOT, view_deg=view_deg).film([*stand(), *squat(10), *stand()])
    (level,) = reps(poses)
    (down,) = reps([pitched(pose, pitch_deg) for pose in poses])
    assert down.depth.margin == pytest.approx(level.depth.margin, abs=0.05)


def test_the_pitch_test_turns_the_world_as_the_level_undoes_it():
    pose = pitched(SHOT.film([*stand(0.2)])[0], 20)
    level = Level()
    level.see(pose, pose.world)
    assert level.pitch_deg == pytest.approx(20, abs=3)

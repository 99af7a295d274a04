from dataclasses import replace

import numpy as np
import pytest
from figure import Part, Shot, squat, squatting, stand

from device.squat.pose import Pose, index
from device.squat.smoothing import FORGET_S, Smoother, without_spikes

HIP = index("left_hip")[0]
PARTS = [*stand(), *squat(10.0), *stand()]


def smooth(poses: list[Pose]) -> list[Pose]:
    smoother = Smoother()
    return [smoother.see(pose) for pose in poses]


def rows(poses: list[Pose]) -> np.ndarray:
    return np.array([pose.keypoints[HIP, 1] for pose in poses])


def test_the_future_changes_nothing_of_the_past() -> None:
    poses = Shot(noise_m=0.01).film(PARTS)
    whole, part = smooth(poses), smooth(poses[:40])
    for a, b in zip(whole[:40], part, strict=True):
        np.testing.assert_array_equal(a.keypoints, b.keypoints)
        np.testing.assert_array_equal(a.world, b.world)


def test_twice_the_frame_rate_gives_the_same_track() -> None:
    """Tolerance: 2% of the hip's travel; a filter that counts frames errs by more than 10% here."""
    slow, fast = (rows(smooth(Shot(fps=fps).film(PARTS))) for fps in (30, 60))
    travel = np.ptp(slow)
    assert np.abs(fast[::2] - slow).max() < 0.02 * travel


def test_an_uneven_frame_rate_gives_the_same_track() -> None:
    poses = Shot(fps=60).film(PARTS)
    keep = np.random.default_rng(2).random(len(poses)) > 0.4
    keep[0] = True
    uneven = rows(smooth([p for p, k in zip(poses, keep, strict=True) if k]))
    assert np.abs(rows(smooth(poses))[keep] - uneven).max() < 0.05 * np.ptp(uneven)


def test_the_shiver_of_a_standing_lifter_is_much_reduced() -> None:
    poses = Shot(noise_m=0.01).film(stand(4.0))
    assert np.std(rows(smooth(poses))[30:]) < 0.6 * np.std(rows(poses)[30:])
    assert np.mean(rows(smooth(poses))[30:]) == pytest.approx(np.mean(rows(poses)[30:]), abs=1.0)


def test_a_squat_is_followed_within_two_frames_at_30_a_second() -> None:
    poses = Shot(fps=60).film([*stand(), Part(squatting(10.0), 1.0), Part(squatting(10.0), 1.0)])
    raw, follows = rows(poses), rows(smooth(poses))
    middle = (raw[0] + raw[-1]) / 2
    assert 0 <= (np.argmax(follows > middle) - np.argmax(raw > middle)) / 60 < 0.067
    assert follows[-1] == pytest.approx(raw[-1], abs=0.5)


def test_refined_joints_are_smoothed_as_the_keypoints_are_and_may_come_and_go() -> None:
    raw = [replace(pose, refined=pose.keypoints[:17]) for pose in Shot(noise_m=0.01).film(PARTS)]
    for pose in smooth(raw):
        np.testing.assert_array_equal(pose.refined, pose.keypoints[:17])
    gone = [replace(pose, refined=None) if 20 <= row < 25 else pose for row, pose in enumerate(raw)]
    back = smooth(gone)
    assert all(pose.refined is None for pose in back[20:25])
    np.testing.assert_array_equal(back[25].refined, raw[25].refined)
    assert np.abs(back[26].refined - raw[26].refined).max() > 0


def test_nan_passes_and_leaves_no_trace() -> None:
    poses = Shot().film(stand(2.0))
    keypoints, world = poses[20].keypoints.copy(), poses[20].world.copy()
    keypoints[HIP], world[HIP] = np.nan, np.nan
    poses[20] = replace(poses[20], keypoints=keypoints, world=world)
    seen = smooth(poses)
    assert np.isnan(seen[20].keypoints[HIP]).all()
    assert np.isnan(seen[20].world[HIP]).all()
    others = np.arange(17) != HIP
    assert np.isfinite(seen[20].keypoints[:17][others]).all()
    assert np.isfinite(seen[21].keypoints[HIP]).all()
    np.testing.assert_allclose(seen[-1].keypoints[HIP], poses[-1].keypoints[HIP], atol=0.5)


def test_points_that_the_model_lacks_stay_nan_and_scores_stay_as_they_are() -> None:
    poses = Shot(noise_m=0.01).film(stand(1.0))
    for raw, seen in zip(poses, smooth(poses), strict=True):
        assert np.isnan(seen.keypoints[17:]).all()
        np.testing.assert_array_equal(seen.scores, raw.scores)
        assert (seen.captured_s, seen.index, seen.size) == (raw.captured_s, raw.index, raw.size)


def test_a_gap_starts_anew_and_a_stopped_clock_does_no_harm() -> None:
    first, then = Shot().film(stand(2.0)), Shot().film([Part(squatting(10.0), 1.0)], start=squatting(10.0))
    jump = [replace(p, captured_s=p.captured_s + 2.1 + FORGET_S) for p in then]
    seen = smooth([*first, *jump])
    np.testing.assert_array_equal(seen[len(first)].keypoints, jump[0].keypoints)
    still = smooth([first[0], first[0], first[0]])
    assert np.isfinite(still[-1].keypoints[:17]).all()


def test_neither_the_size_of_the_picture_nor_the_distance_changes_the_smoothing() -> None:
    near, far = (Shot(distance_m=m, height_m=0.9).film(PARTS) for m in (3.0, 6.0))
    lag = [np.abs(rows(smooth(p)) - rows(p)).max() / np.ptp(rows(p)) for p in (near, far)]
    assert lag[0] == pytest.approx(lag[1], rel=0.15)


def spikeless(values: list[float], rate_hz: float) -> list[float]:
    return without_spikes(values, [i / rate_hz for i in range(len(values))])


def test_spikes_go_and_steps_stay() -> None:
    assert spikeless([1, 1, 1, 9, 9, 1, 1, 1], 30) == [1] * 8
    assert spikeless([1, 1, 1, 5, 5, 5, 5], 30) == [1, 1, 1, 5, 5, 5, 5]
    assert spikeless([3, 3, 3, 3, 0], 30)[-1] == 3
    assert spikeless([], 30) == []


@pytest.mark.parametrize(("rate_hz", "kept"), [(30, False), (15, False), (10, True), (6, True)])
def test_two_frames_are_a_spike_where_frames_are_many_and_a_dip_where_they_are_few(rate_hz: float, kept: bool) -> None:
    assert (min(spikeless([1, 1, 1, 0.4, 0.4, 1, 1, 1], rate_hz)) < 0.5) == kept
    assert spikeless([1, 1, 1, 0.4, 1, 1, 1], rate_hz) == [1] * 7

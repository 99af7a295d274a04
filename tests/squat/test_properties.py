"""What must not change a verdict does not, over many lifters and cameras."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from figure import STANDING, Part, Shot, judged, reps, squat, squatting, stand
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from device.squat.events import RepJudged
from device.squat.judge import JudgeSettings
from device.squat.pose import KEYPOINTS, Pose, index

METHODS = ("image_plane", "floor_plane")
FEW = settings(max_examples=5, deadline=None, derandomize=True, phases=(Phase.generate,))  # shrinking takes minutes

views = st.floats(-180, 180)
shots = st.builds(
    Shot, view_deg=views, distance_m=st.floats(2.8, 5), height_m=st.floats(0.8, 1.4), noise_m=st.just(0.003)
)
clear = st.one_of(st.floats(15, 28), st.floats(-24, -18))  # degrees: so deep or shallow that no doubt is left
sets = st.lists(st.tuples(clear, st.floats(0.8, 1.6), st.floats(0.0, 0.6), st.floats(0.7, 1.4)), min_size=1, max_size=2)

_SWAPPED = [KEYPOINTS.index(n.replace("left", "right") if "left" in n else n.replace("right", "left"))
            for n in KEYPOINTS]  # fmt: skip


def of_set(rows: Sequence[tuple[float, float, float, float]]) -> list[Part]:
    return [*stand(), *(part for row in rows for part in [*squat(*row), *stand(0.8)])]


def verdicts(poses: Sequence[Pose], method: str = METHODS[0]) -> list[tuple[int, str, tuple[str, ...]]]:
    seen = reps(poses, JudgeSettings(method=method))
    return [(e.rep.number, e.verdict.decision.value, tuple(c.value for c in e.verdict.cards)) for e in seen]


def mirrored(pose: Pose) -> Pose:
    """As a mirror shows it: left is right."""
    keypoints, world = pose.keypoints[_SWAPPED].copy(), pose.world[_SWAPPED].copy()
    keypoints[:, 0] = pose.size[0] - keypoints[:, 0]
    world[:, 0] *= -1
    return replace(pose, keypoints=keypoints, world=world, scores=pose.scores[_SWAPPED])


def shifted(right_px: float, down_px: float) -> Callable[[Pose], Pose]:
    return lambda pose: replace(pose, keypoints=pose.keypoints + np.float32([right_px, down_px]))


def resized(factor: float) -> Callable[[Pose], Pose]:
    """The same picture at another resolution."""
    size = lambda pose: (round(pose.size[0] * factor), round(pose.size[1] * factor))  # noqa: E731
    return lambda pose: replace(pose, keypoints=pose.keypoints * np.float32(factor), size=size(pose))


def zoomed(factor: float) -> Callable[[Pose], Pose]:
    """The lifter larger or smaller in a picture of the same size."""
    return lambda pose: replace(
        pose, keypoints=(pose.keypoints - np.float32(pose.size) / 2) * factor + np.float32(pose.size) / 2
    )


def grown(factor: float) -> Callable[[Pose], Pose]:
    """The model's metres mean something else."""
    return lambda pose: replace(pose, world=pose.world * np.float32(factor))


@pytest.mark.parametrize("method", METHODS)
@FEW
@given(shots, sets)
def test_clear_reps_are_counted_exactly_and_judged_right(method: str, shot: Shot, rows: list) -> None:
    expected = [(n, "good_lift", ()) if row[0] > 0 else (n, "no_lift", ("red",)) for n, row in enumerate(rows, start=1)]
    assert verdicts(shot.film(of_set(rows)), method) == expected


@pytest.mark.parametrize("method", METHODS)
@FEW
@given(shots, sets)
def test_the_mirror_changes_no_verdict(method: str, shot: Shot, rows: list) -> None:
    poses = shot.film(of_set(rows))
    straight, mirror = (
        reps(p, JudgeSettings(method=method)) for p in (poses, [mirrored(pose) for pose in poses])
    )  # fmt: skip
    assert len(straight) == len(mirror) == len(rows)
    for one, other in zip(straight, mirror, strict=True):
        assert one.verdict == other.verdict
        assert one.rep.bottom_s == pytest.approx(other.rep.bottom_s, abs=1e-6)
        assert one.depth.margins == pytest.approx(other.depth.margins[::-1], abs=1e-3)
        turned = (one.view_deg + other.view_deg + 180) % 360 - 180
        assert turned == pytest.approx(0, abs=0.1)


@pytest.mark.parametrize("method", METHODS)
@FEW
@given(shots, sets, st.floats(-0.25, 0.25), st.floats(-0.06, 0.06))
def test_a_shift_in_the_picture_changes_no_verdict(
    method: str, shot: Shot, rows: list, right: float, down: float
) -> None:
    poses = shot.film(of_set(rows))
    move = shifted(right * shot.size[0], down * shot.size[1])
    assert verdicts([move(p) for p in poses], method) == verdicts(poses, method)


@FEW
@given(shots, sets, st.floats(-200, 200))
def test_a_shift_to_the_side_changes_no_number(shot: Shot, rows: list, right_px: float) -> None:
    poses = shot.film(of_set(rows))
    here, there = (reps(p) for p in (poses, [shifted(right_px, 0)(pose) for pose in poses]))
    assert [e.depth.margin for e in here] == pytest.approx([e.depth.margin for e in there], abs=2e-3)
    assert [e.rep.bottom_s for e in here] == pytest.approx([e.rep.bottom_s for e in there], abs=1e-6)


@pytest.mark.parametrize("change", [resized, zoomed, grown])
@FEW
@given(shots, sets, st.floats(0.7, 1.4))
def test_the_scale_changes_no_verdict(
    change: Callable[[float], Callable[[Pose], Pose]], shot: Shot, rows: list, factor: float
) -> None:
    poses = shot.film(of_set(rows))
    assert verdicts([change(factor)(p) for p in poses]) == verdicts(poses)


@FEW
@given(shots, sets)
def test_half_and_twice_the_frame_rate_give_the_same_verdicts_at_the_same_times(shot: Shot, rows: list) -> None:
    parts = of_set(rows)
    at_15, at_30, at_60 = (reps(replace(shot, fps=fps).film(parts)) for fps in (15, 30, 60))
    for seen in (at_15, at_60):
        assert [(e.rep.number, e.verdict.decision, e.verdict.cards) for e in seen] == [
            (e.rep.number, e.verdict.decision, e.verdict.cards) for e in at_30
        ]
        assert [e.rep.bottom_s for e in seen] == pytest.approx([e.rep.bottom_s for e in at_30], abs=0.1)


@FEW
@given(shots, sets, st.integers(0, 1))
def test_every_second_frame_of_a_clip_gives_the_same_verdicts(shot: Shot, rows: list, first: int) -> None:
    poses = shot.film(of_set(rows))
    assert verdicts(poses[first::2]) == verdicts(poses)


wiggles = st.lists(st.tuples(st.floats(-85, 25), st.floats(0.15, 1.2)), min_size=1, max_size=8)


@settings(FEW, max_examples=20)
@given(st.builds(Shot, view_deg=views, noise_m=st.just(0.003)), wiggles)
def test_whatever_the_hips_do_there_is_at_most_one_rep_for_each_descent_and_time_runs_on(
    shot: Shot, rows: list
) -> None:
    parts = [*stand(), *(Part(squatting(deg), seconds) for deg, seconds in rows), Part(STANDING, 0.8), *stand()]
    events = judged(shot.film(parts))
    assert [e.at_s for e in events] == sorted(e.at_s for e in events)
    found = [e.rep for e in events if isinstance(e, RepJudged)]
    levels = [-88.0, *(deg for deg, _ in rows), -88.0]
    descents = sum(after < before for before, after in pairwise(levels))
    assert len(found) <= descents
    for rep, following in pairwise(found):
        assert rep.bottom_s < rep.lockout_s <= following.start_s < following.bottom_s
        between = [p for p in following.poses if rep.bottom_s < p.captured_s < following.bottom_s]
        assert between  # he stood between them


@FEW
@given(shots, st.floats(-27, 20), st.floats(0.8, 2.0))
def test_one_descent_is_never_two_reps(shot: Shot, thigh_deg: float, seconds: float) -> None:
    assert len(reps(shot.film([*stand(), *squat(thigh_deg, seconds, 0.3, seconds), *stand()]))) == 1


@pytest.mark.parametrize("method", METHODS)
@FEW
@given(views, st.floats(0.8, 1.4), st.floats(-27, 15), st.floats(2, 10))
def test_a_deeper_squat_never_has_the_lower_margin(
    method: str, view_deg: float, height_m: float, thigh_deg: float, more_deg: float
) -> None:
    shot = Shot(view_deg=view_deg, height_m=height_m)
    depths = []
    for deg in (thigh_deg, thigh_deg + more_deg):
        (event,) = reps(shot.film([*stand(), *squat(deg, pause_s=0.4), *stand()]), JudgeSettings(method=method))
        depths.append(event.depth)
    assert depths[1].margin > depths[0].margin
    assert depths[1].p_below >= depths[0].p_below
    assert depths[1].margin_cm > depths[0].margin_cm


def test_mirroring_twice_is_the_same_pose() -> None:
    pose = Shot().film(stand())[0]
    assert np.allclose(mirrored(mirrored(pose)).keypoints, pose.keypoints, atol=1e-3, equal_nan=True)
    assert (mirrored(pose).world[index("left_hip")] == pose.world[index("right_hip")] * [-1, 1, 1]).all()

import sys
from collections.abc import Sequence
from dataclasses import replace
from itertools import count, islice

import numpy as np
import pytest
from figure import (
    DEADLIFT,
    LUNGE,
    STANDING,
    Part,
    Shot,
    bottoms,
    judged,
    reps,
    squat,
    squatting,
    stand,
    walk,
)

from device.squat.events import DepthReached, Event, LifterLost, PhaseChanged, RepJudged
from device.squat.follower import GIVE_UP_S, LOST_S
from device.squat.judge import Judge, JudgeSettings, sank_back
from device.squat.phases import Phase
from device.squat.pose import JOINTS, KEYPOINTS, Pose
from device.squat.rulebook import Card, Decision

SHOT = Shot(noise_m=0.004)
DEEP, SHALLOW = 14.0, -21.0  # degrees of the thigh from level; at -25 the hips sink by a third of the leg
BOTTOM_TOLERANCE_S = 0.067  # two frames at 30 a second
SET = [*stand(), *squat(DEEP), *stand(1.0), *squat(SHALLOW), *stand(1.0), *squat(DEEP, 0.8, 0.6, 0.9), *stand()]
DEEP_SET = [*stand(), *squat(DEEP), *stand(1.0), *squat(DEEP, 0.8, 0.6, 0.9), *stand()]
FIVE = (Phase.STANDING, Phase.ECCENTRIC, Phase.BOTTOM, Phase.CONCENTRIC, Phase.LOCKOUT)


def phases(events: Sequence[Event]) -> list[Phase]:
    return [event.phase for event in events if isinstance(event, PhaseChanged)]


@pytest.mark.parametrize("fps", [15, 30, 60])
@pytest.mark.parametrize("view_deg", [0, 40, 90, -90, -140, 180])
def test_a_set_is_counted_exactly_and_judged_by_its_depth_from_every_side(fps: float, view_deg: float) -> None:
    seen = reps(replace(SHOT, fps=fps, view_deg=view_deg).film(SET))
    assert [(e.rep.number, e.verdict.decision, e.verdict.cards) for e in seen] == [
        (1, Decision.GOOD_LIFT, ()), (2, Decision.NO_LIFT, (Card.RED,)), (3, Decision.GOOD_LIFT, ()),
    ]  # fmt: skip
    assert [e.rep.bottom_s for e in seen] == pytest.approx(bottoms(SET), abs=max(BOTTOM_TOLERANCE_S, 1.5 / fps))


@pytest.mark.parametrize("fps", [15, 30, 60])
def test_the_five_phases_follow_each_other_in_order(fps: float) -> None:
    assert phases(judged(replace(SHOT, fps=fps).film(SET))) == [*FIVE * 3, Phase.STANDING]


def test_a_rep_holds_its_times_in_order_and_a_tempo_that_adds_up() -> None:
    for event in reps(SHOT.film(SET)):
        rep = event.rep
        assert rep.start_s < rep.bottom_s < rep.lockout_s <= event.at_s
        assert rep.start_s + sum(
            (rep.tempo.eccentric_s, rep.tempo.pause_s, rep.tempo.concentric_s)
        ) == pytest.approx(rep.lockout_s)  # fmt: skip
        assert min(rep.tempo.eccentric_s, rep.tempo.concentric_s) > 0
        assert rep.poses[rep.bottom].captured_s == pytest.approx(rep.bottom_s, abs=1 / SHOT.fps)
        assert event.verdict.evidence_index == rep.poses[rep.bottom].index


def test_start_and_lockout_lie_where_the_movement_begins_and_ends() -> None:
    (event,) = reps(SHOT.film([*stand(2.0), *squat(DEEP, 1.2, 0.2, 1.0), *stand(2.0)]))
    assert event.rep.start_s == pytest.approx(2.0, abs=0.4)  # an eased start is seen late
    assert event.rep.lockout_s == pytest.approx(4.4, abs=0.4)
    assert event.at_s - 4.4 < 0.5  # and the verdict falls soon after


def test_the_view_angle_is_found_and_positive_where_the_left_side_shows() -> None:
    for view_deg in (-170, -90, -30, 0, 30, 90, 170):
        (event,) = reps(replace(SHOT, view_deg=view_deg).film([*stand(), *squat(DEEP), *stand()]))
        assert event.view_deg == pytest.approx(view_deg, abs=5)


@pytest.mark.parametrize("fps", [15, 30])
def test_touch_and_go_reps_are_each_counted(fps: float) -> None:
    parts = [*stand(), *(part for _ in range(6) for part in squat(DEEP, 0.7, 0.05, 0.65)), *stand()]
    seen = reps(replace(SHOT, fps=fps).film(parts))
    assert [e.rep.bottom_s for e in seen] == pytest.approx(bottoms(parts), abs=BOTTOM_TOLERANCE_S)


def test_a_long_pause_at_the_bottom_is_one_rep_with_its_pause() -> None:
    (event,) = reps(SHOT.film([*stand(), *squat(DEEP, pause_s=6.0), *stand()]))
    assert event.verdict.decision is Decision.GOOD_LIFT
    assert event.rep.tempo.pause_s == pytest.approx(6.0, abs=0.6)


def test_a_bounce_in_the_hole_and_a_sticking_point_are_one_rep() -> None:
    low, half = squatting(DEEP), squatting(-15)
    parts = [
        *stand(), Part(low, 1.2), Part(squatting(0), 0.3), Part(low, 0.3), Part(half, 0.6), Part(squatting(-8), 0.4),
        Part(STANDING, 0.9), *stand(),
    ]  # fmt: skip
    (event,) = reps(SHOT.film(parts))
    assert event.verdict.decision is Decision.GOOD_LIFT


MOVEMENTS_WITHOUT_A_SQUAT = {
    "standing": stand(6.0),
    "walk-out": [
        *stand(), Part(squatting(-50), 0.5), Part(STANDING, 0.5), *stand(0.5), *walk(4), *stand(),
    ],
    "walking forward and back": [*stand(), *walk(6, -0.3, 0.5), *walk(6, 0.3, 0.5), *stand()],
    "half dip": [*stand(), *squat(-50), *stand()],
    "half squat": [*stand(), *squat(-42), *stand()],
    "deadlift": [*stand(), Part(DEADLIFT, 1.2), Part(DEADLIFT, 0.3), Part(STANDING, 1.2), *stand()],
    "five deadlifts": [
        *stand(), *(p for _ in range(5) for p in (Part(DEADLIFT, 0.9), Part(STANDING, 0.9))), *stand(),
    ],
    "lunge": [*stand(), Part(LUNGE, 1.2), Part(LUNGE, 0.3), Part(STANDING, 1.2), *stand()],
}  # fmt: skip


@pytest.mark.parametrize("view_deg", [0, 60, -90])
@pytest.mark.parametrize("movement", MOVEMENTS_WITHOUT_A_SQUAT)
def test_what_is_no_squat_is_no_rep(movement: str, view_deg: float) -> None:
    assert reps(replace(SHOT, view_deg=view_deg).film(MOVEMENTS_WITHOUT_A_SQUAT[movement])) == []


@pytest.mark.parametrize("movement", MOVEMENTS_WITHOUT_A_SQUAT)
def test_a_squat_after_another_movement_is_still_found(movement: str) -> None:
    parts = [*MOVEMENTS_WITHOUT_A_SQUAT[movement], *squat(DEEP), *stand()]
    assert [e.verdict.decision for e in reps(SHOT.film(parts))] == [Decision.GOOD_LIFT]


def test_deep_and_never_up_is_a_failed_lift_with_a_blue_card() -> None:
    (event,) = reps(SHOT.film([*stand(), *squat(DEEP, pause_s=GIVE_UP_S + 2)[:2]]))
    assert event.verdict.decision is Decision.NO_LIFT
    assert event.verdict.cards == (Card.BLUE,)
    assert not event.rep.stood_up


def test_who_sits_down_to_rest_has_failed_nothing() -> None:
    seat = replace(squatting(DEEP), lean=5.0, hands_down=1.0)
    parts = [
        *stand(),
        Part(seat, 1.2),
        Part(seat, GIVE_UP_S + 8),
        Part(STANDING, 1.5),
        *stand(),
        *squat(DEEP),
        *stand(),
    ]
    assert [e.verdict.decision for e in reps(SHOT.film(parts))] == [Decision.GOOD_LIFT], "of the squat afterwards"


@pytest.mark.parametrize("aside_m", [0.3, 1.0])
@pytest.mark.parametrize("seconds", [0.15, 0.6])
def test_a_pose_that_jumps_at_the_bottom_to_somebody_who_stands_lights_nothing(aside_m: float, seconds: float) -> None:
    lifter = SHOT.film([*stand(), *squat(DEEP, pause_s=2.5), *stand()])
    spotter = replace(STANDING, place=(0.0, aside_m))
    others = SHOT.film([Part(spotter, 9)], start=spotter)
    seen = [b if 3.5 <= a.captured_s < 3.5 + seconds else a for a, b in zip(lifter, others, strict=False)]
    first = reps(seen)[0]
    assert (first.verdict.decision, first.verdict.reasons) == (Decision.NO_DECISION, ("not seen on the way up",))


def test_what_is_under_way_when_nobody_watches_any_more_is_not_judged() -> None:
    judge, told = Judge(), []
    for pose in SHOT.film([*stand(), *squat(DEEP), *stand()]):
        if pose.captured_s < 3.0:
            told += judge.see(pose, pose.captured_s)
    judge.leave()
    told += [event for n in range(100) for event in judge.see(None, 3.0 + n / 30)]
    assert not [event for event in told if isinstance(event, RepJudged)]
    assert isinstance(told[-1], LifterLost), "he is lost all the same"


def test_who_comes_halfway_up_and_sinks_again_has_failed() -> None:
    low, half = squatting(DEEP), squatting(-35)
    (event,) = reps(SHOT.film([*stand(), Part(low, 1.2), Part(half, 1.0), Part(low, 1.0), Part(low, GIVE_UP_S)]))
    assert (event.verdict.decision, event.verdict.cards) == (Decision.NO_LIFT, (Card.BLUE,))


def test_standing_up_with_bent_knees_gets_a_blue_card() -> None:
    bent = squatting(-62)  # knees at about 140 degrees less the lean of the shank: up, but not straight
    soft = JudgeSettings(rules=replace(JudgeSettings().rules, locked_deg=160.0))
    parts = [*stand(), *squat(DEEP)[:2], Part(bent, 1.0), Part(bent, 2.0)]
    (event,) = reps(SHOT.film(parts), soft)
    assert (event.verdict.decision, event.verdict.cards) == (Decision.NO_LIFT, (Card.BLUE,))


def test_after_a_failed_lift_the_next_rep_counts_again() -> None:
    parts = [*stand(), *squat(DEEP, pause_s=GIVE_UP_S + 1), *stand(), *squat(DEEP), *stand()]
    seen = reps(SHOT.film(parts))
    assert [e.verdict.decision for e in seen] == [Decision.NO_LIFT, Decision.GOOD_LIFT]


def without(poses: Sequence[Pose], from_s: float, to_s: float) -> list[Pose | tuple[float, None]]:
    """Nobody is found for a while."""
    return [p if not from_s <= p.captured_s < to_s else (p.captured_s, None) for p in poses]


def test_two_reps_with_a_lost_lifter_between_are_two_and_the_loss_is_told_once() -> None:
    parts = [*stand(), *squat(DEEP), *stand(1.0), *stand(LOST_S + 2), *stand(1.0), *squat(DEEP), *stand()]
    gone_s = 1.5 + 2.4 + 1.0
    events = judged(without(SHOT.film(parts), gone_s, gone_s + LOST_S + 2))
    assert [e.rep.number for e in events if isinstance(e, RepJudged)] == [1, 2]
    (lost,) = [e for e in events if isinstance(e, LifterLost)]
    assert lost.at_s == pytest.approx(gone_s + LOST_S, abs=0.1)


def test_a_lifter_who_leaves_in_the_middle_of_a_rep_and_returns_standing_has_done_none() -> None:
    parts = [*stand(), *squat(DEEP, pause_s=LOST_S + 1.5), *stand(), *stand()]
    assert reps(without(SHOT.film(parts), 2.0, 2.4 + 1.2 + LOST_S + 1.5)) == []


def test_missing_frames_neither_make_nor_hide_a_rep() -> None:
    poses = SHOT.film(SET)
    keep = np.random.default_rng(3).random(len(poses)) > 0.3
    holes = [p if k else (p.captured_s, None) for p, k in zip(poses, keep, strict=True)]
    gone = [p for p, k in zip(poses, keep, strict=True) if k]
    for stream in (holes, gone, without(poses, 2.5, 2.8)):
        seen = reps(stream)
        assert [e.verdict.decision.value for e in seen] == ["good_lift", "no_lift", "good_lift"]
        assert [e.rep.bottom_s for e in seen] == pytest.approx(bottoms(SET), abs=0.15)


def test_frames_that_the_camera_dropped_are_counted_in_the_rep() -> None:
    poses = [replace(p, dropped=2 if 60 <= p.index < 70 else 0) for p in SHOT.film([*stand(), *squat(DEEP), *stand()])]
    (event,) = reps(poses)
    assert event.rep.dropped == 20


@pytest.mark.parametrize("points", [slice(0, 23), slice(7, 9), slice(9, 13)], ids=["all", "hips", "knees and ankles"])
def test_frames_of_nan_keypoints_neither_make_nor_hide_a_rep(points: slice) -> None:
    blind = np.random.default_rng(5).random(1000) < 0.1
    poses = []
    for pose in SHOT.film(SET):
        keypoints, world = pose.keypoints.copy(), pose.world.copy()
        if blind[pose.index]:
            keypoints[points], world[points] = np.nan, np.nan
        poses.append(replace(pose, keypoints=keypoints, world=world))
    assert [e.verdict.decision.value for e in reps(poses)] == ["good_lift", "no_lift", "good_lift"]


@pytest.mark.parametrize("name", ["nose", "left_elbow", "right_wrist"])
def test_a_joint_that_no_frame_has_and_depth_does_not_need_changes_no_verdict(name: str) -> None:
    row = JOINTS.index(name)
    poses = []
    for pose in SHOT.film(SET):
        keypoints, world, scores = pose.keypoints.copy(), pose.world.copy(), pose.scores.copy()
        keypoints[row], world[row], scores[row] = np.nan, np.nan, 0
        poses.append(replace(pose, keypoints=keypoints, world=world, scores=scores))
    assert [e.verdict.decision.value for e in reps(poses)] == ["good_lift", "no_lift", "good_lift"]


def test_a_pose_model_without_world_points_gives_no_rep_and_no_failure() -> None:
    assert judged([replace(pose, world=None) for pose in SHOT.film(SET)]) == []


def test_depth_is_told_once_on_the_way_and_before_the_verdict_of_the_deep_reps_alone() -> None:
    told = [e for e in judged(SHOT.film(SET)) if isinstance(e, DepthReached | RepJudged)]
    assert [type(e) for e in told] == [DepthReached, RepJudged, RepJudged, DepthReached, RepJudged]


def test_the_same_poses_give_the_same_events() -> None:
    poses = SHOT.film(SET)
    assert repr(judged(poses)) == repr(judged(poses))


def test_the_judge_smooths_what_it_sees() -> None:
    judge, poses = Judge(), replace(SHOT, noise_m=0.01).film(stand())
    shown = []
    for pose in poses:
        list(judge.see(pose, pose.captured_s))
        shown.append(judge.pose.keypoints[0, 1])
    assert np.std(shown[10:]) < 0.8 * np.std([pose.keypoints[0, 1] for pose in poses][10:])


def test_events_come_while_the_movement_goes_on() -> None:
    judge, told = Judge(), []
    for pose in SHOT.film(SET):
        for event in judge.see(pose, pose.captured_s):
            assert event.at_s == pose.captured_s
            told.append(event)
    assert sum(isinstance(e, RepJudged) for e in told) == 3  # none waits for the end of the stream


def test_a_clip_that_ends_at_lockout_still_gives_its_last_rep() -> None:
    parts = [*stand(), *squat(DEEP)]
    assert len(reps(SHOT.film(parts))) == 1


def test_a_clip_that_ends_at_the_bottom_gives_no_rep() -> None:
    assert reps(SHOT.film([*stand(), *squat(DEEP)[:2]])) == []


def test_a_lifter_first_seen_at_the_bottom_has_made_no_descent() -> None:
    low = squatting(DEEP)
    assert reps(SHOT.film([Part(low, 1.0), Part(STANDING, 1.0), *stand()], start=low)) == []


def test_a_rest_of_a_minute_begins_a_new_set() -> None:
    settings = replace(JudgeSettings(), set_gap_s=5.0)
    parts = [*stand(), *squat(DEEP), *stand(1.0), *squat(DEEP), *stand(7.0), *squat(DEEP), *stand()]
    assert [(e.set_number, e.set_rep) for e in reps(SHOT.film(parts), settings)] == [(1, 1), (1, 2), (2, 1)]


def test_sinking_back_from_an_attempt_is_told_from_sitting():
    assert sank_back([0.97, 0.5, 0.4, 0.45, 0.55, 0.5, 0.42])
    assert not sank_back([0.97, 0.5, 0.4, 0.41, 0.4, 0.41])
    assert not sank_back([0.97, 0.5, 0.4, 0.55, 0.5, 0.5])
    assert not sank_back([0.97, 0.5, 0.4, 0.5, 0.6, 0.7])


def test_who_shifts_about_where_he_sits_and_is_lost_from_view_has_failed_nothing() -> None:
    low, half = (replace(squatting(thigh_deg), hands_down=0.6) for thigh_deg in (DEEP, -35))
    stands = replace(STANDING, hands_down=0.9)
    poses = SHOT.film([Part(stands, 1.0), Part(low, 1.2), Part(half, 1.0), Part(low, 1.0)], start=stands)
    assert not reps([*poses, *((poses[-1].captured_s + i / 30, None) for i in range(1, 90))])


def test_who_fails_and_is_lost_from_view_has_failed() -> None:
    low, half = squatting(DEEP), squatting(-35)
    poses = SHOT.film([*stand(), Part(low, 1.2), Part(half, 1.0), Part(low, 1.0)])
    judge, events = Judge(), []
    for pose in poses:
        events += judge.see(pose, pose.captured_s)
    last_s = poses[-1].captured_s
    for i in range(1, 90):
        events += judge.see(None, last_s + i / 30)
    (rep,) = [e for e in events if isinstance(e, RepJudged)]
    assert rep.verdict.decision is Decision.NO_LIFT
    assert isinstance(events[-1], LifterLost)


def kicking(poses: Sequence[Pose], every: int, score: float) -> list[Pose]:
    """A right leg that the model guesses anew in each `every`th pose, 0.3 m off."""
    random, out = np.random.default_rng(3), []
    rows = [KEYPOINTS.index("right_knee"), KEYPOINTS.index("right_ankle")]
    for n, pose in enumerate(poses):
        keypoints, world, scores = pose.keypoints.copy(), pose.world.copy(), pose.scores.copy()
        if n % every == 0:
            off = random.normal(0, 0.3, (2, 3))
            world[rows] += off
            keypoints[rows] += 300 * off[:, :2]
            scores[rows] = score
        out.append(replace(pose, keypoints=keypoints, world=world, scores=scores))
    return out


@pytest.mark.parametrize(("every", "score"), [(4, 0.05), (9, 0.9)])
def test_a_hidden_leg_and_poses_gone_wrong_cost_no_rep(every: int, score: float) -> None:
    seen = reps(kicking(replace(SHOT, view_deg=85).film(DEEP_SET), every, score))
    assert [e.rep.number for e in seen] == [1, 2]


@pytest.mark.parametrize("fps", [15.0, 30.0, 60.0])
def test_a_fall_and_rise_faster_than_free_fall_is_a_pose_gone_wrong(fps: float) -> None:
    shot = replace(SHOT, fps=fps)
    poses = shot.film(DEEP_SET)
    bottom = reps(poses)[0].rep.poses[reps(poses)[0].rep.lowest]
    wrong = round(0.33 * fps)
    fall = [
        replace(bottom, captured_s=p.captured_s, index=p.index) if 5 <= n < 5 + wrong else p
        for n, p in enumerate(poses)
    ]
    assert [round(e.rep.bottom_s, 1) for e in reps(fall)] == [round(e.rep.bottom_s, 1) for e in reps(poses)]


@pytest.mark.parametrize("height_m", [1.1, 1.8])
def test_legs_that_the_world_hardly_bends_are_counted_by_the_picture(height_m: float) -> None:
    """From the front and above a pose model may see no more than an eighth of the way down."""
    poses = replace(SHOT, view_deg=0, height_m=height_m).film([*stand(), *squat(-5), *stand(1.0), *squat(-5), *stand()])
    stands = poses[0].world
    little = [replace(p, world=((p.world + 7 * stands) / 8).astype(np.float32)) for p in poses]
    assert [e.rep.number for e in reps(little)] == [1, 2]


def test_a_shorter_lifter_on_the_spot_of_a_taller_one_who_left_is_counted() -> None:
    first = SHOT.film(DEEP_SET)
    feet = np.nanmean(first[0].keypoints[[KEYPOINTS.index("left_ankle"), KEYPOINTS.index("right_ankle")]], axis=0)
    then_s = first[-1].captured_s + LOST_S + 1.0
    second = [
        replace(p, keypoints=(feet + 0.6 * (p.keypoints - feet)).astype(np.float32), captured_s=p.captured_s + then_s)
        for p in first
    ]
    empty = [(first[-1].captured_s + n / 30, None) for n in range(1, 80)]
    assert [e.rep.number for e in reps([*first, *empty, *second])] == [1, 2, 3, 4]


@pytest.mark.parametrize(("fps", "down_s"), [(15, 0.8), (30, 1.6)])  # it gets deep before its 20th pose, and after it
def test_a_rep_leaves_nothing_behind_in_memory(fps: float, down_s: float):
    film = Shot(fps=fps, noise_m=0.004).film([*stand(1.0), *squat(DEEP, down_s, 0.1, 0.6)])
    round_s, judge = film[-1].captured_s + 1 / fps, Judge()
    rounds, found = count(), 0

    def lift(times: int) -> int:
        """Blocks of memory that Python holds more than before."""
        nonlocal found
        held = sys.getallocatedblocks()
        for turn in islice(rounds, times):
            for pose in film:
                shown = replace(pose, captured_s=turn * round_s + pose.captured_s)
                found += sum(isinstance(event, RepJudged) for event in judge.see(shown, shown.captured_s))
        return sys.getallocatedblocks() - held

    for _ in range(12):  # free lists fill
        before, grown = found, lift(40)
        assert found - before >= 39  # the last of the first round is told in the second
        if grown < 20:
            return
    pytest.fail(f"{grown} blocks more after 40 reps: each left some of its poses")


def test_who_rises_is_not_asked_any_more_whether_he_is_deep() -> None:
    judge, asked = Judge(), []
    depth = judge._depth
    judge._depth = lambda poses, around, rep, now_s: asked.append(judge.phases.phase) or depth(
        poses, around, rep, now_s
    )  # type: ignore[method-assign]
    for pose in SHOT.film([*stand(), *squat(SHALLOW), *stand()]):
        list(judge.see(pose, pose.captured_s))
    assert set(asked) == {Phase.ECCENTRIC, Phase.BOTTOM, Phase.STANDING}, "the last with the verdict"

"""The second judge: what our own pose network sees counts where the first judge has seen nothing of it."""

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
import pytest
from figure import LUNGE, STANDING, Part, Shot, bottoms, squat, squatting, stand

from device.squat.events import RepJudged
from device.squat.follower import GIVE_UP_S, LOST_S
from device.squat.judge import Judge, JudgeSettings
from device.squat.pose import Pose
from device.squat.rep import Rep
from device.squat.rulebook import Decision
from device.squat.second import CERTAIN, CLEAR, ELSEWHERE_M, KEPT_S, SecondJudge

FIRST, SECOND = Shot(noise_m=0.004), Shot(noise_m=0.004, size=(721, 1280))
DEEP = squat(14.0)
SET = [*stand(), *DEEP, *stand(), *DEEP, *stand()]
SURE, UNSURE = 0.96, 0.94  # scores of joints that a pose model is sure of, and is not
SECONDS = sum(part.seconds for part in SET)

Network = Callable[[Rep], float]


def says(second: float, first: float = 0.99) -> Network:
    """A network that tells apart by the size of the picture whose poses it is shown."""
    return lambda rep: second if rep.poses[0].size == SECOND.size else first


def film(first: Sequence[Part] | None, second: Sequence[Part], score: float = UNSURE, every: int = 1) -> list[Pose]:
    """What BlazePose sees, None = somebody who stands still, with what our network sees in every so many frames."""
    beside = SECOND.film(second)
    poses = FIRST.film(first if first is not None else stand(sum(part.seconds for part in second)))
    assert len(poses) == len(beside)
    return [
        replace(pose, scores=np.full_like(pose.scores, score), second=other if k % every == 0 else None)
        for k, (pose, other) in enumerate(zip(poses, beside, strict=True))
    ]


def watched(poses: Sequence[Pose], network: Network | None, judge: Judge | None = None) -> list[RepJudged]:
    judge = judge or Judge(squat_network=network)
    events = [event for pose in poses for event in judge.see(pose, pose.captured_s)]
    events += judge.finish(poses[-1].captured_s)
    return [event for event in events if isinstance(event, RepJudged)]


def by_second(reps: Sequence[RepJudged]) -> list[bool]:
    return [event.rep.poses[0].size == SECOND.size for event in reps]


@pytest.mark.parametrize("every", [1, 4])
def test_reps_that_the_first_judge_never_saw_count_without_a_say_on_the_depth(every: int) -> None:
    seen = watched(film(None, SET, every=every), says(1.0))
    assert by_second(seen) == [True, True]
    assert [event.rep.number for event in seen] == [1, 2]
    assert [event.set_rep for event in seen] == [1, 2]
    assert [event.rep.bottom_s for event in seen] == pytest.approx(bottoms(SET), abs=0.15)
    for event in seen:
        assert (event.depth, event.form, event.velocity) == (None, None, None)
        assert (event.verdict.decision, event.verdict.cards) == (Decision.NO_DECISION, ())
        assert event.verdict.reasons == ("hips and knees not seen at the bottom",)
        assert event.at_s - event.rep.lockout_s < 1, "the lamp is lit as soon as for any other"


def test_it_is_heard_only_where_the_network_is_certain_and_not_where_there_is_none() -> None:
    assert watched(film(None, SET), says(CERTAIN - 0.01)) == []
    assert watched(film(None, SET), None) == []
    assert len(watched(film(None, SET), says(CERTAIN))) == 2


def test_what_the_first_judge_counted_counts_once_and_with_its_depth() -> None:
    for late_s in (0.0, 0.4, -0.4):  # how much later the second sees the same
        second = [*stand(1.5 + late_s), *DEEP, *stand(), *DEEP, *stand(1.5 - late_s)]
        seen = watched(film(SET, second), says(1.0))
        assert by_second(seen) == [False, False]
        assert all(event.depth is not None for event in seen)


def test_the_network_is_not_asked_again_of_what_has_been_counted() -> None:
    asked = []

    def network(rep: Rep) -> float:
        asked.append(rep.poses[0].size)
        return 1.0

    second = [*stand(1.9), *DEEP, *stand(), *DEEP, *stand(1.1)]
    watched(film(SET, second), network)
    assert asked == [FIRST.size] * 2


def test_where_the_lifter_was_seen_clearly_the_first_judges_silence_is_an_answer() -> None:
    slight = [*stand(), *squat(-30.0), *stand(), *squat(-30.0), *stand()]
    for first in (slight, SET):
        assert watched(film(first, SET, SURE), says(1.0, first=0.0)) == []
        assert by_second(watched(film(first, SET), says(1.0, first=0.0))) == [True, True]
    assert np.log(UNSURE / (1 - UNSURE)) < CLEAR < np.log(SURE / (1 - SURE))


def test_who_was_seen_clearly_for_less_than_half_of_a_rep_was_not_seen_clearly() -> None:
    one = [*stand(), *DEEP, *stand()]
    for until_s, reps in ((2.4, 1), (3.4, 0)):
        poses = film(one, one)
        for pose in poses:
            if pose.captured_s < until_s:
                pose.scores[:] = SURE
        assert len(watched(poses, says(1.0, first=0.0))) == reps


def test_a_lifter_whose_hips_are_not_seen_is_not_seen_clearly() -> None:
    poses = film(SET, SET, 0.99)
    for pose in poses:
        pose.scores[7] = 0.45  # one of them
    assert by_second(watched(poses, says(1.0, first=0.0))) == [True, True]


@pytest.mark.parametrize(("aside_px", "reps"), [(20.0, 0), (200.0, 2)])
def test_who_is_followed_elsewhere_is_not_the_lifter_however_clearly_he_is_seen(aside_px: float, reps: int) -> None:
    poses = film(SET, SET, SURE)
    for pose in poses:
        pose.keypoints[:, 0] += aside_px
    assert len(watched(poses, says(1.0, first=0.0))) == reps


def test_it_waits_while_the_first_judge_has_something_under_way() -> None:
    longer = [*stand(), *squat(14.0, 1.2, 2.0, 1.1), *stand(0.8)]
    one = [*stand(), *DEEP, *stand(2.7)]
    for counts, whose in ((0.99, [False]), (0.0, [True])):
        seen = watched(film(longer, one), says(1.0, first=counts))
        assert by_second(seen) == whose
        if counts == 0.0:
            assert seen[0].at_s > seen[0].rep.lockout_s + 1.5, "he could have counted it until then"


def test_a_first_judge_who_sees_the_lifter_stay_down_keeps_it_waiting_until_he_gives_up() -> None:
    one = [*stand(), *DEEP, *stand(GIVE_UP_S + 1)]
    stays = [*stand(), *squat(14.0, 1.2, GIVE_UP_S + 2.2)[:2]]
    seen = watched(film(stays, one), says(1.0, first=0.0))
    assert by_second(seen) == [True]
    assert 1.5 + GIVE_UP_S < seen[0].at_s < 1.5 + GIVE_UP_S + 0.5


def test_both_are_numbered_in_one_row() -> None:
    only_first = [*stand(), *DEEP, *stand(), *stand(sum(part.seconds for part in DEEP)), *stand()]
    seen = watched(film(only_first, SET), says(1.0))
    assert by_second(seen) == [False, True]
    assert [(event.rep.number, event.set_number, event.set_rep) for event in seen] == [(1, 1, 1), (2, 1, 2)]


def test_who_leaves_is_told_nothing_more() -> None:
    longer = [*stand(), *squat(14.0, 1.2, 6.0, 1.1)]
    under_way = film(None, [*stand(), *DEEP]), film(longer, [*stand(), *DEEP, *stand(5.9)])
    for poses, until_s in zip(under_way, (3.8, 6.0), strict=True):  # up, but not at rest; and waiting for the first
        judge = Judge(squat_network=says(1.0, first=0.0))
        poses = [pose for pose in poses if pose.captured_s <= until_s]
        assert not [e for p in poses for e in judge.see(p, p.captured_s) if isinstance(e, RepJudged)]
        judge.leave()
        assert list(judge.finish(until_s)) == []
        assert len(watched(poses, says(1.0, first=0.0))) == 1, "which finishing tells"


def test_the_end_of_a_stream_tells_who_has_stood_up() -> None:
    assert by_second(watched(film(None, [*stand(), *DEEP, *stand(0.1)]), says(1.0))) == [True]


def test_a_lifter_whom_it_no_longer_sees_is_gone() -> None:
    down = [*stand(), *DEEP[:1], *stand(LOST_S + 1.5)]
    poses = film(None, down)
    gone_s, back_s = 2.6, 2.6 + LOST_S + 0.5
    poses = [replace(p, second=None) if gone_s < p.captured_s < back_s else p for p in poses]
    assert watched(poses, says(1.0)) == []
    assert len(watched(film(None, down), says(1.0))) == 1  # seen all the time it is one


def test_who_stays_down_for_ever_is_no_rep_of_the_second_judge() -> None:
    stays = [*stand(), *squat(14.0, 1.2, GIVE_UP_S + 2.0), *stand()]
    assert watched(film(None, stays), says(1.0)) == []


def test_a_distance_that_is_unknown_is_none_to_somebody_else() -> None:
    poses = [replace(p, second=replace(p.second, world=np.full_like(p.second.world, np.nan))) for p in film(SET, SET)]
    judge = SecondJudge(says(1.0))
    for pose in poses[:10]:
        judge.see(pose, pose.captured_s)
    assert np.isfinite([sight.certainty for sight in judge._sights]).all()
    far = replace(poses[10], keypoints=poses[10].keypoints + 500, second=film(SET, SET)[10].second)
    judge.see(far, far.captured_s)
    assert judge._sights[-1].certainty == -np.inf, f"more than {ELSEWHERE_M} m"


def test_the_rules_are_heard_of_what_the_network_is_certain_of() -> None:
    lunges = [*stand(), Part(LUNGE, 1.2), Part(LUNGE, 0.1), *stand(1.1), *stand()]
    assert watched(film(None, lunges), says(1.0)) == []
    dip = [*stand(), *squat(-40.0), *stand()]
    assert watched(film(None, dip), says(1.0)) == [], "whom nobody would count who saw him"


def test_what_the_first_judge_begins_after_it_holds_nothing_up() -> None:
    later = [*stand(3.4), *squat(14.0, 0.7, 3.0, 1.1), *stand()]
    one = [*stand(), *DEEP, *stand(sum(part.seconds for part in later) - 1.5 - sum(part.seconds for part in DEEP))]
    seen = watched(film(later, one), says(1.0))
    assert by_second(seen) == [True, False]
    assert seen[0].at_s - seen[0].rep.lockout_s < 1
    assert seen[0].at_s > seen[1].rep.start_s, "he has begun by then"


def test_touch_and_go_of_which_the_first_judge_saw_one_alone_is_two() -> None:
    both = [*stand(), *squat(14.0, up_s=0.9), *squat(14.0, 1.0), *stand()]
    for lag_s in (0.0, 0.3):
        last = sum(part.seconds for part in both) - sum(part.seconds for part in both[1:4]) - 1.5 - lag_s
        first = [*stand(1.5 + lag_s), *both[1:4], *stand(last)]
        assert by_second(watched(film(first, both), says(1.0))) == [False, True]


def test_a_rest_is_told_from_the_rep_that_ended_last() -> None:
    judge = Judge(JudgeSettings(set_gap_s=4.0), squat_network=says(1.0, first=0.0))
    longer = [*stand(), *squat(14.0, 1.2, 3.0, 1.1), *stand(0.5), *stand(), *DEEP, *stand()]
    one = [*stand(), *DEEP, *stand(4.0), *DEEP, *stand()]
    one[-1] = Part(one[-1].to, sum(p.seconds for p in longer) - sum(p.seconds for p in one[:-1]))
    seen = watched(film(longer, one), None, judge)
    assert [event.set_number for event in seen] == [1, 2], "however late the first was told"
    assert seen[0].at_s - seen[0].rep.lockout_s > 2


def test_what_it_keeps_does_not_grow() -> None:
    judge, poses = SecondJudge(says(0.0)), film(None, stand(10.0))
    for turn in range(8):
        for pose in poses:
            at_s = pose.captured_s + 10.1 * turn
            judge.see(replace(pose, captured_s=at_s, second=replace(pose.second, captured_s=at_s)), at_s)
    assert len(judge._sights) <= (KEPT_S + 1) * FIRST.fps
    assert judge._sights[-1].at_s - judge._sights[0].at_s <= KEPT_S


def test_a_clock_that_goes_back_begins_anew() -> None:
    judge, poses = Judge(squat_network=says(1.0)), film(SET, SET, SURE)
    assert by_second(watched(poses, None, judge)) == [False, False]
    again = film(None, SET)
    assert by_second(watched(again, None, judge)) == [True, True]


def test_frames_lost_between_two_looks_count() -> None:
    poses = [replace(p, dropped=int(k % 10 == 1)) for k, p in enumerate(film(None, SET, every=4))]
    for event in watched(poses, says(1.0)):
        frames = [p.dropped for p in poses if event.rep.start_s < p.captured_s <= event.rep.poses[-1].captured_s]
        assert event.rep.dropped == pytest.approx(sum(frames), abs=1)


def test_two_that_the_first_judge_took_for_one_are_two() -> None:
    both = [*stand(), *DEEP, *stand(), *DEEP, *stand()]
    down_s, half = sum(part.seconds for part in DEEP), squatting(-20.0)
    long = [*stand(), *DEEP[:2], Part(half, 1.0), Part(half, 2 * down_s + 1.5 - 3.4), Part(STANDING, 1.1), *stand()]
    assert sum(p.seconds for p in long) == pytest.approx(sum(p.seconds for p in both))
    assert by_second(watched(film(long, both), says(1.0))) == [False, True]

"""BlazePose and our network together: who is believed when. Both are scripts here; how they see is tested elsewhere."""

import threading
import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial

import numpy as np
import pytest

from device.camera.frames import Frame
from device.inference.agreement import COMPARE_S, FAILED, KEPT_S, LAST, SELDOM_S, Agreement
from device.inference.choice import GUESS_FOR_S, PROVEN_S
from device.inference.letterbox import Crop
from device.inference.paired import BELIEVED_S, CHECK_S, DOUBT_LOOK_S, DOUBT_S, LOOK_S, LOST_S, Paired
from device.inference.pose_model import open_pose_model
from device.squat.depth import DEFAULT, estimate
from device.squat.perspective import Optics
from device.squat.pose import JOINTS, KEYPOINTS, Pose, index

FPS = 30.0
IMAGE = np.zeros((4, 4, 3), np.uint8)
THEIRS, OURS = 100.0, 104.0  # where the points of a pose lie: who made it
ELSEWHERE_PX = 30.0  # 17 cm of a figure 300 pixels tall
PLATE_S = 4.0  # when a plate comes before him in the tests below, and BlazePose no longer is sure
HIDDEN, HALF_HIDDEN = 0.02, 0.12  # scores of head, arms and trunk of whom BlazePose is unsure; neither sure nor unsure


class Nobody:
    """Stands for a pose model that never looks for others, and sees nobody but whom it follows."""

    due, around = False, 0

    def sees(self, frame: Frame, crop: Crop) -> None:
        return None

    def look_around(self, frame: Frame) -> None:
        self.around += 1


def look(model: Paired, now_s: float) -> Pose | None:
    """As the loop does."""
    frame = Frame(IMAGE, now_s, int(now_s * FPS), 0)
    found = model.estimate(frame)
    model.look_around(frame)
    return found


class Script(Nobody):
    """Finds somebody at the times it is told."""

    def __init__(self, sees: Callable[[float], bool], at: float) -> None:
        self.sees, self.at = sees, at
        self.asked_s: list[float] = []
        self.closed = False
        self.hashes = {"pose": f"sha256:{at}"}

    def estimate(self, frame: Frame) -> Pose | None:
        self.asked_s.append(frame.captured_s)
        return pose(self.at, frame.captured_s) if self.sees(frame.captured_s) else None

    def forget(self) -> None:
        pass

    def close(self) -> None:
        self.closed = True


def pose(at: float, now_s: float) -> Pose:
    """Somebody whose arms and head are hidden, of whom BlazePose is never sure."""
    world = np.random.default_rng(1).normal(size=(len(KEYPOINTS), 3)).astype(np.float32)
    points, scores = at + 20 * world[:, :2], np.ones(len(KEYPOINTS), np.float32)
    scores[: JOINTS.index("left_hip")] = 0
    return Pose(points, scores, world, now_s, 0, 0, (640, 480))


def whose(found: Pose | None) -> str | None:
    return None if found is None else "theirs" if found.scores[index("left_hip")] == 1 else "ours"


def watched(theirs: Callable[[float], bool], ours: Callable[[float], bool], seconds: float) -> tuple[list, Script]:
    network = Script(ours, OURS)
    model = Paired(Script(theirs, THEIRS), network)  # type: ignore[arg-type]
    times = np.arange(round(seconds * FPS)) / FPS
    return [(t, look(model, t)) for t in times], network


def always(_: float) -> bool:
    return True


def never(_: float) -> bool:
    return False


def test_who_blazepose_sees_is_believed_and_our_network_is_asked_now_and_then() -> None:
    found, network = watched(always, always, 3.5 * CHECK_S)
    assert {whose(p) for _, p in found} == {"theirs"}
    assert np.diff(network.asked_s) == pytest.approx(DOUBT_LOOK_S, abs=1 / FPS), "BlazePose is not sure of him"


def test_a_frame_that_blazepose_misses_is_filled_and_no_more() -> None:
    missed_s = 1.1
    found, network = watched(lambda t: abs(t - missed_s) > 0.01, always, 3)
    assert [round(t, 2) for t, p in found if whose(p) == "ours"] == [missed_s]
    there = [t for t in network.asked_s if missed_s - 0.01 < t < missed_s + DOUBT_LOOK_S / 2]
    assert there == pytest.approx([missed_s, missed_s + 1 / FPS]), "in the frame after it runs beside BlazePose"


def test_a_lifter_who_is_lost_is_followed_by_our_network_until_blazepose_has_kept_him_for_a_while() -> None:
    lost = (1.0, 1.0 + 2 * LOST_S)
    found, _ = watched(lambda t: not lost[0] <= t < lost[1], always, 12)
    ours = [t for t, p in found if whose(p) == "ours"]
    assert ours[0] == pytest.approx(lost[0], abs=1 / FPS)
    assert ours[-1] == pytest.approx(lost[1] + BELIEVED_S, abs=2 / FPS)
    assert len(ours) == pytest.approx((ours[-1] - ours[0]) * FPS + 1, abs=1)
    assert all(p is not None for _, p in found)


def test_single_frames_far_apart_hand_nobody_over() -> None:
    found, _ = watched(lambda t: round(t * FPS) % 60 != 30, always, 20)
    assert sum(whose(p) == "ours" for _, p in found) == 10


def test_where_our_network_sees_nobody_blazepose_counts_on() -> None:
    found, _ = watched(lambda t: not 1 <= t < 2, lambda t: t < 1.5, 4)
    assert {whose(p) for t, p in found if t >= 2.1} == {"theirs"}
    assert {whose(p) for t, p in found if 1.6 < t < 1.9} == {None}


def figure(
    x: float, tall_px: float, now_s: float, legs: float = 1.0, upside_down: bool = False, trunk: float = 1.0
) -> Pose:
    """Somebody who stands upright at `x`; upside down he has feet over his hips; `legs` and `trunk` are scores."""
    named = {
        "nose": 1.7,
        "shoulder": 1.4,
        "elbow": 1.15,
        "wrist": 1.0,
        "hip": 0.9,
        "knee": 0.5,
        "ankle": 0.1,
        "heel": 0.05,
        "toe": 0.0,
    }
    world, scores = np.full((len(KEYPOINTS), 3), np.nan, np.float32), np.ones(len(KEYPOINTS), np.float32)
    for row, name in enumerate(KEYPOINTS):
        up = named.get(name.split("_")[-1])
        if up is not None:
            aside = 0.15 * name.startswith("left") - 0.15 * name.startswith("right")
            below = name.split("_")[-1] in ("knee", "ankle", "heel", "toe")
            world[row] = (aside, (0.9 - up) * (-1 if below and upside_down else 1), 0)
            scores[row] = legs if below else trunk
    points = (world[:, :2] + [0, -0.9]) * tall_px / 1.7 + [x, 400]
    return Pose(points.astype(np.float32), scores, world, now_s, 0, 0, (640, 480))


class Play(Nobody):
    """Finds what a script says."""

    def __init__(self, script: Callable[[float], Pose | None]) -> None:
        self.script, self.hashes, self.forgotten = script, {"pose": "sha256:0"}, 0

    def estimate(self, frame: Frame) -> Pose | None:
        return self.script(frame.captured_s)

    def forget(self) -> None:
        self.forgotten += 1


def played(theirs: Callable[[float], Pose | None], ours: Callable[[float], Pose | None], seconds: float) -> list:
    model = Paired(Play(theirs), Play(ours))  # type: ignore[arg-type]
    times = np.arange(round(seconds * FPS)) / FPS
    return [(t, look(model, t)) for t in times]


def where(found: Pose | None) -> float:
    return float("nan") if found is None else float(found.keypoints[index("left_hip", "right_hip"), 0].mean())


def test_a_body_that_nobody_can_have_is_not_the_lifter_unless_its_legs_are_seen() -> None:
    for legs, at in ((0.3, 320), (0.9, 360)):
        found = played(lambda t, s=legs: figure(360, 300, t, s, upside_down=True), lambda t: figure(320, 300, t), 3)
        assert {round(where(p)) for t, p in found if t > 1} == {at}


def test_somebody_aside_is_left_where_our_network_sees_a_much_stronger_claim() -> None:
    found = played(lambda t: figure(560, 200, t), lambda t: figure(320, 300, t), 8)
    assert {round(where(p)) for t, p in found if t > 2 * LOST_S} == {320}
    found = played(lambda t: figure(420, 280, t), lambda t: figure(320, 300, t), 8)  # hardly stronger
    assert {round(where(p)) for _, p in found} == {420}


def test_who_jumps_to_somebody_else_has_lost_the_lifter_who_stays() -> None:
    found = played(lambda t: figure(320 if t < 3 else 450, 280, t), lambda t: figure(320, 300, t), 12)
    assert {round(where(p)) for _, p in found} == {320}


def test_our_network_is_left_at_once_when_it_jumps_to_somebody_else() -> None:
    found = played(
        lambda t: None if 3 <= t < 3.5 else figure(320, 280, t), lambda t: figure(320 if t < 5 else 450, 300, t), 10
    )
    assert {round(where(p)) for _, p in found} == {320}


class Tracks(Nobody):
    """Follows whom it found until it is told to forget him, then seeks the tallest."""

    def __init__(self, people: Callable[[float], dict[str, tuple[float, float]]]) -> None:
        self.people, self.who, self.hashes = people, None, {"pose": "sha256:0"}

    def estimate(self, frame: Frame) -> Pose | None:
        there = self.people(frame.captured_s)
        if self.who not in there:
            self.who = max(there, key=lambda name: there[name][1])
        return figure(*there[self.who], frame.captured_s)

    def forget(self) -> None:
        self.who = None


@pytest.mark.parametrize("trunk", [1.0, 0.12])  # BlazePose sure of who stands aside, and not so
def test_a_lifter_who_steps_in_is_found_though_both_agreed_on_somebody_aside(trunk: float) -> None:
    aside, lifter, comes_s = (390.0, 90.0), (320.0, 300.0), 3.0
    network = Tracks(lambda t: {"aside": aside, "lifter": lifter} if t >= comes_s else {"aside": aside})
    model = Paired(Play(lambda t: figure(*aside, t, trunk=trunk)), network)  # type: ignore[arg-type]
    found = [(t, where(look(model, t))) for t in np.arange(0, 12, 1 / FPS)]
    first_s = min(t for t, x in found if round(x) == round(lifter[0]))
    assert comes_s <= first_s < comes_s + CHECK_S + 2 * LOST_S


def test_whom_our_network_saw_is_forgotten_where_blazepose_sees_nobody_there() -> None:
    for x, forgotten in ((320 + ELSEWHERE_PX, False), (320, False), (420, True)):
        ours = Play(lambda t, x=x: figure(x, 300, t))
        model = Paired(Play(lambda t: figure(320, 300, t)), ours)  # type: ignore[arg-type]
        look(model, 0.0)
        begun = ours.forgotten
        for t in np.arange(1, FPS + 1) / FPS:
            look(model, t)
        assert bool(ours.forgotten - begun) == forgotten


def test_how_our_network_sees_the_lifter_goes_along_with_his_pose() -> None:
    found = played(lambda t: figure(320, 300, t), lambda t: figure(325, 300, t) if t < 3 else None, 6)
    seconds = [(t, p.second) for t, p in found]
    assert {where(p) for _, p in found} == {320}
    assert {where(second) for t, second in seconds if second is not None} == {325}
    looked_s = [t for t, second in seconds if second is not None]
    assert np.diff(looked_s) == pytest.approx(LOOK_S, abs=1 / FPS), "twice a second"
    assert max(looked_s) < 3, "and not where it sees nobody"


@pytest.mark.parametrize(("trunk", "apart_px"), [(HALF_HIDDEN, 0.0), (1.0, ELSEWHERE_PX)])
def test_it_looks_more_often_where_blazepose_is_unsure_or_both_differ_and_for_a_while_after(
    trunk: float, apart_px: float
) -> None:
    from_s, to_s = 1.0, 3.0

    def between(t: float) -> bool:
        return from_s <= t < to_s

    found = played(
        lambda t: figure(320, 300, t, trunk=trunk if between(t) else 1.0),
        lambda t: figure(320 + apart_px * between(t), 300, t),
        to_s + DOUBT_S + 3,
    )
    looked_s = np.array([t for t, p in found if p.second is not None])
    often = (looked_s > from_s + LOOK_S) & (looked_s < to_s + DOUBT_S - LOOK_S)
    assert np.median(np.diff(looked_s[often])) == pytest.approx(DOUBT_LOOK_S, abs=1 / FPS)
    later = looked_s[looked_s > to_s + DOUBT_S + DOUBT_LOOK_S]
    assert np.median(np.diff(later)) == pytest.approx(LOOK_S, abs=1 / FPS)


@pytest.mark.parametrize(("tall_px", "aside_px", "along"), [(300, 60, True), (120, 250, False), (300, 5, True)])
def test_whom_our_network_sees_goes_along_only_if_he_may_be_the_lifter(
    tall_px: float, aside_px: float, along: bool
) -> None:
    found = played(lambda t: figure(320, 300, t), lambda t: figure(320 + aside_px, tall_px, t), 3)
    assert any(p.second is not None for _, p in found) == along


def test_a_look_changes_nothing_of_whom_is_believed() -> None:
    found = played(  # somebody with a much stronger claim than whom BlazePose follows is believed after checks alone
        lambda t: figure(560, 200, t), lambda t: figure(320, 300, t), 3.0
    )
    checked = [t for t, p in found if where(p) == 320]
    model = Paired(Play(lambda t: figure(560, 200, t)), Play(lambda t: figure(320, 300, t)))  # type: ignore[arg-type]
    model._check = lambda frame, pose: None  # type: ignore[method-assign]
    assert checked
    model._check_s = np.inf
    assert {where(look(model, t)) for t in np.arange(0, 3, 1 / FPS)} == {560}


def test_between_looks_our_network_runs_for_no_check_that_can_wait() -> None:
    asked_s: list[float] = []

    def ours(t: float) -> Pose:
        asked_s.append(t)
        return figure(320, 300, t)

    played(lambda t: figure(320, 300, t), ours, 3 * CHECK_S)
    assert len(asked_s) <= 3 * CHECK_S / LOOK_S + 2 * 3, "and for each search of the whole picture"
    asked_s.clear()
    played(lambda t: figure(400, 290, t), ours, 3 * CHECK_S)  # nobody whom BlazePose sees there, so it looks again soon
    assert sum(np.diff(asked_s) < DOUBT_LOOK_S) <= 2 * 3


def test_where_our_network_is_needed_its_pose_goes_along_in_each_frame_and_with_its_own_scores() -> None:
    found, _ = watched(never, always, 1)
    hips = index("left_hip", "right_hip")
    assert all((p.second.scores[hips] == 1).all() for _, p in found)
    assert all((p.scores[hips] < 1).all() for _, p in found)


def test_a_look_runs_beside_blazepose() -> None:
    together, look_s = threading.Barrier(2), np.ceil(DOUBT_LOOK_S * FPS) / FPS

    class Waits(Script):
        def estimate(self, frame: Frame) -> Pose | None:
            if frame.captured_s == look_s:
                together.wait(timeout=10)  # broken unless the other one runs, too
            return super().estimate(frame)

    network = Waits(always, OURS)
    model = Paired(Waits(always, THEIRS), network)  # type: ignore[arg-type]
    assert [whose(look(model, t / FPS)) for t in range(5)] == ["theirs"] * 5
    assert network.asked_s == [0.0, look_s], "first it searched the whole picture"
    model.close()


def behind_a_plate(
    ours: Callable[[float], float],
    sure_s: float = 0.0,
    trunk: float = HIDDEN,
    elsewhere_px: float = ELSEWHERE_PX,
    plate_s: float = PLATE_S,
) -> set[int]:
    """Where the lifter is said to be from then on, if BlazePose puts him elsewhere, and was sure from `sure_s` on."""

    def theirs(t: float) -> Pose:
        hidden = t >= plate_s
        return figure(320 + elsewhere_px * hidden, 300, t, trunk=1.0 if sure_s <= t < PLATE_S else trunk)

    model = Paired(Play(theirs), Play(lambda t: figure(ours(t), 300, t)))  # type: ignore[arg-type]
    times = (*np.arange(0, PLATE_S, 1 / FPS), *np.arange(plate_s, plate_s + 2, 1 / FPS))
    found = [(t, round(where(look(model, t)))) for t in times]
    assert {x for t, x in found if t < PLATE_S} == {320}
    return {x for t, x in found if t >= plate_s}


def test_our_network_is_believed_where_blazepose_is_unsure_if_both_agreed_where_it_was_sure() -> None:
    assert behind_a_plate(lambda _: 320) == {320}
    assert behind_a_plate(lambda _: 320, elsewhere_px=60) == {320}, "34 cm: the hips of a squatter and of who stands"


def test_who_saw_something_else_where_blazepose_was_sure_or_was_hardly_compared_is_not_believed() -> None:
    there = 320 + round(ELSEWHERE_PX)
    assert behind_a_plate(lambda t: 320 - ELSEWHERE_PX * (t < PLATE_S)) == {there}
    assert behind_a_plate(lambda t: 320 - ELSEWHERE_PX * (t % 1 < 0.5)) == {there}, "a half is too little"
    assert behind_a_plate(lambda _: 320, sure_s=PLATE_S - COMPARE_S / 2) == {there}, "compared once"
    assert behind_a_plate(lambda _: 320, sure_s=PLATE_S) == {there}, "never"
    assert behind_a_plate(lambda _: 320, trunk=HALF_HIDDEN) == {there}, "BlazePose is not that unsure"
    assert behind_a_plate(lambda _: 320, plate_s=PLATE_S + KEPT_S) == {there}, "long ago"


def test_a_say_is_lost_again() -> None:
    def theirs(t: float) -> Pose:
        return figure(320, 300, t, trunk=HIDDEN if t % 2 < 0.4 else 1.0)

    found = played(theirs, lambda t: figure(320 + ELSEWHERE_PX * (t > 4), 300, t), 20)
    assert {round(where(p)) for t, p in found if 4.3 < t < 5} == {320 + round(ELSEWHERE_PX)}, (
        "for a while where it is sure"
    )
    assert {round(where(p)) for t, p in found if t > 10} == {320}


def test_our_network_is_not_believed_where_its_scale_is_broken() -> None:
    def ours(t: float) -> Pose:
        seen = figure(320 + ELSEWHERE_PX * (t >= PLATE_S), 300, t)
        assert seen.world is not None
        return replace(seen, world=np.full_like(seen.world, np.nan)) if t >= PLATE_S else seen

    def theirs(t: float) -> Pose:
        return figure(320, 300, t, trunk=1.0 if t < PLATE_S else HIDDEN)

    assert {round(where(p)) for _, p in played(theirs, ours, PLATE_S + 2)} == {320}


def test_where_both_agree_the_pose_is_blazeposes_and_our_network_keeps_him_in_sight() -> None:
    ours = Play(lambda t: figure(325, 300, t))
    model = Paired(  # type: ignore[arg-type]
        Play(lambda t: figure(320, 300, t, trunk=1.0 if t < PLATE_S else HIDDEN)), ours
    )
    times = np.arange(0, PLATE_S + 2.5 * CHECK_S, 1 / FPS)
    assert {round(where(look(model, t))) for t in times[times < PLATE_S]} == {320}
    begun = ours.forgotten
    assert {round(where(look(model, t))) for t in times[times >= PLATE_S]} == {320}
    assert 2 <= ours.forgotten - begun <= 3, "but for a look at the whole picture now and then"


def test_whom_our_network_follows_behind_a_plate_it_does_not_leave_for_a_larger_one() -> None:
    lifter, larger = (320.0, 300.0), (120.0, 330.0)
    network = Tracks(lambda t: {"lifter": lifter, "larger": larger} if t > PLATE_S + 1 else {"lifter": lifter})

    def theirs(t: float) -> Pose:
        hidden = t >= PLATE_S
        return figure(320 + ELSEWHERE_PX * hidden, 300, t, trunk=HIDDEN if hidden else 1.0)

    model = Paired(Play(theirs), network)  # type: ignore[arg-type]
    assert {round(where(look(model, t))) for t in np.arange(0, PLATE_S + 2.5 * CHECK_S, 1 / FPS)} == {320}


def test_our_network_is_left_at_once_when_it_jumps_while_it_corrects() -> None:
    def theirs(t: float) -> Pose:
        hidden = PLATE_S <= t < PLATE_S + 0.5
        return figure(320 + ELSEWHERE_PX * hidden, 280, t, trunk=HIDDEN if hidden else 1.0)

    found = played(theirs, lambda t: figure(320 if t < PLATE_S + 1 else 450, 300, t), PLATE_S + 4)
    assert {round(where(p)) for _, p in found} == {320}


def test_whom_our_network_corrects_takes_nothing_from_its_say() -> None:
    notes: list[bool] = []
    model = Paired(Play(lambda t: figure(560, 200, t)), Play(lambda t: figure(320, 300, t)))  # type: ignore[arg-type]
    model._agreement.note = lambda same, now_s: notes.append(same)  # type: ignore[method-assign]
    for t in np.arange(0, 3, 1 / FPS):
        look(model, t)
    assert notes == []


def test_no_pose_waits_for_a_search_of_the_whole_picture() -> None:
    theirs, network = Script(always, THEIRS), Script(always, OURS)
    model = Paired(theirs, network)  # type: ignore[arg-type]
    frame = Frame(IMAGE, 0.0, 0, 0)
    assert whose(model.estimate(frame)) == "theirs"
    assert network.asked_s == []
    theirs.due = True
    model.look_around(frame)
    assert (theirs.around, network.asked_s) == (1, []), "BlazePose looks around itself: never both in one frame"
    theirs.due = False
    for t in (1 / FPS, 2 / FPS):
        look(model, t)
    assert network.asked_s == [1 / FPS], "and then not again for a while"


def test_where_our_network_was_needed_just_now_both_run_at_once() -> None:
    together = threading.Barrier(2)

    class Waits(Script):
        def estimate(self, frame: Frame) -> Pose | None:
            if frame.captured_s > 0:
                together.wait(timeout=10)  # broken unless the other one runs, too
            return super().estimate(frame)

    model = Paired(Waits(never, THEIRS), Waits(always, OURS))  # type: ignore[arg-type]
    assert [whose(look(model, t / FPS)) for t in range(5)] == ["ours"] * 5
    model.close()


def test_the_whole_picture_is_searched_when_nobody_waits() -> None:
    class Seeks(Play):
        lost, waiting, sought = False, True, []  # type: ignore[var-annotated]

        def forget(self) -> None:
            self.lost = True

        def estimate(self, frame: Frame) -> Pose | None:
            if self.lost:
                self.sought.append((frame.captured_s, self.waiting))
            self.lost = False
            return super().estimate(frame)

    ours = Seeks(lambda t: figure(325, 300, t))
    model = Paired(Play(lambda t: figure(320, 300, t, trunk=1.0 if t < PLATE_S else HIDDEN)), ours)  # type: ignore[arg-type]
    for t in np.arange(0, PLATE_S + 2.5 * CHECK_S, 1 / FPS):
        frame = Frame(IMAGE, t, int(t * FPS), 0)
        ours.waiting = True
        model.estimate(frame)
        ours.waiting = False
        model.look_around(frame)
    later = [waiting for t, waiting in ours.sought if t > PLATE_S]
    assert len(later) >= 2
    assert not any(later)


class Slow(Script):
    """Takes its time, and tells how many of its estimates ran at once at most."""

    def __init__(self, sees: Callable[[float], bool], at: float) -> None:
        super().__init__(sees, at)
        self.busy = self.most = 0

    def estimate(self, frame: Frame) -> Pose | None:
        self.busy += 1
        self.most = max(self.most, self.busy)
        time.sleep(0.02)
        self.busy -= 1
        return super().estimate(frame)

    def close(self) -> None:
        assert self.busy == 0
        super().close()


def test_our_network_never_runs_twice_at_once_nor_in_one_frame() -> None:
    network = Slow(always, OURS)
    model = Paired(Script(lambda t: round(t * FPS) % 3 != 0, THEIRS), network)  # type: ignore[arg-type]
    for t in range(40):
        look(model, t / FPS)
    assert network.most == 1
    assert len(set(network.asked_s)) == len(network.asked_s)


def test_our_network_runs_once_in_the_first_frame_in_which_blazepose_is_unsure() -> None:
    asked_s: list[float] = []

    def ours(t: float) -> Pose:
        asked_s.append(t)
        return figure(320, 300, t)

    def theirs(t: float, plate_s: float) -> Pose:
        return figure(320, 300, t, trunk=HIDDEN if t >= plate_s else 1.0)

    begun_s = CHECK_S + 2 * LOOK_S  # between two searches of the whole picture
    for plate_s in np.arange(begun_s, begun_s + LOOK_S, 1 / FPS):  # one of these is also a frame in which it looks
        asked_s.clear()
        played(partial(theirs, plate_s=plate_s), ours, begun_s + 2 * LOOK_S)
        assert len(set(asked_s)) == len(asked_s)


def test_what_goes_wrong_in_either_is_told_and_nothing_runs_on_after_closing() -> None:
    for wrong in (0, 1):
        models = Script(never, THEIRS), Slow(always, OURS)
        model = Paired(*models)  # type: ignore[arg-type]
        look(model, 0.0)
        models[wrong].sees = lambda _: 1 // 0 > 0
        with pytest.raises(ZeroDivisionError):
            look(model, 1 / FPS)
        model.close()
        assert all(m.closed for m in models)
        with pytest.raises(RuntimeError):
            look(model, 2 / FPS)


def test_a_camera_opened_anew_asks_blazepose_alone_first() -> None:
    network = Script(always, OURS)
    model = Paired(Script(lambda t: t >= 900, THEIRS), network)  # type: ignore[arg-type]
    look(model, 5.0)
    model.estimate(Frame(np.zeros((6, 6, 3), np.uint8), 1000.0, 1, 0))
    assert network.asked_s == [5.0]


@pytest.mark.parametrize(("x", "every_s"), [(320.0, COMPARE_S), (320.0 + 30, SELDOM_S)])
def test_where_blazepose_is_sure_the_two_are_compared_more_often_while_they_may_agree(
    x: float, every_s: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    noted_s: list[float] = []
    note = Agreement.note

    def noting(self: Agreement, same: bool, now_s: float) -> None:
        noted_s.append(now_s)
        note(self, same, now_s)

    monkeypatch.setattr(Agreement, "note", noting)
    played(lambda t: figure(320, 300, t), lambda t: figure(x, 300, t), 20)
    slack_s = LOOK_S + 1 / FPS  # it is compared at the next look
    gaps_s = np.diff(noted_s)
    assert gaps_s[: FAILED - 1] == pytest.approx(COMPARE_S, abs=slack_s)
    assert gaps_s[FAILED - 1 :] == pytest.approx(every_s, abs=slack_s)
    assert len(gaps_s) > FAILED


def test_where_blazepose_is_seldom_sure_no_sure_frame_is_missed(monkeypatch: pytest.MonkeyPatch) -> None:
    noted_s: list[float] = []
    monkeypatch.setattr(Agreement, "note", lambda self, same, now_s: noted_s.append(now_s))
    monkeypatch.setattr(Agreement, "due", lambda self, now_s: not noted_s or now_s - noted_s[-1] >= COMPARE_S)

    def theirs(t: float) -> Pose:
        return figure(320, 300, t, trunk=1.0 if round(t * FPS) % 31 == 7 else HALF_HIDDEN)

    played(theirs, lambda t: figure(320, 300, t), 30)
    assert len(noted_s) == pytest.approx(30 * FPS / 31, abs=2)


def test_a_clock_that_goes_back_compares_anew() -> None:
    asked_s: list[float] = []

    def ours(t: float) -> Pose:
        asked_s.append(t)
        return figure(320, 300, t)

    model = Paired(Play(lambda t: figure(320, 300, t)), Play(ours))  # type: ignore[arg-type]
    for t in (*np.arange(1000, 1003, 1 / FPS), *np.arange(5, 8, 1 / FPS)):
        look(model, t)
    assert np.diff([t for t in asked_s if t < 10]) == pytest.approx(LOOK_S, abs=1 / FPS)


def test_a_place_that_blazepose_has_not_seen_the_lifter_in_for_long_binds_nobody() -> None:
    found = played(lambda t: figure(320 if t < 3 else 450, 280, t), lambda t: figure(320, 300, t), PROVEN_S + 15)
    assert {round(where(p)) for t, p in found if t < PROVEN_S} == {320}
    assert {round(where(p)) for t, p in found if t > PROVEN_S + 10} == {450}


def test_a_lifter_who_walks_is_followed() -> None:
    def way(t: float) -> float:
        return 250 + 30 * min(t, 5)

    found = played(lambda t: figure(way(t), 280, t), lambda t: figure(way(t) + 5, 300, t), 8)
    assert [where(p) for _, p in found] == pytest.approx([way(t) for t, _ in found], abs=1)


def test_the_depth_of_a_pose_of_our_network_is_not_told() -> None:
    found, _ = watched(never, always, 1)
    seen = [p for _, p in found if p is not None]
    assert len(seen) == FPS
    assert estimate(seen[-5:], seen, DEFAULT, Optics()) is None
    assert estimate([pose(OURS, 0.0)], [pose(OURS, 0.0)], DEFAULT, Optics()) is not None  # it is the scores that say so
    legs = index("left_knee", "right_knee", "left_ankle", "right_ankle")
    assert (seen[-1].scores[legs] == 1).all()


def test_a_room_that_blazepose_finds_empty_is_left_to_it() -> None:
    back_s = GUESS_FOR_S + 10
    found, network = watched(lambda t: t >= back_s and t < back_s + 1, always, back_s + 3)
    assert max(t for t in network.asked_s if t < back_s) <= GUESS_FOR_S
    assert {whose(p) for t, p in found if GUESS_FOR_S < t < back_s} == {None}
    assert {whose(p) for t, p in found if t > back_s + 1.2} == {"ours"}


def test_a_room_at_which_nobody_looked_is_not_empty() -> None:
    model = Paired(Script(never, THEIRS), Script(always, OURS))  # type: ignore[arg-type]
    for t in (*np.arange(0, 2, 1 / FPS), *np.arange(GUESS_FOR_S + 60, GUESS_FOR_S + 62, 1 / FPS)):
        assert whose(look(model, t)) == "ours", t


def test_times_that_go_back_begin_anew() -> None:
    network = Script(always, OURS)
    model = Paired(Script(lambda t: t < 900, THEIRS), network)  # type: ignore[arg-type]
    for t in np.arange(1000, 1001, 1 / FPS):
        look(model, t)
    assert network.asked_s
    assert whose(look(model, 5.0)) == "theirs"


def test_a_clock_that_goes_back_takes_no_time_from_what_our_network_alone_saw() -> None:
    model = Paired(Script(lambda t: t > 900 or t >= 6, THEIRS), Script(always, OURS))  # type: ignore[arg-type]
    for t in (*np.arange(1000, 1001, 1 / FPS), *np.arange(5, 6, 1 / FPS)):
        look(model, t)
    assert whose(look(model, 6.0)) == "ours"


def test_both_are_named_and_closed() -> None:
    theirs, ours = Script(always, THEIRS), Script(always, OURS)
    model = Paired(theirs, ours)  # type: ignore[arg-type]
    assert model.hashes == {"pose": "sha256:100.0", "pose_hidden": "sha256:104.0"}
    model.close()
    assert theirs.closed
    assert ours.closed


@pytest.mark.usefixtures("pose_files")
def test_it_is_the_default() -> None:
    model = open_pose_model()
    assert isinstance(model, Paired)
    assert set(model.hashes) == {"detector", "pose", "pose_hidden"}
    model.close()


def test_what_came_of_comparing_is_bounded() -> None:
    seen = Agreement()
    for k in range(3 * LAST):
        seen.note(k < 2 * LAST, 0.5 * k)
    assert not seen.earned(1.5 * LAST), "only the last count"
    for k in range(LAST):
        seen.note(True, 100.0 + k)
    assert seen.earned(100.0 + LAST)
    assert not seen.earned(100.0 + LAST + KEPT_S)

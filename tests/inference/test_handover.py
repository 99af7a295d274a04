"""Whom BlazePose follows beside a spotter: scripts stand for both networks; how they see is tested elsewhere."""

import threading
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from test_paired import FPS, IMAGE, Play, figure, where

from device.camera.frames import Frame
from device.inference.choice import SAME, THERE
from device.inference.handover import AGAIN_S, MET_S, PATIENT, SELDOM, STANDS_S, TIMES, Handover, off
from device.inference.letterbox import Crop
from device.inference.paired import CHECK_S, DOUBT_LOOK_S, LOOK_S, Paired
from device.squat.pose import Pose, index

SIDE_PX = 375.0  # of the crops around them
LIFTER, SPOTTER = 320.0, 320.0 + 0.21 * SIDE_PX
SOON_S = TIMES * (AGAIN_S + 1 / FPS)
SURE = 1.0  # score of hips that tell a depth

Where = Callable[[float], float]


class Follows(Play):
    """Stands for BlazePose: follows whom it is told to, for as long as it keeps to him.

    Args:
        keeps_s: after how long it goes over to the spotter again.
        there: whether somebody is seen at the lifter's.
    """

    def __init__(self, keeps_s: float = np.inf, there: bool = True, x: float = SPOTTER) -> None:
        super().__init__(lambda t: figure(self.at, 300, t))
        self.keeps_s, self.there, self.at, self.begun_s = keeps_s, there, x, np.inf
        self.asked_s: list[float] = []
        self.followed_s: list[float] = []
        self.crops: list[Crop] = []

    def estimate(self, frame: Frame) -> Pose | None:
        if frame.captured_s - self.begun_s >= self.keeps_s:
            self.at = SPOTTER
        return super().estimate(frame)

    def sees(self, frame: Frame, crop: Crop) -> tuple[Pose, Crop] | None:
        self.asked_s.append(frame.captured_s)
        x = LIFTER if self.there and abs(crop.centre[0] - LIFTER) < 20 else self.at
        return figure(x, 300, frame.captured_s), Crop((x, 0.0), 1.0)

    def follow(self, frame: Frame, crop: Crop) -> None:
        self.at, self.begun_s = crop.centre[0], frame.captured_s
        self.followed_s.append(self.begun_s)
        self.crops.append(crop)


def played(theirs: Follows, ours: Where, seconds: float) -> tuple[list[tuple[float, Pose]], list[float]]:
    """The poses over time, and when our network was asked."""
    asked_s: list[float] = []

    def ask(t: float) -> Pose:
        asked_s.append(t)
        return figure(ours(t), 300, t)

    model, found = Paired(theirs, Play(ask)), []  # type: ignore[arg-type]
    for t in np.arange(round(seconds * FPS)) / FPS:
        frame = Frame(IMAGE, t, int(t * FPS), 0)
        found.append((t, model.estimate(frame)))
        model.look_around(frame)
    return found, asked_s


def at(found: list[tuple[float, Pose]], from_s: float, to_s: float = np.inf) -> set[int]:
    return {where(pose) for t, pose in found if from_s <= t < to_s}


def test_a_spotter_is_left_for_whom_our_network_takes_for_the_lifter() -> None:
    theirs = Follows()
    found, _ = played(theirs, lambda _: LIFTER, 5)
    assert at(found, 0, AGAIN_S) == {SPOTTER}
    assert at(found, SOON_S) == {LIFTER}
    hips = [pose.scores[index("left_hip")] for t, pose in found if t > SOON_S]
    assert min(hips) == SURE, "the pose is BlazePose's own, whose depth is told"
    assert len(theirs.followed_s) == 1
    assert theirs.crops[0].side_px == 1, "the crop is BlazePose's own"


def test_who_is_seen_by_our_network_alone_is_not_followed() -> None:
    theirs = Follows(there=False)
    found, _ = played(theirs, lambda _: LIFTER, 12)
    assert at(found, 0) == {SPOTTER}
    assert theirs.followed_s == []
    waits_s = [AGAIN_S * wait for wait in (2, 4, SELDOM, SELDOM, SELDOM)]
    assert np.diff(theirs.asked_s)[:5] == pytest.approx(waits_s, abs=LOOK_S), "it is looked for ever less often"


def beside(x: float, theirs: Follows) -> None:
    """BlazePose sees whoever it is asked for."""
    theirs.sees = lambda frame, crop: (figure(crop.centre[0], 300, frame.captured_s), crop)  # type: ignore[method-assign]
    theirs.at = x


@pytest.mark.parametrize(("aside_px", "handed"), [(170.0, True), (200.0, False)])
def test_who_stands_far_from_the_centre_is_no_lifter_beside_one_who_stands_there(aside_px: float, handed: bool) -> None:
    theirs = Follows()
    beside(LIFTER, theirs)
    found, asked_s = played(theirs, lambda _: LIFTER + aside_px, 8)
    assert bool(theirs.followed_s) == handed
    assert at(found, 2) == {LIFTER + aside_px if handed else LIFTER}
    if not handed:
        gaps_s = np.diff(asked_s)
        assert np.median(gaps_s) == pytest.approx(DOUBT_LOOK_S, abs=1 / FPS), "looks go on, as where the two differ"
        assert gaps_s.max() < 2 * DOUBT_LOOK_S


def test_a_lifter_far_from_the_centre_whom_both_saw_is_found_again() -> None:
    theirs, lifter = Follows(), LIFTER + 220
    beside(lifter, theirs)
    theirs.keeps_s, theirs.begun_s = 3.0, 0.0  # then BlazePose goes over to somebody near the centre, and stays there
    found, _ = played(theirs, lambda _: lifter, 8)
    assert at(found, 0, 3) == {lifter}
    assert at(found, 3 + 2 * SOON_S) == {lifter}
    assert len(theirs.followed_s) >= 1


def test_one_look_hands_nobody_over() -> None:
    theirs = Follows()
    found, _ = played(theirs, lambda t: LIFTER if t % (3 * AGAIN_S) < AGAIN_S else SPOTTER, 10)
    assert len(theirs.asked_s) > 5
    assert theirs.followed_s == []
    assert at(found, 0) == {SPOTTER}


def test_where_both_follow_one_lifter_nobody_else_is_asked_for() -> None:
    theirs = Follows(x=LIFTER)
    found, asked_s = played(theirs, lambda _: LIFTER, 5)
    assert at(found, 0) == {LIFTER}
    assert (theirs.asked_s, theirs.followed_s) == ([], [])
    assert np.diff(asked_s) == pytest.approx(LOOK_S, abs=1 / FPS)


def test_blazepose_is_called_back_when_it_goes_over_again_and_the_lifter_stays_in_sight() -> None:
    theirs = Follows(keeps_s=1.0)
    found, _ = played(theirs, lambda _: LIFTER, 6)
    assert at(found, SOON_S) == {LIFTER}
    assert len(theirs.followed_s) >= 4
    gaps_s = np.diff(theirs.followed_s)
    assert gaps_s.max() < 1 + 3 / FPS, "one look is enough then"
    assert gaps_s.min() >= AGAIN_S


def test_it_is_called_back_at_once_for_some_time_only() -> None:
    theirs = Follows(keeps_s=1.0)
    found, _ = played(theirs, lambda _: LIFTER, STANDS_S + 5)
    ends_s = theirs.followed_s[0] + STANDS_S
    assert at(found, SOON_S, ends_s) == {LIFTER}
    assert at(found, ends_s) == {LIFTER, SPOTTER}


def test_whom_both_saw_only_before_is_not_the_lifter_once_it_is_handed_over() -> None:
    theirs = Follows(keeps_s=0.5 / FPS)
    found, _ = played(theirs, lambda t: LIFTER if t >= 2 else SPOTTER, 8)
    handed_s = theirs.followed_s[0]
    assert at(found, 0, handed_s + 0.01) == {SPOTTER}
    assert at(found, handed_s + 0.01) == {LIFTER}


def test_a_lifter_who_walks_meanwhile_is_known_where_he_is() -> None:
    class Walks(Follows):
        def estimate(self, frame: Frame) -> Pose | None:
            t = frame.captured_s
            walking = self.followed_s and t < 6
            self.at = LIFTER - 40 * max(t - 2, 0) if walking else LIFTER if t >= 6 else self.at
            return super().estimate(frame)

    theirs = Walks()
    found, _ = played(theirs, lambda t: LIFTER - 40 * min(max(t - 2, 0), 4), 7)
    assert theirs.followed_s
    assert at(found, 6.5, 7) == {LIFTER - 160}, "BlazePose has jumped to where he was"


def test_trunks_a_little_apart_are_told_apart_while_the_two_are_compared() -> None:
    class Leans(Follows):
        def estimate(self, frame: Frame) -> Pose | None:
            self.at = LIFTER + 0.1 * SIDE_PX if frame.captured_s >= 3 else self.at
            return super().estimate(frame)

    found, _ = played(Leans(), lambda _: LIFTER, 5)
    assert at(found, SOON_S) == {LIFTER}
    found, _ = played(Leans(x=LIFTER), lambda _: LIFTER, 5)
    assert at(found, 3) == {LIFTER + 0.1 * SIDE_PX}, "and not otherwise"


def test_who_comes_back_by_himself_is_looked_for_no_longer() -> None:
    class Returns(Follows):
        def estimate(self, frame: Frame) -> Pose | None:
            t = frame.captured_s
            self.there = t < 3
            self.at = SPOTTER if 3 <= t < 3.5 else LIFTER if t >= 3.5 else self.at
            return super().estimate(frame)

    theirs = Returns()
    found, _ = played(theirs, lambda _: LIFTER, 10)
    assert at(found, SOON_S) == {LIFTER}
    assert max(theirs.asked_s) < 4
    assert len(theirs.followed_s) == 1


def test_whom_blazepose_sees_beside_himself_is_nobody_else() -> None:
    """Somebody on hands and knees, of whom either pose is a little wrong."""

    class Crawls(Follows):
        def sees(self, frame: Frame, crop: Crop) -> tuple[Pose, Crop]:
            self.asked_s.append(frame.captured_s)
            return figure(SPOTTER - 0.15 * SIDE_PX, 300, frame.captured_s), crop

    theirs = Crawls()
    played(theirs, lambda _: SPOTTER - 0.17 * SIDE_PX, 5)
    assert theirs.asked_s
    assert theirs.followed_s == []


def test_meanwhile_nothing_keeps_a_lamp_waiting_and_the_picture_is_searched_now_and_then() -> None:
    class Sprawls(Follows):
        """Its feet are elsewhere, so its crop is."""

        due = False

        def estimate(self, frame: Frame) -> Pose | None:
            self.due = bool(self.followed_s)
            found = super().estimate(frame)
            if found is not None and self.followed_s:
                found.keypoints[index("left_toe", "left_heel", "left_ankle")] += [300, 0]
            return found

    theirs, threads = Sprawls(), {}

    def ask(t: float) -> Pose:
        threads.setdefault(round(t * FPS), threading.current_thread().name)
        return figure(LIFTER, 300, t)

    ours = Play(ask)
    model, counts = Paired(theirs, ours), []  # type: ignore[arg-type]
    for row in range(round((STANDS_S + 5) * FPS)):
        frame = Frame(IMAGE, row / FPS, row, 0)
        before = ours.forgotten
        model.estimate(frame)
        if theirs.followed_s and row / FPS < theirs.followed_s[0] + STANDS_S:
            counts.append((ours.forgotten - before, ours.forgotten))
        model.look_around(frame)
        if theirs.followed_s and row == round(theirs.followed_s[0] * FPS) + 30:
            assert theirs.around == 0, "BlazePose looks for nobody else meanwhile"
    begun = round(theirs.followed_s[0] * FPS)
    assert threads[begun + 1].startswith("pose"), "already in the next frame our network runs beside BlazePose"
    assert {now for now, _ in counts} == {0}, "nothing is forgotten before the lamp"
    assert counts[-1][1] - counts[0][1] == pytest.approx(STANDS_S / CHECK_S, abs=1)
    assert theirs.around > 0, "but afterwards"


def test_nobody_is_watched_in_each_frame_for_ever() -> None:
    theirs = Follows()
    _, asked_s = played(theirs, lambda _: LIFTER, STANDS_S + 10)
    begun_s = theirs.followed_s[0]
    watched = [t for t in np.unique(asked_s) if begun_s < t < begun_s + STANDS_S - 0.1]
    later = [t for t in asked_s if t > begun_s + STANDS_S + 0.1]
    assert np.diff(watched) == pytest.approx(1 / FPS, abs=1e-3)
    assert np.median(np.diff(later)) == pytest.approx(LOOK_S, abs=1 / FPS)


def test_our_network_that_goes_elsewhere_must_see_the_lifter_there_for_longer() -> None:
    def passes(from_s: float, to_s: float) -> tuple[set[int], Follows]:
        theirs = Follows()
        found, _ = played(theirs, lambda t: LIFTER if from_s <= t < to_s else SPOTTER, 12)
        return at(found, to_s - 0.1), theirs

    brief_s = (PATIENT - 1) * AGAIN_S
    assert passes(4, 4 + brief_s)[0] == {SPOTTER}, "somebody who passes, whom both see"
    x, theirs = passes(4, 12)
    assert x == {LIFTER}
    assert theirs.followed_s == pytest.approx([4 + PATIENT * AGAIN_S], abs=LOOK_S + PATIENT / FPS)


def test_who_of_the_two_left_the_lifter_is_not_believed_while_they_are_compared() -> None:
    theirs = Follows()
    found, _ = played(theirs, lambda t: SPOTTER if 5 <= t < 6 else LIFTER, 8)
    assert at(found, SOON_S) == {LIFTER}, "our network went to the spotter for a second"
    assert len(theirs.followed_s) == 1
    hips = [pose.scores[index("left_hip")] for t, pose in found if t > SOON_S]
    assert min(hips) == SURE, "BlazePose's own poses"


def test_a_mistaken_handing_over_is_undone_when_our_network_has_been_right_for_a_while() -> None:
    class TwoPeople(Follows):
        def sees(self, frame: Frame, crop: Crop) -> tuple[Pose, Crop]:
            x = min((LIFTER, SPOTTER), key=lambda person: abs(person - crop.centre[0]))
            return figure(x, 300, frame.captured_s), Crop((x, 0.0), 1.0)

    theirs = TwoPeople(x=LIFTER)
    found, _ = played(theirs, lambda t: SPOTTER if 3 <= t < 5 else LIFTER, 12)
    assert at(found, 4.9, 5) == {SPOTTER}
    assert at(found, 5 + PATIENT * (AGAIN_S + 1 / FPS) + LOOK_S) == {LIFTER}


def test_our_network_is_not_believed_where_looks_are_in_vain() -> None:
    class Gone(Follows):
        def estimate(self, frame: Frame) -> Pose | None:
            if frame.captured_s >= 3:
                self.at, self.there = SPOTTER, False
            return super().estimate(frame)

    found, _ = played(Gone(), lambda _: LIFTER, 10)
    assert at(found, SOON_S, 4) == {LIFTER}
    assert at(found, 3 + AGAIN_S * (2 + 4 + 1)) == {SPOTTER}


def test_somebody_large_in_front_is_not_followed_at_one_look_while_blazepose_is_watched() -> None:
    class Crowd(Follows):
        def sees(self, frame: Frame, crop: Crop) -> tuple[Pose, Crop]:
            x, tall_px = (LIFTER, 120) if crop.side_px < 200 else (LIFTER + 60, 500)
            return figure(x, tall_px, frame.captured_s), Crop((x, 0.0), 1.0)

    theirs, shown = Crowd(), []
    theirs.script = lambda t: figure(theirs.at, 120, t)

    def ours(t: float) -> Pose:
        return figure(LIFTER + 60, 500, t) if 2 <= t < 2.1 else figure(LIFTER, 120, t)

    model = Paired(theirs, Play(ours))  # type: ignore[arg-type]
    for t in np.arange(4 * FPS) / FPS:
        frame = Frame(IMAGE, t, int(t * FPS), 0)
        shown.append((t, model.estimate(frame)))
        model.look_around(frame)
    assert len(theirs.followed_s) == 1
    assert at(shown, SOON_S) == {LIFTER}


def test_whom_both_saw_long_ago_does_not_tell_who_left() -> None:
    theirs = Follows()
    start = (100.0, 100.0 + MET_S + 1)
    for early, looks in zip((True, False), (TIMES, PATIENT), strict=True):
        handover = Handover(theirs)  # type: ignore[arg-type]
        met = figure(LIFTER, 300, 100.0)
        assert not handover.look(Frame(IMAGE, 100.0, 0, 0), met, met)
        for count in range(1, looks + 1):
            t = start[not early] + count * AGAIN_S
            handed = handover.look(Frame(IMAGE, t, 0, 0), figure(LIFTER, 300, t), figure(SPOTTER, 300, t))
            assert handed == (count == looks)


def test_our_network_is_never_believed_without_end() -> None:
    """It was wrong about who the lifter is, and BlazePose goes back to him by itself."""
    theirs = Follows(keeps_s=1.0)  # "the spotter" is the lifter here
    found, _ = played(theirs, lambda t: LIFTER if t < 5 else SPOTTER, 60)
    assert at(found, 5 + STANDS_S) == {SPOTTER}


def test_who_jumps_far_aside_is_called_back() -> None:
    class Jumps(Follows):
        def estimate(self, frame: Frame) -> Pose | None:
            self.at = 600 if 4 <= frame.captured_s < 4.2 else self.at
            return super().estimate(frame)

    theirs = Jumps(x=LIFTER)
    found, _ = played(theirs, lambda _: LIFTER, 30)
    assert at(found, 0) == {LIFTER}
    assert theirs.followed_s == pytest.approx([4 + TIMES * AGAIN_S], abs=LOOK_S)
    told = [t for t, pose in found if pose.scores[index("left_hip")] == SURE]
    assert len([t for t in told if t > 5]) == pytest.approx(25 * FPS, abs=2), "and soon tells the depth again"


def test_where_the_spotter_stood_is_not_the_lifters_place() -> None:
    aside = LIFTER + 0.3 * SIDE_PX
    theirs = Follows(x=aside)
    found, _ = played(theirs, lambda t: LIFTER if t >= 3 else aside, 8)
    begun_s = theirs.followed_s[0]
    hips = [pose.scores[index("left_hip")] for t, pose in found if t > begun_s]
    assert at(found, begun_s + 0.01) == {LIFTER}
    assert min(hips) == SURE


def test_a_third_person_is_not_followed() -> None:
    class Third(Follows):
        def sees(self, frame: Frame, crop: Crop) -> tuple[Pose, Crop]:
            self.asked_s.append(frame.captured_s)
            return figure(100, 300, frame.captured_s), crop

    theirs = Third()
    played(theirs, lambda _: LIFTER, 8)
    assert theirs.asked_s
    assert theirs.followed_s == []


def test_who_is_followed_already_is_not_another_for_being_seen_from_a_crop_beside_him() -> None:
    theirs = Follows(there=False)
    played(theirs, lambda _: SPOTTER - 0.15 * SIDE_PX, 8)
    assert theirs.asked_s
    assert theirs.followed_s == []


def test_a_lifter_now_here_now_there_is_nobody() -> None:
    class Both(Follows):
        def sees(self, frame: Frame, crop: Crop) -> tuple[Pose, Crop]:
            self.asked_s.append(frame.captured_s)
            return figure(crop.centre[0], 300, frame.captured_s), crop

    theirs = Both()
    played(theirs, lambda t: LIFTER if round(t / DOUBT_LOOK_S) // 2 % 2 else 200.0, 8)
    assert len(theirs.asked_s) > 5
    assert theirs.followed_s == []


def test_looks_long_apart_are_not_in_a_row() -> None:
    theirs = Follows()
    handover = Handover(theirs)  # type: ignore[arg-type]
    ours, pose = figure(LIFTER, 300, 0.0), figure(SPOTTER, 300, 0.0)
    for t, handed in ((0.0, False), (100.0, False), (100.0 + AGAIN_S, True)):
        seen = replace(ours, captured_s=t)
        assert handover.look(Frame(IMAGE, t, 0, 0), seen, replace(pose, captured_s=t)) == handed


def test_what_was_compared_in_this_room_is_kept_and_a_spotter_does_not_count() -> None:
    theirs = Follows(x=LIFTER)
    model = Paired(theirs, Play(lambda t: figure(LIFTER, 300, t)))  # type: ignore[arg-type]
    for t in np.arange(12 * FPS) / FPS:
        if t == 10:
            theirs.at = SPOTTER
        frame = Frame(IMAGE, t, 0, 0)
        model.estimate(frame)
        model.look_around(frame)
    assert len(theirs.followed_s) == 1
    same = model._agreement._same
    assert len(same) > 15
    assert all(same)


def test_times_that_go_back_begin_anew() -> None:
    theirs = Follows()
    model = Paired(theirs, Play(lambda t: figure(LIFTER, 300, t)))  # type: ignore[arg-type]
    for t in (1000.0, *np.arange(3 * FPS) / FPS):
        frame = Frame(IMAGE, t, 0, 0)
        model.estimate(frame)
        model.look_around(frame)
    assert theirs.followed_s[0] < 2 * SOON_S


def test_arms_that_reach_over_make_nobody_another() -> None:
    """A spotter's hands, and those of our network's lifter, may be put to one place; trunks stay apart."""
    one, reaching = figure(LIFTER, 300, 0.0), figure(LIFTER, 300, 0.0)
    reaching.keypoints[index("left_wrist", "right_wrist")] += [150, 0]
    assert off(one, reaching) == 0
    assert off(one, figure(SPOTTER, 300, 0.0)) > THERE > SAME
    bent, small = figure(LIFTER, 300, 0.0), figure(LIFTER, 150, 0.0)
    bent.keypoints[index("left_shoulder", "right_shoulder")] += [100, 0]
    assert off(one, bent) == pytest.approx(50 / SIDE_PX, rel=0.1)
    trunk_px = np.array([0.9, 1.4]).mean() * 150 / 1.7  # how much higher it is in the larger one
    assert off(one, small) == off(small, one) == pytest.approx(trunk_px / SIDE_PX, rel=0.05)
    mirrored = figure(LIFTER, 300, 0.0)
    sides = index("left_hip", "right_hip", "left_shoulder", "right_shoulder")
    mirrored.keypoints[sides] = mirrored.keypoints[sides[[1, 0, 3, 2]]]
    assert off(one, mirrored) == pytest.approx(0, abs=1e-6), "left and right may be mistaken"


def test_looks_in_vain_between_which_both_agree_do_not_add_up() -> None:
    class Strays(Follows):
        """Goes over for a moment now and then, and sees nobody at the lifter's meanwhile."""

        def estimate(self, frame: Frame) -> Pose | None:
            if frame.captured_s >= 2:
                self.at, self.there = SPOTTER if (frame.captured_s - 2) % 2.5 < 0.15 else LIFTER, False
            return super().estimate(frame)

    theirs = Strays()
    found, _ = played(theirs, lambda _: LIFTER, 18)
    assert len(theirs.followed_s) == 1
    assert at(found, SOON_S) == {LIFTER}


def test_who_left_is_told_by_where_both_saw_him_last() -> None:
    handover, there = Handover(Follows(x=SPOTTER)), SPOTTER + 100  # type: ignore[arg-type]
    for t, x in ((100.0, there), (101.0, LIFTER)):  # he has walked over
        both = figure(x, 300, t)
        assert not handover.look(Frame(IMAGE, t, 0, 0), both, both)
    for count in range(1, TIMES + 1):
        t = 101 + count * AGAIN_S
        ours, theirs = figure(LIFTER, 300, t), figure(there, 300, t)
        assert handover.look(Frame(IMAGE, t, 0, 0), ours, theirs) == (count == TIMES)

"""BlazePose and our network together: who is believed when. Both are scripts here; how they see is tested elsewhere."""

from collections.abc import Callable

import numpy as np
import pytest

from device.camera.frames import Frame
from device.inference.choice import GUESS_FOR_S
from device.inference.paired import BELIEVED_S, LOST_S, Paired
from device.inference.pose_model import open_pose_model
from device.squat.depth import DEFAULT, estimate
from device.squat.perspective import Optics
from device.squat.pose import KEYPOINTS, Pose, index

FPS = 30.0
IMAGE = np.zeros((4, 4, 3), np.uint8)
THEIRS, OURS = 100.0, 200.0  # where all points of a pose lie: who made it


class Script:
    """Stands for a pose model: finds somebody at the times it is told."""

    def __init__(self, sees: Callable[[float], bool], at: float) -> None:
        self.sees, self.at = sees, at
        self.asked_s: list[float] = []
        self.closed = False
        self.hashes = {"pose": f"sha256:{at}"}

    def estimate(self, frame: Frame) -> Pose | None:
        self.asked_s.append(frame.captured_s)
        return pose(self.at, frame.captured_s) if self.sees(frame.captured_s) else None

    def close(self) -> None:
        self.closed = True


def pose(at: float, now_s: float) -> Pose:
    world = np.random.default_rng(1).normal(size=(len(KEYPOINTS), 3)).astype(np.float32)
    points = at + 20 * world[:, :2]
    return Pose(points, np.ones(len(KEYPOINTS), np.float32), world, now_s, 0, 0, (640, 480))


def whose(found: Pose | None) -> str | None:
    return None if found is None else "theirs" if np.abs(found.keypoints - THEIRS).max() < 90 else "ours"


def watched(theirs: Callable[[float], bool], ours: Callable[[float], bool], seconds: float) -> tuple[list, Script]:
    network = Script(ours, OURS)
    model = Paired(Script(theirs, THEIRS), network)  # type: ignore[arg-type]
    times = np.arange(round(seconds * FPS)) / FPS
    return [(t, model.estimate(Frame(IMAGE, t, int(t * FPS), 0))) for t in times], network


def always(_: float) -> bool:
    return True


def never(_: float) -> bool:
    return False


def test_who_blazepose_sees_is_believed_and_our_network_costs_nothing() -> None:
    found, network = watched(always, always, 3)
    assert {whose(p) for _, p in found} == {"theirs"}
    assert network.asked_s == []


def test_a_frame_that_blazepose_misses_is_filled_and_no_more() -> None:
    found, network = watched(lambda t: abs(t - 1) > 0.01, always, 3)
    assert [round(t, 2) for t, p in found if whose(p) == "ours"] == [1.0]
    assert len(network.asked_s) == 1


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
    assert max(t for t in network.asked_s if t < back_s) < GUESS_FOR_S
    assert {whose(p) for t, p in found if GUESS_FOR_S < t < back_s} == {None}
    assert {whose(p) for t, p in found if t > back_s + 1.2} == {"ours"}


def test_times_that_go_back_begin_anew() -> None:
    network = Script(always, OURS)
    model = Paired(Script(lambda t: t < 900, THEIRS), network)  # type: ignore[arg-type]
    for t in np.arange(1000, 1001, 1 / FPS):
        model.estimate(Frame(IMAGE, t, 0, 0))
    assert network.asked_s
    assert whose(model.estimate(Frame(IMAGE, 5.0, 0, 0))) == "theirs"


def test_both_are_named_and_closed() -> None:
    theirs, ours = Script(always, THEIRS), Script(always, OURS)
    model = Paired(theirs, ours)  # type: ignore[arg-type]
    assert model.hashes == {"pose": "sha256:100.0", "pose_hidden": "sha256:200.0"}
    model.close()
    assert theirs.closed
    assert ours.closed


@pytest.mark.usefixtures("pose_files")
def test_it_is_the_default() -> None:
    model = open_pose_model()
    assert isinstance(model, Paired)
    assert set(model.hashes) == {"detector", "pose", "pose_hidden"}
    model.close()

"""Rest while nobody is in view."""

from collections.abc import Iterator
from itertools import count
from typing import Any, ClassVar

import numpy as np
import pytest

from device.camera.clip import Clip
from device.camera.frames import Frame
from device.camera.state import CameraState, NoFrame
from device.idle import AFTER_S, Idle
from device.inference import tflite
from device.inference.pose_model import open_pose_model
from device.meter import Meter
from device.squat.events import Event
from device.watch import watch

BACK_S = 0.5  # within so long of somebody stepping in every frame is looked at again


class Source:
    """Frames at their times; no time passes here."""

    name = "test"

    def __init__(self, seen: Any) -> None:
        self._seen = seen

    def frames(self) -> Iterator[Frame | NoFrame]:
        yield from self._seen


class Somebody:
    """Finds somebody from a time on."""

    hashes: ClassVar[dict[str, str]] = {}

    def __init__(self, from_s: float) -> None:
        self.from_s, self.looked_s = from_s, []

    def estimate(self, frame: Frame) -> Any:
        self.looked_s.append(frame.captured_s)
        return "pose" if frame.captured_s >= self.from_s else None

    def look_around(self, frame: Frame) -> None:
        assert frame.captured_s == self.looked_s[-1]

    def close(self) -> None: ...


class NoJudge:
    def see(self, pose: Any, now_s: float) -> list[Event]:
        return []

    def finish(self, now_s: float) -> list[Event]:
        return []


def shaky(hz: float, seconds: float, seed: int = 1) -> np.ndarray:
    """Times of a camera that is not exact."""
    random = np.random.default_rng(seed)
    return np.arange(1, int(seconds * hz)) / hz + random.normal(0, 0.1 / hz, int(seconds * hz) - 1)


def frames(times: np.ndarray) -> list[Frame]:
    image = np.zeros((48, 64, 3), np.uint8)
    return [Frame(image, float(at_s), index) for index, at_s in enumerate(times)]


@pytest.mark.parametrize("hz", [6, 9, 15, 25, 30, 60, 120])
def test_at_rest_five_frames_a_second_and_more_are_looked_at_and_not_many_more(hz: float) -> None:
    model = Somebody(np.inf)
    for _ in watch(Source(frames(shaky(hz, 60))), model, NoJudge(), Idle()):
        pass
    rest_s = [at_s for at_s in model.looked_s if at_s > AFTER_S + 0.5]
    assert len(rest_s) / (60 - AFTER_S - 0.5) >= 5
    assert len(rest_s) / (60 - AFTER_S - 0.5) <= max(8, hz * 0.25 if hz > 15 else hz)
    assert len([at_s for at_s in model.looked_s if at_s < AFTER_S]) == pytest.approx(hz * AFTER_S, abs=2), "not before"


@pytest.mark.parametrize("hz", [15, 30, 60])
def test_it_is_back_at_full_rate_within_half_a_second_of_somebody_stepping_in(hz: float) -> None:
    late_s = []
    for trial in range(100):
        steps_in_s = 10 + trial / 137
        model, idle = Somebody(steps_in_s), Idle()
        times = shaky(hz, 13, trial)
        for _ in watch(Source(frames(times)), model, NoJudge(), idle):
            pass
        found_s = next(at_s for at_s in model.looked_s if at_s >= steps_in_s)
        late_s.append(found_s - steps_in_s)
        assert [at_s for at_s in model.looked_s if at_s > found_s] == [at_s for at_s in times if at_s > found_s]
        assert not idle.resting
    assert np.percentile(late_s, 95) <= 0.2


def test_whoever_leaves_is_waited_for_before_the_rest() -> None:
    idle = Idle()
    for at_s in np.arange(0, 60, 0.1):
        idle.skips(at_s)
        idle.found(at_s)
        assert not idle.resting
    skipped = [idle.skips(at_s) for at_s in np.arange(60, 66, 1 / 30)]
    assert not any(skipped[: int(30 * AFTER_S) - 6])
    assert idle.resting
    assert sum(skipped[-20:]) >= 12


def test_a_clock_that_went_back_keeps_nobody_waiting() -> None:
    idle = Idle()
    for at_s in np.arange(1000, 1010, 1 / 30):
        idle.skips(at_s)
    assert idle.resting
    assert not idle.skips(3.0)
    assert sum(not idle.skips(at_s) for at_s in 3 + np.arange(1, 31) / 30) >= 5


def test_what_is_left_out_is_no_loss_and_is_told_apart() -> None:
    model = Somebody(np.inf)
    meter, idle = Meter(model, clock=(n / 1000 for n in count()).__next__), Idle()
    for turn in watch(Source([*frames(shaky(30, 20)), NoFrame(20.1, CameraState.DARK, "")]), meter, NoJudge(), idle):
        meter.count(turn, idle.resting)
    stats = meter.stats()
    assert stats is not None
    assert stats.dropped == 0
    assert stats.idle_share == pytest.approx((20 - AFTER_S) / 20, abs=0.05)
    assert meter._frames == 0, "counted anew from here"


def test_the_real_model_rests_on_its_detector_alone_and_finds_whoever_steps_in(
    pose_files: None, demo_clip: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    ran: list[str] = []
    run = tflite.Model.__call__

    def noted(self: Any, *arguments: Any) -> Any:
        ran.append("detector" if "detector" in self.path.name else "landmarks")
        return run(self, *arguments)

    monkeypatch.setattr(tflite.Model, "__call__", noted)
    with Clip(demo_clip) as clip:
        people = [frame.image for frame, _ in zip(clip.frames(), range(9), strict=False)]
    empty = np.full_like(people[0], 90)
    monkeypatch.setattr("device.inference.choice.GUESS_FOR_S", 0.5)
    monkeypatch.setattr("device.inference.paired.GUESS_FOR_S", 0.5)
    monkeypatch.setattr("device.idle.AFTER_S", 0.5)  # the rest is the same, and begins sooner
    late_s = []
    for trial in range(8):
        model, idle, looked = open_pose_model(threads=1), Idle(), []
        shown = [empty] * (90 + trial) + people
        found_s = None
        for turn in watch(Source(Frame(image, n / 30, n) for n, image in enumerate(shown)), model, NoJudge(), idle):
            if turn.now_s <= 1:
                ran.clear()  # the middle of the picture may hide a lifter, for a while
            if turn.frame is not None and turn.frame.index < 90 + trial and turn.now_s > 1:
                looked.append(not turn.skipped)
                assert idle.resting
                assert "landmarks" not in ran
            if turn.pose is not None and found_s is None:
                found_s = turn.now_s
        model.close()
        ran.clear()
        assert found_s is not None
        late_s.append(found_s - (90 + trial) / 30)
        assert 5 <= sum(looked) / (len(looked) / 30) <= 8
    assert np.percentile(late_s, 95) <= BACK_S

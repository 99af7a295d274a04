"""How the device does."""

from collections.abc import Iterator
from typing import Any, ClassVar

import numpy as np
import pytest

from device.camera.frames import Frame
from device.meter import KEPT, Meter
from device.squat.events import LifterLost, RepJudged
from device.watch import Turn

IMAGE = np.zeros((4, 4, 3), np.uint8)


class Clock:
    now_s = 100.0

    def __call__(self) -> float:
        return self.now_s


@pytest.fixture
def clock() -> Clock:
    return Clock()


class Slow:
    """A model that takes its time."""

    hashes: ClassVar[dict[str, str]] = {}

    def __init__(self, clock: Clock, takes_s: Iterator[float]) -> None:
        self.clock, self.takes_s = clock, takes_s

    def estimate(self, frame: Frame) -> Any:
        self.clock.now_s += next(self.takes_s)

    def close(self) -> None: ...


class Light:
    """A light that takes its time, too."""

    name = "light"

    def __init__(self, clock: Clock) -> None:
        self.clock, self.told = clock, []

    def handle(self, event: Any, record: Any) -> None:
        self.clock.now_s += 0.002
        self.told.append(event)

    def tick(self, now_s: float) -> None:
        self.told.append(now_s)

    def close(self) -> None:
        self.told.append("closed")


def judged(at_s: float) -> RepJudged:
    return RepJudged(at_s, None, None, None, None, 1, 1, 0.0)  # type: ignore[arg-type]


def test_each_stage_has_its_median_and_its_ninety_ninth_percentile(clock: Clock) -> None:
    meter = Meter(Slow(clock, iter([0.01] * 98 + [0.05] * 2)), live=True, clock=clock)
    light = meter.lighting(Light(clock))
    for number in range(100):
        clock.now_s = 200 + number / 30
        frame = Frame(IMAGE, clock.now_s - 0.004, number, int(number == 7))
        meter.estimate(frame)
        if number % 10 == 0:
            light.handle(judged(frame.captured_s), None)
        meter.count(Turn(frame.captured_s, frame, None, []))
    clock.now_s = 204.0
    stats = meter.stats()
    assert stats is not None
    assert stats.latency["capture"].p50_ms == pytest.approx(4)
    assert stats.latency["pose"].p50_ms == pytest.approx(10)
    assert 10 < stats.latency["pose"].p99_ms < 50.1
    assert stats.latency["frame_to_pin"].p50_ms == pytest.approx(4 + 10 + 2)
    assert stats.latency["pin"].p50_ms < 2
    assert stats.inference_ms == pytest.approx(10)
    assert (stats.frames_hz, stats.dropped, stats.idle_share) == (pytest.approx(100 / 104), 1, 0.0)


def test_how_old_a_picture_is_nobody_knows_where_its_time_is_a_clips(clock: Clock) -> None:
    meter = Meter(Slow(clock, iter([0.01] * 9)), live=False, clock=clock)
    for number in range(3):
        meter.estimate(Frame(IMAGE, number / 30, number))
        meter.lit(judged(number / 30), 0.001)
    assert meter.latency().keys() == {"pose", "pin"}


def test_the_light_behind_the_meter_is_told_everything(clock: Clock) -> None:
    meter, light = Meter(Slow(clock, iter([])), clock=clock), Light(clock)
    timed = meter.lighting(light)
    timed.handle(LifterLost(1.0), None)
    timed.tick(2.0)
    timed.close()
    assert light.told == [LifterLost(1.0), 2.0, "closed"]
    assert meter.latency() == {}, "nothing was lit"


def test_a_light_that_raises_is_not_lit(clock: Clock) -> None:
    class Broken(Light):
        def handle(self, event: Any, record: Any) -> None:
            raise OSError("the bus is gone")

    meter = Meter(Slow(clock, iter([])), live=True, clock=clock)
    with pytest.raises(OSError, match="gone"):
        meter.lighting(Broken(clock)).handle(judged(1.0), None)
    assert meter._taken_s == {}


def test_it_holds_the_newest_times_alone_and_no_more_memory_with_more_of_them(clock: Clock) -> None:
    meter = Meter(Slow(clock, iter([])), clock=clock)
    for number in range(KEPT + 10):
        meter.took("pose", number / 1000)
        if number == 0:
            before = meter._taken_s["pose"]._ring.nbytes
    assert sorted(meter.taken_ms("pose")) == pytest.approx(range(10, KEPT + 10))
    assert meter._taken_s["pose"]._ring.nbytes == before
    assert meter.taken_ms("pin") == []
    assert meter.latency()["pose"].p50_ms == pytest.approx(9.5 + KEPT / 2)


def test_a_night_without_pictures_is_told_as_such_and_not_counted_into_the_morning(clock: Clock) -> None:
    meter = Meter(Slow(clock, iter(())), clock=clock)
    assert meter.stats() is None, "before the first turn"
    for _ in range(3):
        clock.now_s += 60.0
        meter.count(Turn(clock.now_s, None, None, []))
        stats = meter.stats()
        assert stats is not None
        assert stats.frames_hz == 0.0
    for number in range(300):
        clock.now_s += 0.1
        meter.count(Turn(clock.now_s, Frame(IMAGE, clock.now_s, number, 0), None, []))
    stats = meter.stats()
    assert stats is not None
    assert stats.frames_hz == pytest.approx(10.0)

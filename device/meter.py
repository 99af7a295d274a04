"""How the device does: frames a second, how long each stage takes, temperature."""

import time
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from device.camera.frames import Frame
from device.inference.pose_model import PoseModel
from device.machine import celsius
from device.output.output import Output
from device.output.stats import Latency, Stats
from device.squat.events import Event, RepJudged
from device.squat.judge import Judge
from device.squat.pose import Pose
from device.watch import Turn

KEPT = 1800  # the last frames: a minute at 30 a second


class Lately:
    """The newest `KEPT` values, in memory that is taken at once: it never grows, however long the device runs."""

    def __init__(self) -> None:
        self._ring, self._count = np.full(KEPT, np.nan), 0

    def append(self, value: float) -> None:
        """Takes one more, in the place of the oldest where it is full."""
        self._ring[self._count % KEPT] = value
        self._count += 1

    def values(self) -> np.ndarray:
        """(n,) values that are held, in no order."""
        return self._ring[: self._count]


class Meter:
    """Times the stages of the loop, and counts what came through.

    Stages: `capture`, from a picture's exposure until the loop takes it up; `pose`; `judge`; `pin`, a verdict's way to
    the lamp; and `frame_to_pin`, from the exposure of the frame on which a rep is judged until its lamp is lit.

    Args:
        model: closed by whoever opened it.
        live: whether the frames' times are those of `clock`; otherwise nobody knows how old a picture is.
        clock: monotonic seconds.
    """

    def __init__(self, model: PoseModel, live: bool = False, clock: Callable[[], float] = time.monotonic) -> None:
        self._model, self._live, self._clock = model, live, clock
        self.hashes = model.hashes
        self._taken_s: dict[str, Lately] = {}
        self._frames = self._dropped = 0
        self._idle_s = self._run_s = 0.0
        self._last_s: float | None = None
        self._since_s = clock()

    def took(self, stage: str, seconds: float) -> None:
        """Takes note of a stage's time."""
        if stage not in self._taken_s:
            self._taken_s[stage] = Lately()
        self._taken_s[stage].append(seconds)

    def estimate(self, frame: Frame) -> Pose | None:
        """As the model does."""
        begin_s = self._clock()
        if self._live:
            self.took("capture", begin_s - frame.captured_s)
        pose = self._model.estimate(frame)
        self.took("pose", self._clock() - begin_s)
        return pose

    def look_around(self, frame: Frame) -> None:
        """As the model does, and not timed: no verdict waits for it."""
        self._model.look_around(frame)

    def close(self) -> None:
        """As the model does."""
        self._model.close()

    def judging(self, judge: Judge) -> "TimedJudge":
        """The judge, timed."""
        return TimedJudge(judge, self)

    def lighting(self, light: Output) -> "TimedLight":
        """The light, timed."""
        return TimedLight(light, self)

    def lit(self, event: RepJudged, seconds: float) -> None:
        """Takes note of a verdict that is on the lamp now, and took so long from the judge to there."""
        self.took("pin", seconds)
        if self._live:
            self.took("frame_to_pin", self._clock() - event.at_s)

    def count(self, turn: Turn, resting: bool = False) -> None:
        """Counts a turn of the loop.

        Args:
            turn: what it was.
            resting: whether nobody is in view, see `device.idle`.
        """
        passed_s = 0.0 if self._last_s is None else max(0.0, turn.now_s - self._last_s)
        self._last_s = turn.now_s
        self._run_s += passed_s
        self._idle_s += passed_s * resting
        if turn.frame is not None:
            self._frames += not turn.skipped
            self._dropped += turn.frame.dropped

    def stats(self) -> Stats | None:
        """How it went since the last call, also where no frames came; None before the first turn of the loop."""
        now_s = self._clock()
        spent_s, frames = now_s - self._since_s, self._frames
        if self._last_s is None or spent_s <= 0:
            return None
        idle_share = self._idle_s / self._run_s if self._run_s else 0.0
        self._since_s, self._frames, self._idle_s, self._run_s = now_s, 0, 0.0, 0.0
        latency = self.latency()
        inference_ms = latency["pose"].p50_ms if "pose" in latency else None
        return Stats(frames / spent_s, self._dropped, inference_ms, celsius(), latency, idle_share)

    def latency(self) -> dict[str, Latency]:
        """Of each stage that was timed twice or more, over its last `KEPT` times."""
        found = {}
        for stage, taken_s in self._taken_s.items():
            values_s = taken_s.values()
            if len(values_s) > 1:
                p50_ms, p99_ms = 1000 * np.percentile(values_s, (50, 99))
                found[stage] = Latency(float(p50_ms), float(p99_ms))
        return found

    def taken_ms(self, stage: str) -> list[float]:
        """The last `KEPT` times of a stage, in no order; none where it was never timed."""
        return [] if stage not in self._taken_s else (1000 * self._taken_s[stage].values()).tolist()


class TimedJudge:
    """A judge, and a meter that knows how long it takes."""

    def __init__(self, judge: Judge, meter: Meter) -> None:
        self._judge, self._meter = judge, meter

    def see(self, pose: Pose | None, now_s: float) -> list[Event]:
        """As the judge does."""
        begin_s = time.perf_counter()
        events = list(self._judge.see(pose, now_s))
        if pose is not None:
            self._meter.took("judge", time.perf_counter() - begin_s)
        return events

    def finish(self, now_s: float) -> list[Event]:
        """As the judge does."""
        return list(self._judge.finish(now_s))


class TimedLight:
    """A light, and a meter that knows how long it takes to be lit."""

    def __init__(self, light: Output, meter: Meter) -> None:
        self.name = light.name
        self._light, self._meter = light, meter

    def handle(self, event: Event, record: Mapping[str, Any] | None) -> None:
        """As the light does."""
        begin_s = time.perf_counter()
        self._light.handle(event, record)
        if isinstance(event, RepJudged):
            self._meter.lit(event, time.perf_counter() - begin_s)

    def tick(self, now_s: float) -> None:
        """As the light does."""
        self._light.tick(now_s)

    def close(self) -> None:
        """As the light does."""
        self._light.close()

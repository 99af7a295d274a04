"""How the device does, told once a minute."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

EVERY_S = 60.0


@dataclass(frozen=True, slots=True)
class Latency:
    """How long one stage takes.

    Attributes:
        p50_ms: the median, milliseconds.
        p99_ms: all but one in a hundred are shorter, milliseconds.
    """

    p50_ms: float
    p99_ms: float


@dataclass(frozen=True, slots=True)
class Stats:
    """How the device does.

    Attributes:
        frames_hz: frames judged per second.
        dropped: frames lost since the start.
        inference_ms: median time of the pose model; None = it did not run.
        cpu_celsius: temperature of the processor; None = this machine does not tell.
        latency: of each stage by its name: capture, pose, judge, pin, and all of it: frame_to_pin.
        idle_share: share of the time, 0 to 1, in which nobody was in view and fewer frames were judged.
    """

    frames_hz: float
    dropped: int
    inference_ms: float | None = None
    cpu_celsius: float | None = None
    latency: Mapping[str, Latency] = field(default_factory=dict)
    idle_share: float = 0.0

    def record(self) -> dict[str, Any]:
        """As JSON holds it."""
        return {
            "frames_hz": round(self.frames_hz, 2),
            "idle_share": round(self.idle_share, 3),
            "dropped": self.dropped,
            "inference_ms": None if self.inference_ms is None else round(self.inference_ms, 2),
            "cpu_celsius": None if self.cpu_celsius is None else round(self.cpu_celsius, 1),
            "latency_ms": {
                stage: {"p50": round(taken.p50_ms, 2), "p99": round(taken.p99_ms, 2)}
                for stage, taken in self.latency.items()
            },
        }


class Minutes:
    """Asks how the device does, once every `EVERY_S`, on the clock of the frames.

    Args:
        measure: asked then; None = nothing to tell yet.
    """

    def __init__(self, measure: Callable[[], Stats | None]) -> None:
        self._measure = measure
        self._since_s: float | None = None

    def tick(self, now_s: float) -> Stats | None:
        """What there is to tell at `now_s`; None at most times.

        A clock that went backwards (a camera that was opened anew) begins a new minute.
        """
        if self._since_s is None or now_s < self._since_s:
            self._since_s = now_s
        if now_s - self._since_s < EVERY_S:
            return None
        self._since_s = now_s
        return self._measure()

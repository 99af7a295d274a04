"""How the device does: frames a second, time of the pose model, temperature."""

import time
from collections import deque
from pathlib import Path
from statistics import median, quantiles

from device.camera.frames import Frame
from device.inference.pose_model import PoseModel
from device.output.stats import Latency, Stats
from device.squat.pose import Pose

KEPT = 1800  # the last frames: a minute at 30 a second
THERMAL = Path("/sys/class/thermal/thermal_zone0/temp")  # of Linux; millidegrees


class Meter:
    """A pose model that is timed, and a count of what came through.

    Args:
        model: closed by whoever opened it.
    """

    def __init__(self, model: PoseModel) -> None:
        self._model = model
        self.hashes = model.hashes
        self._taken_s: deque[float] = deque(maxlen=KEPT)
        self._frames, self._dropped, self._since_s = 0, 0, time.monotonic()

    def estimate(self, frame: Frame) -> Pose | None:
        """As the model does."""
        begin_s = time.perf_counter()
        pose = self._model.estimate(frame)
        self._taken_s.append(time.perf_counter() - begin_s)
        return pose

    def close(self) -> None:
        """As the model does."""
        self._model.close()

    def count(self, frame: Frame | None) -> None:
        """Counts a turn of the loop."""
        if frame is not None:
            self._frames += 1
            self._dropped += frame.dropped

    def stats(self) -> Stats | None:
        """How it went since the last call; None before the first frame."""
        now_s = time.monotonic()
        spent_s, frames = now_s - self._since_s, self._frames
        if not frames or spent_s <= 0:
            return None
        self._since_s, self._frames = now_s, 0
        taken_ms = [1000 * s for s in self._taken_s]
        latency = {}
        if len(taken_ms) > 1:
            latency["pose"] = Latency(median(taken_ms), quantiles(taken_ms, n=100)[98])
        return Stats(frames / spent_s, self._dropped, median(taken_ms) if taken_ms else None, _celsius(), latency)


def _celsius() -> float | None:
    try:
        return int(THERMAL.read_text()) / 1000
    except (OSError, ValueError):
        return None

"""A camera that never was: the times of stored keypoints, again and again, with one blank picture.

With `models.pose = "recorded:FILE"` the whole station runs without a model, at any speed: for tests of faults and for
`make soak`. As `camera.source` it is `recorded:FILE`, `recorded:FILE?speed=20` (0 = as fast as the machine goes) and
`recorded:FILE?speed=0&hours=24`, which ends by itself.
"""

import time
from collections.abc import Iterator
from urllib.parse import parse_qs

import numpy as np

from device.camera.frames import Frame
from device.errors import InputError

PREFIX = "recorded:"
SLICE_S = 0.1  # so long at most until a stop is noticed
TINY_S = 1e-4  # no sleep is that exact


class Recorded:
    """Yields blank frames at the times of a file of keypoints (`device.inference.recorded`), round after round.

    Args:
        source: as in the settings.

    Raises:
        InputError: no such file, or not such a source.
    """

    def __init__(self, source: str) -> None:
        path, _, query = source.removeprefix(PREFIX).partition("?")
        self.name = f"{PREFIX}{path}"
        asked = {key: values[-1] for key, values in parse_qs(query).items()}
        try:
            self._speed, hours = float(asked.pop("speed", 1)), float(asked.pop("hours", "inf"))
            with np.load(path) as stored:
                self._times: list[float] = stored["time_s"].tolist()
                width, height = stored["size"].tolist()
        except (OSError, ValueError, KeyError) as error:
            raise InputError(f"{self.name}: not stored keypoints ({error})") from error
        if asked or self._speed < 0 or len(self._times) < 2:
            raise InputError(f"{source}: expected recorded:FILE, then ?speed=N&hours=N where wanted")
        self._until_s = 3600 * hours
        self._image = np.full((height, width, 3), 127, np.uint8)
        self._ending = False

    def frames(self) -> Iterator[Frame]:
        """Every stored time, none dropped; time runs on from round to round."""
        start_s, index = time.monotonic(), 0
        round_s = period_s(self._times)
        while not self._ending:
            for at_s in self._times:
                now_s = index // len(self._times) * round_s + at_s - self._times[0]
                if self._ending or now_s > self._until_s:
                    return
                if self._speed:
                    self._wait(start_s + now_s / self._speed)
                yield Frame(self._image, now_s, index)
                index += 1

    def _wait(self, until_s: float) -> None:
        while (left_s := until_s - time.monotonic()) > TINY_S and not self._ending:
            time.sleep(min(left_s, SLICE_S))

    def stop(self) -> None:
        """Ends the frames soon; a signal handler may call it."""
        self._ending = True

    def close(self) -> None:
        """Ends the frames."""
        self._ending = True

    def __enter__(self) -> "Recorded":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def period_s(times: list[float]) -> float:
    """How long one round takes: from the first time to the first of the next round."""
    return times[-1] - times[0] + float(np.median(np.diff(times)))

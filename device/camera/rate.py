"""How many pictures a second a camera gives."""

from collections import deque

WINDOW = 60  # pictures: 2 s at 30 Hz


class Rate:
    """The rate over the last pictures."""

    def __init__(self) -> None:
        self._times: deque[float] = deque(maxlen=WINDOW)
        self._seen = 0

    def see(self, captured_s: float) -> None:
        """Takes the time of the next picture, monotonic seconds."""
        self._times.append(captured_s)
        self._seen += 1

    @property
    def settled(self) -> bool:
        """Whether it can be told; not by the first window, in which streams catch up and sensors find their light."""
        return self._seen >= 2 * WINDOW

    @property
    def hz(self) -> float:
        """Pictures a second; 0 before the second one."""
        times = tuple(self._times)  # another thread may add to it
        return (len(times) - 1) / (times[-1] - times[0]) if len(times) > 1 and times[-1] > times[0] else 0.0

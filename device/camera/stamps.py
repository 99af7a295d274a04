"""From the clocks of cameras to the monotonic clock of the device."""

from collections import deque

OLDEST_S = 1.0  # a stamp older than this when the picture arrives is of another clock, or of no use
KEPT = 300  # pictures over which a stream's fastest way is sought: 10 s at 30 Hz, so that clocks may drift
JUMP_S = 1.0  # a stream whose stamps jump by more has begun anew
LATE_S = 0.01  # a picture that came faster than every one before it by more: those had been held up


def at_exposure(stamp_s: float, arrived_s: float, other_clock_s: float | None = None) -> float:
    """The monotonic time of a driver's stamp.

    Args:
        stamp_s: as the driver gave it, by the monotonic clock or by the other one.
        arrived_s: monotonic seconds when the picture was handed over.
        other_clock_s: the other clock at that moment.

    Returns:
        monotonic seconds at exposure; `arrived_s` where the stamp belongs to neither clock.
    """
    for clock_s in (arrived_s, other_clock_s):
        if clock_s is not None and 0 <= clock_s - stamp_s <= OLDEST_S:
            return arrived_s - (clock_s - stamp_s)
    return arrived_s


class StreamClock:
    """The times of a network stream's pictures, without the network's jitter.

    A stream's stamps are even, and its pictures arrive early or late: the one that came fastest tells how the two
    clocks lie to each other. What even that one took on its way stays unknown, and the same for all.
    """

    def __init__(self) -> None:
        self._apart: deque[float] = deque(maxlen=KEPT)
        self._last_s = 0.0

    def captured_s(self, stamp_s: float, arrived_s: float) -> float | None:
        """Monotonic seconds at exposure; None while the stream catches up.

        A stream hands over what it held back while it was opened, all at once: what these pictures show is over, and
        how long ago is not known before the last of them.

        Args:
            stamp_s: the picture's own time since the stream began; of a stream without (MJPEG over HTTP) it is some
                number far below 0, always the same.
            arrived_s: monotonic seconds when it arrived.
        """
        if stamp_s < 0:
            return arrived_s
        if self._apart and not 0 < stamp_s - self._last_s <= JUMP_S:
            self._apart.clear()
        self._last_s = stamp_s
        apart_s = arrived_s - stamp_s
        late = bool(self._apart) and apart_s < min(self._apart) - LATE_S
        self._apart.append(apart_s)
        return None if late else stamp_s + min(self._apart)

"""Rest while nobody is in view: fewer pictures are looked at, and the first with somebody in it ends the rest."""

import math

AFTER_S = 5.0  # nobody found for so long: at rest; longer than the judge waits for a lifter who was lost
WITHIN_S = 0.18  # at rest a picture is looked at so often: 5 and more a second, whatever the camera's rate and jitter


class Idle:
    """Says which pictures to leave out. It has no clock: the pictures' times are its time.

    Attributes:
        resting: whether nobody has been found for a while.
    """

    def __init__(self) -> None:
        self.resting = False
        self._found_s: float | None = None  # when somebody was found last, or the first picture came
        self._looked_s = self._last_s = -math.inf

    def skips(self, at_s: float) -> bool:
        """Whether the picture of this time may be left out, because the next one will come soon enough."""
        gap_s, self._last_s = at_s - self._last_s, at_s
        if self._found_s is None or at_s < self._looked_s:  # a clock that went back: a camera opened anew
            self._found_s = self._looked_s = at_s
        self.resting = at_s - self._found_s >= AFTER_S
        if self.resting and at_s + gap_s - self._looked_s <= WITHIN_S:
            return True
        self._looked_s = at_s
        return False

    def found(self, at_s: float) -> None:
        """Somebody is in the picture of this time: the rest is over."""
        self._found_s, self.resting = at_s, False

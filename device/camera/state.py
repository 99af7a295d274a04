"""How a live camera fares, and what it yields where it has no picture to judge."""

from dataclasses import dataclass
from enum import Enum


class CameraState(Enum):
    """How a live camera fares."""

    OPENING = "opening"
    LIVE = "live"
    DARK = "dark"  # the lights are off: not a fault
    FROZEN = "frozen"
    LOST = "lost"

    @property
    def fault(self) -> bool:
        """Whether a person should look after the camera."""
        return self in (CameraState.FROZEN, CameraState.LOST)


@dataclass(frozen=True, slots=True)
class NoFrame:
    """A turn of the loop without a picture to judge: time goes on, and nobody is seen.

    Attributes:
        at_s: monotonic seconds, later than every frame before and earlier than every frame after.
        state: why there is none; never `LIVE`.
        words: the same for a person.
    """

    at_s: float
    state: CameraState
    words: str

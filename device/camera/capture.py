"""What an open camera gives to the thread that captures: pictures with the time of their exposure."""

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from device.errors import PartFailed


class CameraLost(PartFailed):
    """The camera gives no pictures, or cannot be opened now; later it may."""


class Frozen(CameraLost):
    """The camera gives the same picture over and over."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What a camera is asked for; 0 takes what comes.

    Attributes:
        width: pixels, as the camera sees, before the picture is turned upright.
        height: pixels.
        rate_hz: frames a second.
    """

    width: int = 0
    height: int = 0
    rate_hz: float = 0.0


@dataclass(frozen=True, slots=True)
class Shot:
    """A picture as the camera gave it.

    Attributes:
        image: (H, W, 3) uint8 RGB, not yet upright.
        captured_s: monotonic seconds at exposure.
    """

    image: NDArray[np.uint8]
    captured_s: float


class Capture(Protocol):
    """An open camera. Opened, read and closed by one thread."""

    def read(self) -> Shot:
        """The next picture, waited for a few seconds at most.

        Raises:
            CameraLost: there came none.
        """

    def close(self) -> None:
        """Frees the device."""

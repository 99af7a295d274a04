"""Whether a camera sees anything: a black picture, and a picture that stands still."""

import numpy as np
from numpy.typing import NDArray

from device.camera.state import CameraState

# Measured on the demo clip, darkened and with sensor noise (sigma 3): with its brightest twentieth at 20 of 255 the
# lifter is found in every picture, at 15 in three of ten, at 9 in none.
DARK_BELOW = 12.0
LIGHT_FROM = 18.0  # apart from the above, so that dusk does not switch to and fro
STEP_PX = 8  # every eighth pixel of every eighth row tells as much about light, in 0.1 ms


class Sight:
    """Follows the pictures of one camera.

    Args:
        frozen_after: so many times the same picture, to the last bit, and it is frozen. A sensor's noise makes no
            two pictures alike, but a stream's encoder may repeat a still scene for seconds.
    """

    def __init__(self, frozen_after: int) -> None:
        self.frozen_after = frozen_after
        self._last: NDArray[np.uint8] | None = None
        self._same = 1
        self._dark = False

    def see(self, image: NDArray[np.uint8]) -> CameraState:
        """Whether the next picture, (H, W, 3) uint8, is `LIVE`, `DARK` or `FROZEN`."""
        sparse = image[::STEP_PX, ::STEP_PX]
        brightest = float(np.percentile(sparse.max(-1), 95))
        self._dark = brightest < (LIGHT_FROM if self._dark else DARK_BELOW)
        same = self._last is not None and _equal(self._last, image)
        self._same = self._same + 1 if same else 1
        self._last = image
        if self._dark:
            return CameraState.DARK  # a covered lens gives the same black for ever: that is no fault
        return CameraState.FROZEN if self._same >= self.frozen_after else CameraState.LIVE


def _equal(a: NDArray[np.uint8], b: NDArray[np.uint8]) -> bool:
    if a.shape != b.shape or not np.array_equal(a[::STEP_PX, ::STEP_PX], b[::STEP_PX, ::STEP_PX]):
        return False
    return np.array_equal(a, b)

"""How the camera hangs on the wall, undone: every source's pictures go through here."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from device.errors import SettingsError

TURNS_DEG = (0, 90, 180, 270)


@dataclass(frozen=True, slots=True)
class Mounting:
    """What makes a camera's picture upright and unmirrored.

    Attributes:
        turn_deg: degrees, clockwise, by which the picture is turned: one of `TURNS_DEG`.
        mirrored: whether it is then swapped left for right, because the camera mirrors.

    Raises:
        SettingsError: any other angle.
    """

    turn_deg: int = 0
    mirrored: bool = False

    def __post_init__(self) -> None:
        if self.turn_deg not in TURNS_DEG:
            raise SettingsError(f"camera.turn_deg: expected one of {TURNS_DEG}, got {self.turn_deg}")


def upright(image: NDArray[np.uint8], mounting: Mounting) -> NDArray[np.uint8]:
    """The picture as a person in front of the rack would see it: (H, W, 3), or (W, H, 3) turned by a quarter."""
    import cv2  # not above: the settings need the angles alone, and `squatlight dark` has to be quick

    turns = {90: cv2.ROTATE_90_CLOCKWISE, 180: cv2.ROTATE_180, 270: cv2.ROTATE_90_COUNTERCLOCKWISE}
    if mounting.turn_deg:
        image = cv2.rotate(image, turns[mounting.turn_deg])
    return cv2.flip(image, 1) if mounting.mirrored else image

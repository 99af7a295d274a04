"""What the camera's place does to heights: a point nearer to a camera above it looks lower."""

import math
from dataclasses import dataclass

import numpy as np

from device.squat.pose import Array


@dataclass(frozen=True, slots=True)
class Optics:
    """The camera as far as it is known.

    Attributes:
        fov_deg: field of view along the longer side of the picture.
        pitch_deg: how far the camera looks down from the horizontal.
        known: whether a person measured both; else they are guessed, or learnt from the lifter.
        height_m: of the lens over the floor; None = unknown.
    """

    fov_deg: float = 65.0  # phones' main cameras and the Pi camera 3: 62 to 69 degrees
    pitch_deg: float = 0.0
    known: bool = False
    height_m: float | None = None

    def focal_px(self, size: tuple[int, int]) -> float:
        """Focal length in pixels for a picture of (width, height)."""
        return max(size) / 2 / math.tan(math.radians(self.fov_deg / 2))

    def horizon_px(self, size: tuple[int, int]) -> float:
        """Row of the horizon in a picture of (width, height)."""
        return size[1] / 2 - self.focal_px(size) * math.tan(math.radians(self.pitch_deg))


def height_over(
    upper_px: Array, lower_px: Array, nearer_m: Array, scale: float, size: tuple[int, int], optics: Optics
) -> Array:
    """How far one point lies over another in space, from their rows in the picture.

    Args:
        upper_px: (N,) rows of the points asked about.
        lower_px: (N,) rows of the points they are compared with.
        nearer_m: (N,) how much nearer to the camera the second points are, metres.
        scale: pixels per metre at the first points' distance.
        size: width and height of the picture.
        optics: the camera.

    Returns:
        (N,) metres, + = the first lies higher.
    """
    horizon_px = optics.horizon_px(size)
    distance_m = optics.focal_px(size) / scale
    below = np.maximum(1 - nearer_m / distance_m, 0.2)  # ratio of the distances; no knee is at the lens
    return np.asarray(((lower_px - horizon_px) * below - (upper_px - horizon_px)) / scale)

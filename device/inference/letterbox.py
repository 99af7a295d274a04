"""From a picture to a network's square input, and back: one implementation for training and for the device."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Crop:
    """A square of the picture, possibly turned, as a network sees it.

    Attributes:
        centre: (x, y) in pixels of the frame.
        side_px: length of its sides in pixels of the frame.
        turn_rad: how far it is turned clockwise in the picture.
    """

    centre: tuple[float, float]
    side_px: float
    turn_rad: float = 0.0

    @classmethod
    def of_frame(cls, width: int, height: int) -> "Crop":
        """The smallest upright square around the whole frame (letterbox)."""
        return cls((width / 2, height / 2), float(max(width, height)))

    def input_from_frame(self, size: int) -> NDArray[np.float64]:
        """(2, 3) affine map from pixels of the frame to pixels of an input of `size` x `size`."""
        scale, cos, sin = size / self.side_px, np.cos(self.turn_rad), np.sin(self.turn_rad)
        turn = scale * np.array([[cos, sin], [-sin, cos]])
        shift = size / 2 - turn @ np.array(self.centre)
        return np.concatenate([turn, shift[:, None]], axis=1)

    def frame_from_unit(self, points: NDArray[np.floating]) -> NDArray[np.float64]:
        """Maps points (..., 2) of the crop, 0 to 1 across it, to pixels of the frame."""
        cos, sin = np.cos(self.turn_rad), np.sin(self.turn_rad)
        turn = np.array([[cos, -sin], [sin, cos]])
        return np.asarray((points - 0.5) @ turn.T * self.side_px + np.array(self.centre), np.float64)

    def cut(self, image: NDArray[np.uint8], size: int) -> NDArray[np.uint8]:
        """The crop as (size, size, 3) uint8; black where it reaches over the frame."""
        matrix = self.input_from_frame(size)
        # warpAffine's coordinates name pixel centres, ours pixel corners
        matrix[:, 2] += (matrix[:, 0] + matrix[:, 1]) * 0.5 - 0.5
        import cv2  # not above: what only names a model must be quick to load

        return np.asarray(cv2.warpAffine(image, matrix, (size, size), flags=cv2.INTER_LINEAR), np.uint8)

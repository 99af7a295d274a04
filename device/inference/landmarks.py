"""BlazePose's landmark model: what it sees in one crop of the picture.

Source: MediaPipe's pose_landmark graph (Apache-2.0), with one inner map as an extra output (`device.inference.fetch`).
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from device.camera.frames import Frame
from device.inference.letterbox import Crop
from device.inference.surface import Found
from device.inference.tflite import Model
from device.squat.pose import JOINTS, KEYPOINTS, SURFACES, Pose, index

SIZE = 256
MIN_PRESENCE = 0.5
MARGIN = 1.25  # the crop's side over the diameter of the circle around the body

# BlazePose's 33 landmarks that are our 17 joints, in the order of JOINTS
LANDMARKS = [0, 11, 12, 13, 14, 15, 16, 23, 24, 25, 26, 27, 28, 29, 30, 31, 32]
PLACING = [33, 34]  # auxiliary landmarks that place the next crop: the hip, and a point on the circle around it
USED = LANDMARKS + PLACING
_SURFACES = index(*SURFACES)
_CHANNELS = np.array(USED)[:, None, None]
REFINE_CELLS, REFINE_MIN_HEAT = 7, 0.5  # MediaPipe's kernel size and least confidence


@dataclass(frozen=True, slots=True)
class Seen:
    """What the model found in a crop.

    Attributes:
        crop: where it looked.
        points: (19, 2) the joints and the two points that place the next crop, 0 to 1 across the crop.
        scores: (17,) 0 to 1: how likely each joint is in the picture and not covered.
        world: (17, 3) the joints in metres, axes of the camera, origin between the hips.
        features: (1, 64, 64, 48) the map that its heatmaps are made of: what further heads are built on.
    """

    crop: Crop
    points: NDArray[np.float32]
    scores: NDArray[np.float32]
    world: NDArray[np.float32]
    features: NDArray[np.float32]

    def next_crop(self) -> Crop:
        """The crop that holds the whole body as it was seen."""
        return crop_around(*self.crop.frame_from_unit(self.points[-len(PLACING) :]))

    def pose(self, frame: Frame, refined: Found | None = None) -> Pose:
        """The pose; what is not known is NaN.

        Args:
            frame: which it was seen in.
            refined: what the head on the features found.
        """
        keypoints = np.full((len(KEYPOINTS), 2), np.nan, np.float32)
        scores = np.zeros(len(KEYPOINTS), np.float32)
        world = np.full((len(KEYPOINTS), 3), np.nan, np.float32)
        joints = slice(0, len(JOINTS))
        keypoints[joints] = self.crop.frame_from_unit(self.points[joints])
        scores[joints], world[joints] = self.scores, self.world
        size, better = (frame.image.shape[1], frame.image.shape[0]), None
        if refined is not None:
            keypoints[_SURFACES], scores[_SURFACES] = self.crop.frame_from_unit(refined.points), refined.scores
            better = self.crop.frame_from_unit(refined.joints).astype(np.float32)
        return Pose(keypoints, scores, world, frame.captured_s, frame.index, frame.dropped, size, better)


class LandmarkModel:
    """Finds the joints of the person in a crop.

    Args:
        path: the folded model.
        threads: threads of the interpreter.
        runtime: TFLite runtime, see `device.inference.tflite`.
    """

    def __init__(self, path: Path, threads: int = 1, runtime: str | None = None) -> None:
        self._model = Model(path, threads, runtime)
        self.runtime = self._model.runtime
        self._input = np.empty((1, SIZE, SIZE, 3), np.float32)  # once, not in each frame

    def see(self, image: NDArray[np.uint8], crop: Crop) -> Seen | None:
        """What is in a crop of an image (H, W, 3), or None where nobody is."""
        np.divide(crop.cut(image, SIZE), np.float32(255), out=self._input[0])
        out = self._model(self._input)
        if out["presence"][0, 0] < MIN_PRESENCE:
            return None
        landmarks = out["landmarks"].reshape(39, 5)[USED]
        points = _refine(landmarks[:, :2] / SIZE, out["heatmap"][0])
        scores = (1 / (1 + np.exp(-landmarks[: len(JOINTS), 3:5]))).min(-1)  # visibility and presence
        world = out["world"].reshape(39, 3)[LANDMARKS]
        cos, sin = np.cos(crop.turn_rad), np.sin(crop.turn_rad)
        world[:, :2] = world[:, :2] @ np.array([[cos, -sin], [sin, cos]]).T
        return Seen(crop, points, scores, world, out["features"])

    def close(self) -> None:
        """Frees the model."""
        self._model.close()


def crop_around(hip: NDArray[np.floating], circle: NDArray[np.floating]) -> Crop:
    """The crop that stands the body upright: its up is the direction from the hip to the circle's point."""
    right, down = circle - hip
    return Crop(
        (float(hip[0]), float(hip[1])), float(2 * MARGIN * np.hypot(right, down)), float(np.arctan2(right, -down))
    )


def _refine(points: NDArray[np.floating], heatmap: NDArray[np.float32]) -> NDArray[np.float32]:
    """Moves each landmark to the centre of its heat nearby (MediaPipe's RefineLandmarksFromHeatmap).

    Args:
        points: (19, 2), 0 to 1 across the crop: the landmarks `USED`.
        heatmap: (64, 64, 39) logits, of all landmarks.
    """
    cells, reach = heatmap.shape[0], REFINE_CELLS // 2
    at = np.floor(points * cells).astype(int)
    inside = ((at >= 0) & (at < cells)).all(-1)
    at = np.clip(at, 0, cells - 1)
    steps = np.arange(-reach, reach + 1)
    x, y = at[:, 0, None, None] + steps[None, None, :], at[:, 1, None, None] + steps[None, :, None]
    there = (x >= 0) & (x < cells) & (y >= 0) & (y < cells)
    logits = heatmap[np.clip(y, 0, cells - 1), np.clip(x, 0, cells - 1), _CHANNELS]
    heat = np.where(there, 1 / (1 + np.exp(-logits)), 0)
    total = heat.sum((1, 2))
    refined = np.stack([(heat * x).sum((1, 2)), (heat * y).sum((1, 2))], -1) / np.maximum(total, 1e-9)[:, None] / cells
    sure = inside & (heat.max((1, 2)) >= REFINE_MIN_HEAT)
    return np.where(sure[:, None], refined, points).astype(np.float32)

"""BlazePose's person detector: where lifters could be in a whole picture.

Source: the anchors, decoding and weighted suppression of MediaPipe's pose_detection graph (Apache-2.0), and
Bazarevsky et al., "BlazePose: On-device Real-time Body Pose tracking", 2020.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from device.inference.letterbox import Crop
from device.inference.tflite import Model

SIZE = 224
STRIDES = (8, 16, 32, 32, 32)  # of the detector's five layers, two anchors a cell and layer
MIN_SCORE = 0.3  # MediaPipe asks 0.5; here the landmark model tells who is nobody
MIN_OVERLAP = 0.3  # boxes that overlap by more are the same person


@dataclass(frozen=True, slots=True)
class Person:
    """One person in the picture.

    Attributes:
        score: 0 to 1.
        hip: (x, y) pixels of the frame: the point between the hips.
        circle: (x, y) pixels of the frame: a point on the circle around hip that holds the whole body.
        shoulder: (x, y) pixels of the frame: the point between the shoulders.
    """

    score: float
    hip: NDArray[np.float64]
    circle: NDArray[np.float64]
    shoulder: NDArray[np.float64]

    @property
    def upright(self) -> bool:
        """Whether the trunk stands within 45 degrees of the picture's vertical."""
        right, up = self.shoulder[0] - self.hip[0], self.hip[1] - self.shoulder[1]
        return bool(up > abs(right))


class PersonDetector:
    """Finds all people in a frame.

    Args:
        path: the folded model.
        threads: threads of the interpreter.
        runtime: TFLite runtime, see `device.inference.tflite`.
    """

    def __init__(self, path: Path, threads: int = 1, runtime: str | None = None) -> None:
        self._model = Model(path, threads, runtime)
        self._anchors = _anchors()

    def people(self, image: NDArray[np.uint8]) -> list[Person]:
        """All people in an image (H, W, 3), best first."""
        crop = Crop.of_frame(image.shape[1], image.shape[0])
        values = crop.cut(image, SIZE).astype(np.float32) / 127.5 - 1
        out = self._model(values[None])
        scores = 1 / (1 + np.exp(-np.clip(out["scores"][0, :, 0], -80, 80)))
        seen = scores >= MIN_SCORE
        boxes, scores = out["boxes"][0][seen] / SIZE, scores[seen]
        points = boxes.reshape(len(boxes), 6, 2)  # centre, size, hip, circle, shoulder, upper circle
        points[:, [0, 2, 3, 4, 5]] += self._anchors[seen][:, None]
        people = []
        for score, merged in _merge(points, scores):
            hip, circle, shoulder = crop.frame_from_unit(merged[2:5])
            people.append(Person(score, hip, circle, shoulder))
        return people

    def close(self) -> None:
        """Frees the model."""
        self._model.close()


def _anchors() -> NDArray[np.float32]:
    """(2254, 2) centres of the anchors, 0 to 1 across the input."""
    rows = []
    for stride in sorted(set(STRIDES)):
        cells, each = SIZE // stride, 2 * STRIDES.count(stride)
        y, x = np.mgrid[0:cells, 0:cells]
        rows.append(np.repeat(np.stack([x, y], -1).reshape(-1, 2), each, axis=0) / cells + 0.5 / cells)
    return np.concatenate(rows).astype(np.float32)


def _merge(points: NDArray[np.floating], scores: NDArray[np.floating]) -> list[tuple[float, NDArray[np.floating]]]:
    """Weighted suppression: overlapping detections become their mean, weighted by score; best first."""
    low, high = points[:, 0] - points[:, 1] / 2, points[:, 0] + points[:, 1] / 2
    left = list(np.argsort(-scores, kind="stable"))
    merged = []
    while left:
        best = left[0]
        inter = np.clip(np.minimum(high[best], high[left]) - np.maximum(low[best], low[left]), 0, None).prod(-1)
        areas = (high - low).prod(-1)
        overlap = inter / (areas[best] + areas[left] - inter)
        same = [i for i, o in zip(left, overlap, strict=True) if o > MIN_OVERLAP or i == best]
        weights = scores[same][:, None, None]
        merged.append((float(scores[best]), (points[same] * weights).sum(0) / weights.sum()))
        left = [i for i in left if i not in same]
    return merged

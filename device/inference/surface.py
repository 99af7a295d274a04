"""The head on BlazePose's features: where hip creases and knee tops are, the points that the rule speaks of.

It is trained by `convert/tasks/surface.py`, and works on the features of the one landmark model that its manifest
requires.
"""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from device.inference.models import Manifest, made_of
from device.inference.tflite import Model
from device.squat.pose import JOINTS, SURFACES

NAME = "surface"
OUTPUTS = ("heat", "sight")


class SurfaceHead:
    """Finds the surface points in the features of a crop.

    Args:
        manifest: of the head.
        threads: threads of the interpreter.
        runtime: TFLite runtime, see `device.inference.tflite`.
    """

    def __init__(self, manifest: Manifest, threads: int = 1, runtime: str | None = None) -> None:
        self._model = Model(manifest.path, threads, runtime)

    def find(self, features: NDArray[np.float32]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Points and scores, see `read`.

        Args:
            features: (1, 64, 64, 48) of `device.inference.landmarks.Seen`.
        """
        return read(self._model(features))

    def close(self) -> None:
        """Frees the model."""
        self._model.close()


def fits(head: Manifest, landmarks: Manifest) -> bool:
    """Whether the head was made for this landmark model."""
    return bool(made_of(landmarks) & set(head.more.get("requires", ())))


def read(out: Mapping[str, NDArray[np.float32]]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """What the outputs say of the surface points.

    Args:
        out: heat (1, c, c, 4) logits of where each point is; sight (1, s, s, 21) logits of whether a point there,
            joints first, would be in sight.

    Returns:
        (4, 2) the mean place under each heatmap, 0 to 1 across the crop, in the order of SURFACES; and (4,) scores, 0
        to 1: how likely each is in the picture and not covered.
    """
    share = shares(out["heat"][0])
    cells = share.shape[0]
    at = (np.arange(cells, dtype=np.float32) + 0.5) / cells
    points = np.stack([at @ share.sum(0), at @ share.sum(1)], -1)
    sight = out["sight"][0, :, :, len(JOINTS) :]
    coarse = cells // sight.shape[0]
    if coarse > 1:  # the sight map has larger cells
        share = share.reshape(cells // coarse, coarse, cells // coarse, coarse, len(SURFACES)).sum((1, 3))
    scores = 1 / (1 + np.exp(-(share * sight).sum((0, 1))))
    return points.astype(np.float32), scores.astype(np.float32)


def shares(logits: NDArray[np.float32]) -> NDArray[np.float32]:
    """Probabilities (c, c, N) over the cells from logits (c, c, N)."""
    powers = np.exp(logits - logits.max((0, 1)))
    return np.asarray(powers / powers.sum((0, 1)), np.float32)

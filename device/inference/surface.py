"""The head on BlazePose's features: hip creases and knee tops, the points that the rule speaks of, and the joints.

It is trained by `convert/tasks/surface.py`, and works on the features of the one landmark model that its manifest
requires.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from device.errors import ModelError
from device.inference.models import Manifest, made_of
from device.inference.tflite import Model
from device.squat.pose import JOINTS, SURFACES

NAME = "surface"
OUTPUTS = ("heat", "sight")
POINTS = (*SURFACES, *JOINTS)
"""What there is a heatmap of, in order."""


@dataclass(frozen=True, slots=True)
class Found:
    """What the head finds, 0 to 1 across the crop.

    Attributes:
        points: (4, 2) the surface points, in the order of SURFACES.
        scores: (4,) 0 to 1: how likely each is in the picture and not covered.
        joints: (17, 2) in the order of JOINTS.
    """

    points: NDArray[np.float32]
    scores: NDArray[np.float32]
    joints: NDArray[np.float32]


class SurfaceHead:
    """Finds the surface points and the joints in the features of a crop.

    Args:
        manifest: of the head.
        threads: threads of the interpreter.
        runtime: TFLite runtime, see `device.inference.tflite`.

    Raises:
        ModelError: it finds other points than this device asks for.
    """

    def __init__(self, manifest: Manifest, threads: int = 1, runtime: str | None = None) -> None:
        if (found := manifest.more.get("points")) != list(POINTS):
            raise ModelError(f"{manifest.path}: finds the points {found}, expected {list(POINTS)}")
        self._model = Model(manifest.path, threads, runtime)

    def find(self, features: NDArray[np.float32]) -> Found:
        """Where the points are.

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


def read(out: Mapping[str, NDArray[np.float32]]) -> Found:
    """What the outputs say; a point is at the mean place under its heatmap.

    Args:
        out: heat (1, c, c, 21) logits of where each of POINTS is; sight (1, s, s, 21) logits of whether a point there,
            joints first, would be in sight.
    """
    share = shares(out["heat"][0])
    cells = share.shape[0]
    points = (centres(cells) @ share.reshape(cells * cells, -1)).T
    share, sight = share[..., : len(SURFACES)], out["sight"][0, :, :, len(JOINTS) :]
    coarse = cells // sight.shape[0]
    if coarse > 1:  # the sight map has larger cells
        share = share.reshape(cells // coarse, coarse, cells // coarse, coarse, len(SURFACES)).sum((1, 3))
    scores = 1 / (1 + np.exp(-(share * sight).sum((0, 1))))
    return Found(points[: len(SURFACES)], scores.astype(np.float32), points[len(SURFACES) :])


@cache
def centres(cells: int) -> NDArray[np.float32]:
    """(2, cells * cells) x and y of the middles of a map's cells, row by row, 0 to 1."""
    at = (np.arange(cells, dtype=np.float32) + 0.5) / cells
    return np.stack([np.tile(at, cells), np.repeat(at, cells)])


def shares(logits: NDArray[np.float32]) -> NDArray[np.float32]:
    """Probabilities (c, c, N) over the cells from logits (c, c, N)."""
    powers = np.exp(logits - logits.max((0, 1)))
    return np.asarray(powers / powers.sum((0, 1)), np.float32)

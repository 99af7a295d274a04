"""Reads the posture classes: one pose of BlazePose's 33 landmarks at the bottom of a squat, and what is wrong with it.

Folders acc, ak, bo, hs, kvg, kvr, others with CLASS-train.csv and CLASS-test.csv; x, y in shares of the picture, z in
widths and as deep as MediaPipe's picture has it (`mediapipe.WORLD_PER_PICTURE`). No licence is named: for tables, never
for what ships.
"""

import csv
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from convert.datasets.mediapipe import ALL, legs_px, pose_of_picture
from device.errors import InputError
from device.squat.pose import Pose

CLASSES = ("acc", "ak", "bo", "hs", "kvg", "kvr", "others")
FAULT_OF = {"ak": "knees_forward", "bo": "bent_over", "hs": "shallow", "kvg": "knees_in", "kvr": "knees_out"}
"""`acc` is good form; `others` is bad in ways without a name."""


@dataclass(frozen=True)
class Bottoms:
    """N bottom positions.

    Attributes:
        points: (N, 33, 4) x, y, z in pixels and visibility.
        size: (N, 2) width and height of the picture.
        label: (N,) rows of `CLASSES`.
    """

    points: NDArray[np.float32]
    size: NDArray[np.int64]
    label: NDArray[np.int64]

    def pose(self, row: int) -> Pose:
        """A position as the device holds it; see `pose_of_picture`."""
        points, scores = self.points[row, :, :3], self.points[row, :, 3]
        width, height = (int(n) for n in self.size[row])
        return pose_of_picture(points, scores, legs_px(points), 0.0, row, (width, height))


def read(folder: Path, split: str) -> Bottoms:
    """The rows of all classes.

    Args:
        folder: holds the folders of the classes, at any depth.
        split: train or test.

    Raises:
        InputError: a file is missing, or a row is not of that form; one line that names it.
    """
    points, size, label = [], [], []
    for number, name in enumerate(CLASSES):
        path = next(iter(sorted(folder.rglob(f"{name}-{split}.csv"))), None)
        if path is None:
            raise InputError(f"{folder}: no {name}-{split}.csv")
        with path.open(newline="", encoding="utf-8") as file:
            for line, row in enumerate(csv.DictReader(file), 2):
                try:
                    width, height = int(row["frame_width"]), int(row["frame_height"])
                    landmarks = np.array(
                        [[float(row[f"{key}_{k}"]) for key in ("x", "y", "z", "visibility")] for k in range(ALL)]
                    )
                except (KeyError, ValueError, TypeError) as error:
                    raise InputError(f"{path}, line {line}: not a row of landmarks ({error})") from None
                if not np.isfinite(landmarks).all():
                    raise InputError(f"{path}, line {line}: NaN or infinite")
                points.append(landmarks * [width, height, width, 1])
                size.append((width, height))
                label.append(number)
    return Bottoms(np.array(points, np.float32), np.array(size), np.array(label))

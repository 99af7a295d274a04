"""Figures that several reports share."""

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

VIEWS = ("front", "front oblique", "side", "back oblique", "back")
"""Bounded by 22.5, 67.5, 112.5 and 157.5 degrees, left and right alike."""


def wilson(right: int, total: int, z: float = 1.96) -> tuple[float, float]:
    """Interval of a share: Wilson 1927; z = 1.96 gives 95%."""
    if total == 0:
        return math.nan, math.nan
    share = right / total
    middle = (share + z * z / (2 * total)) / (1 + z * z / total)
    half = z * math.sqrt(share * (1 - share) / total + z * z / (4 * total * total)) / (1 + z * z / total)
    return middle - half, middle + half


def mean(values: Sequence[float]) -> float:
    """The mean; NaN of nothing."""
    return sum(values) / len(values) if values else math.nan


def auc(score: NDArray[np.floating], positive: NDArray[np.bool_]) -> float:
    """Area under the ROC curve; ties count half; NaN where one class is missing."""
    if positive.all() or not positive.any():
        return float("nan")
    _, inverse = np.unique(score, return_inverse=True)
    rank = np.cumsum(np.bincount(inverse)) - (np.bincount(inverse) - 1) / 2
    count = int(positive.sum())
    return float((rank[inverse][positive].sum() - count * (count + 1) / 2) / (count * (len(score) - count)))


def views(view_deg: ArrayLike) -> NDArray[np.intp]:
    """Rows of `VIEWS`."""
    return np.digitize(np.abs(view_deg), [22.5, 67.5, 112.5, 157.5])

"""Figures that several reports share."""

import math
from collections.abc import Sequence


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

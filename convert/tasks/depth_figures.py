"""How good depth estimates are: errors, calibration, and tables of both."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from convert.metrics import VIEWS, views
from convert.nets.depth import SigmaFit

Array = NDArray[np.floating]
BINS = 10
STEP_CM = 2.0
WITHIN_CM = 8.0  # calibration: true margins even over plus and minus so much
SCALES = np.geomspace(0.5, 2.5, 33).tolist()  # tried for `SigmaFit`
DOUBTS = [0.0, *(1 / np.geomspace(0.6, 0.02, 31) ** 2).tolist()]


def p_below(margins: Array, sigmas: Array) -> NDArray[np.float64]:
    """Probability that each true margin is above zero."""
    from scipy.special import ndtr

    return np.asarray(ndtr(margins / sigmas))


def calibration(p: Array, deep: NDArray[np.bool_], bins: int = BINS) -> NDArray[np.float64]:
    """(bins, 3) mean probability, share that was deep, and count, in bins of equal mass."""
    parts = np.array_split(np.argsort(p, kind="stable"), bins)
    return np.array([[p[rows].mean(), deep[rows].mean(), len(rows)] for rows in parts if len(rows)])


def ece(p: Array, deep: NDArray[np.bool_], bins: int = BINS) -> float:
    """Expected calibration error in bins of equal mass."""
    said, was, count = calibration(p, deep, bins).T
    return float((np.abs(said - was) * count).sum() / count.sum())


def brier(p: Array, deep: NDArray[np.bool_]) -> float:
    """Mean square of probability less outcome."""
    return float(((p - deep) ** 2).mean())


def even(margins_cm: Array, rng: np.random.Generator, within_cm: float = WITHIN_CM) -> NDArray[np.intp]:
    """Rows whose margins are uniform within bounds: as many from each `STEP_CM` as the scarcest has."""
    places = np.floor((margins_cm + within_cm) / STEP_CM).astype(int)
    groups = [rng.permutation(np.flatnonzero(places == k)) for k in range(round(2 * within_cm / STEP_CM))]
    least = min(map(len, groups))
    return np.sort(np.concatenate([group[:least] for group in groups]))


def likelihood(margins: Array, sigmas: Array, truth: Array) -> float:
    """Mean negative logarithm of the normal density."""
    return float((0.5 * ((truth - margins) / sigmas) ** 2 + np.log(sigmas) + 0.5 * np.log(2 * np.pi)).mean())


def sigma_scale(margins: Array, sigmas: Array, truth: Array) -> float:
    """The factor on the sigmas that makes the truth most likely."""
    return float(np.sqrt((((truth - margins) / sigmas) ** 2).mean()))


def fit_sigma(margins: Array, sigmas: Array, deep: NDArray[np.bool_]) -> SigmaFit:
    """What makes the outcomes of reps near parallel most likely.

    Args:
        margins: (N,) found.
        sigmas: (N,) as the network says, in the same unit.
        deep: (N,) whether the true margin was above zero.
    """

    def surprise(fit: SigmaFit) -> float:
        p = np.clip(p_below(margins, np.sqrt(fit.variance(sigmas**2))), 1e-6, 1 - 1e-6)
        return float(-np.log(np.where(deep, p, 1 - p)).mean())

    return min((SigmaFit(scale, doubt) for scale in SCALES for doubt in DOUBTS), key=surprise)


def view_lines(view_deg: Array, error_cm: Array, right: NDArray[np.bool_]) -> Iterator[str]:
    """Markdown table: errors by view."""
    names = np.array(VIEWS)[views(view_deg)]
    yield "| view | reps | median error, cm | 90% below, cm | bias, cm | right |"
    yield "| --- | --- | --- | --- | --- | --- |"
    for name in ("all", *VIEWS):
        rows = np.full(len(names), True) if name == "all" else names == name
        if rows.any():
            size = np.abs(error_cm[rows])
            yield (
                f"| {name} | {rows.sum()} | {np.median(size):.1f} | {np.percentile(size, 90):.1f} "
                f"| {np.median(error_cm[rows]):+.1f} | {right[rows].mean():.1%} |"
            )

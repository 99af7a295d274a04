"""The depth network's own part of its model card: errors by view, calibration and its diagram, by the shipped graph."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from convert.frontsquat import BEFORE
from convert.metrics import wilson
from convert.prepared import SPLITS, Prepared
from convert.tasks import depth_figures as figures
from device.inference.tflite import Model

SEED = 1  # of the choice of reps that makes the margins even


def card(place: Path, prepared: Prepared) -> str:
    """Markdown.

    Args:
        place: the card, NAME.md beside NAME.tflite; the diagram becomes NAME-reliability.png beside it.
        prepared: what was trained on; figures are of its test split.
    """
    with Model(place.with_suffix(".tflite")) as graph:
        return "\n".join(_lines(place, prepared, graph)) + "\n"


def _lines(place: Path, prepared: Prepared, graph: Model) -> Iterator[str]:
    rendered, drawn = (_rows(prepared, kind) for kind in (0, 2))
    yield "## Depth on bodies and cameras that trained nothing\n"
    yield "Error of the nearer leg's margin at the lowest pose, the shipped graph. `known`: lens, pitch and height of"
    yield "the camera and the lifter's height are given; `guessed`: the pitch is learnt from the standing lifter."
    for rows, words in ((rendered, "Rendered reps, through the whole device"), (drawn, "Reps drawn as keypoints")):
        for known in ("known", "guessed"):
            yield f"\n{words}, {known}:\n"
            yield from _table(prepared, graph, rows, known)
    yield "\n## On FrontSquat, which nothing was fitted on\n"
    yield "`python -m convert frontsquat --data LANDMARKS` runs the device on it. That was no first look; of 180 clips"
    yield "it had right, run after run:\n"
    yield from (f"* {run}" for run in BEFORE)
    yield "\n## Calibration\n"
    found = []
    for known in ("known", "guessed"):
        p, deep = calibrated(prepared, graph, known)
        if len(p) < figures.BINS:
            yield f"* {known}: {len(p)} reps drawn as keypoints come near parallel: too few to tell."
            continue
        found.append((known, p, deep))
        yield (
            f"* {known}: {len(p)} reps drawn as keypoints, true margins even within {figures.WITHIN_CM:.0f} cm of "
            f"parallel: ECE {figures.ece(p, deep):.3f} in {figures.BINS} bins of equal mass, Brier "
            f"{figures.brier(p, deep):.3f}, right {((p > 0.5) == deep).mean():.1%}, "
            f"{((p > 0.2) & (p < 0.8)).mean():.0%} in the abstain band."
        )
    if not found:
        return
    diagram = place.with_name(f"{place.stem}-reliability.png")
    draw(found, diagram)
    yield f"\n![Reliability: said against what was]({diagram.name})"


def _rows(prepared: Prepared, kind: int) -> NDArray[np.intp]:
    return np.flatnonzero((prepared.split == SPLITS.index("test")) & (prepared.arrays["kind"] == kind))


def nearer(
    prepared: Prepared, graph: Model, rows: NDArray[np.intp], known: str
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Margins, sigmas and true margins of the nearer leg, in thigh lengths."""
    found = np.empty((len(rows), 3))
    for out, row in zip(found, rows, strict=True):
        side = int(prepared.arrays["nearer"][row])
        told = graph(np.array(prepared.arrays[known][row])[None])
        out[:] = told["margins"][0, side], told["sigmas"][0, side], prepared.arrays["margins"][row, side]
    return found[:, 0], found[:, 1], found[:, 2]


def calibrated(prepared: Prepared, graph: Model, known: str) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """p_below of drawn reps whose true margins are even around parallel, and whether each was deep."""
    rows = _rows(prepared, 2)
    margins, sigmas, truth = nearer(prepared, graph, rows, known)
    cm = 100 * truth * prepared.arrays["thigh_m"][rows]
    some = figures.even(cm, np.random.default_rng(SEED))
    return figures.p_below(margins[some], sigmas[some]), truth[some] > 0


def _table(prepared: Prepared, graph: Model, rows: NDArray[np.intp], known: str) -> Iterator[str]:
    if not len(rows):
        yield "no such reps"
        return
    margins, _, truth = nearer(prepared, graph, rows, known)
    error_cm = 100 * (margins - truth) * prepared.arrays["thigh_m"][rows]
    right = (margins > 0) == (truth > 0)
    yield from figures.view_lines(prepared.arrays["view_deg"][rows], error_cm, right)
    low, high = wilson(int(right.sum()), len(right))
    yield f"\nRight {right.mean():.1%} ({low:.1%} to {high:.1%} at 95%)."


def draw(found: list[tuple[str, Any, Any]], place: Path) -> None:
    """The reliability diagram as a PNG."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(4.5, 4.5), layout="constrained")
    axes = figure.subplots()
    axes.plot([0, 1], [0, 1], color="0.7", linewidth=1)
    for name, p, deep in found:
        said, was, _ = figures.calibration(p, deep).T
        axes.plot(said, was, marker="o", label=f"{name}, ECE {figures.ece(p, deep):.3f}")
    axes.set(xlabel="p_below said", ylabel="share that was below", xlim=(0, 1), ylim=(0, 1))
    axes.legend()
    figure.savefig(place, dpi=100)

"""Curves of a training as a picture."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any


def draw(history: Sequence[dict[str, Any]], path: Path) -> None:
    """Loss and every figure of the tune split by epoch, one panel each; the best epoch marked.

    Args:
        history: `history.json`.
        path: the .png to write.
    """
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    epochs = [epoch["epoch"] for epoch in history]
    series = {"loss": [epoch["loss"] for epoch in history]}
    for name in history[0]["tune"]:
        series[name] = [epoch["tune"].get(name) for epoch in history]
    columns = min(3, len(series))
    rows = -(-len(series) // columns)
    figure, panels = pyplot.subplots(rows, columns, figsize=(4 * columns, 2.6 * rows), squeeze=False)
    best = epochs[min(range(len(history)), key=lambda k: history[k]["tune"]["score"])]
    for panel, (name, values) in zip(panels.flat, series.items(), strict=False):
        panel.plot(epochs, values, marker="." if len(epochs) < 40 else "")
        panel.axvline(best, color="0.8", zorder=0)
        panel.set_title(name if name == "loss" else f"tune {name}", fontsize=9)
    for panel in panels.flat[len(series) :]:
        panel.axis("off")
    figure.tight_layout()
    figure.savefig(path, dpi=100)
    pyplot.close(figure)

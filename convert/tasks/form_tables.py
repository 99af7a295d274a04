"""DeepSquat's Tables 2 and 3 beside ours: what `python -m convert sweep` left in a folder, and the printed numbers."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from device.errors import InputError

TABLE_2 = {
    (1, 0.01): (2.21, 3.54), (1, 0.001): (0.31, 2.01), (1, 0.0001): (0.04, 1.36),
    (2, 0.01): (3.62, 4.75), (2, 0.001): (0.46, 1.38), (2, 0.0001): (0.07, 1.12),
    (3, 0.01): (5.25, 5.38), (3, 0.001): (0.85, 0.94), (3, 0.0001): (0.26, 0.4),
    (4, 0.01): (5.10, 5.25), (4, 0.001): (0.82, 0.95), (4, 0.0001): (0.35, 0.49),
}  # fmt: skip
TABLE_3 = {
    (2, 0.0001): (0.05, 1.91), (2, 0.00001): (0.01, 1.82), (2, 0.000001): (0.002, 1.84),
    (3, 0.0001): (0.05, 2.00), (3, 0.00001): (0.007, 1.94), (3, 0.000001): (0.002, 1.97),
    (4, 0.0001): (0.05, 1.83), (4, 0.00001): (0.008, 1.83), (4, 0.000001): (0.003, 1.97),
}  # fmt: skip
"""Train and eval loss, with the L2 penalty in both, by blocks or kernel and L2; transcribed from the paper."""
PAPER = {"net.blocks": (2, "blocks", TABLE_2), "net.kernel": (3, "kernel", TABLE_3)}


def beside_paper(folder: Path) -> Iterator[str]:
    """Markdown: train / eval loss of each cell, ours and the paper's; and how many reps were judged right.

    Raises:
        InputError: no sweep there, or of other keys.
    """
    try:
        found: list[dict[str, Any]] = json.loads((folder / "sweep.json").read_text("utf-8"))
        first, second = found[0]["values"]
    except (OSError, ValueError, KeyError, IndexError) as error:
        raise InputError(f"{folder}: no sweep ({error!r}); make it with: python -m convert sweep") from None
    if first not in PAPER or second != "net.l2":
        raise InputError(f"{folder}: a sweep of {first} and {second}, expected net.blocks or net.kernel and net.l2")
    number, word, paper = PAPER[first]
    by_values = {tuple(line["values"].values()): line for line in found}
    l2 = sorted({values[1] for values in by_values}, reverse=True)
    yield f"Table {number}: train / eval loss with the penalty, ours | the paper's; test reps judged right."
    yield ""
    yield f"| {word} | " + " | ".join(f"L2 {value:g}" for value in l2) + " |"
    yield "| --- |" + " --- |" * len(l2)
    for value in sorted({values[0] for values in by_values}):
        cells = []
        for penalty in l2:
            line = by_values.get((value, penalty))
            theirs = paper.get((value, penalty))
            ours = "-" if line is None else f"{_train_loss(folder, line):.3g} / {line['tune']['loss']:.3g}"
            right = f"; {line['test']['accuracy']:.0%}" if line is not None and "test" in line else ""
            cells.append(f"{ours} \\| {'-' if theirs is None else f'{theirs[0]:g} / {theirs[1]:g}'}{right}")
        yield f"| {value} | " + " | ".join(cells) + " |"
    epochs = sorted({line["epochs"] for line in found})
    minutes = sum(line["minutes"] for line in found)
    yield ""
    yield f"Equal budget in each cell: {epochs[0]} to {epochs[-1]} epochs; {minutes:.0f} minutes together."


def _train_loss(folder: Path, line: dict[str, Any]) -> float:
    name = "_".join(f"{key.partition('.')[2]}={value}" for key, value in line["values"].items())
    history = json.loads((folder / name / "history.json").read_text("utf-8"))
    return float(min(history, key=lambda epoch: epoch["tune"]["score"])["loss"])

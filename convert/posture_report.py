"""The form network on the posture classes: bottoms of real squats, one pose each, that it was never trained on.

Apart from it a small network fitted on the set's own train rows, which is for the table alone.
"""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn
from torch.nn import functional

from convert.datasets import posture_classes
from convert.datasets.posture_classes import CLASSES, FAULT_OF, Bottoms
from convert.metrics import auc
from convert.nets.form_geometry import Geometry
from convert.tasks.form import said_by
from convert.tasks.form_figures import Said, balanced
from convert.tasks.form_reps import FAULT_NAMES, lone
from convert.tasks.form_shown import bottom_alone
from device.inference.tflite import Model
from device.squat.form_input import DOWN
from device.squat.perspective import Optics
from device.squat.pose import index

_HIPS, _KNEES = (index(f"left_{name}", f"right_{name}") for name in ("hip", "knee"))
GOOD, OTHERS = CLASSES.index("acc"), CLASSES.index("others")
SEED, STEPS, HIDDEN = 1, 400, 64


def lines(model: Model, folder: Path) -> Iterator[str]:
    """Markdown: balanced accuracy of good against bad and macro F1, with `others` and without.

    What the set calls acceptable ends higher than the rule asks for, by the pose model's joints, so that a network of
    ours calls most of it shallow: how well it tells good from worse is also told at the level of p(good) that parts the
    train rows best. And as depth parts the set's classes by itself, the angle of the thigh alone stands beside it.
    """
    test, train = (posture_classes.read(folder, split) for split in ("test", "train"))
    shown, taught = inputs(test), inputs(train)
    said, said_train = said_by(model, shown), said_by(model, taught)
    thighs, thighs_train = thighs_deg(test), thighs_deg(train)
    fitted = fit(taught, train.label, shown)
    yield "| on its test rows | rows | balanced, good or bad | AUC | always bad: plain / balanced | macro F1 |"
    yield "| --- | --- | --- | --- | --- | --- |"
    for others in (True, False):
        rows, train_rows = (np.ones(len(b.label), bool) if others else b.label != OTHERS for b in (test, train))
        label, bad, bad_train = test.label[rows], test.label[rows] != GOOD, train.label[train_rows] != GOOD
        best = level(said_train.good[train_rows], bad_train)
        deep = level(thighs_train[train_rows], bad_train)
        for words, good, said_bad, found in (
            ("never trained on it", said.good, said.good < 0.5, named(said, others)),
            (f"the same, good from p = {best:.2f} on", said.good, said.good < best, named(said, others, best)),
            (f"no network, good from thighs at {deep:.0f} degrees on", thighs, thighs < deep, None),
            ("fitted on its train rows", fitted[:, GOOD], fitted.argmax(1) != GOOD, fitted.argmax(1)),
        ):
            f1 = "" if found is None else f"{macro_f1(found[rows], label, others):.3f}"
            yield (
                f"| {words}, {'with' if others else 'without'} others | {len(label)} "
                f"| {balanced(said_bad[rows], bad):.1%} | {auc(-good[rows], bad):.3f} | {bad.mean():.1%} / 50.0% "
                f"| {f1} |"
            )
    yield ""
    yield from by_class(train, said_train)


def by_class(bottoms: Bottoms, said: Said) -> Iterator[str]:
    """Markdown: how deep the rows of each class are and what the network that never saw them says, medians."""
    thighs, found = thighs_deg(bottoms), named(said)
    yield "| train rows of | rows | thigh from the vertical, degrees (90: level) | p(good) | named most often |"
    yield "| --- | --- | --- | --- | --- |"
    for number, name in enumerate(CLASSES):
        rows = bottoms.label == number
        if not rows.any():
            continue
        often = np.bincount(found[rows], minlength=len(CLASSES)).argmax()
        share = (found[rows] == often).mean()
        yield (
            f"| {name} | {rows.sum()} | {np.median(thighs[rows]):.0f} | {np.median(said.good[rows]):.2f} "
            f"| {CLASSES[often]}, {share:.0%} |"
        )


def thighs_deg(bottoms: Bottoms) -> NDArray[np.float64]:
    """(N,) angle of both thighs to the picture's vertical, from hip to knee joint: 0 = standing, 90 = level."""
    worlds = np.array([bottoms.pose(row).world for row in range(len(bottoms.label))], float)
    thighs = (worlds[:, _KNEES] - worlds[:, _HIPS]).mean(1)
    return np.asarray(np.degrees(np.arccos(thighs[:, 1] / np.linalg.norm(thighs, axis=-1))))


def level(good: NDArray[np.float64], bad: NDArray[np.bool_]) -> float:
    """The value from which on calling a row good gives the best balanced accuracy: halfway between two rows.

    Args:
        good: (N,) more is better.
        bad: (N,) what the rows are.
    """
    values = np.unique(good)
    levels = (values[1:] + values[:-1]) / 2
    return float(max(levels, key=lambda at: balanced(good < at, bad), default=values[0]))


def inputs(bottoms: Bottoms) -> NDArray[np.float32]:
    """What the network is shown of each row, (N, STEPS, REFINED_CHANNELS): the bottom alone."""
    shown = [lone(bottoms.pose(row), Optics()) for row in range(len(bottoms.label))]
    return bottom_alone(np.array(shown, np.float32))


def named(said: Said, others: bool = True, good_from: float = 0.5) -> NDArray[np.intp]:
    """The class of each row: good, the likeliest fault that has a class, or `others` where none of them is likely."""
    assert said.faults is not None
    columns = [FAULT_NAMES.index(FAULT_OF[name]) for name in CLASSES if name in FAULT_OF]
    rows = np.array([CLASSES.index(name) for name in CLASSES if name in FAULT_OF])
    p = said.faults[:, columns]
    found = rows[p.argmax(1)]
    if others:
        found = np.where(p.max(1) < 0.5, OTHERS, found)
    return np.where(said.good >= good_from, GOOD, found)


def macro_f1(found: NDArray[np.intp], label: NDArray[np.intp], others: bool) -> float:
    """Mean F1 over the classes."""
    scores = []
    for number in range(len(CLASSES)):
        if number == OTHERS and not others:
            continue
        hits = int(((found == number) & (label == number)).sum())
        all_said, all_there = int((found == number).sum()), int((label == number).sum())
        scores.append(2 * hits / max(all_said + all_there, 1))
    return float(np.mean(scores))


def fit(shown: NDArray[np.float32], label: NDArray[np.intp], test: NDArray[np.float32]) -> NDArray[np.float64]:
    """Probabilities (N, 7) of the test rows by a network of one hidden layer fitted on these rows, classes balanced."""
    torch.manual_seed(SEED)
    rows, others = (_flat(part) for part in (shown, test))
    mean, spread = rows.mean(0), rows.std(0).clamp_min(0.02)
    net = nn.Sequential(nn.Linear(rows.shape[1], HIDDEN), nn.ReLU(), nn.Dropout(0.3), nn.Linear(HIDDEN, len(CLASSES)))
    optimizer = torch.optim.AdamW(net.parameters(), 3e-3, weight_decay=0.05)
    wanted = torch.as_tensor(label)
    weight = len(label) / (len(CLASSES) * torch.bincount(wanted, minlength=len(CLASSES)).clamp_min(1).float())
    for _ in range(STEPS):
        batch = torch.randint(0, len(label), (512,))
        optimizer.zero_grad()
        functional.cross_entropy(net((rows[batch] - mean) / spread), wanted[batch], weight).backward()
        optimizer.step()
    net.eval()
    with torch.no_grad():
        return np.asarray(torch.softmax(net((others - mean) / spread), -1).double().numpy())


def _flat(shown: NDArray[np.float32]) -> torch.Tensor:
    step = torch.as_tensor(shown[:, DOWN : DOWN + 1])
    return torch.cat([step, Geometry()(step)], -1).flatten(1)

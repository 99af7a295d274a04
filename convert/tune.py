"""`python -m convert tune`: fits each depth estimator's offset and sigma on the `tune` split of labelled clips.

offset: the most likely one for the reps that a person could call, each person counting once, given that the margins
scatter as those of the reps do that a person could not call (`parallel`). sigma: these lie near zero, so the root mean
square of their margins about zero, bias included, is what one may be off near parallel. The clear reps leave a gap, so
the offset is known no better than to about half of sigma. The `test` split is never read.

Beside it of each method as it ships, also the network, which is not fitted here: the mean log-likelihood of all reps
that a person could call, surely or less so, each person counting once. The default is the likeliest.
"""

import argparse
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from tqdm import tqdm

from convert.clips import Label, judge_clip, match, read_manifest
from device import settings
from device.errors import InputError
from device.squat.depth import ESTIMATORS, METHODS, Depth
from device.squat.normal import below

OFFSETS = np.arange(-0.3, 0.5, 0.005)  # thigh lengths
Row = tuple[str, str, float]  # person, label, height of the knee joint over the hip joint in thigh lengths


@dataclass(frozen=True)
class Found:
    """A labelled rep and its depth as the device tells it."""

    person: str
    label: Label
    depth: Depth


def gather(manifest: Path, method: str, keypoints: Path | None) -> list[Found]:
    """What a method says of each whole rep of the tune split."""
    wanted = settings.load(settings.DEFAULT_FILE)
    wanted = settings.checked(replace(wanted, depth=replace(wanted.depth, method=method)))
    rows = []
    for clip in tqdm(read_manifest(manifest, "tune"), unit="clip", disable=None):
        judged = judge_clip(clip, wanted, keypoints)
        for i, j in match(clip.labels, [r.rep.bottom_s for r in judged.reps]):
            label, depth = clip.labels[i], judged.reps[j].depth
            if depth is not None and label.complete:
                rows.append(Found(clip.person, label, depth))
    return rows


def to_fit(found: Sequence[Found], offset: float) -> list[Row]:
    """The reps whose depth is clear or parallel, their margins before the offset."""
    kept = [f for f in found if f.label.clear or f.label.depth == "parallel"]
    return [(f.person, f.label.depth, f.depth.margin - offset) for f in kept]


def called(found: Sequence[Found]) -> tuple[float, int, int]:
    """Mean log-likelihood of the reps that a person could call, how many are right, and how many there are."""
    kept = [f for f in found if f.label.depth in ("above", "below")]
    people = [f.person for f in kept]
    p = [f.depth.p_below if f.label.depth == "below" else 1 - f.depth.p_below for f in kept]
    weights = [1 / people.count(person) for person in people]
    likelihood = float(np.average(np.log(np.clip(p, 1e-9, 1)), weights=weights)) if kept else float("nan")
    return likelihood, sum(q > 0.5 for q in p), len(p)


def fit(rows: Sequence[Row]) -> tuple[float, float, float]:
    """Offset, sigma and the mean log-likelihood of the clear reps, in thigh lengths and nats."""
    weights = _equal(rows)
    doubtful = np.array([label == "parallel" for _, label, _ in rows], bool)
    margins = np.array([margin for *_, margin in rows])
    deep = np.array([label == "below" for _, label, _ in rows], bool)
    clear = ~doubtful
    if not doubtful.any() or len({*deep[clear]}) < 2:
        raise InputError("the tune split needs clear reps above and below parallel, and some called parallel")

    def likelihood(offset: float, sigma: float) -> float:
        p = np.clip([below(m + offset, sigma) for m in margins[clear]], 1e-9, 1 - 1e-9)
        return float(np.average(np.log(np.where(deep[clear], p, 1 - p)), weights=weights[clear]))

    centre = np.average(margins[doubtful], weights=weights[doubtful])
    scatter = float(np.sqrt(np.average((margins[doubtful] - centre) ** 2, weights=weights[doubtful])))
    offset = float(max(OFFSETS, key=lambda o: likelihood(float(o), scatter)))
    sigma = float(np.sqrt(np.average((margins[doubtful] + offset) ** 2, weights=weights[doubtful])))
    return offset, sigma, likelihood(offset, sigma)


def _equal(rows: Sequence[Row]) -> np.ndarray:
    """Weights that let each person count once among the clear and once among the parallel reps."""
    groups = [(person, label == "parallel") for person, label, _ in rows]
    return np.array([1 / groups.count(group) for group in groups])


def main(arguments: Sequence[str]) -> int:
    """Runs the command."""
    parser = argparse.ArgumentParser(prog="python -m convert tune", description=__doc__)
    parser.add_argument("--clips", type=Path, required=True, metavar="MANIFEST")
    parser.add_argument(
        "--keypoints", type=Path, metavar="DIR", help="use keypoints stored there, store what is missing"
    )
    asked = parser.parse_args(arguments)
    default = settings.load(settings.DEFAULT_FILE).depth.method
    print(f"{'fitted anew':>68s}   {'in depth.py':12s} all reps called")
    print("method        offset   sigma  log-likelihood  right   parallel, thighs                 likelihood, right")
    for name in METHODS:
        found = gather(asked.clips, name, asked.keypoints)
        likelihood, right, of = called(found)
        ships = f"{likelihood:10.3f}, {right}/{of}{'  default' if name == default else ''}"
        if name not in ESTIMATORS:
            unsure = [f.depth.margin for f in found if f.label.depth == "parallel"]
            spread = f"{min(unsure):+.2f} to {max(unsure):+.2f}" if unsure else "-"
            print(f"{name:12s} {'learnt':>39s}   {spread:14s}   {'':12s} {ships}")
            continue
        now = ESTIMATORS[name]
        rows = to_fit(found, now.offset)
        offset, sigma, fitted = fit(rows)
        clear = [(label == "below") == (margin + offset > 0) for _, label, margin in rows if label != "parallel"]
        unsure = [margin + offset for _, label, margin in rows if label == "parallel"]
        print(
            f"{name:12s} {offset:+7.3f} {sigma:7.3f} {fitted:15.3f}  {sum(clear)}/{len(clear)}   "
            f"{min(unsure):+.2f} to {max(unsure):+.2f}   {now.offset:+.3f} {now.sigma:.3f} {ships}"
        )
    return 0

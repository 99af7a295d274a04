"""`python -m convert tune`: fits each depth estimator's offset and sigma on the `tune` split of labelled clips.

offset: the most likely one for the reps that a person could call, each person counting once, given that the margins
scatter as those of the reps do that a person could not call (`parallel`). sigma: these lie near zero, so the root mean
square of their margins about zero, bias included, is what one may be off near parallel. The clear reps leave a gap, so
the offset is known no better than to about half of sigma. The `test` split is never read.
"""

import argparse
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from tqdm import tqdm

from convert.clips import judge_clip, match, read_manifest
from device import settings
from device.errors import InputError
from device.squat.depth import DEFAULT, ESTIMATORS
from device.squat.normal import below

OFFSETS = np.arange(-0.3, 0.5, 0.005)  # thigh lengths
Row = tuple[str, str, float]  # person, label, height of the knee joint over the hip joint in thigh lengths


def gather(manifest: Path, method: str, keypoints: Path | None) -> list[Row]:
    """What an estimator says, before its offset, of each rep of the tune split whose depth is clear or parallel."""
    wanted = settings.load(settings.DEFAULT_FILE)
    wanted = settings.checked(replace(wanted, depth=replace(wanted.depth, method=method)))
    rows = []
    for clip in tqdm(read_manifest(manifest, "tune"), unit="clip", disable=None):
        judged = judge_clip(clip, wanted, keypoints)
        for i, j in match(clip.labels, [r.rep.bottom_s for r in judged.reps]):
            label, depth = clip.labels[i], judged.reps[j].depth
            if depth is not None and label.complete and (label.clear or label.depth == "parallel"):
                rows.append((clip.person, label.depth, depth.margin - ESTIMATORS[method].offset))
    return rows


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
    print("method        offset   sigma  log-likelihood  right   parallel, thighs  in device/squat/depth.py")
    for name, now in ESTIMATORS.items():
        rows = gather(asked.clips, name, asked.keypoints)
        offset, sigma, likelihood = fit(rows)
        clear = [(label == "below") == (margin + offset > 0) for _, label, margin in rows if label != "parallel"]
        unsure = [margin + offset for _, label, margin in rows if label == "parallel"]
        mark = "  default" if name == DEFAULT else ""
        print(
            f"{name:12s} {offset:+7.3f} {sigma:7.3f} {likelihood:15.3f}  {sum(clear)}/{len(clear)}   "
            f"{min(unsure):+.2f} to {max(unsure):+.2f}   "
            f"{now.offset:+.3f} {now.sigma:.3f}{mark}"
        )
    return 0

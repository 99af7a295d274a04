"""`python -m convert frontsquat --data LANDMARKS`: depth on FrontSquat, the paper's network beside ours.

Four rows: the paper's 32-64-1 network, by random 80/20 and by contiguous blocks; a logistic regression on two numbers
of the device's smoothed keypoints, by the same blocks; and the device itself with its depth network, which never saw
the set: a clip is valid where the judge, with the settings it ships with, calls a rep of it a good lift. No constant of
that last row was taken from this set, but the row has been looked at before: `BEFORE`.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from convert.datasets.frontsquat import FrontSquat, blocks, poses, read
from convert.metrics import wilson
from convert.nets import depth_paper
from device.inference.depth_model import open_depth_model
from device.inference.squat_model import open_squat_model
from device.squat.depth import NETWORK, Network
from device.squat.events import DepthReached, RepJudged
from device.squat.judge import Judge, JudgeSettings
from device.squat.pose import index
from device.squat.rulebook import Decision
from device.squat.smoothing import Smoother
from device.squat.squatness import SquatNetwork

Array = NDArray[np.float64]
FOLDS = 5
BEFORE = (
    "105: the first run, thresholds as they were committed before it",
    "107: the depth network trained anew",
    "172: z of the picture made as shallow as that of MediaPipe's own world (convert/datasets/mediapipe.py), a share "
    "measured on other clips; same network, same thresholds",
    "169: the judge and the depth network as both were changed since, neither of them looking here",
    "165: the depth network trained anew, with errors lent by more clips; same judge",
    "164: same network; the judge takes 0.85 of a leg for standing, mended on rendered lifters",
    "176: the depth network trained anew, with errors lent by 984 clips, and a new surface head; same judge",
    "172: the depth network trained anew, with errors lent by 1,478 clips and scores no longer lowered; same judge",
    "172: same depth network; what is a squat is told by a network beside the rules",
)
"""What the last row gave, of 180, in the order of its runs."""
RIDGE = 1e-3  # weight of the squared coefficients per clip
_HIPS, _ANKLES = index("left_hip", "right_hip"), index("left_ankle", "right_ankle")


def travel_and_recovery(clip: FrontSquat) -> Array:
    """(3,) how far the hips sank in leg lengths, what share of it they came up again, and the product of the two."""
    smoother = Smoother()
    points = np.array([smoother.see(p).keypoints for _, p in poses(clip) if p is not None])
    high = points[:, _ANKLES, 1].mean(1) - points[:, _HIPS, 1].mean(1)
    height = high / np.percentile(high, 90)
    lowest = int(height.argmin())
    sank, rose = 1 - height[lowest], height[lowest:].max() - height[lowest]
    back = min(rose / max(sank, 0.05), 1.0)
    return np.array([sank, back, sank * back])


def logistic(x: Array, y: NDArray[np.bool_], steps: int = 40) -> Array:
    """Coefficients, the constant last, of a ridge logistic regression by Newton's method."""
    x = np.column_stack([x, np.ones(len(x))])
    found, ridge = np.zeros(x.shape[1]), RIDGE * len(x) * np.diag([*np.ones(x.shape[1] - 1), 1e-6])
    for _ in range(steps):
        p = 1 / (1 + np.exp(-np.clip(x @ found, -30, 30)))
        curve = (x * (p * (1 - p))[:, None]).T @ x + ridge
        found -= np.linalg.solve(curve, x.T @ (p - y) + ridge @ found)
    return found


def fitted(clips: list[FrontSquat]) -> NDArray[np.bool_]:
    """(N,) what the regression says of each clip, fitted on the other blocks."""
    x, y, fold = np.array([travel_and_recovery(c) for c in clips]), np.array([c.valid for c in clips]), blocks(clips)
    says = np.zeros(len(clips), bool)
    for k in range(FOLDS):
        rest = fold != k
        mean, spread = x[rest].mean(0), x[rest].std(0)
        weights = logistic((x[rest] - mean) / spread, y[rest])
        says[~rest] = (x[~rest] - mean) / spread @ weights[:-1] + weights[-1] > 0
    return says


def paper(clips: list[FrontSquat], seed: int, blocked: bool) -> NDArray[np.bool_]:
    """Whether the paper's network is right on each clip it is tested on: all of them by blocks, a fifth at random."""
    x, y = depth_paper.flattened(clips), np.array([c.valid for c in clips])
    if not blocked:
        order = np.random.default_rng(seed).permutation(len(clips))
        test, rest = order[: len(clips) // 5], order[len(clips) // 5 :]
        return depth_paper.says_valid(depth_paper.fit(x[rest], y[rest], seed), x[test]) == y[test]
    fold, right = blocks(clips), np.zeros(len(clips), bool)
    for k in range(FOLDS):
        net = depth_paper.fit(x[fold != k], y[fold != k], seed)
        right[fold == k] = depth_paper.says_valid(net, x[fold == k]) == y[fold == k]
    return right


def device_says(clip: FrontSquat, network: Network, squat_network: SquatNetwork | None) -> str:
    """What the device makes of a clip: `valid`, `failed` (deep, not stood up), `invalid`."""
    judge = Judge(JudgeSettings(method=NETWORK), network, squat_network=squat_network)
    seen = list(poses(clip))
    events = [e for at_s, pose in seen for e in judge.see(pose, at_s)] + list(judge.finish(seen[-1][0]))
    reps = [e for e in events if isinstance(e, RepJudged)]
    if any(e.verdict.decision is Decision.GOOD_LIFT for e in reps):
        return "valid"
    deep = any(e.depth is not None and e.depth.p_below >= 0.5 for e in reps if not e.rep.stood_up)
    under_way = not reps and any(isinstance(e, DepthReached) for e in events)
    return "failed" if deep or under_way else "invalid"


def main(arguments: Sequence[str]) -> int:
    """Runs the command."""
    parser = argparse.ArgumentParser(prog="python -m convert frontsquat", description=__doc__)
    parser.add_argument("--data", type=Path, required=True, metavar="LANDMARKS", help="an .npz, or Kaggle's folders")
    parser.add_argument("--draws", type=int, default=20, help="random splits of the paper's network; 0 leaves it out")
    parser.add_argument("--seeds", type=int, default=4, help="of the paper's network by blocks; 0 leaves it out")
    asked = parser.parse_args(arguments)
    clips = read(asked.data)
    y, failed = np.array([c.valid for c in clips]), np.array([c.failed for c in clips])
    print(f"{len(clips)} clips, {y.sum()} valid, {failed.sum()} of the invalid deep but not stood up\n")
    print("| network | split | right | 95% |\n| --- | --- | --- | --- |")
    print("| 32-64-1, as the paper prints it | random 80/20 | 85.0% | - |")
    draws = [paper(clips, seed, False).mean() for seed in tqdm(range(asked.draws), disable=None)]
    if draws:
        print(f"| 32-64-1, here | random 80/20, {len(draws)} draws | {np.mean(draws):.1%} +-{np.std(draws):.1%} | - |")
    for seed in range(asked.seeds):
        print(_line(f"32-64-1, here, seed {seed} | blocked {FOLDS}-fold", paper(clips, seed, True)))
    print(_line(f"travel and recovery, fitted | blocked {FOLDS}-fold", fitted(clips) == y))
    with open_depth_model() as network, open_squat_model("squat") as squat_network:
        says = np.array([device_says(c, network, squat_network) for c in tqdm(clips, disable=None)])
    right = (says == "valid") == y
    print(_line("the device with its depth network, never fitted here | all", right))
    rest = ~failed
    print(_line("the same, without the deep but not stood up | all", right[rest]))
    print("\n| label | valid | failed: deep, not stood up | invalid |\n| --- | --- | --- | --- |")
    for name, rows in (("valid", y), ("deep, not stood up", failed), ("invalid", ~y & ~failed)):
        cells = " | ".join(str((says[rows] == word).sum()) for word in ("valid", "failed", "invalid"))
        print(f"| {name} | {cells} |")
    print("\nThe device's row is no first look. Of 180 its runs gave:\n")
    print("\n".join(f"* {run}" for run in BEFORE))
    return 0


def _line(words: str, right: NDArray[np.bool_]) -> str:
    low, high = wilson(int(right.sum()), len(right))
    return f"| {words} | {right.sum()} of {len(right)}, {right.mean():.1%} | {low:.1%} to {high:.1%} |"

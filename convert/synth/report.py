"""What the device makes of a synthetic set, against its truth: `python -m convert.synth.report SET [--out FILE.md]`.

Three parts: where the pose model puts the joints, how far the depth estimators are off, whether reps are counted right
(convert/synth/counts.py).
"""

import argparse
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from convert.datasets.synthetic import SyntheticClip, found_in
from convert.metrics import VIEWS, mean
from convert.outputs import new_file
from convert.synth.counts import A_REP_FROM, count_lines, where_lines
from convert.synth.seen import Seen, height_of, look, view_of
from convert.synth.truth import Truth
from device.errors import SquatlightError
from device.inference import pose_model as pose_models
from device.squat.depth import METHODS, Depth
from device.squat.pose import JOINTS, KEYPOINTS
from device.squat.rulebook import Rules

Array = NDArray[np.float64]
PARTS = ("nose", "shoulder", "elbow", "wrist", "hip", "knee", "ankle", "heel", "toe")


def torso_px(truth: Truth) -> Array:
    """(T,) length of the trunk, shoulders to hips, in pixels at the lifter's distance."""
    rows = {n: KEYPOINTS.index(n) for n in ("left_shoulder", "right_shoulder", "left_hip", "right_hip")}
    at = truth.keypoints_m.astype(float)
    upper = (at[:, rows["left_shoulder"]] + at[:, rows["right_shoulder"]]) / 2
    lower = (at[:, rows["left_hip"]] + at[:, rows["right_hip"]]) / 2
    away = -((upper + lower) / 2 @ truth.view[2, :3] + truth.view[2, 3])
    return np.asarray(np.linalg.norm(upper - lower, axis=1) * truth.matrix[0, 0] / away)


def joint_errors(seen: list[Seen]) -> tuple[dict[tuple[str, bool, str], list[float]], int, int, int]:
    """Errors in torso lengths by (part, near side, view); frames with the lifter, with anybody, and all in sight.

    The lifter is found where the middle of the hips is less than half a torso off; else another one is followed.
    """
    errors: dict[tuple[str, bool, str], list[float]] = {}
    found = anybody = frames = 0
    for one in seen:
        truth, torso = one.truth, torso_px(one.truth)
        view, left_near = view_of(truth.about["view_deg"]), truth.about["view_deg"] > 0
        apart = np.linalg.norm(one.poses - truth.keypoints_px, axis=-1) / torso[:, None]
        hips = [KEYPOINTS.index("left_hip"), KEYPOINTS.index("right_hip")]
        middle = np.linalg.norm((one.poses - truth.keypoints_px)[:, hips].mean(1), axis=-1) / torso
        there = truth.visible[:, [KEYPOINTS.index(j) for j in JOINTS]].astype(bool).mean(1) > 0.5
        right = np.nan_to_num(middle, nan=9.0) < 0.5
        frames, found = frames + int(there.sum()), found + int((there & right).sum())
        anybody += int((there & np.isfinite(middle)).sum())
        for i, name in enumerate(KEYPOINTS):
            if name not in JOINTS:
                continue
            part = name.removeprefix("left_").removeprefix("right_")
            near = part == "nose" or name.startswith("left") == left_near
            use = there & right & (truth.visible[:, i] > 0)
            errors.setdefault((part, near, view), []).extend(apart[use, i].tolist())
    return errors, found, anybody, frames


@dataclass(frozen=True)
class DepthRow:
    """One rep: depth (None: not judged) and its error in cm per method, truth, and how it is grouped."""

    depth: dict[str, Depth | None]
    error_cm: dict[str, float | None]
    right: dict[str, bool]
    margin_cm: float
    groups: tuple[str, ...]


def depth_rows(seen: list[Seen]) -> Iterator[DepthRow]:
    """All completed reps of a set."""
    for one in seen:
        about, at = one.truth.about, height_of(one.truth)
        for rep in one.truth.reps:
            if not rep["completed"] or rep["descent_legs"] < A_REP_FROM:
                continue
            near = rep["margins_cm"].index(rep["margin_cm"])
            parted = (rep["fold_margins_cm"][near] > 0) != (rep["margin_cm"] > 0)
            bulk = "heavy" if about["mass_kg"] / about["stature_m"] ** 2 > 23 else "light"
            groups: tuple[str, ...] = (
                "all",
                view_of(about["view_deg"]),
                at,
                f"{'woman' if about['female'] else 'man'}, {bulk}",
            )
            groups += ("fold says otherwise than crease" if parted else "fold agrees with crease",)
            depths: dict[str, Depth | None] = {}
            errors: dict[str, float | None] = {}
            right = {}
            for method, found in one.reps.items():
                fits = [r for r in found if abs(r.rep.bottom_s - rep["bottom_s"]) < 1.0 and r.depth is not None]
                depth = min(fits, key=lambda r: abs(r.rep.bottom_s - rep["bottom_s"])).depth if fits else None
                depths[method] = depth
                cm = None if depth is None else 100 * depth.margin * about["thigh_m"]
                errors[method] = None if cm is None else cm - rep["margin_cm"]
                right[method] = cm is not None and (cm > 0) == (rep["margin_cm"] > 0)
            yield DepthRow(depths, errors, right, rep["margin_cm"], groups)


def depth_lines(rows: list[DepthRow]) -> Iterator[str]:
    """The table of the depth estimators."""
    yield (
        "| group | reps | "
        + " | ".join(f"{m}: bias / median / p90 cm, right, right beyond 4 cm" for m in METHODS)
        + " |"
    )
    yield "| --- | --- |" + " --- |" * len(METHODS)
    names = dict.fromkeys(g for row in rows for g in row.groups)
    order: Callable[[str], Any] = lambda g: (g != "all", VIEWS.index(g) if g in VIEWS else 9, g)  # noqa: E731
    for group in sorted(names, key=order):
        those = [r for r in rows if group in r.groups]
        cells = []
        for method in METHODS:
            errors = np.array([e for r in those if (e := r.error_cm[method]) is not None])
            clear = [r.right[method] for r in those if abs(r.margin_cm) > 4]
            share = f"{mean([r.right[method] for r in those]):.2f}, {mean(clear):.2f}"
            size = (
                f"{np.median(errors):+.1f} / {np.median(np.abs(errors)):.1f} / {np.percentile(np.abs(errors), 90):.1f}"
                if len(errors)
                else "-"
            )
            cells.append(f"{size}, {share}")
        yield f"| {group} | {len(those)} | " + " | ".join(cells) + " |"


def decided_lines(rows: list[DepthRow], rules: Rules) -> Iterator[str]:
    """The table of what meet mode makes of them by p_below alone: where it decides, and how often that is wrong."""
    yield "| method | reps with a depth | decided | of these on the wrong side |"
    yield "| --- | --- | --- | --- |"
    for method in METHODS:
        told = [(d.p_below, r.margin_cm > 0) for r in rows if (d := r.depth[method]) is not None]
        sure = [(p > 0.5) == deep for p, deep in told if not rules.abstain_from <= p <= rules.abstain_to]
        shares = f"{len(sure)} ({len(sure) / max(len(told), 1):.0%}) | {sure.count(False)}"
        yield f"| {method} | {len(told)} | {shares} ({sure.count(False) / max(len(sure), 1):.0%}) |"


def joint_lines(errors: dict[tuple[str, bool, str], list[float]]) -> Iterator[str]:
    """The table joint x view."""
    yield "| joint | " + " | ".join(VIEWS) + " |"
    yield "| --- |" + " --- |" * len(VIEWS)
    for part in PARTS:
        for near in (True, False):
            cells = [errors.get((part, near, view), []) for view in VIEWS]
            if any(cells):
                side = "" if part == "nose" else ", near" if near else ", far"
                shown = [f"{np.median(c):.3f} / {np.percentile(c, 95):.3f}" if c else "-" for c in cells]
                yield f"| {part}{side} | " + " | ".join(shown) + " |"


def report(folder: Path, pose_model: str = pose_models.DEFAULT) -> Iterator[str]:
    """The whole report as Markdown."""
    from tqdm import tqdm

    kept = found_in(folder, pose_model)
    clips = SyntheticClip.all_in(folder)
    seen = [look(c, kept, pose_model) for c in tqdm(clips, unit="clip", file=sys.stderr, disable=None)]
    errors, found, anybody, frames = joint_errors(seen)
    yield f"A figure found in {anybody} of {frames} frames ({anybody / max(frames, 1):.1%}), the lifter in {found}"
    yield f"({found / max(frames, 1):.1%}; in the others a spotter, a passer-by or a mirror image is followed)."
    yield f"\nJoints of the pose model {pose_model}, off by median / p95 in torso lengths, points inside the picture:\n"
    yield from joint_lines(errors)
    yield "\nDepth at the bottom of completed reps, + = said too deep; right = on the true side of parallel:\n"
    rows = list(depth_rows(seen))
    yield from depth_lines(rows)
    yield "\nWhere meet mode decides, by p_below alone, outside its two bounds:\n"
    yield from decided_lines(rows, Rules())
    yield ""
    if any(one.truth.reps for one in seen):
        yield from where_lines(seen)
        yield ""
    yield from count_lines(seen)


def main(argv: list[str] | None = None) -> int:
    """Runs the command; gives its exit code."""
    out = argparse.ArgumentParser(prog="python -m convert.synth.report", description=__doc__)
    out.add_argument("set", type=Path, help="folder that `python -m convert synth` wrote")
    out.add_argument("--pose", choices=pose_models.NAMES, default=pose_models.DEFAULT, help="pose model")
    out.add_argument("--out", type=new_file, help="Markdown file; else standard output")
    args = out.parse_args(argv)
    try:
        text = "\n".join(report(args.set, args.pose)) + "\n"
    except SquatlightError as error:
        print(error, file=sys.stderr)
        return error.exit_code
    if args.out is None:
        print(text, end="")
    else:
        args.out.write_text(text)
    return 0


if __name__ == "__main__":
    sys.exit(main())

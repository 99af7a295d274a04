"""The pose network's own part of its card: errors by keypoint and by view, on bodies that it never saw."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from convert.metrics import VIEWS, views
from convert.pose_errors import Errors, found_in
from convert.prepared import Prepared
from device.inference.tflite import Model
from device.squat.pose import BAR_ENDS, JOINTS, KEYPOINTS, SURFACES

ROWS = 1500
GROUPS = {"joints": JOINTS, "surface points": SURFACES, "bar ends": BAR_ENDS}


def card(path: Path, prepared: Prepared) -> str:
    """Markdown; `python -m convert pose-clips --card` adds the section on labelled clips."""
    rows = prepared.rows("test" if (prepared.split == 2).any() else "tune")
    rows = rows[np.linspace(0, len(rows) - 1, min(len(rows), ROWS)).astype(int)]
    with Model(path.with_suffix(".tflite")) as model:
        found = found_in(lambda images: _run(model, images), prepared, rows, batch=1)
    view = np.asarray(prepared.arrays["view_deg"][rows])
    return "\n".join(
        [
            "## What it is",
            "",
            "It finds all 23 keypoints in one crop, with how likely each is in sight and where it lies in metres from "
            "the hips; at the start it finds the lifter in the whole picture itself. `device/inference/"
            "squatlight_pose.py` reads its maps.",
            "",
            f"## Errors of the shipped graph, {len(rows)} pictures of bodies held out",
            "",
            "In torso lengths (shoulders to hips, seen square on), of points that lie in the crop, whether in sight or "
            "hidden. The crop is the one that a perfect previous pose gives.",
            "",
            *by_keypoint(found),
            "",
            "Median by view of the camera, left and right alike:",
            "",
            *by_view(found, view),
            "",
            f"Sight is told right for {_sight(found):.1%} of the points (score over 0.5: in sight).",
            "",
        ]
    )


def _run(model: Model, images: object) -> list[NDArray[np.float32]]:
    out = model(np.asarray(images, np.float32))
    return [out[name] for name in ("heat", "world", "seen", "there")]


def by_keypoint(found: Errors) -> list[str]:
    """A row per keypoint, left and right together."""
    lines = ["| | median | 95% | in sight: median | world, median cm |", "| --- | --- | --- | --- | --- |"]
    for name in dict.fromkeys(name.removeprefix("left_").removeprefix("right_") for name in KEYPOINTS):
        rows = [k for k, each in enumerate(KEYPOINTS) if each.removeprefix("left_").removeprefix("right_") == name]
        errors, metres = found.torsos[:, rows], found.metres[:, rows]
        clear = np.where(found.sight[:, rows] == 1, errors, np.nan)
        cells = [_cell(errors, 50), _cell(errors, 95), _cell(clear, 50), _cell(100 * metres, 50, 1)]
        lines.append(f"| {name.replace('_', ' ')} | {' | '.join(cells)} |")
    return lines


def by_view(found: Errors, view_deg: NDArray[np.floating]) -> list[str]:
    """Medians of groups of keypoints, a column per view."""
    lines = [f"| | {' | '.join(VIEWS)} |", "| --- |" + " --- |" * len(VIEWS)]
    place = np.where(np.isfinite(view_deg), views(view_deg), -1)
    lines.append(f"| pictures | {' | '.join(str(int((place == v).sum())) for v in range(len(VIEWS)))} |")
    for group, names in GROUPS.items():
        rows = [KEYPOINTS.index(name) for name in names]
        cells = (_cell(found.torsos[place == v][:, rows], 50) for v in range(len(VIEWS)))
        lines.append(f"| {group} | {' | '.join(cells)} |")
    return lines


def _sight(found: Errors) -> float:
    told = np.isfinite(found.sight)
    return float(((found.scores >= 0.5) == (found.sight == 1))[told].mean())


def _cell(values: NDArray[np.float64], percent: float, digits: int = 3) -> str:
    there = values[np.isfinite(values)]
    return f"{np.percentile(there, percent):.{digits}f}" if len(there) else "-"

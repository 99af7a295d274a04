"""How far surface points are off: the head against BlazePose's hip and knee with the best offset fitted."""

import numpy as np
from numpy.typing import NDArray

from convert.metrics import auc
from convert.prepared import Prepared
from device.squat.pose import index

PAIRS = {"crease": ("hip", "hip_crease"), "knee_top": ("knee", "knee_top")}
"""What BlazePose gives, and what is sought."""
VIEWS = (("front", 0.0, 22.5), ("front oblique", 22.5, 67.5), ("side", 67.5, 112.5), ("behind", 112.5, 180.1))

Array = NDArray[np.float32]


def card(points: Array, scores: Array, prepared: Prepared, rows: NDArray[np.intp]) -> str:
    """The model card's sections: errors by method, by view, and how well what is hidden is told.

    Args:
        points: (N, 4, 2) of the shipped graph.
        scores: (N, 4) of the shipped graph.
        prepared: with the truth and with what BlazePose found.
        rows: (N,) which rows they belong to, of held-out bodies.
    """
    found = prepared.arrays["found"][rows]
    hips, knees = index("left_hip", "right_hip"), index("left_knee", "right_knee")
    methods = {
        "BlazePose's hip and knee": found[:, [*hips, *knees]],
        "with the best offset, fitted on the training bodies": with_offset(prepared, rows),
        "this head": points,
    }
    whole = near_errors(points, prepared, rows, torso="torso_whole")
    bodies = len(set(prepared.arrays["body"][rows].tolist()))
    lines = [
        "## Errors on held-out bodies\n",
        f"{len(rows)} rendered frames of {bodies} bodies that training never saw, the nearer leg, points in the crop: "
        "median / 90th percentile in torso lengths as the picture shows them (a leaning torso looks short).\n",
        "| | hip crease | knee top |\n| --- | --- | --- |",
        *(f"| {name} | {_cells(near_errors(p, prepared, rows))} |" for name, p in methods.items()),
        f"| this head, points in sight | {_cells(near_errors(points, prepared, rows, visible=2))} |",
        f"| this head, of the torso not foreshortened | {_cells(whole)} |",
        "\n| this head, by view | frames | hip crease | knee top |\n| --- | --- | --- | --- |",
    ]
    for name, which in _parts(prepared, rows).items():
        if which.any():
            cells = _cells(near_errors(points[which], prepared, rows[which]))
            lines.append(f"| {name} | {int(which.sum())} | {cells} |")
    lines += ["", *_sight(scores, prepared, rows)]
    return "\n".join(lines) + "\n"


def _cells(errors: dict[str, float]) -> str:
    return " | ".join(f"{errors[f'{name}_median']:.1%} / {errors[f'{name}_p90']:.1%}" for name in PAIRS)


def _parts(prepared: Prepared, rows: NDArray[np.intp]) -> dict[str, NDArray[np.bool_]]:
    view, low = np.abs(prepared.arrays["view_deg"][rows]), prepared.arrays["low"][rows]
    parts = {name: (view >= start) & (view < end) for name, start, end in VIEWS}
    return {**parts, "hips in the lower half": low, "in the upper half": ~low}


def _sight(scores: Array, prepared: Prepared, rows: NDArray[np.intp]) -> list[str]:
    """How well the scores tell points in sight from hidden ones, beside the score of BlazePose's nearest joint."""
    visible = prepared.arrays["visible"][rows]
    theirs = prepared.arrays["found_scores"][rows]
    lines = [
        "In sight or hidden, area under the curve:\n",
        "| | this head's score | BlazePose's score of the joint |\n| --- | --- | --- |",
    ]
    for place, (joint, name) in enumerate(PAIRS.items()):
        sides = index(f"left_{name[1]}", f"right_{name[1]}")
        inside, seen = visible[:, sides] > 0, visible[:, sides] == 2
        ours = scores[:, 2 * place : 2 * place + 2]
        other = theirs[:, index(f"left_{name[0]}", f"right_{name[0]}")]
        lines.append(f"| {joint} | {auc(ours[inside], seen[inside]):.3f} | {auc(other[inside], seen[inside]):.3f} |")
    return lines


def near_errors(
    points: Array, prepared: Prepared, rows: NDArray[np.intp], visible: int = 1, torso: str = "torso"
) -> dict[str, float]:
    """Median and 90th percentile of the errors of the nearer leg's points that lie in the crop, in torso lengths.

    Args:
        points: (N, 4, 2) in the order of SURFACES, 0 to 1 across the crop.
        prepared: with the truth.
        rows: (N,) which rows they belong to.
        visible: 1 counts hidden points too, 2 those in sight alone.
        torso: the array of the torso's length.
    """
    off, inside = _off(points, prepared, rows, visible, torso)
    out = {}
    for place, name in enumerate(PAIRS):
        errors = off[inside[:, place], place]
        out[f"{name}_median"] = float(np.median(errors)) if len(errors) else float("nan")
        out[f"{name}_p90"] = float(np.percentile(errors, 90)) if len(errors) else float("nan")
    return out


def _off(
    points: Array, prepared: Prepared, rows: NDArray[np.intp], visible: int, torso: str
) -> tuple[Array, NDArray[np.bool_]]:
    """(N, 2) errors of crease and knee top of the nearer leg, in torso lengths; and which count."""
    near = prepared.arrays["near"][rows]
    at = np.arange(len(rows))
    off, inside = [], []
    for place, (_, name) in enumerate(PAIRS.values()):
        sides = index(f"left_{name}", f"right_{name}")
        truth = prepared.arrays["points"][rows][:, sides][at, near]
        inside.append(prepared.arrays["visible"][rows][:, sides][at, near] >= visible)
        found = points[:, 2 * place : 2 * place + 2][at, near]
        off.append(np.linalg.norm(found - truth, axis=-1) / prepared.arrays[torso][rows])
    return np.stack(off, -1), np.stack(inside, -1)


def with_offset(prepared: Prepared, rows: NDArray[np.intp]) -> Array:
    """(N, 4, 2) BlazePose's hips and knees moved by the offset that fits the training rows best.

    The offset goes along the thigh and at right angles to it, upwards, each a share of BlazePose's torso.
    """
    offsets = _fit(prepared)
    frames, torso = _thighs(prepared, rows)
    found = prepared.arrays["found"][rows]
    out = []
    for joint, offset in zip(("hip", "knee"), offsets, strict=True):
        start = found[:, index(f"left_{joint}", f"right_{joint}")]
        out.append(start + np.einsum("nsij,j->nsi", frames, offset) * torso[:, None, None])
    return np.concatenate(out, 1).astype(np.float32)


def _thighs(prepared: Prepared, rows: NDArray[np.intp]) -> tuple[Array, Array]:
    """(N, 2, 2, 2) of each thigh as columns its direction and the upward normal; (N,) torso, both as BlazePose saw."""
    found = prepared.arrays["found"][rows]
    hips, knees = found[:, index("left_hip", "right_hip")], found[:, index("left_knee", "right_knee")]
    along = knees - hips
    along = along / np.maximum(np.linalg.norm(along, axis=-1, keepdims=True), 1e-6)
    normal = np.stack([along[..., 1], -along[..., 0]], -1)
    normal = normal * np.where(normal[..., 1:] > 0, -1, 1)
    shoulders = found[:, index("left_shoulder", "right_shoulder")].mean(1)
    return np.stack([along, normal], -1), np.linalg.norm(shoulders - hips.mean(1), axis=-1)


def _fit(prepared: Prepared) -> list[Array]:
    """Offsets (2,) for crease and knee top: medians over the nearer legs of the training rows."""
    rows = prepared.rows("train")
    frames, torso = _thighs(prepared, rows)
    near, at = prepared.arrays["near"][rows], np.arange(len(rows))
    offsets = []
    for joint, name in PAIRS.values():
        sides = index(f"left_{name}", f"right_{name}")
        truth = prepared.arrays["points"][rows][:, sides][at, near]
        inside = prepared.arrays["visible"][rows][:, sides][at, near] > 0
        start = prepared.arrays["found"][rows][:, index(f"left_{joint}", f"right_{joint}")][at, near]
        moved = np.einsum("nij,ni->nj", frames[at, near], truth - start) / torso[:, None]
        offsets.append(np.median(moved[inside], 0))
    return offsets

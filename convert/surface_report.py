"""How far surface points and joints are off: the head against BlazePose with the best offset fitted."""

import numpy as np
from numpy.typing import NDArray

from convert.metrics import auc
from convert.prepared import Prepared
from device.inference.surface import Found
from device.squat.pose import JOINTS, index

PAIRS = {"crease": ("hip", "hip_crease"), "knee_top": ("knee", "knee_top")}
"""What BlazePose gives, and what is sought."""
VIEWS = (("front", 0.0, 22.5), ("front oblique", 22.5, 67.5), ("side", 67.5, 112.5), ("behind", 112.5, 180.1))

Array = NDArray[np.float32]


def card(said: Found, prepared: Prepared, rows: NDArray[np.intp]) -> str:
    """The model card's sections: errors by method, by view, how well what is hidden is told, and errors of the joints.

    Args:
        said: of the shipped graph, its arrays with a row for each of `rows`.
        prepared: with the truth and with what BlazePose found.
        rows: (N,) which rows they belong to, of held-out bodies.
    """
    points, found = said.points, prepared.arrays["found"][rows]
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
    lines += ["", *_sight(said.scores, prepared, rows), "", *_joints(said.joints, prepared, rows)]
    return "\n".join(lines) + "\n"


def _joints(joints: Array, prepared: Prepared, rows: NDArray[np.intp]) -> list[str]:
    """Errors of the joints (N, 17, 2) of both sides, and of the trunk's direction, beside BlazePose's."""
    body, torso = slice(0, len(JOINTS)), prepared.arrays["torso_whole"][rows]
    truth, inside = prepared.arrays["points"][rows][:, body], prepared.arrays["visible"][rows][:, body] > 0
    trained = prepared.rows("train")[:: max(1, len(prepared.rows("train")) // 4000)]
    off = prepared.arrays["found"][trained] - prepared.arrays["points"][trained][:, body]
    off = np.where((prepared.arrays["visible"][trained][:, body] > 0)[..., None], off, np.nan)
    found = prepared.arrays["found"][rows]
    methods = (found, found - np.nanmedian(off, 0), joints)
    lines = [
        "Joints of both sides in the crop, median / 90th percentile in torso lengths not foreshortened:\n",
        "| joint | BlazePose | less its median offset on the training bodies | this head |\n| --- | --- | --- | --- |",
    ]
    parts = dict.fromkeys(name.removeprefix("left_").removeprefix("right_") for name in JOINTS)
    for part in parts:
        these = [k for k, name in enumerate(JOINTS) if name.endswith(part)]
        errors = [(np.linalg.norm(m - truth, axis=-1) / torso[:, None])[:, these][inside[:, these]] for m in methods]
        lines.append(f"| {part} | {' | '.join(map(_spread, errors))} |")
    angles = [np.degrees(np.abs(_turn(_trunk(m), _trunk(truth)))) for m in methods]
    cells = " | ".join(f"{np.median(a):.1f} / {np.percentile(a, 90):.1f} deg" for a in angles)
    return [*lines, f"| direction of the trunk in the picture | {cells} |"]


def _spread(errors: Array) -> str:
    return f"{np.median(errors):.1%} / {np.percentile(errors, 90):.1%}" if len(errors) else "none"


def _trunk(joints: Array) -> Array:
    """(N, 2) from the middle of the hips to that of the shoulders."""
    ends = (joints[:, index(f"left_{name}", f"right_{name}")].mean(1) for name in ("shoulder", "hip"))
    return np.asarray(np.subtract(*ends))


def _turn(found: Array, true: Array) -> Array:
    """(N,) radians from one direction to another."""
    cross = found[:, 0] * true[:, 1] - found[:, 1] * true[:, 0]
    return np.asarray(np.arctan2(cross, (found * true).sum(-1)))


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

"""Squats as keypoints with their truth, drawn from a recipe like clips, but never rendered: some ten times as fast.

What a clip here lacks is the picture: nothing is hidden by anything (`visible` is 2 wherever a point is inside the
picture), the visible fold is left out (NaN), and no lens bends the lines unless the recipe says so. All else is the
truth of the rendered clip of the same recipe and number.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from convert.synth import draw, surface, truth
from convert.synth.body import SIDES, Body, weights
from convert.synth.camera import Camera
from convert.synth.faults import fault_sizes
from convert.synth.gear import BAR_HALF_M
from convert.synth.performance import Performance
from convert.synth.recipe import Recipe, Span
from convert.synth.skeleton import Bones
from convert.synth.skin import bend_by_quaternions, hip_flesh
from device.squat.pose import KEYPOINTS, index

Array = NDArray[np.float64]
SIZES = ((512, 512), (640, 480), (480, 640), (1280, 720), (720, 1280))  # of pictures, drawn evenly
FRAME_RATES: Span = (15.0, 60.0)
OF_RATE, OF_SIZE = 7, 8  # streams of chance beside those of `draw`
_HIPS = index("left_hip", "right_hip")
_CAMERA_AXES = np.array([1.0, -1.0, -1.0])  # from OpenGL's axes to x right, y down, z away


@dataclass(frozen=True)
class KeypointRep:
    """One rep as a camera would see it, complete from standing to lockout or to where it failed.

    Attributes:
        clip: number of the clip in the recipe.
        number: of the rep in the clip, from 0.
        keypoints_px: (T, 23, 2) pixels; NaN: there is no such point.
        camera_m: (T, 23, 3) metres in the camera's axes (x right, y down, z away), origin between the hips.
        inside: (T, 23) whether the point is in the picture.
        time_s: (T,) from the clip's first frame.
        margins_cm: (2,) left and right at the lowest: knee top over hip crease, + is deep.
        near: 0 left, 1 right: the leg nearer to the camera.
        bottom_s: lowest hips.
        completed: whether the lifter stood up again.
        faults: size by name, in the units of device.squat.form.FAULTS.
        about: of the clip, as in `Truth`: kind, body, stature_m, view_deg, camera_height_m, fps, size, hold, ...
        truth: of the whole clip.
    """

    clip: int
    number: int
    keypoints_px: NDArray[np.float32]
    camera_m: NDArray[np.float32]
    inside: NDArray[np.bool_]
    time_s: Array
    margins_cm: Array
    near: int
    bottom_s: float
    completed: bool
    faults: dict[str, float]
    about: dict[str, Any]
    truth: truth.Truth


def varied(recipe: Recipe, clip: int, rates: Span = FRAME_RATES) -> Recipe:
    """The recipe with a frame rate and a size of picture of the clip's own."""
    fps = round(draw.span(draw.chance(recipe, clip, OF_RATE), rates), 1)
    width, height = SIZES[draw.chance(recipe, clip, OF_SIZE).integers(len(SIZES))]
    return replace(recipe, output=replace(recipe.output, fps=fps, width=width, height=height))


def clip_truth(recipe: Recipe, clip: int) -> truth.Truth:
    """The truth of a clip that nobody rendered."""
    drawn = draw.settings(recipe, clip)
    performance: Performance = drawn["performance"]
    camera: Camera = drawn["camera"]
    points = keypoints(performance)
    crease, top = (points[:, index(f"left_{part}", f"right_{part}"), 2] for part in ("hip_crease", "knee_top"))
    faults = fault_sizes(performance, top - crease)
    reps = truth.reps_of(performance, camera, top - crease, np.full_like(crease, np.nan), faults)
    pixels, away = camera.project(points)
    inside = ((pixels >= 0) & (pixels < [camera.width, camera.height])).all(-1) & (away > 0)
    return truth.Truth(
        keypoints_px=pixels.astype(np.float32),
        keypoints_m=points.astype(np.float32),
        visible=(2 * inside).astype(np.uint8),
        crease_m=crease.astype(np.float32),
        fold_m=np.full(crease.shape, np.nan, np.float32),
        knee_top_m=top.astype(np.float32),
        fold_at_m=np.full((*crease.shape, 3), np.nan, np.float32),
        folded=np.zeros(crease.shape, bool),
        phase=performance.phase.astype(np.uint8),
        faults=faults.astype(np.float32),
        matrix=camera.matrix(),
        view=camera.view,
        about=truth.about(performance, camera, reps, [recipe.output.seed, clip]),
    )


def in_camera(seen: truth.Truth) -> NDArray[np.float32]:
    """(T, 23, 3) the keypoints in metres in the camera's axes (x right, y down, z away), origin between the hips."""
    at = seen.keypoints_m.astype(float)
    turned = (at - at[:, _HIPS].mean(1, keepdims=True)) @ seen.view[:3, :3].T
    return np.asarray(turned * _CAMERA_AXES, np.float32)


def reps_of(seen: truth.Truth, before_s: float = 0.6, after_s: float = 0.6) -> Iterator[KeypointRep]:
    """The reps of a clip, each with the standing before and after it; rendered clips serve as well."""
    fps, camera_m = float(seen.about["fps"]), in_camera(seen)
    time_s = np.arange(len(camera_m)) / fps
    for number, rep in enumerate(seen.reps):
        own = slice(max(round((rep["start_s"] - before_s) * fps), 0), round((rep["lockout_s"] + after_s) * fps) + 1)
        margins = np.array(rep["margins_cm"])
        yield KeypointRep(
            clip=int(seen.about["seed"][1]),
            number=number,
            keypoints_px=seen.keypoints_px[own],
            camera_m=camera_m[own],
            inside=seen.visible[own] > 0,
            time_s=time_s[own],
            margins_cm=margins,
            near=int(np.argmin(np.abs(margins - rep["margin_cm"]))),
            bottom_s=rep["bottom_s"],
            completed=rep["completed"],
            faults=dict(rep["faults"]),
            about={k: v for k, v in seen.about.items() if k != "reps"},
            truth=seen,
        )


def keypoint_reps(recipe: Recipe, clips: range, rates: Span = FRAME_RATES) -> Iterator[KeypointRep]:
    """The reps of many clips of a recipe, at frame rates and sizes of picture of their own."""
    for clip in clips:
        yield from reps_of(clip_truth(varied(recipe, clip, rates), clip))


def keypoints(performance: Performance) -> Array:
    """(T, 23, 3) the keypoints of all frames in the room, metres: `truth.keypoints` without the rest of the skin."""
    bones, body = performance.bones, performance.body
    lines = [line for side in SIDES for line in surface.front_lines(side)]
    creases = crease_points(body, bones, lines).reshape(len(bones), 2, -1, 3).mean(2)
    fronts = [surface.knee_front(side) for side in SIDES]
    marks = np.array(list(truth.landmark_rows().values()))
    skin = np.split(bend_linear(body, bones, np.concatenate([*fronts, marks])), np.cumsum([len(f) for f in fronts]), 1)
    tops = [np.take_along_axis(f, np.argsort(-f[..., 2], 1)[:, :4, None], 1).mean(1) for f in skin[:2]]
    of_marks = dict(zip(truth.landmark_rows(), np.moveaxis(skin[2], 1, 0), strict=True))
    out = np.full((len(bones), len(KEYPOINTS), 3), np.nan)
    for i, name in enumerate(KEYPOINTS):
        side, _, part = name.partition("_")
        k = int(side == "right")
        if name in of_marks:
            out[:, i] = of_marks[name]
        elif part in truth.BONES_OF:
            out[:, i] = bones.joint(f"{truth.BONES_OF[part]}.{SIDES[k]}")
        elif part == "hip_crease":
            out[:, i] = creases[:, k]
        elif part == "knee_top":
            out[:, i] = tops[k]
        elif performance.load is not None and performance.load.name == "barbell":
            out[:, i] = performance.load.at + performance.load.turns[:, :, 0] * BAR_HALF_M * (1 - 2 * k)
    return out


def crease_points(body: Body, bones: Bones, lines: Sequence[surface.FrontLine]) -> Array:
    """(T, lines, 3) where each line up the front of a leg crosses the crease."""
    ends = np.array([[line.a[line.crease], line.b[line.crease]] for line in lines])
    share = np.array([line.share[line.crease] for line in lines])
    skin = bend_dual(body, bones, ends.ravel()).reshape(len(bones), len(lines), 2, 3)
    return np.asarray(skin[:, :, 0] * (1 - share)[:, None] + skin[:, :, 1] * share[:, None])


def bend_linear(body: Body, bones: Bones, rows: NDArray[np.intp]) -> Array:
    """(T, rows, 3) some vertices in all frames, as `skin.bend` blends them away from the hips."""
    moves = np.concatenate([bones.turns, _shifts(body, bones)[..., None]], -1)
    mixed = (weights()[rows] @ moves.transpose(1, 0, 2, 3).reshape(moves.shape[1], -1)).reshape(len(rows), -1, 3, 4)
    return np.asarray(np.einsum("vtab,vb->tva", mixed[..., :3], body.rest[rows]) + mixed[..., 3].swapaxes(0, 1))


def bend_dual(body: Body, bones: Bones, rows: NDArray[np.intp]) -> Array:
    """(T, rows, 3) some vertices in all frames; those at the hips by dual quaternions, as `skin.bend` does."""
    out = bend_linear(body, bones, rows)
    at_hips = np.isin(rows, hip_flesh()[0])
    share, moves = weights()[rows[at_hips]], np.concatenate([bones.turns, _shifts(body, bones)[..., None]], -1)
    out[:, at_hips] = bend_by_quaternions(body.rest[rows[at_hips]], share, moves)
    return out


def _shifts(body: Body, bones: Bones) -> Array:
    """(T, bones, 3) how far each bone's origin has moved."""
    return np.asarray(bones.heads - np.einsum("tjab,jb->tja", bones.turns, body.joints))

"""The truth of a clip: what it holds, how it is measured in a posed scene, how it is written and read.

A clip NAME is NAME.avi or NAME.webm and NAME.npz; the .npz is written last and whole, so a clip without it does not
exist. In the .npz (T frames, K = the 23 keypoints of device.squat.pose.KEYPOINTS, sides left then right):

| array | shape | holds |
| --- | --- | --- |
| keypoints_px | (T, K, 2) float32 | pixels of the video, x right, y down; NaN: there is no such point (no bar) |
| keypoints_m | (T, K, 3) float32 | the room: lifter at the origin facing -y, left = +x, z up, floor z = 0 |
| visible | (T, K) uint8 | as COCO: 0 outside or absent, 1 hidden, 2 in sight |
| crease_m, fold_m, knee_top_m | (T, 2) float32 | heights over the floor |
| fold_at_m | (T, 2, 3) float32 | the visible fold of belly and thigh |
| folded | (T, 2) bool | whether belly and thigh touch; else the fold is the crease |
| phase | (T,) uint8 | rows of PHASES |
| faults | (T, F) float32 | sizes in the order and units of device.squat.form.FAULTS |
| matrix | (3, 3) | intrinsics; radial distortion k1, k2 (Brown) is in `about` |
| view | (4, 4) | from the room to the camera, OpenGL axes: x right, y up, looks along -z |
| about | text | JSON: kind, body, stature_m, mass_kg, fps, size, view_deg, camera_height_m, k1, k2, hold, reps, ... |

A rep in `about`: start_s, bottom_s (lowest hips), lockout_s, completed, descent_legs (hips, in leg lengths), depth
"below"/"above" and margin_cm (knee top over crease of the leg nearer to the camera, + is deep), margins_cm,
fold_margins_cm (both legs), faults {name: size}.
"""

import json
import os
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from convert.synth.body import SIDES, baked, is_skin, weight_of
from convert.synth.camera import Camera
from convert.synth.faults import FAULT_NAMES
from convert.synth.gear import BAR_HALF_M
from convert.synth.performance import Performance
from convert.synth.surface import Surfaces
from convert.synth.tempo import PHASES
from device.errors import InputError
from device.inference.recorded import DAMAGED
from device.squat.pose import KEYPOINTS

Array = NDArray[np.float64]
BONES_OF = {
    "shoulder": "upperarm01",
    "elbow": "lowerarm01",
    "wrist": "wrist",
    "hip": "upperleg01",
    "knee": "lowerleg01",
    "ankle": "foot",
}
FLESH_M = {
    "nose": 0.05,
    "shoulder": 0.12,
    "elbow": 0.08,
    "wrist": 0.07,
    "hip": 0.17,
    "knee": 0.11,
    "ankle": 0.09,
    "heel": 0.07,
    "toe": 0.07,
    "hip_crease": 0.06,
    "knee_top": 0.05,
    "bar_end": 0.06,
}
"""How far behind the nearest drawn surface a point may lie and still count as in sight: joints lie inside the flesh."""


@cache
def landmark_rows() -> dict[str, int]:
    """Vertices of nose, heels and toes."""
    mean, skin = baked()["mean"], is_skin()
    head = np.flatnonzero((weight_of("head") > 0.3) & skin & (np.abs(mean[:, 0]) < 0.01))
    rows = {"nose": int(head[np.argmin(mean[head, 1])])}
    for side, name in zip(SIDES, ("left", "right"), strict=True):
        foot = np.flatnonzero((weight_of("foot." + side) > 0.9) & skin & (mean[:, 2] < 0.04))
        rows[f"{name}_heel"] = int(foot[np.argmax(mean[foot, 1])])
        rows[f"{name}_toe"] = int(foot[np.argmin(mean[foot, 1])])
    return rows


def keypoints(performance: Performance, skin: NDArray[np.float32], surfaces: Surfaces, t: int) -> Array:
    """(K, 3) the keypoints of frame `t` in the room, metres."""
    out = np.full((len(KEYPOINTS), 3), np.nan)
    for i, name in enumerate(KEYPOINTS):
        side, _, part = name.partition("_")
        k = int(side == "right")
        if name in landmark_rows():
            out[i] = skin[landmark_rows()[name]]
        elif part in BONES_OF:
            out[i] = performance.bones.joint(f"{BONES_OF[part]}.{SIDES[k]}")[t]
        elif part == "hip_crease":
            out[i] = surfaces.crease[k]
        elif part == "knee_top":
            out[i] = surfaces.knee_top[k]
        elif performance.load is not None and performance.load.name == "barbell":
            out[i] = performance.load.at[t] + performance.load.turns[t, :, 0] * BAR_HALF_M * (1 - 2 * k)
    return out


def visibility(points: Array, camera: Camera, drawn: Camera, depth: NDArray[np.float32]) -> NDArray[np.uint8]:
    """(K,) 0 outside or absent, 1 hidden, 2 in sight, by the depth of the drawn picture."""
    px, z = camera.project(points)
    inside = (px >= 0).all(-1) & (px < [camera.width, camera.height]).all(-1) & (z > 0)
    at, _ = drawn.project(points, lens=False)
    out = np.zeros(len(points), np.uint8)
    for i in np.flatnonzero(inside):
        x, y = np.clip(at[i].astype(int), 0, [drawn.width - 1, drawn.height - 1])
        near = depth[max(y - 1, 0) : y + 2, max(x - 1, 0) : x + 2].max()
        part = KEYPOINTS[i].removeprefix("left_").removeprefix("right_")
        out[i] = 2 if near > z[i] - FLESH_M[part] else 1
    return out


@dataclass(frozen=True)
class Truth:
    """The arrays of the table above, and `about` as a dictionary."""

    keypoints_px: NDArray[np.float32]
    keypoints_m: NDArray[np.float32]
    visible: NDArray[np.uint8]
    crease_m: NDArray[np.float32]
    fold_m: NDArray[np.float32]
    knee_top_m: NDArray[np.float32]
    fold_at_m: NDArray[np.float32]
    folded: NDArray[np.bool_]
    phase: NDArray[np.uint8]
    faults: NDArray[np.float32]
    matrix: Array
    view: Array
    about: dict[str, Any]

    @property
    def reps(self) -> list[dict[str, Any]]:
        """The reps of the clip."""
        return list(self.about["reps"])

    def write(self, path: Path) -> None:
        """Writes the .npz whole or not at all."""
        arrays = {k: getattr(self, k) for k in self.__dataclass_fields__ if k != "about"}
        partial_path = path.with_name(path.name + ".partial")
        with partial_path.open("wb") as file:
            np.savez_compressed(file, about=np.array(json.dumps(self.about)), **arrays)
        os.replace(partial_path, path)

    @classmethod
    def read(cls, path: Path) -> "Truth":
        """What `write` wrote.

        Raises:
            InputError: not such a file, or damaged.
        """
        names = [name for name in cls.__dataclass_fields__ if name != "about"]
        try:
            with np.load(path) as file:
                return cls(about=json.loads(str(file["about"])), **{name: file[name] for name in names})
        except DAMAGED as error:
            raise InputError(f"{path}: not the truth of a rendered clip ({error})") from error


def reps_of(
    performance: Performance, camera: Camera, margins_m: Array, fold_margins_m: Array, faults: Array
) -> list[dict[str, Any]]:
    """The rep list of `about`."""
    bones, fps = performance.bones, performance.fps
    hips = np.stack([bones.joint("upperleg01." + s) for s in SIDES], 1)
    out = []
    for start, end, completed in performance.spans:
        last = min(end, len(bones) - 1)
        height = hips[start:end, :, 2].mean(1)
        lowest = np.flatnonzero(height < height.min() + 0.001) + start
        bottom = int(lowest[len(lowest) // 2])
        near = int(np.argmin(np.linalg.norm(hips[bottom] - camera.eye, axis=-1)))
        sizes = dict(zip(FAULT_NAMES, faults[bottom], strict=True))
        sizes["not_locked_out"] = faults[last, FAULT_NAMES.index("not_locked_out")]
        sizes["bent_over"] = faults[start:end, FAULT_NAMES.index("bent_over")].max()
        sizes["knees_in"] = faults[start:end, FAULT_NAMES.index("knees_in")].max()
        margin = float(margins_m[bottom, near])
        out.append(
            {
                "start_s": round(start / fps, 4),
                "bottom_s": round(bottom / fps, 4),
                "lockout_s": round(end / fps, 4),
                "completed": bool(completed),
                "descent_legs": round(float(height[0] - height.min()) / performance.body.leg_m, 3),
                "depth": "below" if margin > 0 else "above",
                "margin_cm": round(100 * margin, 2),
                "margins_cm": [round(100 * float(m), 2) for m in margins_m[bottom]],
                "fold_margins_cm": [round(100 * float(m), 2) for m in fold_margins_m[bottom]],
                "faults": {k: round(float(v), 2) for k, v in sizes.items()},
            }
        )
    return out


def about(performance: Performance, camera: Camera, reps: list[dict[str, Any]], seed: list[int]) -> dict[str, Any]:
    """Everything that is not an array."""
    body = performance.body
    return {
        "kind": performance.kind,
        "seed": seed,
        "body": body.number,
        "female": body.female,
        "stature_m": round(body.stature_m, 4),
        "mass_kg": round(body.mass_kg, 1),
        "thigh_m": round(body.thigh_m, 4),
        "fps": performance.fps,
        "size": [camera.width, camera.height],
        "view_deg": round(camera.view_deg, 2),
        "camera_height_m": round(float(camera.eye[2]), 3),
        "camera_away_m": round(float(np.hypot(*camera.eye[:2])), 3),
        "hfov_deg": round(float(np.degrees(2 * np.arctan(camera.width / 2 / camera.focal_px))), 2),
        "k1": camera.k1,
        "k2": camera.k2,
        "phases": list(PHASES),
        "fault_names": list(FAULT_NAMES),
        "reps": reps,
        **performance.notes,
    }

"""OpenCap: joint angles of squats over time, and the stick figure that they make.

Reads OpenSim's .mot (OpenCap's data, Apache-2.0): a head that ends with `endheader`, a line of column names, a line of
numbers per moment. Only what happens in the sagittal plane is made a figure of, the mean of both legs: segments as long
as Winter 2009 (Biomechanics, fig. 4.1) has them, the feet flat and still.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from device.errors import InputError
from device.squat.pose import JOINTS, KEYPOINTS, Pose

Array = NDArray[np.float64]
HEIGHT_M = 1.75
THIGH_M, SHANK_M, TRUNK_M = 0.245 * HEIGHT_M, 0.246 * HEIGHT_M, 0.288 * HEIGHT_M
SHOULDERS_M, HIPS_M, FOOT_M, HEEL_M = 0.25 * HEIGHT_M, 0.11 * HEIGHT_M, 0.11 * HEIGHT_M, 0.04 * HEIGHT_M
HEAD_M = 0.13 * HEIGHT_M  # nose over the shoulders
PX_PER_M, SIZE = 300.0, (1280, 720)
NEEDED = ("time", "pelvis_tilt", "lumbar_extension", *(f"{n}_{s}" for n in ("hip_flexion", "knee_angle") for s in "lr"))


@dataclass(frozen=True)
class Motion:
    """Joint angles.

    Attributes:
        at_s: (T,) times.
        angles: by column, (T,) degrees. Flexion of hip and knee is positive; `pelvis_tilt` and `lumbar_extension` are
            negative where the trunk leans forward.
    """

    at_s: Array
    angles: dict[str, Array]

    @property
    def thigh_deg(self) -> Array:
        """(T,) both thighs from hanging: 0 standing, 90 level."""
        return self._both("hip_flexion") + self.angles["pelvis_tilt"]

    @property
    def shank_deg(self) -> Array:
        """(T,) both shanks forward from upright."""
        return self._both("knee_angle") - self.thigh_deg

    @property
    def lean_deg(self) -> Array:
        """(T,) the trunk forward from upright."""
        return -self.angles["pelvis_tilt"] - self.angles["lumbar_extension"]

    @property
    def height_m(self) -> Array:
        """(T,) hips over ankles, of legs as long as the figure's."""
        thigh, shank = np.radians(self.thigh_deg), np.radians(self.shank_deg)
        return np.asarray(np.cos(thigh) * THIGH_M + np.cos(shank) * SHANK_M)

    def _both(self, name: str) -> Array:
        return (self.angles[f"{name}_l"] + self.angles[f"{name}_r"]) / 2


def read(path: Path) -> Motion:
    """The angles of a file.

    Raises:
        InputError: not such a file, a column missing, not in degrees, or NaN; one line that names it.
    """
    try:
        lines = [line.split() for line in path.read_text("utf-8").splitlines() if line.strip()]
        start = lines.index(["endheader"]) + 1
        names, rows = lines[start], lines[start + 1 :]
        values = np.array(rows, float).reshape(len(rows), len(names))
    except (OSError, ValueError, IndexError) as error:
        raise InputError(f"{path}: no table of joint angles after a line endheader ({error})") from None
    if ["inDegrees=yes"] not in lines[:start]:
        raise InputError(f"{path}: expected a line inDegrees=yes")
    if missing := [name for name in NEEDED if name not in names]:
        raise InputError(f"{path}: no column {missing[0]}")
    if not len(values) or not np.isfinite(values).all():
        raise InputError(f"{path}: {'NaN or infinite' if len(values) else 'no rows'}")
    columns = dict(zip(names, values.T, strict=True))
    at_s = columns.pop("time")
    if (np.diff(at_s) <= 0).any():
        raise InputError(f"{path}: times do not rise")
    return Motion(at_s, columns)


def poses(motion: Motion, view_deg: float) -> Iterator[tuple[float, Pose]]:
    """Time and pose as a pose model without errors would give them from a camera far away at the height of the hips.

    Args:
        motion: the angles.
        view_deg: where the camera stands: 0 = in front of the lifter, 90 = at his left.
    """
    figure = joints(motion)
    a = np.radians(view_deg)
    across, away = np.array([np.cos(a), 0, np.sin(a)]), np.array([-np.sin(a), 0, np.cos(a)])
    seen = np.stack([figure @ across, figure[..., 1], figure @ away], -1)
    hips = seen[:, [JOINTS.index("left_hip"), JOINTS.index("right_hip")]].mean(1, keepdims=True)
    own = slice(0, len(JOINTS))
    for number, at_s in enumerate(motion.at_s.tolist()):
        keypoints, world = (np.full((len(KEYPOINTS), n), np.nan, np.float32) for n in (2, 3))
        scores = np.zeros(len(KEYPOINTS), np.float32)
        keypoints[own] = seen[number, :, :2] * PX_PER_M + np.array([SIZE[0] / 2, SIZE[1] * 0.9])
        world[own], scores[own] = seen[number] - hips[number], 1.0
        yield at_s, Pose(keypoints, scores, world, at_s, number, 0, SIZE)


def joints(motion: Motion) -> Array:
    """(T, 17, 3) metres from between the ankles: x to the lifter's left, y down, z behind him; arms on the bar."""
    thigh, shank, lean = (np.radians(x) for x in (motion.thigh_deg, motion.shank_deg, motion.lean_deg))
    zero = np.zeros_like(thigh)

    def up(angle: Array, length: float) -> Array:
        """A segment that leans forward."""
        return np.stack([zero, -np.cos(angle), -np.sin(angle)], -1) * length

    knee = up(shank, SHANK_M)
    hip = knee + up(-thigh, THIGH_M)
    shoulder = hip + up(lean, TRUNK_M)
    foot = np.stack([zero, zero + HEEL_M, zero], -1)
    middle = {
        "nose": shoulder + up(lean / 2, HEAD_M), "shoulder": shoulder, "elbow": shoulder - up(lean / 2, TRUNK_M / 2),
        "wrist": shoulder, "hip": hip, "knee": knee, "ankle": zero[:, None] + np.zeros(3),
        "heel": foot + [0, 0, HEEL_M], "toe": foot - [0, 0, FOOT_M],
    }  # fmt: skip
    apart = {"shoulder": SHOULDERS_M, "elbow": SHOULDERS_M * 1.4, "wrist": SHOULDERS_M * 1.3}
    sides = {"left": 0.5, "right": -0.5, "nose": 0.0}
    out = []
    for name in JOINTS:
        side, _, part = name.partition("_")
        out.append(middle[part or "nose"] + [sides[side] * apart.get(part, HIPS_M), 0, 0])
    return np.stack(out, 1)

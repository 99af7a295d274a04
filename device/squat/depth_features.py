"""What the depth network is told of a rep: a flat vector, the same on the device and in training.

Frames around the lowest pose at fixed times before and after it, whatever the frame rate, and the lifter as he stood
before: points in leg lengths from the middle of the hips, the world turned upright by the camera's pitch. So neither
the lifter's size nor his place, nor the size of the picture, changes anything but the few numbers about the camera.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from device.squat.perspective import Optics, height_over
from device.squat.pose import JOINTS, SURFACES, Array, Pose, index

TIMES_S = (-0.3, -0.2, -0.1, 0.0, 0.1, 0.2, 0.3)  # from the lowest pose
STANDING_POSES = 5  # the first of the rep, whose median is the lifter as he stands
POINTS = tuple(name for name in JOINTS if "elbow" not in name and "wrist" not in name)
FRAMES = len(TIMES_S) + 1  # the last is the standing lifter
PER_FRAME = {
    "world": (len(POINTS), 3),
    "picture": (len(POINTS), 2),
    "scores": (len(POINTS),),
    "surfaces": (len(SURFACES), 2),
    "surface_scores": (len(SURFACES),),
    "over_hip": (2,),
}
"""Blocks of a frame: levelled world, picture, scores, surface points (0 where the model gives none) and their scores,
and the perspective-corrected height of each knee joint over its hip joint; all lengths in leg lengths."""
GLOBAL = (
    "pitch", "camera_known", "hips_x", "hips_y", "leg", "fov", "has_camera_height", "camera_height",
    "has_height", "height", "gap_s",
)  # fmt: skip
"""After the frames: the camera as far as it is known, where the hips are (in focal lengths from the picture's middle),
how long the leg is there, the lifter's height, and the time between frames."""
FRAME_SIZE = sum(int(np.prod(shape)) for shape in PER_FRAME.values())
COUNT = FRAMES * FRAME_SIZE + len(GLOBAL)

_BODY = np.arange(1, len(JOINTS))
_POINTS = index(*POINTS)
_SURFACES = index(*SURFACES)
_HIPS, _KNEES, _ANKLES = (index(f"left_{name}", f"right_{name}") for name in ("hip", "knee", "ankle"))


def depth_features(poses: Sequence[Pose], lowest_s: float, optics: Optics, height_cm: float | None) -> Array | None:
    """The features of a rep.

    Args:
        poses: smoothed, from the standing lifter to the end of what was seen.
        lowest_s: when the hips were lowest, on the clock of the poses.
        optics: the camera as far as it is known.
        height_cm: the lifter's height; None = unknown.

    Returns:
        (COUNT,) float32, or None where the poses lack world points or joints.
    """
    found = moments(poses, lowest_s)
    return None if found is None else features_of(found, poses[0].size, optics, height_cm)


@dataclass(frozen=True, slots=True)
class Moments:
    """A rep at `TIMES_S` around its lowest pose, and last the lifter as he stood; points as in `Pose`.

    Attributes:
        keypoints: (FRAMES, 23, 2) pixels.
        world: (FRAMES, 23, 3) metres.
        scores: (FRAMES, 23).
        gap_s: the time between two frames of the camera.
    """

    keypoints: Array
    world: Array
    scores: Array
    gap_s: float


def moments(poses: Sequence[Pose], lowest_s: float) -> Moments | None:
    """The moments that count; None where the poses lack world points."""
    poses = [p for p in poses if p.world is not None]
    if not poses:
        return None
    at_s = np.array([p.captured_s for p in poses])
    gap_s = float(np.median(np.diff(at_s))) if len(at_s) > 1 else 0.0
    first, last = np.searchsorted(at_s, np.clip([lowest_s + TIMES_S[0], lowest_s + TIMES_S[-1]], at_s[0], at_s[-1]))
    asked = [k for k in range(len(poses)) if k < STANDING_POSES or first - 1 <= k <= last]
    keypoints, world, scores = (
        at_moments(np.array([getattr(poses[k], name) for k in asked], np.float64), at_s[asked], lowest_s).astype(
            np.float32
        )
        for name in ("keypoints", "world", "scores")
    )
    return Moments(keypoints, world, scores, gap_s)


def at_moments(values: np.ndarray, at_s: np.ndarray, lowest_s: float) -> np.ndarray:
    """(FRAMES, ...) of a rep's values (T, ...), linear between the poses, the last one beyond them."""
    wanted = np.clip(lowest_s + np.array(TIMES_S), at_s[0], at_s[-1])
    after = np.minimum(np.clip(np.searchsorted(at_s, wanted), 1, None), len(at_s) - 1)
    before = np.maximum(after - 1, 0)
    share = (wanted - at_s[before]) / np.maximum(at_s[after] - at_s[before], 1e-9)
    share = share.reshape(-1, *[1] * (values.ndim - 1))
    between = values[before] + share * (values[after] - values[before])
    return np.concatenate([between, np.median(values[:STANDING_POSES], 0, keepdims=True)])


def features_of(seen: Moments, size: tuple[int, int], optics: Optics, height_cm: float | None) -> Array | None:
    """The features of moments, see `depth_features`; `size` is that of the picture."""
    keypoints, world, scores = (np.asarray(a, np.float64) for a in (seen.keypoints, seen.world, seen.scores))
    if not (np.isfinite(keypoints[:, _BODY]).all() and np.isfinite(world[:, _BODY]).all()):
        return None
    scale = _scales(keypoints, world)
    hips, knees, ankles = (world[-1, rows] for rows in (_HIPS, _KNEES, _ANKLES))
    leg_m = float(np.linalg.norm(hips - knees, axis=-1).mean() + np.linalg.norm(knees - ankles, axis=-1).mean())
    blocks = _blocks(keypoints, world, scores, scale, leg_m, size, optics)
    frames = np.concatenate([blocks[name].reshape(FRAMES, -1) for name in PER_FRAME], 1)
    about = _about(keypoints, scale * leg_m, size, optics, height_cm, seen.gap_s)
    out = np.concatenate([frames.ravel(), about]).astype(np.float32)
    return out if np.isfinite(out).all() else None


def _scales(keypoints: np.ndarray, world: np.ndarray) -> np.ndarray:
    """(F,) pixels per metre of the model's world, as `features.scale_px_per_m`."""
    picture, flat = keypoints[:, _BODY], world[:, _BODY, :2]
    picture, flat = picture - picture.mean(1, keepdims=True), flat - flat.mean(1, keepdims=True)
    return np.asarray((picture * flat).sum((1, 2)) / (flat * flat).sum((1, 2)))


def _blocks(
    keypoints: np.ndarray, world: np.ndarray, scores: np.ndarray, scale: np.ndarray, leg_m: float,
    size: tuple[int, int], optics: Optics,
) -> dict[str, np.ndarray]:  # fmt: skip
    middle_px, middle_m = keypoints[:, _HIPS].mean(1, keepdims=True), world[:, _HIPS].mean(1, keepdims=True)
    in_legs = (keypoints - middle_px) / (scale * leg_m)[:, None, None]
    upright = levelled(world - middle_m, optics.pitch_deg) / leg_m
    surfaces, seen = in_legs[:, _SURFACES], scores[:, _SURFACES]
    there = np.isfinite(surfaces).all(-1) & (seen > 0)
    rows = keypoints[..., 1]
    over_m = [
        -height_over(r[_HIPS], r[_KNEES], w[_HIPS, 2] - w[_KNEES, 2], float(s), size, optics)
        for r, w, s in zip(rows, world, scale, strict=True)
    ]
    return {
        "world": upright[:, _POINTS],
        "picture": in_legs[:, _POINTS],
        "scores": scores[:, _POINTS],
        "surfaces": np.where(there[..., None], surfaces, 0),
        "surface_scores": np.where(there, seen, 0),
        "over_hip": np.array(over_m) / leg_m,
    }


def levelled(world: np.ndarray, pitch_deg: float) -> np.ndarray:
    """World points (..., 3) of a camera that looks down, in axes whose -y is up."""
    cosine, sine = np.cos(np.radians(pitch_deg)), np.sin(np.radians(pitch_deg))
    x, y, z = np.moveaxis(world, -1, 0)
    return np.stack([x, y * cosine + z * sine, z * cosine - y * sine], -1)


def _about(
    keypoints: np.ndarray, leg_px: np.ndarray, size: tuple[int, int], optics: Optics, height_cm: float | None,
    gap_s: float,
) -> np.ndarray:  # fmt: skip
    focal_px = optics.focal_px(size)
    lowest = TIMES_S.index(0.0)
    hips = (keypoints[lowest, _HIPS].mean(0) - np.array(size) / 2) / focal_px
    return np.array(
        [
            optics.pitch_deg / 30,
            float(optics.known),
            hips[0],
            hips[1],
            leg_px[lowest] / focal_px,
            optics.fov_deg / 65 - 1,
            float(optics.height_m is not None),
            optics.height_m - 1.2 if optics.height_m is not None else 0.0,
            float(height_cm is not None),
            (height_cm - 172) / 10 if height_cm is not None else 0.0,
            min(gap_s, 0.2) * 10,
        ]
    )


def _swapped(names: Sequence[str]) -> list[int]:
    """For each name the row of its other side."""
    other = {name: name.replace("left_", "right_") for name in names}
    other |= {there: here for here, there in other.items() if here != there}
    return [list(names).index(other[name]) for name in names]


def mirroring() -> tuple[np.ndarray, Array]:
    """How a lifter seen in a mirror differs: features `f` become `f[order] * sign`; (COUNT,) each."""
    swaps = {"surfaces": _swapped(SURFACES), "surface_scores": _swapped(SURFACES), "over_hip": [1, 0]}
    orders, signs, start = [], [], 0
    for name, shape in PER_FRAME.items():
        rows = swaps.get(name, _swapped(POINTS))
        places = np.arange(start, start + int(np.prod(shape))).reshape(shape)[rows]
        sign = np.ones(shape)
        if len(shape) == 2:
            sign[:, 0] = -1
        orders.append(places.ravel())
        signs.append(sign.ravel())
        start += places.size
    order, sign = np.concatenate(orders), np.concatenate(signs)
    frames = np.concatenate([order + k * FRAME_SIZE for k in range(FRAMES)])
    about = np.array([-1.0 if name == "hips_x" else 1.0 for name in GLOBAL])
    whole = np.concatenate([frames, np.arange(len(GLOBAL)) + FRAMES * FRAME_SIZE])
    return whole, np.concatenate([np.tile(sign, FRAMES), about]).astype(np.float32)

"""The lifter drawn alone on black: what DeepSquat's network is shown.

Zheng and Jiang, "DeepSquat: Analyzing Weightlifting Form with Deep Learning", 2019: 108 x 192 pixels, discs and limbs
in colours, the frame of the bottom and five before and after. Departures: our 17 joints in place of OpenPose's 18, the
person is fitted into the picture (theirs stood at one place before one camera), and the frames are a thirtieth of a
second apart whatever the camera's rate, between two captured ones where need be.
"""

import colorsys
from collections.abc import Sequence
from math import ceil, floor, isfinite

import numpy as np
from numpy.typing import NDArray

from device.squat.pose import JOINTS, LIMBS, Array, index
from device.squat.rep import Rep

Image = NDArray[np.uint8]

WIDTH, HEIGHT = 108, 192
FRAMES, APART_S = 11, 1 / 30
RADIUS, HALF_THICK = 3.0, 1.5  # pixels
FILL = 0.9  # of the picture's height or width that the lifter takes over the whole rep
_DRAWN_FROM = 0.3  # a joint with a lower score is not drawn


def _hue(share: float) -> tuple[int, int, int]:
    red, green, blue = colorsys.hsv_to_rgb(share, 1.0, 1.0)
    return round(255 * red), round(255 * green), round(255 * blue)


_COLOURS = np.array(
    [_hue(k / (len(JOINTS) + len(LIMBS))) for k in range(len(JOINTS) + len(LIMBS))], np.uint8
)  # a colour of its own for each limb and joint; left differs from right


def pose_images(rep: Rep) -> Image | None:
    """The images (FRAMES, HEIGHT, WIDTH, 3) of a rep around its bottom; None where nothing was seen."""
    points = rep_points(rep)
    return None if points is None else np.stack([draw(frame) for frame in points])


def rep_points(rep: Rep) -> Array | None:
    """The joints (FRAMES, 17, 2) around the bottom in pixels of the image; NaN = not drawn."""
    if not rep.poses:
        return None
    joints = np.array([p.keypoints[: len(JOINTS)] for p in rep.poses])
    scores = np.array([p.scores[: len(JOINTS)] for p in rep.poses])
    joints = np.where((scores >= _DRAWN_FROM)[..., None], joints, np.nan)
    seen = joints[np.isfinite(joints).all(-1)]
    if not len(seen):
        return None
    low, high = seen.min(0), seen.max(0)
    scale = FILL * min(np.array([WIDTH, HEIGHT]) / np.maximum(high - low, 1.0))
    at_s = np.array([p.captured_s for p in rep.poses])
    wanted = rep.bottom_s + (np.arange(FRAMES) - FRAMES // 2) * APART_S
    place = np.interp(wanted, at_s, np.arange(len(at_s)))
    before = np.minimum(place.astype(int), len(at_s) - 1)
    share = (place - before)[:, None, None]
    frames = joints[before] * (1 - share) + joints[np.minimum(before + 1, len(at_s) - 1)] * share
    middle = np.array([WIDTH, HEIGHT]) / 2
    return np.asarray((frames - (low + high) / 2) * scale + middle, np.float32)


def draw(points: Array) -> Image:
    """One image (HEIGHT, WIDTH, 3) RGB of joints (17, 2) in its pixels; NaN = not drawn. Limbs lie over discs."""
    image = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
    for joint, at in enumerate(points):
        _stroke(image, at, at, RADIUS, _COLOURS[len(LIMBS) + joint])
    for limb, ends in enumerate(LIMBS):
        a, b = points[index(*ends)]
        _stroke(image, a, b, HALF_THICK, _COLOURS[limb])
    return image


def _stroke(image: Image, a: Array, b: Array, reach: float, colour: NDArray[np.uint8]) -> None:
    """Colours all pixels no further than `reach` from the line from a to b."""
    (ax, ay), (bx, by) = a.tolist(), b.tolist()  # plain numbers: numpy is slow on two
    if not (isfinite(ax + ay) and isfinite(bx + by)):
        return
    left, top = max(floor(min(ax, bx) - reach), 0), max(floor(min(ay, by) - reach), 0)
    right = min(ceil(max(ax, bx) + reach) + 1, image.shape[1])
    bottom = min(ceil(max(ay, by) + reach) + 1, image.shape[0])
    if right <= left or bottom <= top:
        return
    x, y = np.arange(left, right)[None, :] - ax, np.arange(top, bottom)[:, None] - ay
    dx, dy = bx - ax, by - ay
    if dx or dy:
        share = np.clip((x * dx + y * dy) / (dx * dx + dy * dy), 0, 1)
        x, y = x - share * dx, y - share * dy
    image[top:bottom, left:right][x * x + y * y <= reach * reach] = colour


def zoomed_out(points: Array, by: float = 0.5) -> Array:
    """Joints (..., 2) of the same picture made smaller on black: the paper's second augmentation."""
    middle = np.array([WIDTH, HEIGHT], np.float32) / 2
    return np.asarray((points - middle) * by + middle, np.float32)


def flipped(points: Array, other_side: Sequence[int] | NDArray[np.intp]) -> Array:
    """Joints (..., 17, 2) of the mirror image, left and right swapped: the paper's first, as it should be."""
    out = points[..., list(other_side), :].copy()
    out[..., 0] = WIDTH - out[..., 0]
    return np.asarray(out, np.float32)

"""Changes pictures as cameras and gyms do: colour, blur, noise, small and compressed pictures, things in the way."""

from functools import cache

import cv2
import numpy as np
from numpy.typing import NDArray

Image = NDArray[np.uint8]
GRAIN = 640


def varied(image: Image, rng: np.random.Generator) -> Image:
    """An (S, S, 3) picture as another camera would have taken it."""
    if rng.random() < 0.35:
        image = recast(image, rng)
    if rng.random() < 0.3:
        image = _small(image, rng.uniform(0.3, 0.8))
    if rng.random() < 0.2:
        image = _blurred(image, rng)
    image = cv2.LUT(image, _curves(rng))
    if rng.random() < 0.1:
        image = cv2.cvtColor(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), cv2.COLOR_GRAY2RGB)
    if rng.random() < 0.3:
        image = _grainy(image, rng)
    if rng.random() < 0.15:
        _, packed = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, int(rng.integers(20, 70))])
        image = cv2.imdecode(packed, cv2.IMREAD_COLOR)
    return np.asarray(image, np.uint8)


def covered(image: Image, rng: np.random.Generator) -> tuple[Image, NDArray[np.bool_]]:
    """A picture with up to three things in the way, and (S, S) where they are."""
    side = len(image)
    image, hidden = image.copy(), np.zeros((side, side), bool)
    for _ in range(int(rng.integers(1, 4))):
        height, width = (rng.uniform(0.04, 0.28, 2) * side).astype(int)
        top, left = int(rng.integers(0, side - height)), int(rng.integers(0, side - width))
        place = slice(top, top + height), slice(left, left + width)
        if rng.random() < 0.5:
            fill = rng.integers(0, 256, 3).astype(np.uint8)
        else:
            y, x = int(rng.integers(0, side - height)), int(rng.integers(0, side - width))
            fill = image[y : y + height, x : x + width].copy()
        shape = np.ones((height, width), bool)
        if rng.random() < 0.5:  # a plate
            middle, axes = (int(width // 2), int(height // 2)), (int(width // 2), int(height // 2))
            shape = cv2.ellipse(np.zeros((height, width), np.uint8), middle, axes, 0, 0, 360, 1, -1) > 0
        image[place] = np.where(shape[..., None], fill, image[place])
        hidden[place] |= shape
    return image, hidden


def recast(image: Image, rng: np.random.Generator) -> Image:
    """In part through a random convolution: other colours and textures, the same shapes.

    Xu et al., "Robust and generalizable visual representation learning via random convolutions", 2021.
    """
    side, share = int(rng.choice([1, 3, 5])), rng.uniform(0.2, 0.9)
    kernels = rng.normal(0, 1, (3, 3, side, side)).astype(np.float32)
    planes = image.astype(np.float32)
    middle = planes.mean((0, 1))
    planes = np.ascontiguousarray(np.moveaxis(planes - middle, -1, 0))
    cast = np.stack([sum(map(cv2.filter2D, planes, (-1, -1, -1), kernel)) for kernel in kernels])
    cast *= (planes.std((1, 2)) / np.maximum(cast.std((1, 2)), 1e-3))[:, None, None]
    mixed = np.moveaxis((1 - share) * planes + share * cast, 0, -1) + middle
    return np.clip(mixed, 0, 255).astype(np.uint8)


def _small(image: Image, scale: float) -> Image:
    side = len(image)
    less = max(8, int(side * scale))
    small = cv2.resize(image, (less, less), interpolation=cv2.INTER_AREA)
    return np.asarray(cv2.resize(small, (side, side), interpolation=cv2.INTER_LINEAR), np.uint8)


def _blurred(image: Image, rng: np.random.Generator) -> Image:
    """By motion along a row or a column, or out of focus."""
    kind, reach = rng.integers(0, 3), int(rng.integers(2, 7))
    return np.asarray(cv2.blur(image, ((reach, 1), (1, reach), (reach, reach))[kind]), np.uint8)


def _curves(rng: np.random.Generator) -> Image:
    """(1, 256, 3) new value of each old one and channel: exposure, contrast, gamma, white balance."""
    values = np.linspace(0, 1, 256)[:, None] ** np.exp(rng.normal(0, 0.35))
    values = (values - 0.5) * np.exp(rng.normal(0, 0.25)) + 0.5 + rng.normal(0, 0.08)
    values = values * np.exp(rng.normal(0, 0.12, 3))
    order = rng.permutation(3) if rng.random() < 0.15 else np.arange(3)
    return np.clip(values[:, order] * 255, 0, 255).astype(np.uint8)[None]


@cache
def _grain() -> NDArray[np.float32]:
    return np.random.default_rng(0).normal(0, 1, (GRAIN, GRAIN, 3)).astype(np.float32)


def _grainy(image: Image, rng: np.random.Generator) -> Image:
    side = len(image)
    top, left = rng.integers(0, GRAIN - side, 2)
    grain = _grain()[top : top + side, left : left + side] * np.float32(rng.uniform(2, 18))
    return np.clip(image + grain, 0, 255).astype(np.uint8)

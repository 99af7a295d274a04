"""Repeating textures of floors and walls, made from noise."""

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter, zoom

Array = NDArray[np.float64]
PLASTER, RUBBER, BRICK, PLANKS, CONCRETE, TILES, MATS, POSTER = range(8)
FLOORS = (RUBBER, RUBBER, PLANKS, CONCRETE, TILES, MATS)
WALLS = (PLASTER, PLASTER, PLASTER, BRICK, PLANKS, CONCRETE)
SIZE = 256


def _noise(rng: np.random.Generator, scale: float) -> Array:
    a = gaussian_filter(rng.normal(size=(SIZE, SIZE)), scale, mode="wrap")
    return np.asarray((a / a.std())[..., None])


@lru_cache(maxsize=8)
def textures(seed: int) -> NDArray[np.uint8]:
    """(8, SIZE, SIZE, 3) uint8 in the order of the names above."""
    rng = np.random.default_rng([77, seed])
    y, x = np.mgrid[0:SIZE, 0:SIZE]
    one = np.ones((SIZE, SIZE, 3))
    layers = [one * 153 + _noise(rng, 10) * 6 + _noise(rng, 0.7) * 4]
    specks = gaussian_filter((rng.random((SIZE, SIZE)) > 0.985).astype(float), 0.6)[..., None]
    layers.append(one * 110 + specks * 260 + _noise(rng, 0.7) * 4)
    row = y // 16
    shifted = x + (row % 2) * 16
    brick = rng.normal(size=(SIZE // 16 + 1, SIZE // 32 + 1))[row, (shifted // 32) % (SIZE // 32 + 1)][..., None]
    wall = np.array([0.62, 0.5, 0.46]) + 0.05 * brick
    wall[((y % 16) < 2) | ((shifted % 32) < 2)] = 0.62
    layers.append(wall * 255 + _noise(rng, 0.8) * 9)
    grain = gaussian_filter(rng.normal(size=(SIZE, SIZE)), (15, 0.7), mode="wrap")
    grain = (grain / grain.std())[..., None]
    plank = rng.normal(size=SIZE // 32)[x // 32][..., None]
    wood = np.array([0.64, 0.52, 0.4]) + 0.05 * plank + 0.04 * grain
    wood[(x % 32) < 1] *= 0.6
    layers.append(wood * 255)
    layers.append(one * 140 + _noise(rng, 18) * 12 + _noise(rng, 3) * 6 + _noise(rng, 0.7) * 5)
    tiles = one * 0.6
    tiles[((x % 64) < 2) | ((y % 64) < 2)] = 0.42
    layers.append(tiles * 255 + _noise(rng, 1) * 4)
    mats = one * 0.42 + 0.03 * rng.normal(size=5)[(x // 128) + 2 * (y // 128)][..., None]
    mats[((x % 128) < 2) | ((y % 128) < 2)] = 0.3
    layers.append(mats * 255 + _noise(rng, 0.7) * 6)
    poster = rng.random((5, 5, 3)) * 0.45 + rng.random((5, 5, 1)) * 0.45
    layers.append(zoom(poster, (SIZE / 5, SIZE / 5, 1), order=1)[:SIZE, :SIZE] * 255)
    return np.clip(np.stack(layers), 0, 255).astype(np.uint8)

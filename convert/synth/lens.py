"""From a clean rendering to what a camera records: lens distortion, vignette, noise."""

import cv2
import numpy as np
from numpy.typing import NDArray

from convert.synth.camera import Camera

Array = NDArray[np.float64]


def undistorted(camera: Camera, bent: Array) -> Array:
    """Inverse of `Camera.distorted`, by fixed-point steps (they settle for the mild lenses of recipes)."""
    ideal: Array = bent.copy()
    for _ in range(12):
        r2 = np.minimum((ideal**2).sum(-1, keepdims=True), 4.0)
        ideal = bent / (1 + camera.k1 * r2 + camera.k2 * r2 * r2)
    return ideal


def drawing_camera(camera: Camera, supersample: float) -> Camera:
    """The ideal camera to draw with: more pixels, and as much wider as the lens' barrel reaches."""
    from dataclasses import replace

    corner = np.array([camera.width, camera.height]) / 2 / camera.focal_px
    wider = max(1.0, float((undistorted(camera, corner[None]) / corner).max()))
    bigger = camera.resized(supersample)
    return replace(bigger, focal_px=bigger.focal_px / wider, k1=0.0, k2=0.0)


def lens_map(camera: Camera, drawn: Camera) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """For cv2.remap: where each pixel of `camera` lies in a picture of `drawn`."""
    x, y = np.meshgrid(np.arange(camera.width) + 0.5, np.arange(camera.height) + 0.5)
    ideal = undistorted(camera, (np.stack([x, y], -1) - camera.centre_px) / camera.focal_px)
    at = ideal * drawn.focal_px + drawn.centre_px - 0.5
    return at[..., 0].astype(np.float32), at[..., 1].astype(np.float32)


def vignette(camera: Camera, strength: float) -> NDArray[np.float32]:
    """(height, width, 1) factor that darkens the corners."""
    x, y = np.meshgrid(np.linspace(-1, 1, camera.width), np.linspace(-1, 1, camera.height))
    return (1 - strength * (x * x + y * y) / 2)[..., None].astype(np.float32)


def expose(
    drawn: NDArray[np.uint8],
    at: tuple[NDArray[np.float32], NDArray[np.float32]],
    shade: NDArray[np.float32],
    noise: float,
    rng: np.random.Generator,
) -> NDArray[np.uint8]:
    """The recorded picture (height, width, 3) uint8.

    Noise is as in small sensors: stronger in dark areas after the camera's tone curve, coarser in colour than in light.
    """
    image = cv2.remap(drawn, *at, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE).astype(np.float32) * shade
    height, width = image.shape[:2]
    light = rng.standard_normal((height, width, 1), dtype=np.float32) * (0.75 * noise)
    colour = rng.standard_normal((height // 2 + 1, width // 2 + 1, 3), dtype=np.float32) * (0.6 * noise)
    colour = cv2.resize(colour, (width, height), interpolation=cv2.INTER_LINEAR)
    return np.clip(image + (light + colour) * (1.25 - image / 400), 0, 255).astype(np.uint8)

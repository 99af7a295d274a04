"""Shoes around the feet of a body: a closed shell over rounded cross-sections, with a sole below."""

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d

from convert.synth.body import Body
from convert.synth.mesh import SHOE, Mesh, mesh
from convert.synth.squat import SHOE_SOLE_M

Array = NDArray[np.float64]
SLICES, AROUND = 18, 20


def shoe(body: Body, side: str, colour: Array) -> Mesh:
    """The shoe of one foot of the resting body; its cut place 0 is the height over the ground."""
    foot = body.rest[body.foot_vertices(side)].astype(float)
    ankle, yaw = body.joint("foot." + side), np.radians(body.foot_yaw_deg(side))
    forward, beside = np.array([np.sin(yaw), -np.cos(yaw)]), np.array([np.cos(yaw), np.sin(yaw)])
    along, across = (foot[:, :2] - ankle[:2]) @ forward, (foot[:, :2] - ankle[:2]) @ beside
    at = np.linspace(along.min() - 0.008, along.max() + 0.010, SLICES)
    half, middle, high = [], [], []
    for x in at:
        near = np.abs(along - np.clip(x, along.min() + 0.012, along.max() - 0.012)) < 0.016
        half.append(np.ptp(across[near]) / 2)
        middle.append((across[near].max() + across[near].min()) / 2)
        high.append(min(foot[near, 2].max(), 0.085))
    half, middle, high = (gaussian_filter1d(np.array(a), 1.2, mode="nearest") for a in (half, middle, high))
    half = (half + 0.006) * np.sqrt(np.clip(1 - np.abs(np.linspace(-1, 1, SLICES)) ** 7, 0.08, 1))
    high = np.maximum(high + 0.008, 0.03) + SHOE_SOLE_M
    angle = np.linspace(0, 2 * np.pi, AROUND, endpoint=False)
    wide = np.sign(np.cos(angle)) * np.abs(np.cos(angle)) ** 0.6
    tall = np.sign(np.sin(angle)) * np.abs(np.sin(angle)) ** 0.6
    z = high[:, None] * (0.5 + 0.5 * tall)
    sideways = middle[:, None] + half[:, None] * wide * (1 - 0.25 * np.clip(tall, 0, 1))
    flat = ankle[:2] + at[:, None, None] * forward + sideways[..., None] * beside
    points = np.concatenate([flat, z[..., None] - SHOE_SOLE_M], -1).reshape(-1, 3)
    i, j = np.meshgrid(np.arange(SLICES - 1), np.arange(AROUND), indexing="ij")
    a, b = (i * AROUND + j).ravel(), (i * AROUND + (j + 1) % AROUND).ravel()
    fan = np.arange(1, AROUND - 1)
    last = (SLICES - 1) * AROUND
    triangles = np.concatenate(
        [
            np.stack([a, b, a + AROUND], 1),
            np.stack([b, b + AROUND, a + AROUND], 1),
            np.stack([0 * fan, fan + 1, fan], 1),
            np.stack([0 * fan + last, last + fan, last + fan + 1], 1),
        ]
    )
    out = mesh(points, [0, 0, 1.0], triangles, colour, SHOE)
    out.look[:, 6] = z.ravel()
    return out

"""Triangles to draw, and the boxes, tubes and panels that gear and rooms are made of."""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import ArrayLike, NDArray

from convert.synth.rotation import unit

Single = NDArray[np.float32]
SKIN, SHIRT, LEGGINGS, HAIR, SHOE, EYE, METAL, PLASTIC, LAMP, MIRROR, TEXTURED = 1, 2, 3, 4, 5, 6, 7, 8, 10, 11, 20
"""Materials; the shader (shaders.py) knows what they look like."""


@dataclass(frozen=True)
class Mesh:
    """Vertices with their looks, and triangles.

    Attributes:
        at: (n, 3) metres.
        normal: (n, 3)
        look: (n, 11) colour 3 (linear 0-1), place on the material 3 (metres at rest; for TEXTURED: u, v, layer),
            cut 4 (where on leg, arm and trunk: clothes.py), material 1.
        triangles: (m, 3)
    """

    at: Single
    normal: Single
    look: Single
    triangles: NDArray[np.int32]

    def moved(self, turn: ArrayLike, to: ArrayLike) -> "Mesh":
        """The mesh turned by (3, 3), then moved by (3,); its texture stays on it."""
        r = np.asarray(turn, np.float32)
        return Mesh(self.at @ r.T + np.asarray(to, np.float32), self.normal @ r.T, self.look, self.triangles)


def join(meshes: list[Mesh]) -> Mesh:
    """One mesh of several."""
    starts = np.cumsum([0, *(len(m.at) for m in meshes[:-1])])
    return Mesh(
        np.concatenate([m.at for m in meshes]),
        np.concatenate([m.normal for m in meshes]),
        np.concatenate([m.look for m in meshes]),
        np.concatenate([m.triangles + s for m, s in zip(meshes, starts, strict=True)]).astype(np.int32),
    )


def mesh(
    at: ArrayLike,
    normal: ArrayLike,
    triangles: ArrayLike,
    colour: ArrayLike,
    material: int,
    place: ArrayLike | None = None,
) -> Mesh:
    """A mesh of one colour."""
    at = np.asarray(at, np.float32)
    look = np.zeros((len(at), 11), np.float32)
    look[:, :3] = np.asarray(colour)
    look[:, 3:6] = at if place is None else np.asarray(place)
    look[:, 10] = material
    return Mesh(
        at, np.broadcast_to(np.asarray(normal, np.float32), at.shape).copy(), look, np.asarray(triangles, np.int32)
    )


def panel(
    corner: ArrayLike,
    u: ArrayLike,
    v: ArrayLike,
    colour: ArrayLike,
    material: int = PLASTIC,
    layer: int = 0,
    per_m: float = 1.0,
) -> Mesh:
    """A flat rectangle from a corner along two edges; a texture repeats `per_m` times per metre."""
    o, u, v = (np.asarray(x, float) for x in (corner, u, v))
    lu, lv = np.linalg.norm(u) * per_m, np.linalg.norm(v) * per_m
    place = np.array([[0, 0, layer], [lu, 0, layer], [lu, lv, layer], [0, lv, layer]]) if material == TEXTURED else None
    return mesh([o, o + u, o + u + v, o + v], unit(np.cross(u, v)), [[0, 1, 2], [0, 2, 3]], colour, material, place)


def box(centre: ArrayLike, size: ArrayLike, colour: ArrayLike, material: int = PLASTIC, yaw_deg: float = 0.0) -> Mesh:
    """A box, turned about z."""
    c, h = np.asarray(centre, float), np.asarray(size, float) / 2
    a = np.radians(yaw_deg)
    turn = np.array([[np.cos(a), -np.sin(a), 0], [np.sin(a), np.cos(a), 0], [0, 0, 1]])
    faces = []
    for axis in range(3):
        for sign in (-1, 1):
            n, u, v = np.zeros(3), np.zeros(3), np.zeros(3)
            n[axis], u[(axis + 1) % 3], v[(axis + 2) % 3] = sign, 1, 1
            corners = np.array([n * h + a_ * u * h + b_ * v * h for a_, b_ in ((-1, -1), (1, -1), (1, 1), (-1, 1))])
            faces.append(mesh(corners @ turn.T + c, turn @ n, [[0, 1, 2], [0, 2, 3]], colour, material))
    return join(faces)


def tube(
    start: ArrayLike, end: ArrayLike, radius_m: float, colour: ArrayLike, material: int = METAL, sides: int = 20
) -> Mesh:
    """A closed cylinder."""
    a, b = np.asarray(start, float), np.asarray(end, float)
    along = unit(b - a)
    beside = unit(np.cross(along, [0, 0, 1.0] if abs(along[2]) < 0.9 else [1.0, 0, 0]))
    angle = np.linspace(0, 2 * np.pi, sides, endpoint=False)
    ring = np.cos(angle)[:, None] * beside + np.sin(angle)[:, None] * np.cross(along, beside)
    i = np.arange(sides)
    j = (i + 1) % sides
    side = mesh(
        np.concatenate([a + ring * radius_m, b + ring * radius_m]),
        np.concatenate([ring, ring]),
        np.concatenate([np.stack([i, j, sides + i], 1), np.stack([j, sides + j, sides + i], 1)]),
        colour,
        material,
    )
    fan = np.stack([np.zeros(sides, int), 1 + i, 1 + j], 1)
    ends = [
        mesh(np.concatenate([[c], c + ring * radius_m]), along * s, fan, colour, material)
        for c, s in ((a, -1.0), (b, 1.0))
    ]
    return join([side, *ends])


def path_tube(points: ArrayLike, radius_m: float, colour: ArrayLike, material: int = METAL, sides: int = 10) -> Mesh:
    """Tubes through several points."""
    return join([tube(a, b, radius_m, colour, material, sides) for a, b in pairwise(np.asarray(points, float))])


def ball(centre: ArrayLike, radii: ArrayLike, colour: ArrayLike, material: int = PLASTIC, rings: int = 14) -> Mesh:
    """An ellipsoid."""
    u, v = np.meshgrid(np.linspace(0, 2 * np.pi, rings, endpoint=False), np.linspace(0.05, np.pi - 0.05, rings))
    n = np.stack([np.cos(u) * np.sin(v), np.sin(u) * np.sin(v), np.cos(v)], -1).reshape(-1, 3)
    i, j = np.meshgrid(np.arange(rings - 1), np.arange(rings), indexing="ij")
    a, b = (i * rings + j).ravel(), (i * rings + (j + 1) % rings).ravel()
    triangles = np.concatenate([np.stack([a, a + rings, b], 1), np.stack([b, a + rings, b + rings], 1)])
    return mesh(n * np.asarray(radii) + np.asarray(centre), unit(n / np.asarray(radii)), triangles, colour, material)

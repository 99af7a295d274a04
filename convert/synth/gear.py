"""Barbells, dumbbells, racks, benches, boxes: the things of a gym."""

import numpy as np
from numpy.typing import NDArray

from convert.synth.mesh import METAL, PLASTIC, Mesh, box, join, path_tube, tube

Array = NDArray[np.float64]
BAR_HALF_M = 1.10  # a 2.2 m bar (IPF technical rules)
COLLAR_M = 0.655  # half of the 1.31 m between the collars
PLATES = (  # kg, competition colour (IPF: red, blue, yellow, green, white, black), radius m, thickness m
    (25, (0.55, 0.02, 0.02), 0.225, 0.045),
    (20, (0.02, 0.06, 0.42), 0.225, 0.040),
    (15, (0.65, 0.45, 0.03), 0.200, 0.036),
    (10, (0.03, 0.28, 0.08), 0.165, 0.032),
    (5, (0.75, 0.75, 0.73), 0.115, 0.026),
    (2.5, (0.02, 0.02, 0.02), 0.095, 0.020),
)
STEEL, BLACK = (0.55, 0.55, 0.57), (0.025, 0.025, 0.027)


def draw_plates(rng: np.random.Generator) -> list[tuple[tuple[float, float, float], float, float]]:
    """Plates of one side, heaviest inside: competition colours, or black bumpers as most gyms have."""
    counts = [
        int(rng.integers(0, 4)),
        int(rng.random() < 0.5),
        int(rng.random() < 0.3),
        int(rng.random() < 0.4),
        int(rng.random() < 0.4),
        int(rng.random() < 0.3),
    ]
    coloured = rng.random() < 0.55
    out = []
    for (_, colour, radius, thick), n in zip(PLATES, counts, strict=True):
        out += [(colour if coloured else BLACK, radius, thick)] * n
    return out


def barbell(plates: list[tuple[tuple[float, float, float], float, float]]) -> Mesh:
    """A bar along x around the origin with the same plates on both sides."""
    parts = [tube((-COLLAR_M, 0, 0), (COLLAR_M, 0, 0), 0.014, STEEL, METAL, 12)]
    for s in (-1, 1):
        parts.append(tube((s * COLLAR_M, 0, 0), (s * BAR_HALF_M, 0, 0), 0.025, (0.6, 0.6, 0.62), METAL, 14))
        x = COLLAR_M + 0.012
        parts.append(tube((s * (x - 0.03), 0, 0), (s * x, 0, 0), 0.037, STEEL, METAL, 14))
        for colour, radius, thick in plates:
            if x + thick > BAR_HALF_M - 0.05:
                break
            parts.append(tube((s * x, 0, 0), (s * (x + thick), 0, 0), radius, colour, PLASTIC, 36))
            shade = np.array(colour) * 0.8
            parts.append(tube((s * x * 1.0, 0, 0), (s * (x + thick + 0.002), 0, 0), radius * 0.82, shade, PLASTIC, 36))
            parts.append(tube((s * x, 0, 0), (s * (x + thick + 0.004), 0, 0), 0.06, (0.45, 0.45, 0.46), METAL, 18))
            x += thick + 0.004
        parts.append(tube((s * x, 0, 0), (s * (x + 0.03), 0, 0), 0.04, (0.2, 0.2, 0.22), METAL, 16))
    return join(parts)


def dumbbell(radius_m: float, rng: np.random.Generator) -> Mesh:
    """A dumbbell along z around the origin."""
    colour = BLACK if rng.random() < 0.7 else rng.uniform(0.05, 0.5, 3)
    return join(
        [
            tube((0, 0, -0.07), (0, 0, 0.07), 0.016, STEEL, METAL, 12),
            tube((0, 0, 0.06), (0, 0, 0.14), radius_m, colour, PLASTIC, 8),
            tube((0, 0, -0.14), (0, 0, -0.06), radius_m, colour, PLASTIC, 8),
        ]
    )


def rack(front_y: float, hooks_m: float, safeties_m: float | None, depth_m: float, cage: bool, colour: Array) -> Mesh:
    """A squat rack in front of the lifter: its uprights between collar and hands, hooks towards the lifter.

    Args:
        front_y: of the uprights that carry the hooks (the lifter stands at y = 0 and faces -y).
        hooks_m: height on which the bar rests.
        safeties_m: height of the safety arms that reach to the lifter, or None.
        depth_m: to the second pair of uprights: behind the lifter for a cage, ahead for a half rack.
        cage: whether the lifter stands inside.
        colour: of the paint.
    """
    x, t, tall = 0.57, 0.07, 2.25
    back_y = front_y + depth_m if cage else front_y - depth_m
    parts = []
    for s in (-1, 1):
        parts += [box((s * x, y, tall / 2), (t, t, tall), colour, METAL) for y in (front_y, back_y)]
        parts += [
            box((s * x, (front_y + back_y) / 2, z), (t * 0.98, depth_m, t * 0.98), colour, METAL)
            for z in (0.035, tall - 0.035)
        ]
        parts.append(box((s * x, front_y + 0.055, hooks_m - 0.03), (0.05, 0.10, 0.025), BLACK, METAL))
        parts.append(box((s * x, front_y + 0.10, hooks_m - 0.01), (0.05, 0.012, 0.05), BLACK, METAL))
        if safeties_m is not None:
            far = back_y if cage else front_y + 0.62
            parts.append(
                box((s * x, (front_y + far) / 2, safeties_m), (0.045, abs(far - front_y), 0.06), (0.1, 0.1, 0.1), METAL)
            )
    parts += [
        box((0, back_y if not cage else y, tall - 0.035), (2 * x, t, t), colour, METAL)
        for y in ((back_y,) if not cage else (front_y, back_y))
    ]
    if not cage:
        parts.append(box((0, back_y, 0.035), (2 * x, t, t), colour, METAL))
    return join(parts)


def bench(at: Array, yaw_deg: float) -> Mesh:
    """A flat bench."""
    return join(
        [
            box((*at, 0.42), (1.1, 0.28, 0.08), BLACK, PLASTIC, yaw_deg),
            box((*at, 0.2), (0.9, 0.06, 0.38), (0.3, 0.3, 0.3), METAL, yaw_deg),
        ]
    )


def plate_stack(at: Array, rng: np.random.Generator) -> Mesh:
    """Plates lying on the floor."""
    parts, z = [], 0.0
    for k in sorted(rng.integers(0, len(PLATES), int(rng.integers(1, 6)))):
        _, colour, radius, thick = PLATES[int(k)]
        parts.append(tube((*at, z), (*at, z + thick), radius, colour if rng.random() < 0.6 else BLACK, PLASTIC, 28))
        z += thick
    return join(parts)


def dumbbell_rack(at: Array, along_x: bool) -> Mesh:
    """Three shelves of dumbbells."""

    def put(u: float, v: float, z: float) -> tuple[float, float, float]:
        return (at[0] + u, at[1] + v, z) if along_x else (at[0] + v, at[1] + u, z)

    size = (1.4, 0.3, 0.04) if along_x else (0.3, 1.4, 0.04)
    parts = []
    for level in range(3):
        z = 0.3 + 0.35 * level
        parts.append(box((at[0], at[1], z), size, (0.15, 0.15, 0.16), METAL))
        parts += [box(put(s * 0.66, 0, z / 2), (0.05, 0.05, z), (0.12, 0.12, 0.13), METAL) for s in (-1, 1)]
        for k in range(5):
            u = -0.55 + 0.27 * k
            parts.append(
                tube(put(u, -0.13, z + 0.08), put(u, 0.13, z + 0.08), 0.045 + 0.01 * (2 - level), BLACK, PLASTIC, 8)
            )
    return join(parts)


def kettlebell(at: Array, colour: Array) -> Mesh:
    """A kettlebell on the floor."""
    from convert.synth.mesh import ball

    handle = [
        (at[0] - 0.06, at[1], 0.17),
        (at[0] - 0.05, at[1], 0.25),
        (at[0] + 0.05, at[1], 0.25),
        (at[0] + 0.06, at[1], 0.17),
    ]
    return join([ball((*at, 0.10), (0.1, 0.1, 0.1), colour), path_tube(handle, 0.015, BLACK)])

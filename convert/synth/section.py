"""Lines on the skin: the front of the leg from below the knee over the groin to the ribs, as a cut through the mesh."""

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
UP_M = 0.46  # from the hip joint to the line's upper end, on the mean body


def front_line(vertices: Array, triangles: NDArray[np.intp], hip: Array, knee: Array, offset_m: float) -> Array:
    """The line where a vertical fore-and-aft cut through hip and knee joint meets the skin at the front.

    It runs from the shin to the lower chest: in the deepest squats that is what touches the thigh.

    Args:
        vertices: (n, 3) metres at rest: x to the body's left, y to its back, z up.
        triangles: (m, 3) rows of `vertices`.
        hip: (3,) hip joint.
        knee: (3,) knee joint of the same leg.
        offset_m: moves the cut along x.

    Returns:
        (k, 3): from shin to chest, each point as (vertex a, vertex b, share of b): the points of every body that
        shares the topology are then (1 - share) * a + share * b.
    """
    below = np.minimum(vertices[:, 2] - hip[2], 0)
    side = vertices[:, 0] - hip[0] - below * (knee[0] - hip[0]) / (knee[2] - hip[2]) - offset_m
    crossed = triangles[(side[triangles].min(1) < 0) & (side[triangles].max(1) >= 0)]
    neighbours: dict[tuple[int, int], list[tuple[int, int]]] = {}
    for a, b, c in crossed.tolist():
        cut = [(min(e), max(e)) for e in ((a, b), (b, c), (c, a)) if (side[e[0]] < 0) != (side[e[1]] < 0)]
        neighbours.setdefault(cut[0], []).append(cut[1])
        neighbours.setdefault(cut[1], []).append(cut[0])

    def share(edge: tuple[int, int]) -> float:
        return float(side[edge[0]] / (side[edge[0]] - side[edge[1]]))

    def point(edge: tuple[int, int]) -> Array:
        return np.asarray(vertices[edge[0]] + share(edge) * (vertices[edge[1]] - vertices[edge[0]]))

    shin = knee[2] - 0.10
    start = min((e for e in neighbours if point(e)[1] < knee[1]), key=lambda e: abs(point(e)[2] - shin))
    path = [start]
    step: tuple[int, int] | None = max(neighbours[start], key=lambda e: point(e)[2])
    while step is not None and point(step)[2] < hip[2] + UP_M:
        path.append(step)
        step = next((e for e in neighbours[step] if e not in path[-2:]), None)
    return np.array([(a, b, share((a, b))) for a, b in path])

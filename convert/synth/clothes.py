"""Clothes cut from MakeHuman's tights: where they end, how they stand off, hang and cross the body's creases."""

from collections.abc import Callable
from functools import cache

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix, diags, identity

from convert.synth.body import SIDES, Body, baked, weight_of
from convert.synth.looks import Look, step

Array = NDArray[np.float64]
Single = NDArray[np.float32]


def places(body: Body) -> Array:
    """Where on the body every vertex is, (n, 4).

    On the leg (0 hip, 1 knee, 2 ankle), on the arm (0 shoulder, 1 elbow, 2 wrist; both -0.25 elsewhere), on the trunk
    (0 hip joint, 1 neck), and 1 for the bare head and neck.
    """
    v = body.rest.astype(float)
    leg, arm = np.full(len(v), -0.25), np.full(len(v), -0.25)
    for side in SIDES:
        for out, joints, bones in (
            (
                leg,
                ("upperleg01", "lowerleg01", "foot"),
                ("upperleg01", "upperleg02", "lowerleg01", "lowerleg02", "foot"),
            ),
            (
                arm,
                ("upperarm01", "lowerarm01", "wrist"),
                ("upperarm01", "upperarm02", "lowerarm01", "lowerarm02", "wrist"),
            ),
        ):
            a, b, c = (body.joint(f"{j}.{side}") for j in joints)
            first, second = (v - a) @ (b - a) / ((b - a) @ (b - a)), 1 + (v - b) @ (c - b) / ((c - b) @ (c - b))
            along = np.where(first < 1, np.minimum(first, 1), np.maximum(second, 1))
            belongs = weight_of(*(f"{n}.{side}" for n in bones)) > 0.35
            out[belongs] = along[belongs]
    low, high = body.joint("upperleg01.L")[2], body.joint("neck01")[2]
    trunk = (v[:, 2] - low) / (high - low)
    trunk = np.where(arm > -0.2, 0.9, trunk)
    bare = weight_of("neck02", "neck03", "head") > 0.4
    return np.stack([leg, arm, trunk, bare], 1)


@cache
def tights() -> tuple[NDArray[np.intp], NDArray[np.int32], "csr_matrix[np.float32]"]:
    """Rows of the tights' vertices, their triangles among those rows, and a matrix that averages neighbours."""
    rows, flat = np.unique(baked()["triangles_tights"], return_inverse=True)
    triangles = flat.reshape(-1, 3).astype(np.int32)
    ends = np.concatenate([triangles[:, [0, 1]], triangles[:, [1, 2]], triangles[:, [2, 0]]])
    near = csr_matrix((np.ones(len(ends), np.float32), (ends[:, 0], ends[:, 1])), shape=(len(rows), len(rows)))
    near = ((near + near.T) > 0).astype(np.float32)
    mean = diags(1 / np.asarray(near.sum(1)).ravel()).astype(np.float32) @ near
    return rows.astype(np.intp), triangles, (0.5 * identity(len(rows), dtype=np.float32) + 0.5 * mean).tocsr()


def looseness(cut: Array, look: Look, shirt: bool) -> tuple[Array, Array]:
    """(k,) how far the cloth stands off at rest in metres, and 0-1 how little it follows the body's folds."""
    leg, arm, trunk = cut[:, 0], cut[:, 1], cut[:, 2]
    if shirt:
        # Shirts stand off most at the hem and the sleeve's end, and lie on the shoulders.
        share = np.where(arm > -0.2, step(0, 0.45, arm), 1 - step(0.1, 0.75, trunk))
        return 0.010 + look.loose_shirt_m * share, np.clip(look.loose_shirt_m / 0.02, 0, 1) * (0.25 + 0.75 * share)
    share = step(0.0, 0.7, leg) * (leg > -0.2)
    return 0.006 + look.loose_bottoms_m * share, np.clip(look.loose_bottoms_m / 0.02, 0.15, 1) * (0.3 + 0.7 * share)


def drape(
    skin: Single, average: "csr_matrix[np.float32]", off_m: Single, ease: Single, normals: Callable[[Single], Single]
) -> Single:
    """Cloth over skin (k, 3): bridges folds, stands off, and hangs where the body's surface looks down."""
    smooth = skin
    for _ in range(6):
        smooth = average @ smooth
    # Only along the normal: averaging neighbours also shifts them sideways, which would fray hems.
    normal = normals(skin)
    cloth = skin + (ease * ((smooth - skin) * normal).sum(1))[:, None] * normal
    normal = normals(cloth)
    under = np.maximum(-normal[:, 2] + 0.15, 0)
    fall = np.maximum(off_m - 0.010, 0) * under * 1.6
    cloth = cloth + normal * off_m[:, None]
    cloth[:, 2] -= fall
    return np.asarray(cloth, np.float32)

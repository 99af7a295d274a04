"""The skin over the bones: linear blending, and dual quaternions where the hip bends, which keep the flesh's volume.

Linear blending pulls the groin towards the hip joint as the hip bends; blending the motions as dual quaternions
(Kavan et al. 2007, "Skinning with dual quaternions") keeps its distance. Knees and elbows stay linear: a bent knee's
top then agrees with sitting knee height (anthropometry.py).
"""

from functools import cache

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix
from scipy.spatial.transform import Rotation

from convert.synth.body import Body, bone_rows, weight_of, weights
from convert.synth.skeleton import Bones

Array = NDArray[np.float64]
Single = NDArray[np.float32]


@cache
def hip_flesh() -> tuple[NDArray[np.intp], "csr_matrix[np.float32]"]:
    """Rows of the vertices that both trunk and thigh carry, and their weights (k, bones)."""
    thigh = sum(weight_of(f"{bone}.{side}") for bone in ("upperleg01", "upperleg02") for side in "LR")
    trunk = weight_of("root", "spine05", "spine04", "spine03")
    rows = np.flatnonzero((thigh > 0.01) & (trunk > 0.01))
    return rows, weights()[rows]


def bend(
    body: Body, bones: Bones, t: int, rest: Single | None = None, share: "csr_matrix[np.float32] | None" = None
) -> Single:
    """Vertices in frame `t`.

    Args:
        body: whose skin.
        bones: where its bones are.
        t: frame.
        rest: (n, 3) other vertices that the same bones carry (shoes, hair); None: the body's own.
        share: (n, bones) their weights.

    Returns:
        (n, 3) metres.
    """
    turns, heads = bones.turns[t], bones.heads[t]
    moves = np.concatenate([turns, (heads - np.einsum("jab,jb->ja", turns, body.joints))[:, :, None]], 2)
    own = rest is None
    points = body.rest if rest is None else rest
    mixed = ((weights() if share is None else share) @ moves.reshape(len(moves), 12).astype(np.float32)).reshape(
        -1, 3, 4
    )
    skin = np.einsum("vab,vb->va", mixed[:, :, :3], points) + mixed[:, :, 3]
    if own:
        rows, flesh = hip_flesh()
        skin[rows] = bend_by_quaternions(points[rows], flesh, moves)
    return np.asarray(skin, np.float32)


def bend_by_quaternions(points: Single, share: "csr_matrix[np.float32]", moves: Array) -> Single:
    """Points (k, 3) carried by `moves` (..., bones, 3, 4), blended as dual quaternions: (..., k, 3)."""
    turn = Rotation.from_matrix(moves[..., :3].reshape(-1, 3, 3)).as_quat().reshape(*moves.shape[:-2], 4)  # x, y, z, w
    root = bone_rows()["root"]
    alike = (turn * turn[..., root : root + 1, :]).sum(-1, keepdims=True) >= 0
    turn = np.where(alike, turn, -turn)  # the same half of the sphere
    shift = moves[..., 3]
    dual = 0.5 * np.concatenate(
        [turn[..., 3:] * shift + np.cross(shift, turn[..., :3]), -(shift * turn[..., :3]).sum(-1, keepdims=True)], -1
    )
    each = np.moveaxis(np.concatenate([turn, dual], -1).astype(np.float32), -2, 0)
    mixed = np.asarray(share @ each.reshape(len(each), -1)).reshape(-1, *each.shape[1:])
    both = np.moveaxis(mixed, 0, -2)
    both = both / np.linalg.norm(both[..., :4], axis=-1, keepdims=True)
    axis, w, dual_axis, dual_w = both[..., :3], both[..., 3:4], both[..., 4:7], both[..., 7:8]
    turned = points + 2 * np.cross(axis, np.cross(axis, points) + w * points)
    return np.asarray(turned + 2 * (w * dual_axis - dual_w * axis + np.cross(axis, dual_axis)), np.float32)

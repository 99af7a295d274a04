"""A dressed person as one mesh that follows the bones."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

from convert.synth import clothes, mesh
from convert.synth.body import SIDES, Body, baked, bone_rows, weight_of
from convert.synth.looks import Look, eyes, paint, scalp, step
from convert.synth.shoes import shoe
from convert.synth.skeleton import Bones
from convert.synth.skin import bend

Array = NDArray[np.float64]
Single = NDArray[np.float32]


def gather(triangles: NDArray[np.int32], count: int) -> "csr_matrix[np.float32]":
    """(count, triangles): sums the normals of a vertex's triangles."""
    faces = len(triangles)
    return csr_matrix(
        (np.ones(3 * faces, np.float32), (triangles.ravel(), np.repeat(np.arange(faces), 3))), shape=(count, faces)
    )


def normals(at: Single, triangles: NDArray[np.int32], sums: "csr_matrix[np.float32]") -> Single:
    """(n, 3) smooth normals."""
    a, b, c = (at[triangles[:, i]] for i in range(3))
    n = sums @ np.cross(b - a, c - a)
    return np.asarray(n / np.maximum(np.linalg.norm(n, axis=1, keepdims=True), 1e-9), np.float32)


@dataclass(frozen=True)
class Part:
    """A piece of a figure.

    Attributes:
        rows: vertices of the body that it follows, or None where it has its own (`rest`, `share`).
        triangles: among its vertices.
        sums: for `normals`.
        off_m: (k,) how far it stands off the skin.
        ease: (k,) 0-1 for cloth, or None.
        rest, share: own vertices at rest and their weights.
    """

    rows: NDArray[np.intp] | None
    triangles: NDArray[np.int32]
    sums: "csr_matrix[np.float32]"
    off_m: Single | None
    ease: Single | None = None
    rest: Single | None = None
    share: "csr_matrix[np.float32] | None" = None


class Figure:
    """One person, dressed.

    Attributes:
        body: whose.
        look: how dressed.
        mesh: at rest, with all looks; its vertices are those of `follow`.
    """

    def __init__(self, body: Body, look: Look) -> None:
        self.body, self.look = body, look
        self.parts: list[Part] = []
        self._looks: list[Single] = []
        cut = clothes.places(body)
        colour = paint(body, look)
        skin = baked()["triangles_body"].astype(np.int32)
        in_shoe = weight_of(*("foot." + s for s in SIDES)) > 0.5
        self._wear(skin[~in_shoe[skin].all(1)], colour, mesh.SKIN, cut)
        if look.hair_m > 0:
            self._wear_hair(skin, cut)
        for side in "lr":
            self._wear(baked()[f"triangles_{side}_eye"].astype(np.int32), self._eye_colour(side), mesh.EYE, cut)
        self._wear_cloth(cut, look.bottoms, mesh.LEGGINGS, shirt=False)
        self._wear_cloth(cut, look.shirt, mesh.SHIRT, shirt=True)
        for side in SIDES:
            self._wear_rigid(shoe(body, side, look.shoe), "foot." + side)
        if look.bun is not None:
            back, height, length = look.bun
            head = body.rest[weight_of("head") > 0.5]
            middle = eyes(body)[2]
            at = [0, head[:, 1].max() + back, middle[2] + (head[:, 2].max() - middle[2]) * height - length / 2]
            self._wear_rigid(mesh.ball(at, (0.034, 0.034, 0.02 + length / 2), look.hair, mesh.HAIR), "head")
        self.starts = np.cumsum([0, *(len(x) for x in self._looks)])
        triangles = np.concatenate([p.triangles + s for p, s in zip(self.parts, self.starts, strict=False)])
        zeros = np.zeros((self.starts[-1], 3), np.float32)
        self.mesh = mesh.Mesh(zeros, zeros, np.concatenate(self._looks), triangles.astype(np.int32))

    def follow(self, bones: Bones, t: int) -> tuple[Single, Single, Single]:
        """Skin (n, 3) of the body in frame `t`, and vertices and normals of the figure's mesh."""
        body_skin = bend(self.body, bones, t)
        at, normal = [], []
        for part in self.parts:
            if part.rest is not None:
                v = bend(self.body, bones, t, part.rest, part.share)
            else:
                v = body_skin[part.rows]
                if part.ease is not None and part.off_m is not None:
                    average = clothes.tights()[2]
                    v = clothes.drape(
                        v,
                        average,
                        part.off_m,
                        part.ease,
                        lambda x, p=part: normals(x, p.triangles, p.sums),
                    )
            n = normals(v, part.triangles, part.sums)
            if part.off_m is not None and part.ease is None:
                v = v + n * part.off_m[:, None]
            at.append(v)
            normal.append(n)
        return body_skin, np.concatenate(at), np.concatenate(normal)

    def _wear(
        self,
        triangles: NDArray[np.int32],
        colour: Array,
        material: int,
        cut: Array,
        off_m: Array | None = None,
        ease: Array | None = None,
    ) -> None:
        rows, flat = np.unique(triangles, return_inverse=True)
        flat = flat.reshape(-1, 3).astype(np.int32)
        look = np.zeros((len(rows), 11), np.float32)
        look[:, :3] = colour[rows] if np.ndim(colour) == 2 else colour
        look[:, 3:6], look[:, 6:10], look[:, 10] = self.body.rest[rows], cut[rows], material
        off = None if off_m is None else off_m.astype(np.float32)
        soft = None if ease is None else ease.astype(np.float32)
        self.parts.append(Part(rows.astype(np.intp), flat, gather(flat, len(rows)), off, soft))
        self._looks.append(look)

    def _wear_cloth(self, cut: Array, colour: Array, material: int, shirt: bool) -> None:
        rows = clothes.tights()[0]
        off, ease = clothes.looseness(cut[rows], self.look, shirt)
        self._wear(baked()["triangles_tights"].astype(np.int32), colour, material, cut, off, ease)

    def _wear_hair(self, skin: NDArray[np.int32], cut: Array) -> None:
        grown = scalp(self.body)
        middle = eyes(self.body)[2]
        thick = self.look.hair_m * grown * (0.75 + 0.35 * step(-0.05, 0.09, self.body.rest[:, 2] - middle[2]))
        triangles = skin[grown[skin].min(1) > 0.02]
        self._wear(triangles, self.look.hair, mesh.HAIR, cut, thick[np.unique(triangles)])

    def _wear_rigid(self, thing: mesh.Mesh, bone: str) -> None:
        share = np.zeros((len(thing.at), len(bone_rows())), np.float32)
        share[:, bone_rows()[bone]] = 1
        self.parts.append(
            Part(
                None,
                thing.triangles,
                gather(thing.triangles, len(thing.at)),
                None,
                rest=thing.at,
                share=csr_matrix(share),
            )
        )
        self._looks.append(thing.look)

    def _eye_colour(self, side: str) -> Array:
        rest = self.body.rest
        rows = np.unique(baked()[f"triangles_{side}_eye"])
        centre = rest[rows].mean(0)
        ahead = -(rest[:, 1] - centre[1]) / np.abs(rest[rows] - centre).max()
        white = np.where((ahead > 0.82)[:, None], self.look.iris, [0.75, 0.73, 0.7])
        return np.where((ahead > 0.93)[:, None], [0.02, 0.02, 0.02], white)

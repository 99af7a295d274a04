"""The baked bodies: adults of many shapes that share one mesh and one set of bones.

`bodies.npz` (made by bake.py) holds: bones (64 names) and parents; mean (n, 3) and shapes (bodies, n, 3, float16,
added to the mean) in metres at rest: arms held down and out, facing -y, left = +x, z up, bare soles at z = 0; joints
(bodies, 64, 3); balls (bodies, 2, 3) of the feet; bone_index and bone_weight (n, 8); triangles_* of skin, tights and
eyes; mask_* (n,) 0-255 of painted regions; stature_m, mass_kg (from the volume), female, muscle 0-1, age
(anny's scale: 0.67 young adult, 1 very old), african (share of looks).
"""

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

Array = NDArray[np.float64]
SIDES = ("L", "R")
SIGNS = {"L": 1.0, "R": -1.0}


@cache
def baked() -> dict[str, NDArray[Any]]:
    """Everything in bodies.npz."""
    with np.load(Path(__file__).with_name("bodies.npz")) as file:
        return dict(file)


def count() -> int:
    """How many bodies there are."""
    return len(baked()["stature_m"])


@cache
def bone_rows() -> dict[str, int]:
    """Row of each bone."""
    return {str(name): i for i, name in enumerate(baked()["bones"])}


@cache
def weights() -> "csr_matrix[np.float32]":
    """(n, bones) share of each bone in each vertex."""
    index, share = baked()["bone_index"], baked()["bone_weight"].astype(np.float32)
    rows = np.repeat(np.arange(len(index)), index.shape[1])
    matrix = csr_matrix((share.ravel(), (rows, index.ravel())), shape=(len(index), len(bone_rows())))
    matrix.eliminate_zeros()
    return matrix


@cache
def weight_of(*names: str) -> NDArray[np.float32]:
    """(n,) summed share of the named bones."""
    return np.asarray(weights()[:, [bone_rows()[n] for n in names]].sum(1), np.float32).ravel()


@cache
def is_skin() -> NDArray[np.bool_]:
    """(n,) whether a vertex is skin, not tights or eyes."""
    mask = np.zeros(len(baked()["mean"]), bool)
    mask[np.unique(baked()["triangles_body"])] = True
    return mask


@dataclass(frozen=True)
class Body:
    """One person at rest.

    Attributes:
        number: row in bodies.npz.
        rest: (n, 3) vertices in metres.
        joints: (bones, 3) where each bone begins.
        balls: (2, 3) balls of the left and right foot.
        stature_m: height without shoes.
        mass_kg: from the volume.
        female: whose looks the body has.
    """

    number: int
    rest: NDArray[np.float32]
    joints: Array
    balls: Array
    stature_m: float
    mass_kg: float
    female: bool

    def joint(self, bone: str) -> Array:
        """(3,) where a bone begins, at rest."""
        return np.asarray(self.joints[bone_rows()[bone]])

    def length(self, start: str, end: str) -> float:
        """Metres between the beginnings of two bones."""
        return float(np.linalg.norm(self.joint(end) - self.joint(start)))

    @property
    def thigh_m(self) -> float:
        """Hip joint to knee joint."""
        return self.length("upperleg01.L", "lowerleg01.L")

    @property
    def shank_m(self) -> float:
        """Knee joint to ankle joint."""
        return self.length("lowerleg01.L", "foot.L")

    @property
    def leg_m(self) -> float:
        """Hip joint to ankle joint of the straight leg."""
        return self.thigh_m + self.shank_m

    @property
    def hip_middle(self) -> Array:
        """(3,) halfway between the hip joints."""
        return (self.joint("upperleg01.L") + self.joint("upperleg01.R")) / 2

    def foot_yaw_deg(self, side: str) -> float:
        """Direction of the resting foot, from straight ahead, + towards the body's left."""
        v = self.balls[SIDES.index(side)] - self.joint("foot." + side)
        return float(np.degrees(np.arctan2(v[0], -v[1])))

    def foot_vertices(self, side: str) -> NDArray[np.intp]:
        """Rows of the skin of a foot."""
        return np.flatnonzero((weight_of("foot." + side) > 0.9) & is_skin())

    def foot_reach(self, side: str) -> tuple[float, float]:
        """Metres from the ankle joint back to the heel and forward to the tip of the toes, along the foot."""
        yaw = np.radians(self.foot_yaw_deg(side))
        along = (self.rest[self.foot_vertices(side)] - self.joint("foot." + side)) @ [np.sin(yaw), -np.cos(yaw), 0]
        return -float(along.min()), float(along.max())


def between(one: Body, other: Body, share: float) -> Body:
    """A body on the line between two: 0 = the one, whose number and looks it keeps, 1 = the other; a little beyond."""

    def mixed(a: Any, b: Any) -> Any:
        return a + share * (b - a)

    return Body(
        number=one.number,
        rest=mixed(one.rest, other.rest).astype(np.float32),
        joints=mixed(one.joints, other.joints),
        balls=mixed(one.balls, other.balls),
        stature_m=mixed(one.stature_m, other.stature_m),
        mass_kg=mixed(one.mass_kg, other.mass_kg),
        female=one.female,
    )


@cache
def load(number: int) -> Body:
    """One of the baked bodies.

    Raises:
        ValueError: there is no such body.
    """
    data = baked()
    if not 0 <= number < count():
        raise ValueError(f"expected a body from 0 to {count() - 1}, got {number}")
    return Body(
        number=number,
        rest=(data["mean"] + data["shapes"][number].astype(np.float32)),
        joints=data["joints"][number].astype(float),
        balls=data["balls"][number].astype(float),
        stature_m=float(data["stature_m"][number]),
        mass_kg=float(data["mass_kg"][number]),
        female=bool(data["female"][number]),
    )

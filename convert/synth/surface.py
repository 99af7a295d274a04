"""The points the rule speaks of, on the skin: hip crease and knee top; and the visible fold of belly and thigh."""

from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from convert.synth.body import SIDES, SIGNS, baked, bone_rows, is_skin, weight_of
from convert.synth.rotation import unit
from convert.synth.section import front_line
from convert.synth.skeleton import Bones

Array = NDArray[np.float64]
LINE_OFFSETS_M = (0.01, 0.025, 0.04)  # outwards of the hip joint: the outer half of the groin, which a side judge sees


@dataclass(frozen=True)
class FrontLine:
    """A line up the front of the leg: a = first vertices, b = second ones, share of b; row of the crease on it."""

    a: NDArray[np.intp]
    b: NDArray[np.intp]
    share: Array
    crease: int

    def on(self, skin: Array) -> Array:
        """(k, 3) points of the line on a posed skin (n, 3)."""
        return np.asarray(skin[self.a] * (1 - self.share)[:, None] + skin[self.b] * self.share[:, None], float)


@dataclass(frozen=True)
class Surfaces:
    """Per side (2, 3), left then right, metres in the room.

    Attributes:
        crease: inguinal crease: the same flesh in every posture.
        fold: where thigh and belly meet as one sees it; the crease while they do not touch.
        knee_top: highest point of the knee's front.
        folded: (2,) whether thigh and belly touch.
    """

    crease: Array
    fold: Array
    knee_top: Array
    folded: NDArray[np.bool_]


@cache
def front_lines(side: str) -> list[FrontLine]:
    """The lines of a leg, alike in all bodies.

    The crease is where, going up, the thigh first carries less than half of the skin.
    """
    thigh = weight_of(f"upperleg01.{side}", f"upperleg02.{side}")
    data, rows = baked(), bone_rows()
    joints = data["joints"].astype(float).mean(0)
    hip, knee = (joints[rows[f"{b}.{side}"]] for b in ("upperleg01", "lowerleg01"))
    out = []
    for offset in LINE_OFFSETS_M:
        triangles = data["triangles_body"].astype(np.intp)
        raw = front_line(data["mean"].astype(float), triangles, hip, knee, offset * SIGNS[side])
        a, b, share = raw[:, 0].astype(np.intp), raw[:, 1].astype(np.intp), raw[:, 2].astype(float)
        carried = thigh[a] * (1 - share) + thigh[b] * share
        above = np.flatnonzero((carried < 0.5) & (np.arange(len(a)) > len(a) // 4))
        out.append(FrontLine(a, b, share, int(above[0])))
    return out


@cache
def knee_front(side: str) -> NDArray[np.intp]:
    """Vertices over and around the kneecap: within 4 cm along the leg of the knee joint of the mean body, in front."""
    data = baked()
    joints = data["joints"].astype(float).mean(0)
    hip, knee = (joints[bone_rows()[f"{b}.{side}"]] for b in ("upperleg01", "lowerleg01"))
    from_knee = data["mean"] - knee
    near = (np.abs(from_knee @ unit(knee - hip)) < 0.04) & (from_knee[:, 1] < -0.02) & (np.abs(from_knee[:, 0]) < 0.06)
    return np.flatnonzero(near & is_skin())


def find(skin: NDArray[np.float32], bones: Bones, t: int) -> Surfaces:
    """The surface points of a posed skin (n, 3) whose bones in frame `t` are known."""
    crease, fold, top, folded = np.zeros((2, 3)), np.zeros((2, 3)), np.zeros((2, 3)), np.zeros(2, bool)
    for k, side in enumerate(SIDES):
        knee = skin[knee_front(side)].astype(float)
        top[k] = knee[np.argsort(-knee[:, 2])[:4]].mean(0)
        hip = bones.joint("upperleg01." + side)[t]
        forward = bones.joint("lowerleg01." + side)[t] - hip
        forward[2] = 0
        forward = unit(forward) if np.linalg.norm(forward) > 0.05 else np.array([0, -1.0, 0])
        creases, folds, met = [], [], 0
        for line in front_lines(side):
            points = line.on(skin.astype(float))
            creases.append(points[line.crease])
            flat = np.stack([(points - hip) @ forward, points[:, 2]], 1)
            meeting = outermost_meeting(flat, line.crease)
            met += meeting is not None
            if meeting is None:
                folds.append(points[line.crease])
            else:
                aside = points[line.crease] - hip - forward * ((points[line.crease] - hip) @ forward)
                folds.append(np.array([*(hip + aside + forward * meeting[0])[:2], meeting[1]]))
        crease[k], fold[k], folded[k] = np.mean(creases, 0), np.mean(folds, 0), met >= 2
    return Surfaces(crease, fold, top, folded)


def outermost_meeting(line: Array, crease: int) -> Array | None:
    """(2,) where a flat line (k, 2) first meets its own part beyond the crease, coming from the knee; or None."""
    a, da = line[:crease], line[1 : crease + 1] - line[:crease]
    b, db = line[crease:-1], line[crease + 1 :] - line[crease:-1]
    if len(a) == 0 or len(b) == 0:
        return None
    apart = b[None] - a[:, None]
    cross = da[:, None, 0] * db[None, :, 1] - da[:, None, 1] * db[None, :, 0]
    cross = np.where(np.abs(cross) < 1e-15, 1e-15, cross)
    on_a = (apart[..., 0] * db[None, :, 1] - apart[..., 1] * db[None, :, 0]) / cross
    on_b = (apart[..., 0] * da[:, None, 1] - apart[..., 1] * da[:, None, 0]) / cross
    hits = np.argwhere((on_a >= 0) & (on_a <= 1) & (on_b > 1e-6) & (on_b <= 1) & ((np.arange(len(b)) > 0)[None]))
    if len(hits) == 0:
        return None
    i, j = hits[0]
    return np.asarray(a[i] + on_a[i, j] * da[i])

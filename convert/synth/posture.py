"""What a person does with the body, frame by frame: the few points and turns from which all bones follow."""

from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from convert.synth.rotation import apply

Array = NDArray[np.float64]
BODY_ARRAYS = ("hips", "pelvis", "chest", "head", "ankles", "feet", "knees_to")
ARM_ARRAYS = ("wrists", "elbows_to", "fingers_to", "index_to")


@dataclass(frozen=True)
class Arms:
    """Where hands and elbows go. Arrays are (T or 1, 2, 3), left then right.

    Attributes:
        held_by: "chest" - points and directions are fixed to the resting chest and move with it (a bar on the back);
            "shoulder" - points are measured from each shoulder in the axes of the room; "room" - in the room.
        wrists: metres.
        elbows_to: direction in which the elbow points.
        fingers_to: direction from wrist to knuckles, or None: straight on from the forearm.
        index_to: direction from the little finger to the index finger; used with `fingers_to`.
        curl_deg: bend of each finger joint.
    """

    held_by: Literal["chest", "shoulder", "room"]
    wrists: Array
    elbows_to: Array
    fingers_to: Array | None = None
    index_to: Array | None = None
    curl_deg: float = 20.0


@dataclass(frozen=True)
class Posture:
    """A body in T frames, facing -y, z up, metres; the floor is z = 0.

    Attributes:
        hips: (T, 3) halfway between the hip joints.
        pelvis: (T, 3, 3) turn from rest.
        chest: (T, 3, 3)
        head: (T, 3, 3)
        ankles: (T, 2, 3) ankle joints.
        feet: (T, 2, 3, 3) turn of a foot that points straight ahead and stands flat.
        knees_to: (T, 2, 3) direction in which the knee points.
        arms: what the arms do.
    """

    hips: Array
    pelvis: Array
    chest: Array
    head: Array
    ankles: Array
    feet: Array
    knees_to: Array
    arms: Arms

    def __len__(self) -> int:
        return len(self.hips)

    def picked(self, frames: NDArray[np.int64]) -> "Posture":
        """The posture's frames in another order, or repeated."""
        arms = self.arms
        hands: dict[str, Any] = {
            k: v if v is None or len(v) == 1 else v[frames] for k in ARM_ARRAYS for v in (getattr(arms, k),)
        }
        trunk: dict[str, Any] = {k: getattr(self, k)[frames] for k in BODY_ARRAYS}
        return replace(self, **trunk, arms=replace(arms, **hands))

    def moved(self, feet_by: Array, hips_by: Array) -> "Posture":
        """The same posture with the ankles (T, 2, 3) and the trunk (T, 3) carried elsewhere."""
        return replace(self, ankles=self.ankles + feet_by, hips=self.hips + hips_by)

    def turned(self, turn: Array, to: Array) -> "Posture":
        """The whole person turned about z by `turn` (3, 3) or (T, 3, 3), then moved by `to` (3,) or (T, 3)."""
        two = turn if turn.ndim == 2 else turn[:, None]
        arms = self.arms
        if arms.held_by != "chest":
            arms = replace(
                arms,
                wrists=apply(two, arms.wrists) + (np.asarray(to)[..., None, :] if arms.held_by == "room" else 0),
                elbows_to=apply(two, arms.elbows_to),
                fingers_to=None if arms.fingers_to is None else apply(two, arms.fingers_to),
                index_to=None if arms.index_to is None else apply(two, arms.index_to),
            )
        return Posture(
            hips=apply(turn, self.hips) + to,
            pelvis=turn @ self.pelvis,
            chest=turn @ self.chest,
            head=turn @ self.head,
            ankles=apply(two, self.ankles) + np.asarray(to)[..., None, :],
            feet=two @ self.feet,
            knees_to=apply(two, self.knees_to),
            arms=arms,
        )


def concatenate(pieces: list[Posture]) -> Posture:
    """Postures one after another; what the arms do must be of one kind."""

    def along(values: list[Array | None]) -> Array | None:
        pairs = zip(values, pieces, strict=True)
        full = [np.broadcast_to(v, (len(p), *v.shape[1:])) for v, p in pairs if v is not None]
        return np.concatenate(full) if full else None

    hands: dict[str, Any] = {k: along([getattr(p.arms, k) for p in pieces]) for k in ARM_ARRAYS}
    trunk: dict[str, Any] = {k: np.concatenate([getattr(p, k) for p in pieces]) for k in BODY_ARRAYS}
    return replace(pieces[0], **trunk, arms=replace(pieces[0].arms, **hands))

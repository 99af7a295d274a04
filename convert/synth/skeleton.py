"""From a posture to every bone: spine by steps, legs and arms in closed form, hands as they hold."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from convert.synth import rotation as rot
from convert.synth.body import SIDES, SIGNS, Body, baked, bone_rows
from convert.synth.posture import Posture

Array = NDArray[np.float64]
SPINE = ("spine05", "spine04", "spine03", "spine02", "spine01")
NECK = ("neck01", "neck02", "neck03", "head")
STRAIGHT = 0.9985  # share of its length that a stretched limb keeps: a little bend remains, so it never flips


@dataclass(frozen=True)
class Bones:
    """Where the bones of one body are.

    Attributes:
        turns: (T, bones, 3, 3) from rest.
        heads: (T, bones, 3) metres: where each bone begins.
    """

    turns: Array
    heads: Array

    def __len__(self) -> int:
        return len(self.turns)

    def joint(self, bone: str) -> Array:
        """(T, 3) where a bone begins."""
        return np.asarray(self.heads[:, bone_rows()[bone]])

    def carried(self, bone: str, body: Body, point: Array) -> Array:
        """(T, 3) where a point of the resting body (3,) goes with a bone."""
        i = bone_rows()[bone]
        return rot.apply(self.turns[:, i], point - body.joints[i]) + self.heads[:, i]


def bend_point(start: Array, end: Array, first_m: float, second_m: float, towards: Array) -> Array:
    """(T, 3) knee or elbow of a limb of two lengths from `start` to `end` that bends `towards` a direction.

    Where the end is out of reach, the limb is stretched along the line to it.
    """
    line = end - start
    reach = np.linalg.norm(line, axis=-1, keepdims=True)
    along = line / np.maximum(reach, 1e-9)
    reach = np.clip(reach, abs(first_m - second_m) + 1e-4, (first_m + second_m) * STRAIGHT)
    x = (first_m**2 - second_m**2 + reach**2) / (2 * reach)
    out = rot.unit(towards - along * (along * towards).sum(-1, keepdims=True))
    return np.asarray(start + along * x + out * np.sqrt(np.maximum(first_m**2 - x**2, 0)))


def place(body: Body, posture: Posture) -> Bones:
    """All bones of `body` in `posture`."""
    rows, frames = bone_rows(), len(posture)
    turns = np.broadcast_to(np.eye(3), (frames, len(rows), 3, 3)).copy()
    heads = np.zeros((frames, len(rows), 3))
    parents = baked()["parents"]
    done: set[int] = set()

    def put(bone: str, turn: Array, at: Array | None = None) -> None:
        i = rows[bone]
        turns[:, i] = turn
        p = int(parents[i])
        heads[:, i] = heads[:, p] + rot.apply(turns[:, p], body.joints[i] - body.joints[p]) if at is None else at
        done.add(i)

    put("root", posture.pelvis, posture.hips - rot.apply(posture.pelvis, body.hip_middle - body.joint("root")))
    for k, bone in enumerate(SPINE):
        put(bone, rot.between(posture.pelvis, posture.chest, (k + 1) / len(SPINE)))
    for k, bone in enumerate(NECK):
        put(bone, rot.between(posture.chest, posture.head, (k + 1) / len(NECK)))
    bones = Bones(turns, heads)
    for k, side in enumerate(SIDES):
        _put_leg(body, posture, bones, put, k, side)
        _put_arm(body, posture, bones, put, k, side)
    for name, i in rows.items():
        if i not in done:
            put(name, _finger_turn(body, posture, turns[:, int(parents[i])], name))
    return bones


def _put_leg(body: Body, posture: Posture, bones: Bones, put, k: int, side: str) -> None:  # type: ignore[no-untyped-def]
    rest_thigh = body.joint("lowerleg01." + side) - body.joint("upperleg01." + side)
    rest_shank = body.joint("foot." + side) - body.joint("lowerleg01." + side)
    put("upperleg01." + side, posture.pelvis)
    hip, ankle, towards = bones.joint("upperleg01." + side).copy(), posture.ankles[:, k], posture.knees_to[:, k]
    knee = bend_point(hip, ankle, body.thigh_m, body.shank_m, towards)
    hinge = np.cross(towards, ankle - hip)  # the axis of the knee, to the body's left; well defined for a straight leg
    rest_hinge = rot.apply(rot.about("z", body.foot_yaw_deg(side) / 2), np.array([1.0, 0, 0]))
    thigh = rot.frame(knee - hip, hinge) @ rot.frame(rest_thigh, rest_hinge).T
    shank = rot.frame(ankle - knee, hinge) @ rot.frame(rest_shank, rest_hinge).T
    swung = rot.shortest(rot.apply(posture.pelvis, rest_thigh), knee - hip) @ posture.pelvis
    put("upperleg01." + side, rot.between(swung, thigh, 0.5), hip)
    put("upperleg02." + side, thigh)
    put("lowerleg01." + side, shank, knee)
    put("lowerleg02." + side, shank)
    put("foot." + side, posture.feet[:, k] @ rot.about("z", -body.foot_yaw_deg(side)), ankle)


def _put_arm(body: Body, posture: Posture, bones: Bones, put, k: int, side: str) -> None:  # type: ignore[no-untyped-def]
    arms, sign, chest = posture.arms, SIGNS[side], posture.chest
    held = arms.held_by == "chest"

    def direction(v: Array) -> Array:
        return rot.apply(chest, v[:, k]) if held else np.broadcast_to(v[:, k], (len(posture), 3))

    def target() -> Array:
        if held:
            at = arms.wrists[:, k]
            i = bone_rows()["spine01"]
            return rot.apply(chest, at - body.joints[i]) + bones.heads[:, i]
        base = bones.joint("upperarm01." + side) if arms.held_by == "shoulder" else 0.0
        return np.asarray(base + arms.wrists[:, k])

    for bone in ("clavicle.", "shoulder01."):
        put(bone + side, chest)
    put("upperarm01." + side, chest)
    # An arm lifted over the shoulder takes the shoulder blade along: about a third of the lift beyond 30 degrees.
    up = rot.apply(np.swapaxes(chest, -1, -2), rot.unit(target() - bones.joint("upperarm01." + side)))[:, 2]
    lift = np.maximum(np.degrees(np.arcsin(np.clip(up, -1, 1))) + 60, 0) * 0.25
    girdle = chest @ rot.about("y", -sign * (lift - 6))
    for bone in ("clavicle.", "shoulder01."):
        put(bone + side, girdle)
    put("upperarm01." + side, chest)
    shoulder = bones.joint("upperarm01." + side).copy()
    upper_m, fore_m = (
        body.length("upperarm01." + side, "lowerarm01." + side),
        body.length("lowerarm01." + side, "wrist." + side),
    )
    elbow = bend_point(shoulder, target(), upper_m, fore_m, direction(arms.elbows_to))
    reach = (upper_m + fore_m) * STRAIGHT
    line = target() - shoulder
    wrist = shoulder + line * np.minimum(1, reach / np.maximum(np.linalg.norm(line, axis=-1, keepdims=True), 1e-9))

    rest_upper = body.joint("lowerarm01." + side) - body.joint("upperarm01." + side)
    rest_fore = body.joint("wrist." + side) - body.joint("lowerarm01." + side)
    hinge = np.cross(direction(arms.elbows_to), wrist - shoulder)
    rest_hinge = np.cross([0, 1.0, 0], rest_upper + rest_fore)  # the resting elbow points back
    upper = rot.frame(elbow - shoulder, hinge) @ rot.frame(rest_upper, rest_hinge).T
    fore = rot.frame(wrist - elbow, hinge) @ rot.frame(rest_fore, rest_hinge).T
    swung = rot.shortest(rot.apply(chest, rest_upper), elbow - shoulder) @ chest
    put("upperarm01." + side, rot.between(swung, upper, 0.5), shoulder)
    put("upperarm02." + side, upper)
    put("lowerarm01." + side, fore, elbow)
    hand = fore
    if arms.fingers_to is not None and arms.index_to is not None:
        rest_fingers = body.joint("finger3-1." + side) - body.joint("wrist." + side)
        rest_index = body.joint("finger2-1." + side) - body.joint("finger5-1." + side)
        hand = rot.frame(direction(arms.fingers_to), direction(arms.index_to)) @ rot.frame(rest_fingers, rest_index).T
    roll = rot.twist_about(rest_fore, np.swapaxes(fore, -1, -2) @ hand)
    put("lowerarm02." + side, fore @ rot.around(rest_fore, roll * 0.6))
    put("wrist." + side, hand, wrist)


def _finger_turn(body: Body, posture: Posture, parent: Array, name: str) -> Array:
    side, sign = name[-1], SIGNS.get(name[-1], 0.0)
    if not name.startswith("finger"):
        return parent
    knuckles = body.joint("finger2-1." + side) - body.joint("finger5-1." + side)
    bend = posture.arms.curl_deg * (0.35 if name.startswith("finger1") else 1.0)
    return np.asarray(parent @ rot.around(knuckles, -sign * bend))

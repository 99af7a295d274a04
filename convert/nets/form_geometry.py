"""What a coach would look at, from the joints of a rep: the first layer of the form network, without weights."""

import torch
from torch import Tensor, nn

from device.squat.form_input import CHANNELS, PER_JOINT, POINTS, REFINED
from device.squat.pose import JOINTS, KEYPOINTS

_FEET = [JOINTS.index(f"{side}_{end}") for side in ("left", "right") for end in ("heel", "toe")]


class Geometry(nn.Module):
    """Joints (B, STEPS, CHANNELS) to what a coach would look at, (B, STEPS, 219), by plain arithmetic.

    Where the refined points are there too, (B, STEPS, REFINED_CHANNELS), what they show comes last, 66 numbers.
    Leans, angles as sines and cosines, knees against toes, hips against knees and feet; then trunk, head, thighs,
    shanks, feet and arms one by one, and how each has turned and changed in length since the first step, where the
    lifter stood: what a pose model errs about him then and now falls out. From the world and, the flat ones, from the
    picture. A network that learns from some ten thousand reps finds these in the coordinates only half.
    """

    def forward(self, shown: Tensor) -> Tensor:
        """See the class."""
        joints = shown[..., : len(JOINTS) * PER_JOINT].unflatten(-1, (len(JOINTS), PER_JOINT))
        feet = joints[:, :, _FEET, :].mean(2, keepdim=True)
        over = (joints - feet)[:, :, 1:, [1, 2, 4]]  # heights and depths from the feet; the nose turns with the head
        at = {name: joints[:, :, k, :] for k, name in enumerate(JOINTS)}
        hips, shoulders, ankles = ((at[f"left_{n}"] + at[f"right_{n}"]) * 0.5 for n in ("hip", "shoulder", "ankle"))
        trunk, head = shoulders - hips, at["nose"] - shoulders
        out = [*_turned(trunk[..., :3]), trunk[..., 3], trunk[..., 4], *_parts(head[..., :3])]
        out += [hips[..., 0] - ankles[..., 0], hips[..., 2] - ankles[..., 2], hips[..., 1] - ankles[..., 1]]
        out += [hips[..., 3] - ankles[..., 3], hips[..., 4] - ankles[..., 4]]
        out.append(at["left_hip"][..., 1] - at["right_hip"][..., 1])
        for side, sign in (("left", 1.0), ("right", -1.0)):
            out += _leg(*(at[f"{side}_{n}"] for n in ("hip", "knee", "ankle", "heel", "toe")), sign)
        widened = [torch.stack(out, -1), _against_standing(at), over.flatten(2)]
        if shown.shape[-1] > CHANNELS:
            widened.append(_refined(shown[..., POINTS].unflatten(-1, (REFINED, 2))))
        return torch.cat(widened, -1)


def _refined(points: Tensor) -> Tensor:
    """(B, STEPS, 66) of refined points (B, STEPS, REFINED, 2): the body's parts, both depths, and the ankles."""
    at = {name: points[:, :, k, :] for k, name in enumerate(KEYPOINTS[:REFINED])}
    flat = _body_parts(at)
    wide = _length(flat)
    flat = flat / wide.unsqueeze(-1)
    depths = [at[f"{side}_knee_top"] - at[f"{side}_hip_crease"] for side in ("left", "right")]
    ankles = (at["left_ankle"] + at["right_ankle"]) * 0.5  # from the middle of the hips, which is the origin
    each = [flat.flatten(2), wide, wide - wide[:, :1], *_turned_flat(flat)]
    return torch.cat([*each, *depths, ankles], -1)


def _turned_flat(flat: Tensor) -> list[Tensor]:
    """Cosine and sine of how far each part (B, STEPS, P, 2) has turned since the first step."""
    lay = flat[:, :1]
    return [(flat * lay).sum(-1), flat[..., 0] * lay[..., 1] - flat[..., 1] * lay[..., 0]]


def _body_parts(at: dict[str, Tensor]) -> Tensor:
    """(B, STEPS, 10, D) trunk, head, and of each side thigh, shank, foot and arm, as vectors."""
    middle = {n: (at[f"left_{n}"] + at[f"right_{n}"]) * 0.5 for n in ("hip", "shoulder")}
    parts = [middle["shoulder"] - middle["hip"], at["nose"] - middle["shoulder"]]
    for side in ("left", "right"):
        parts += [
            at[f"{side}_{to}"] - at[f"{side}_{start}"]
            for start, to in (("hip", "knee"), ("knee", "ankle"), ("heel", "toe"), ("shoulder", "wrist"))
        ]
    return torch.stack(parts, 2)


def _against_standing(at: dict[str, Tensor]) -> Tensor:
    """(B, STEPS, 130) ten parts of the body, each as it points, its length, and both against the first step."""
    parts = _body_parts(at)
    room, flat = parts[..., :3], parts[..., 3:5]
    long, wide = _length(room), _length(flat)
    room, flat = room / long.unsqueeze(-1), flat / wide.unsqueeze(-1)
    stood = room[:, :1]
    turned = [(room * stood).sum(-1), room[..., 1] * stood[..., 2] - room[..., 2] * stood[..., 1]]
    each = [room.flatten(2), flat.flatten(2), long, wide, long - long[:, :1], wide - wide[:, :1]]
    return torch.cat([*each, *turned, *_turned_flat(flat)], -1)


def _length(vector: Tensor) -> Tensor:
    return torch.sqrt((vector * vector).sum(-1) + 1e-4)


def _parts(vector: Tensor) -> list[Tensor]:
    return [vector[..., k] for k in range(3)]


def _turned(vector: Tensor) -> list[Tensor]:
    """Its length, and the sines of its lean forward and aside and the cosine of its lean."""
    length = _length(vector)
    return [length, *(part / length for part in _parts(vector))]


def _leg(hip: Tensor, knee: Tensor, ankle: Tensor, heel: Tensor, toe: Tensor, sign: float) -> list[Tensor]:
    thigh, shank, foot = knee[..., :3] - hip[..., :3], ankle[..., :3] - knee[..., :3], toe[..., :3] - heel[..., :3]
    flat_x, flat_z = foot[..., 0], foot[..., 2]
    along = torch.sqrt(flat_x * flat_x + flat_z * flat_z + 1e-3)
    ahead_x, ahead_z = flat_x / along, flat_z / along
    over_x, over_z = knee[..., 0] - ankle[..., 0], knee[..., 2] - ankle[..., 2]
    before_x, before_z = knee[..., 0] - toe[..., 0], knee[..., 2] - toe[..., 2]
    bend = (thigh * shank).sum(-1) / (_length(thigh) * _length(shank))
    return [
        bend, thigh[..., 1], shank[..., 1], knee[..., 4] - hip[..., 4],
        over_x * ahead_x + over_z * ahead_z, before_x * ahead_x + before_z * ahead_z,
        (over_x * ahead_z - over_z * ahead_x) * sign, over_x * sign, over_z,
        foot[..., 1], ankle[..., 1] - toe[..., 1], heel[..., 4] - toe[..., 4], (knee[..., 3] - ankle[..., 3]) * sign,
    ]  # fmt: skip

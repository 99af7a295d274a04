"""Networks for form: DeepSquat's on images of the pose, and a small one on the keypoints of the whole rep."""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from convert.recipe import within
from device.squat.form_input import PER_JOINT, STEPS
from device.squat.pose import JOINTS
from device.squat.pose_image import HEIGHT, WIDTH

Floats = NDArray[np.float32]
PAPER_WIDTHS = (32, 64, 32, 64)
LEAST_SPREAD = 0.03  # a channel that hardly moves is not blown up


@dataclass(frozen=True)
class PaperNet:
    """DeepSquat's network: `blocks` of conv, conv, max pool, dropout; then dense 128, 64, 2.

    `l2` on every weight that convolves or connects, in the loss, as Keras has it. `shrink`: pictures are averaged down
    by so much first, and convolutions padded; 1 = as the paper does, unpadded.
    """

    blocks: int = within(1, 4, 4)
    kernel: int = within(2, 7, 3)
    l2: float = within(0, 1, 1e-6)
    dropout: float = within(0, 0.9, 0.25)
    shrink: int = within(1, 6, 1)


@dataclass(frozen=True)
class FaultNet:
    """`width` numbers per step, two convolutions over time, then `hidden` ones to good, faults and sizes."""

    width: int = within(8, 1024, 64)
    hidden: int = within(8, 2048, 160)
    dropout: float = within(0, 0.9, 0.2)
    size_weight: float = within(0, 10, 0.5)
    jitter: float = within(0, 0.2, 0.01)


class Paper(nn.Module):
    """Images (B, HEIGHT, WIDTH, 3), 0 to 1, to logits (B, 2): good and bad."""

    def __init__(self, told: PaperNet) -> None:
        super().__init__()
        self.told = told
        layers: list[nn.Module] = [nn.AvgPool2d(told.shrink)] if told.shrink > 1 else []
        padding = "same" if told.shrink > 1 else 0
        before = 3
        for width in PAPER_WIDTHS[: told.blocks]:
            layers += [nn.Conv2d(before, width, told.kernel, padding=padding), nn.ReLU()]
            layers += [nn.Conv2d(width, width, told.kernel, padding=padding), nn.ReLU()]
            layers += [nn.MaxPool2d(2), nn.Dropout(told.dropout)]
            before = width
        self.seeing = nn.Sequential(*layers)
        with torch.no_grad():
            count = self.seeing(torch.zeros(1, 3, HEIGHT, WIDTH)).numel()
        self.judging = nn.Sequential(nn.Linear(count, 128), nn.ReLU(), nn.Linear(128, 64), nn.ReLU(), nn.Linear(64, 2))

    def forward(self, images: Tensor) -> Tensor:
        """See the class."""
        seen = self.seeing(images.permute(0, 3, 1, 2))
        return torch.as_tensor(self.judging(seen.flatten(1)))

    def penalty(self) -> Tensor:
        """L2 of the weights, times `l2`."""
        weights = [m.weight for m in self.modules() if isinstance(m, (nn.Conv2d, nn.Linear))]
        return self.told.l2 * torch.stack([(w * w).sum() for w in weights]).sum()


class PaperDeployed(nn.Module):
    """One image to the probability that the form is good, (1, 1)."""

    def __init__(self, net: Paper) -> None:
        super().__init__()
        self.net = net

    def forward(self, image: Tensor) -> tuple[Tensor]:
        """See the class."""
        return (torch.sigmoid(self.net(image)[:, :1]),)


class Geometry(nn.Module):
    """Joints (B, STEPS, CHANNELS) to what a coach would look at, (B, STEPS, 41), by plain arithmetic.

    Leans, angles as sines and cosines, knees against toes, hips against knees and feet; from the world and, the flat
    ones, from the picture. A network that learns from few thousand reps finds these in the coordinates only half.
    """

    def forward(self, shown: Tensor) -> Tensor:
        """See the class."""
        joints = shown[..., : len(JOINTS) * PER_JOINT].unflatten(-1, (len(JOINTS), PER_JOINT))
        at = {name: joints[:, :, k, :] for k, name in enumerate(JOINTS)}
        hips, shoulders, ankles = ((at[f"left_{n}"] + at[f"right_{n}"]) * 0.5 for n in ("hip", "shoulder", "ankle"))
        trunk, head = shoulders - hips, at["nose"] - shoulders
        out = [*_turned(trunk[..., :3]), trunk[..., 3], trunk[..., 4], *_parts(head[..., :3])]
        out += [hips[..., 0] - ankles[..., 0], hips[..., 2] - ankles[..., 2], hips[..., 1] - ankles[..., 1]]
        out += [hips[..., 3] - ankles[..., 3], hips[..., 4] - ankles[..., 4]]
        out.append(at["left_hip"][..., 1] - at["right_hip"][..., 1])
        for side, sign in (("left", 1.0), ("right", -1.0)):
            out += _leg(*(at[f"{side}_{n}"] for n in ("hip", "knee", "ankle", "heel", "toe")), sign)
        return torch.stack(out, -1)


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


class Faults(nn.Module):
    """What `form_input` gives, (B, STEPS, CHANNELS), to logits of good (B, 1) and of each fault, and sizes (B, F).

    Args:
        told: the recipe's.
        some: inputs of training reps (N, STEPS, CHANNELS), which set mean and spread.
        sizes: unit and middle (F,) of the faults' sizes; the network's own are (size - middle) / unit.
    """

    mean: Tensor
    spread: Tensor
    unit: Tensor
    middle: Tensor

    def __init__(self, told: FaultNet, some: Floats, sizes: tuple[Floats, Floats]) -> None:
        super().__init__()
        self.told, self.faults, self.geometry = told, len(sizes[0]), Geometry()
        with torch.no_grad():
            flat = self._widened(torch.as_tensor(some)).flatten(0, 1)
        self.register_buffer("mean", flat.mean(0))
        self.register_buffer("spread", flat.std(0).clamp_min(LEAST_SPREAD))
        for name, values in zip(("unit", "middle"), sizes, strict=True):
            self.register_buffer(name, torch.as_tensor(values))
        width = told.width
        self.each = nn.Linear(flat.shape[1], width)
        self.over_time = nn.Sequential(
            nn.Conv1d(width, width, 5, stride=2, padding=2), nn.ReLU(),
            nn.Conv1d(width, width, 3, stride=2, padding=1), nn.ReLU(),
        )  # fmt: skip
        self.judging = nn.Sequential(
            nn.Dropout(told.dropout), nn.Linear(width * (STEPS // 4), told.hidden), nn.ReLU(),
            nn.Dropout(told.dropout), nn.Linear(told.hidden, told.hidden // 2), nn.ReLU(),
            nn.Linear(told.hidden // 2, 1 + 2 * self.faults),
        )  # fmt: skip

    def _widened(self, shown: Tensor) -> Tensor:
        return torch.cat([shown, self.geometry(shown)], -1)

    def forward(self, shown: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """See the class."""
        steps = torch.relu(self.each((self._widened(shown) - self.mean) / self.spread))
        out = self.judging(self.over_time(steps.permute(0, 2, 1)).flatten(1))
        return out[:, :1], out[:, 1 : 1 + self.faults], out[:, 1 + self.faults :]


class FaultsDeployed(nn.Module):
    """One rep to p(good) (1, 1), p of each fault (1, F) and the sizes in their units (1, F)."""

    def __init__(self, net: Faults) -> None:
        super().__init__()
        self.net = net

    def forward(self, shown: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """See the class."""
        good, faults, sizes = self.net(shown)
        return torch.sigmoid(good), torch.sigmoid(faults), sizes * self.net.unit + self.net.middle

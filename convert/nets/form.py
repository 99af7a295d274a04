"""Networks on whole reps: DeepSquat's on images of the pose; small ones on keypoints, for form, and squat or not."""

from dataclasses import dataclass
from typing import cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from convert.nets.form_geometry import Geometry
from convert.recipe import within
from device.squat.form_input import STEPS, mirrored
from device.squat.pose_image import HEIGHT, WIDTH

Floats = NDArray[np.float32]
PAPER_WIDTHS = (32, 64, 32, 64)
LEAST_SPREAD = 0.03  # a channel that hardly moves is not blown up
SQUAT_LIMIT = 5.0  # spreads; others' movements are stranger than any that were learnt from


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
    """`members` networks whose logits are averaged.

    Each has `width` numbers per step, two convolutions over time, then `hidden` ones to good, faults and sizes.
    `extremes`: so many numbers more made of the largest and the least that each channel is at any step, 0 = none; how
    far a trunk leans at its worst is one of these.
    """

    members: int = within(1, 16, 1)
    width: int = within(8, 1024, 64)
    hidden: int = within(8, 2048, 160)
    dropout: float = within(0, 0.9, 0.2)
    size_weight: float = within(0, 10, 0.5)
    jitter: float = within(0, 0.2, 0.01)
    extremes: int = within(0, 1024, 0)


class Paper(nn.Module):
    """Images (B, HEIGHT, WIDTH, 3), 0 to 1, to logits (B, 2): good and bad.

    Weights begin as Keras begins them (Glorot and Bengio 2010, no biases): with PyTorch's own beginning pictures that
    are nearly black reach the end of 4 blocks as differences of 1e-5, and nothing is learnt for long.
    """

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
        for layer in self._weighted():
            nn.init.xavier_uniform_(layer.weight)
            nn.init.zeros_(cast(Tensor, layer.bias))

    def forward(self, images: Tensor) -> Tensor:
        """See the class."""
        seen = self.seeing(images.permute(0, 3, 1, 2))
        return torch.as_tensor(self.judging(seen.flatten(1)))

    def penalty(self) -> Tensor:
        """L2 of the weights, times `l2`."""
        return self.told.l2 * torch.stack([(m.weight * m.weight).sum() for m in self._weighted()]).sum()

    def _weighted(self) -> list[nn.Conv2d | nn.Linear]:
        return [m for m in self.modules() if isinstance(m, (nn.Conv2d, nn.Linear))]


class PaperDeployed(nn.Module):
    """One image to the probability that the form is good, (1, 1)."""

    def __init__(self, net: Paper) -> None:
        super().__init__()
        self.net = net

    def forward(self, image: Tensor) -> tuple[Tensor]:
        """See the class."""
        return (torch.sigmoid(self.net(image)[:, :1]),)


class Member(nn.Module):
    """One network: normalised steps (B, STEPS, channels) to its outputs (B, outputs)."""

    def __init__(self, told: FaultNet, channels: int, outputs: int) -> None:
        super().__init__()
        width = told.width
        self.step = nn.Linear(channels, width)
        self.over_time = nn.Sequential(
            nn.Conv1d(width, width, 5, stride=2, padding=2), nn.ReLU(),
            nn.Conv1d(width, width, 3, stride=2, padding=1), nn.ReLU(),
        )  # fmt: skip
        self.extremes = nn.Linear(2 * channels, told.extremes) if told.extremes else None
        self.judging = nn.Sequential(
            nn.Dropout(told.dropout), nn.Linear(width * (STEPS // 4) + told.extremes, told.hidden), nn.ReLU(),
            nn.Dropout(told.dropout), nn.Linear(told.hidden, told.hidden // 2), nn.ReLU(),
            nn.Linear(told.hidden // 2, outputs),
        )  # fmt: skip

    def forward(self, steps: Tensor) -> Tensor:
        """See the class."""
        seen = self.over_time(torch.relu(self.step(steps)).permute(0, 2, 1)).flatten(1)
        if self.extremes is not None:
            most = torch.cat([steps.amax(1), steps.amin(1)], 1)
            seen = torch.cat([seen, torch.relu(self.extremes(most))], 1)
        return torch.as_tensor(self.judging(seen))


class OfRep(nn.Module):
    """What `form_input` or `refined_input` gives, (B, STEPS, channels), to logits (B, outputs), the members' mean.

    When it does not learn it looks at the rep and at its mirror image, and says the mean.

    Args:
        told: the recipe's.
        some: inputs of training reps (N, STEPS, channels), which set mean and spread.
        outputs: how many.
        limit: what a step's normalised numbers are held within, so that a pose never met shouts no louder.
    """

    mean: Tensor
    spread: Tensor
    mirror: Tensor

    def __init__(self, told: FaultNet, some: Floats, outputs: int, limit: float | None = None) -> None:
        super().__init__()
        self.told, self.limit, self.geometry = told, limit, Geometry()
        with torch.no_grad():
            flat = self._widened(torch.as_tensor(some)).flatten(0, 1)
        self.register_buffer("mean", flat.mean(0))
        self.register_buffer("spread", flat.std(0).clamp_min(LEAST_SPREAD))
        self.register_buffer("mirror", torch.as_tensor(mirrored(np.eye(some.shape[-1], dtype=np.float32))))
        self.members = nn.ModuleList(Member(told, flat.shape[1], outputs) for _ in range(told.members))

    def _widened(self, shown: Tensor) -> Tensor:
        return torch.cat([shown, self.geometry(shown)], -1)

    def each(self, shown: Tensor) -> Tensor:
        """What each member says of a rep as it is shown, (B, members, outputs)."""
        steps = (self._widened(shown) - self.mean) / self.spread
        if self.limit is not None:
            steps = steps.clamp(-self.limit, self.limit)
        return torch.stack([member(steps) for member in self.members], 1)

    def said(self, shown: Tensor) -> Tensor:
        """See the class."""
        out = self.each(shown).mean(1)
        return out if self.training else (out + self.each(shown @ self.mirror).mean(1)) * 0.5


class Faults(OfRep):
    """Logits of good (B, 1) and of each fault (B, F), and sizes (B, F); see `OfRep`.

    Args:
        told: the recipe's.
        some: inputs of training reps (N, STEPS, REFINED_CHANNELS), which set mean and spread.
        sizes: unit and middle (F,) of the faults' sizes; the network's own are (size - middle) / unit.
    """

    unit: Tensor
    middle: Tensor

    def __init__(self, told: FaultNet, some: Floats, sizes: tuple[Floats, Floats]) -> None:
        self.faults = len(sizes[0])
        super().__init__(told, some, 1 + 2 * self.faults)
        for name, values in zip(("unit", "middle"), sizes, strict=True):
            self.register_buffer(name, torch.as_tensor(values))

    def apart(self, shown: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """What each member says of a rep as it is shown: (B, members, ...), else as `forward`."""
        return self._parts(self.each(shown))

    def forward(self, shown: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """See the class."""
        return self._parts(self.said(shown))

    def _parts(self, out: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        return out[..., :1], out[..., 1 : 1 + self.faults], out[..., 1 + self.faults :]


class Squat(OfRep):
    """A logit of being a squat (B, 1); see `OfRep`.

    Attributes:
        temperature: what the logits are divided by so that what they say comes true; 1 until it is fitted.
    """

    def __init__(self, told: FaultNet, some: Floats) -> None:
        super().__init__(told, some, 1, SQUAT_LIMIT)
        self.temperature = 1.0

    def forward(self, shown: Tensor) -> Tensor:
        """See the class."""
        return self.said(shown) / self.temperature


class SquatDeployed(nn.Module):
    """One way down and up to the probability that it is a squat, (1, 1)."""

    def __init__(self, net: Squat) -> None:
        super().__init__()
        self.net = net

    def forward(self, shown: Tensor) -> tuple[Tensor]:
        """See the class."""
        return (torch.sigmoid(self.net(shown)),)


class FaultsDeployed(nn.Module):
    """One rep to p(good) (1, 1), p of each fault (1, F) and the sizes in their units (1, F)."""

    def __init__(self, net: Faults) -> None:
        super().__init__()
        self.net = net

    def forward(self, shown: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """See the class."""
        good, faults, sizes = self.net(shown)
        return torch.sigmoid(good), torch.sigmoid(faults), sizes * self.net.unit + self.net.middle

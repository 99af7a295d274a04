"""Our own pose network: dense convolutions where pixels are many, inverted residuals where channels are.

That split (Tan and Le, "EfficientNetV2", 2021) is quick to train and quick in int8. Two lateral connections bring the
resolution back to an eighth of the input; heat is told four times per cell, so it comes out at a quarter.
"""

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from convert.recipe import within
from device.inference.squatlight_pose import FINE
from device.squat.pose import KEYPOINTS

POINTS = len(KEYPOINTS)


@dataclass(frozen=True)
class Net:
    """The [net] table.

    `widths` at a half, a quarter, ... a 32nd of the input, `blocks` at a quarter to a 32nd, `head`: width of the maps
    that the outputs are read from. `small_steps`: so many batches are trained on every other row and column alone,
    which is four times as quick. `bfloat16`: compute in it on a CPU too, for those that have instructions for it.
    """

    widths: tuple[int, ...] = (16, 32, 64, 128, 192)
    blocks: tuple[int, ...] = (0, 1, 3, 3)
    head: int = within(8, 512, 96)
    small_steps: int = within(0, 10_000_000, 0)
    bfloat16: bool = False


def _conv(inner: int, outer: int, side: int = 3, stride: int = 1, groups: int = 1, clipped: bool = True) -> nn.Module:
    layers: list[nn.Module] = [
        nn.Conv2d(inner, outer, side, stride, side // 2, groups=groups, bias=False),
        nn.BatchNorm2d(outer),
    ]
    return nn.Sequential(*layers, nn.ReLU6()) if clipped else nn.Sequential(*layers)


class _Dense(nn.Module):
    """Two 3 x 3 convolutions beside a shortcut."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.inner = nn.Sequential(_conv(width, width), _conv(width, width, clipped=False))

    def forward(self, x: Tensor) -> Tensor:
        return functional.relu6(x + self.inner(x))


class _Inverted(nn.Module):
    """Widened, convolved channel by channel, narrowed, beside a shortcut (Sandler et al., "MobileNetV2", 2018)."""

    def __init__(self, width: int) -> None:
        super().__init__()
        wide = 2 * width
        self.inner = nn.Sequential(
            _conv(width, wide, 1), _conv(wide, wide, groups=wide), _conv(wide, width, 1, clipped=False)
        )

    def forward(self, x: Tensor) -> Tensor:
        return x + self.inner(x)


def _stage(inner: int, outer: int, block: type[nn.Module], count: int) -> nn.Module:
    return nn.Sequential(_conv(inner, outer, stride=2), *[block(outer) for _ in range(count)])


class PoseNet(nn.Module):
    """Heat, world, sight of each keypoint, and whether there is a lifter.

    Attributes:
        steps: batches it was trained on; says how large the pictures of the next one are.
    """

    def __init__(self, told: Net) -> None:
        super().__init__()
        self.told = told
        w2, w4, w8, w16, w32 = told.widths
        n4, n8, n16, n32 = told.blocks
        self.at4 = nn.Sequential(_conv(3, w2, stride=2), _stage(w2, w4, _Dense, n4))
        self.at8 = _stage(w4, w8, _Dense, n8)
        self.at16 = _stage(w8, w16, _Inverted, n16)
        self.at32 = _stage(w16, w32, _Inverted, n32)
        self.down32 = _conv(w32, w16, 1, clipped=False)
        self.mix16 = _Inverted(w16)
        self.down16 = _conv(w16, told.head, 1, clipped=False)
        self.down8 = _conv(w8, told.head, 1, clipped=False)
        self.mix8 = _Inverted(told.head)
        self.heat = nn.Conv2d(told.head, POINTS * FINE * FINE, 1)
        self.world = nn.Conv2d(told.head, POINTS * 3, 1)
        self.seen = nn.Conv2d(told.head, POINTS, 1)
        self.there = nn.Linear(w32, 1 + POINTS)
        self.register_buffer("steps", torch.zeros((), dtype=torch.long))

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """What the network says of images (B, 3, S, S), 0 to 1.

        Returns:
            heat (B, 23 * 4, S / 8, S / 8) logits, world (B, 23 * 3, ...) metres, seen (B, 23, ...) logits, and there
            (B, 1 + 23) logits: a lifter, then each point inside the crop.
        """
        at8 = self.at8(self.at4(images))
        at16 = self.at16(at8)
        at32 = self.at32(at16)
        up16 = self.mix16(at16 + functional.interpolate(self.down32(at32), scale_factor=2.0, mode="nearest"))
        up8 = self.down8(at8) + functional.interpolate(self.down16(up16), scale_factor=2.0, mode="nearest")
        up8 = self.mix8(up8)
        return self.heat(up8), self.world(up8), self.seen(up8), self.there(at32.mean((2, 3)))


class Deployed(nn.Module):
    """The graph to export: images (1, 256, 256, 3) in, maps with channels last out, sight and presence 0 to 1."""

    def __init__(self, net: nn.Module) -> None:
        super().__init__()
        self.net = net

    def forward(self, images: Tensor) -> tuple[Tensor, ...]:
        """The outputs of `PoseTask.outputs`."""
        heat, world, seen, there = self.net(images.permute(0, 3, 1, 2))
        return heat.permute(0, 2, 3, 1), world.permute(0, 2, 3, 1), seen.permute(0, 2, 3, 1), torch.sigmoid(there)

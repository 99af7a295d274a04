"""From BlazePose's features straight to the margins of both legs, without keypoints: the papers' "CNN direct"."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from convert.nets.surface import FEATURES, Block, convolution
from convert.recipe import within

LOG_SIGMA = (-4.0, 0.7)  # 0.02 to 2 thigh lengths, as `convert.nets.depth`
ABOUT = 2
"""Numbers about the crop: sine and cosine of its turn, which say where up is."""


@dataclass(frozen=True)
class DepthDirectNet:
    """The recipe's [net]. `width`: channels at 32x32, doubled at each halving down to 8x8; `blocks` at each size."""

    width: int = within(8, 256, 32)
    blocks: int = within(0, 8, 1)
    dropout: float = within(0, 0.9, 0.3)


class DepthDirect(nn.Module):
    """Features (N, 48, 64, 64) and numbers about the crop (N, ABOUT) to margins (N, 2) and logs of sigmas (N, 2)."""

    def __init__(self, told: DepthDirectNet, mean: Tensor, deviation: Tensor) -> None:
        super().__init__()
        self.register_buffer("mean", mean)
        self.register_buffer("deviation", deviation)
        layers: list[nn.Module] = []
        before = FEATURES
        for width in (told.width, 2 * told.width, 4 * told.width):
            layers += [convolution(before, width, 3, 2), nn.ReLU(), *(Block(width, "full") for _ in range(told.blocks))]
            before = width
        self.maps = nn.Sequential(*layers, nn.Conv2d(before, 32, 1), nn.ReLU())
        self.out = nn.Sequential(
            nn.Dropout(told.dropout), nn.Linear(32 * 8 * 8 + ABOUT, 128), nn.ReLU(), nn.Dropout(told.dropout),
            nn.Linear(128, 4),
        )  # fmt: skip

    def forward(self, features: Tensor, about: Tensor) -> tuple[Tensor, Tensor]:
        """See the class."""
        maps = self.maps((features - self.mean) / self.deviation)
        out = self.out(torch.cat([maps.flatten(1), about.to(maps.dtype)], 1)).float()
        return out[:, :2], out[:, 2:].clamp(*LOG_SIGMA)

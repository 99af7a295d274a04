"""The head on BlazePose's features: heatmaps of the surface points and joints, and maps of what is in sight."""

from dataclasses import dataclass

from torch import Tensor, nn
from torch.nn import functional

from convert.recipe import one_of, within
from device.inference.surface import POINTS
from device.squat.pose import BAR_ENDS, KEYPOINTS

FEATURES, CELLS = 48, 64
SEEN = len(KEYPOINTS) - len(BAR_ENDS)
"""Maps of sight: of joints and surface points, in the order of KEYPOINTS."""


@dataclass(frozen=True)
class SurfaceNet:
    """The recipe's [net]. `width`: channels of the half-size maps; `fine`: of a path at full size, 0 = none."""

    width: int = within(8, 512, 64)
    blocks: int = within(1, 12, 3)
    deep: int = within(0, 12, 3)
    fine: int = within(0, 128, 0)
    mix: str = one_of("depthwise", "full")


def convolution(before: int, after: int, kernel: int, stride: int = 1, groups: int = 1) -> nn.Sequential:
    """A convolution that keeps the size but for its stride, normalized over the batch."""
    border = (kernel - 1) // 2
    return nn.Sequential(
        nn.Conv2d(before, after, kernel, stride, border, groups=groups, bias=False), nn.BatchNorm2d(after)
    )


class Block(nn.Module):
    """Adds what a neighbourhood says; `mix` says whether channels are mixed before or as it is gathered."""

    def __init__(self, width: int, mix: str, kernel: int = 5) -> None:
        super().__init__()
        if mix == "full":
            self.path = nn.Sequential(convolution(width, width // 2, 1), nn.ReLU(), convolution(width // 2, width, 3))
        else:
            self.path = nn.Sequential(
                convolution(width, width, kernel, groups=width), nn.ReLU(), convolution(width, width, 1)
            )

    def add_nothing(self) -> None:
        """See `convert.start.Adding`: the last normalization's weight (gamma) is zero."""
        last = self.path[-1][1]
        nn.init.zeros_(last.weight)
        nn.init.zeros_(last.bias)

    def forward(self, x: Tensor) -> Tensor:
        """(N, width, H, W), at least 0, to the same."""
        return functional.relu(x + self.path(x))


class Head(nn.Module):
    """Features (N, 48, 64, 64) to logits: heat (N, 21, c, c) of `POINTS` and sight (N, 21, c, c); c = 64 or 32."""

    def __init__(self, told: SurfaceNet, mean: Tensor, deviation: Tensor) -> None:
        super().__init__()
        self.told = told
        self.register_buffer("mean", mean)
        self.register_buffer("deviation", deviation)
        width = told.width
        self.down = nn.Sequential(convolution(FEATURES, width, 3, 2), nn.ReLU())
        self.near = nn.Sequential(*(Block(width, told.mix) for _ in range(told.blocks)))
        self.far = None
        if told.deep:
            self.far = nn.Sequential(
                convolution(width, 2 * width, 3, 2, groups=width), nn.ReLU(),
                *(Block(2 * width, told.mix) for _ in range(told.deep)), convolution(2 * width, width, 1),
            )  # fmt: skip
            self.together = Block(width, told.mix)
        self.fine = None
        last = width
        if told.fine:
            last = told.fine
            self.fine = nn.Sequential(convolution(FEATURES, last, 1), nn.ReLU())
            self.back = convolution(width, last, 1)
            self.sharpen = Block(last, told.mix, 3)
        self.heat = nn.Conv2d(last, len(POINTS), 1)
        self.sight = nn.Conv2d(width, SEEN, 1)

    def forward(self, features: Tensor) -> tuple[Tensor, Tensor]:
        """See the class."""
        features = (features - self.mean) / self.deviation
        x = self.near(self.down(features))
        if self.far is not None:
            x = self.together(functional.relu(x + _twice(self.far(x))))
        sight = self.sight(x)
        if self.fine is not None:
            x = self.sharpen(functional.relu(self.fine(features) + _twice(self.back(x))))
        return self.heat(x), sight


def _twice(x: Tensor) -> Tensor:
    return functional.interpolate(x, scale_factor=2, mode="bilinear", align_corners=False)

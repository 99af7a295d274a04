"""A small network that finds the two ends of a bar in a picture."""

from dataclasses import dataclass

from torch import Tensor, nn
from torch.nn import functional

from convert.nets.surface import Block, convolution
from convert.recipe import one_of, within


@dataclass(frozen=True)
class BarEndNet:
    """The recipe's [net]: `width` channels at a quarter of the size, twice as many at an eighth and below."""

    width: int = within(8, 256, 32)
    blocks: int = within(1, 12, 2)
    mix: str = one_of("full", "depthwise")


class BarEnds(nn.Module):
    """Pictures (N, 3, 128, 128), 0 to 1, to logits (N, 2, 32, 32): of where each end is, and of its sight there."""

    def __init__(self, told: BarEndNet) -> None:
        super().__init__()
        width = told.width
        self.stem = nn.Sequential(
            convolution(3, width // 2, 3, 2), nn.ReLU(), convolution(width // 2, width, 3, 2), nn.ReLU()
        )
        self.near = Block(width, told.mix)
        self.eighth = nn.Sequential(
            convolution(width, 2 * width, 3, 2), nn.ReLU(), *(Block(2 * width, told.mix) for _ in range(told.blocks))
        )
        self.sixteenth = nn.Sequential(
            convolution(2 * width, 2 * width, 3, 2), nn.ReLU(),
            *(Block(2 * width, told.mix) for _ in range(told.blocks)),
        )  # fmt: skip
        self.join = Block(2 * width, told.mix)
        self.back = convolution(2 * width, width, 1)
        self.last = Block(width, told.mix)
        self.heat, self.sight = nn.Conv2d(width, 2, 1), nn.Conv2d(width, 2, 1)

    def forward(self, pictures: Tensor) -> tuple[Tensor, Tensor]:
        """See the class."""
        near = self.near(self.stem(pictures))
        far = self.eighth(near)
        far = self.join(functional.relu(far + _twice(self.sixteenth(far))))
        near = self.last(functional.relu(near + _twice(self.back(far))))
        return self.heat(near), self.sight(near)


def _twice(x: Tensor) -> Tensor:
    return functional.interpolate(x, scale_factor=2, mode="bilinear", align_corners=False)

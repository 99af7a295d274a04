"""The network of the paper's third method: 192 frames of 33 landmarks, flattened; 32, 64 and 1 units."""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from convert.datasets.frontsquat import FrontSquat

FRAMES = 192


class PaperNetwork(nn.Module):
    """Dense 32, 64, 1, as published: 407,713 parameters."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Linear(FRAMES * 33 * 2, 32), nn.ReLU(), nn.Linear(32, 64), nn.ReLU(), nn.Linear(64, 1)
        )
        for layer in self.layers:  # as Keras begins: Glorot, no bias
            if isinstance(layer, nn.Linear):
                nn.init.xavier_uniform_(layer.weight)
                nn.init.zeros_(layer.bias)

    def forward(self, x: Tensor) -> Tensor:
        """(N, 12672) to logits (N,)."""
        found: Tensor = self.layers(x)
        return found.squeeze(-1)


def flattened(clips: list[FrontSquat]) -> NDArray[np.float32]:
    """(N, 12672) x and y of the first 192 frames, zeros where there are none: as their program feeds it."""
    out = np.zeros((len(clips), FRAMES, 33, 2), np.float32)
    for row, clip in zip(out, clips, strict=True):
        part = clip.landmarks[:FRAMES, :, :2]
        row[: len(part)] = np.nan_to_num(part)
    return out.reshape(len(clips), -1)


def fit(x: NDArray[np.float32], y: NDArray[np.bool_], seed: int, epochs: int = 200, rate: float = 0.01) -> PaperNetwork:
    """Trains it as published: binary cross-entropy, plain gradient descent, batches of 32."""
    torch.manual_seed(seed)
    net, inputs, wanted = PaperNetwork(), torch.from_numpy(x), torch.from_numpy(y.astype(np.float32))
    optimizer = torch.optim.SGD(net.parameters(), lr=rate)
    for _ in range(epochs):
        for rows in torch.randperm(len(x)).split(32):
            loss = nn.functional.binary_cross_entropy_with_logits(net(inputs[rows]), wanted[rows])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    return net.eval()


def says_valid(net: PaperNetwork, x: NDArray[np.float32]) -> NDArray[np.bool_]:
    """(N,) whether it calls each clip valid."""
    with torch.no_grad():
        return np.asarray(net(torch.from_numpy(x)).numpy() > 0)

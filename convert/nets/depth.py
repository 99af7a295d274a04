"""The depth regressor: frames around the bottom to the margins of both legs, each with its standard deviation."""

import torch
from torch import Tensor, nn

from device.squat.depth_features import COUNT, FRAME_SIZE, FRAMES, mirroring

LOG_SIGMA = (-4.0, 0.7)  # 0.02 to 2 thigh lengths
_FLAT = FRAMES * FRAME_SIZE


class DepthNet(nn.Module):
    """One encoder for every frame, then all frames together.

    Args:
        frame_width: units of the encoder.
        width: units of the layers after it.
        dropout: share of units left out in training.
        sigma_scale: factor on the standard deviations, fitted after training.
    """

    def __init__(self, frame_width: int, width: int, dropout: float, sigma_scale: float) -> None:
        super().__init__()
        self.sigma_scale = sigma_scale
        self.register_buffer("mean", torch.zeros(COUNT))
        self.register_buffer("spread", torch.ones(COUNT))
        self.frame = nn.Sequential(nn.Linear(FRAME_SIZE, frame_width), nn.ReLU())
        self.rep = nn.Sequential(
            nn.Linear(FRAMES * frame_width + COUNT - _FLAT, width), nn.ReLU(), nn.Dropout(dropout),
            nn.Linear(width, width // 2), nn.ReLU(), nn.Dropout(dropout),
            nn.Linear(width // 2, 4),
        )  # fmt: skip
        nn.init.zeros_(self.rep[-1].bias)

    def normalize_by(self, features: Tensor) -> None:
        """Takes mean and spread of (N, COUNT) features, one for all frames, and the same for both sides."""
        order, sign = mirroring()
        both = torch.cat([features, features[:, order] * torch.from_numpy(sign)])
        frames = both[:, :_FLAT].reshape(-1, FRAME_SIZE)
        mean = torch.cat([frames.mean(0).repeat(FRAMES), both[:, _FLAT:].mean(0)])
        spread = torch.cat([frames.std(0).repeat(FRAMES), both[:, _FLAT:].std(0)])
        self.mean.copy_(mean)
        self.spread.copy_(spread.clamp(min=0.02))

    def forward(self, features: Tensor) -> tuple[Tensor, Tensor]:
        """(N, COUNT) to margins (N, 2) in thigh lengths and the logarithms of their standard deviations (N, 2)."""
        x = (features - self.mean) / self.spread
        frames = self.frame(x[:, :_FLAT].reshape(-1, FRAME_SIZE)).reshape(len(x), -1)
        out = self.rep(torch.cat([frames, x[:, _FLAT:]], 1))
        return out[:, :2], out[:, 2:].clamp(*LOG_SIGMA)


class Deployed(nn.Module):
    """What the device runs: the mean of a rep as it is and in a mirror, so that both give the same."""

    def __init__(self, net: DepthNet) -> None:
        super().__init__()
        self.net = net
        order, sign = mirroring()
        self.register_buffer("order", torch.from_numpy(order))
        self.register_buffer("sign", torch.from_numpy(sign))

    def forward(self, features: Tensor) -> tuple[Tensor, Tensor]:
        """(N, COUNT) to margins (N, 2) and standard deviations (N, 2), both in thigh lengths."""
        margins, logs = self.net(features)
        mirrored, mirrored_logs = self.net(features[:, self.order] * self.sign)
        both = (margins + torch.stack([mirrored[:, 1], mirrored[:, 0]], 1)) / 2
        logs = (logs + torch.stack([mirrored_logs[:, 1], mirrored_logs[:, 0]], 1)) / 2
        return both, torch.exp(logs) * self.net.sigma_scale

"""The depth regressor: frames around the bottom to the margins of both legs, each with its standard deviation."""

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from device.squat.depth_features import COUNT, FRAME_SIZE, FRAMES, PER_FRAME, TIMES_S, mirroring

LOG_SIGMA = (-4.0, 0.7)  # 0.02 to 2 thigh lengths
_FLAT = FRAMES * FRAME_SIZE
_OVER_HIP = FRAME_SIZE - PER_FRAME["over_hip"][0]
_LOW = [row for row, at_s in enumerate(TIMES_S) if abs(at_s) < 0.15]
FIRST_GUESS = (2.0, 0.1)  # thighs per leg, and from joints to crease and knee top; both are learnt from there


@dataclass(frozen=True)
class SigmaFit:
    """What makes `p_below` of lifts near parallel come true.

    The network learns from margins of all sizes and knows not that a lift which needs a judge lies near parallel. For
    margins scattered by `1 / sqrt(doubt)` about parallel, and errors of `scale` times what the network says, Bayes'
    rule gives these standard deviations (of the margin as it is, not drawn towards zero).

    Attributes:
        scale: factor on the network's standard deviation.
        doubt: per square thigh length; 0 = nothing is known of where lifts lie.
    """

    scale: float = 1.0
    doubt: float = 0.0

    def variance(self, found: Any) -> Any:
        """Of the margin, of the network's own variance; arrays or tensors, square thigh lengths."""
        scaled = self.scale**2 * found
        return scaled * (1 + self.doubt * scaled)


class Member(nn.Module):
    """One network: an encoder for every frame, then all frames together."""

    def __init__(self, frame_width: int, width: int, dropout: float) -> None:
        super().__init__()
        self.frame = nn.Sequential(nn.Linear(FRAME_SIZE, frame_width), nn.ReLU())
        self.rep = nn.Sequential(
            nn.Linear(FRAMES * frame_width + COUNT - _FLAT, width), nn.ReLU(), nn.Dropout(dropout),
            nn.Linear(width, width // 2), nn.ReLU(), nn.Dropout(dropout),
            nn.Linear(width // 2, 4),
        )  # fmt: skip
        nn.init.zeros_(self.rep[-1].bias)

    def forward(self, x: Tensor) -> Tensor:
        """(N, COUNT) normalised features to (N, 4): corrections of both margins, logarithms of both sigmas."""
        frames = self.frame(x[:, :_FLAT].reshape(-1, FRAME_SIZE)).reshape(-1, FRAMES * self.frame[0].out_features)
        found: Tensor = self.rep(torch.cat([frames, x[:, _FLAT:]], 1))
        return found


class DepthNet(nn.Module):
    """Some networks side by side that correct what perspective says of the joints (`over_hip`).

    Without that first guess they learn synthetic lifters as well and miss real ones.

    Args:
        members: how many; what they disagree on is doubt.
        frame_width: units of the encoder.
        width: units of the layers after it.
        dropout: share of units left out in training.

    Attributes:
        sigma: how the standard deviations that ship come from the network's own; fitted after training.
    """

    def __init__(self, members: int, frame_width: int, width: int, dropout: float) -> None:
        super().__init__()
        self.sigma = SigmaFit()
        self.register_buffer("mean", torch.zeros(COUNT))
        self.register_buffer("spread", torch.ones(COUNT))
        self.guess = nn.Parameter(torch.tensor(FIRST_GUESS))
        self.members = nn.ModuleList(Member(frame_width, width, dropout) for _ in range(members))

    def normalize_by(self, features: Tensor) -> None:
        """Takes mean and spread of (N, COUNT) features, one for all frames, and the same for both sides."""
        order, sign = mirroring()
        both = torch.cat([features, features[:, order] * torch.from_numpy(sign)])
        frames = both[:, :_FLAT].reshape(-1, FRAME_SIZE)
        self.mean.copy_(torch.cat([frames.mean(0).repeat(FRAMES), both[:, _FLAT:].mean(0)]))
        spread = torch.cat([frames.std(0).repeat(FRAMES), both[:, _FLAT:].std(0)])
        self.spread.copy_(spread.clamp(min=0.02))

    def forward(self, features: Tensor) -> tuple[Tensor, Tensor]:
        """(N, COUNT) to each member's margins (N, M, 2) in thigh lengths and logarithms of their sigmas (N, M, 2)."""
        x = (features - self.mean) / self.spread
        out = torch.stack([member(x) for member in self.members], 1)
        low = [features[:, k * FRAME_SIZE + _OVER_HIP : (k + 1) * FRAME_SIZE] for k in _LOW]
        guess = self.guess[0] * sum(low[1:], low[0]) / len(low) + self.guess[1]
        return out[..., :2] + guess[:, None], out[..., 2:].clamp(*LOG_SIGMA)


class Deployed(nn.Module):
    """What the device runs: all members on a rep as it is and in a mirror, so that both give the same."""

    def __init__(self, net: DepthNet) -> None:
        super().__init__()
        self.net = net
        order, sign = mirroring()
        self.register_buffer("order", torch.from_numpy(order))
        self.register_buffer("sign", torch.from_numpy(sign))

    def forward(self, features: Tensor) -> tuple[Tensor, Tensor]:
        """(N, COUNT) to margins (N, 2) and standard deviations (N, 2), both in thigh lengths."""
        straight, logs = self.net(features)
        there, there_logs = self.net(features[:, self.order] * self.sign)
        margins = torch.cat([straight, torch.stack([there[..., 1], there[..., 0]], -1)], 1)
        both = torch.cat([logs, torch.stack([there_logs[..., 1], there_logs[..., 0]], -1)], 1)
        mean = margins.mean(1)
        variance = torch.exp(2 * both).mean(1) + ((margins - mean[:, None]) ** 2).mean(1)
        return mean, torch.sqrt(self.net.sigma.variance(variance))

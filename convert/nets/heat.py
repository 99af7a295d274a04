"""Points as heatmaps: where their means lie, and what training asks of them."""

import torch
from torch import Tensor
from torch.nn import functional

SPREAD = 0.025  # standard deviation of the target's heat, in sides of the crop
PULL = 0.5  # weight of the heat's shape beside the distance
UNIT = 64  # the distance counts in so many parts of the crop


def places(heat: Tensor) -> tuple[Tensor, Tensor]:
    """The mean place of each heatmap (N, P, 2), 0 to 1 across the crop, and its log-probabilities (N, P, c, c)."""
    count, points, cells, _ = heat.shape
    logs = functional.log_softmax(heat.float().reshape(count, points, -1), -1).reshape(heat.shape)
    share = logs.exp()
    at = (torch.arange(cells, device=heat.device) + 0.5) / cells
    return torch.stack([(share.sum(2) * at).sum(-1), (share.sum(3) * at).sum(-1)], -1), logs


def place_loss(heat: Tensor, points: Tensor, weight: Tensor) -> Tensor:
    """Distance of each heatmap's mean from its point, and of its shape from a bell around the point.

    Args:
        heat: (N, P, c, c) logits.
        points: (N, P, 2) the truth, 0 to 1 across the crop; anything where the weight is 0.
        weight: (N, P) how much each counts.
    """
    found, logs = places(heat)
    truth = torch.where(weight[..., None] > 0, points, torch.full_like(found, 0.5))
    distance = (found - truth).abs().sum(-1) * UNIT
    cells = heat.shape[-1]
    at = (torch.arange(cells, device=heat.device) + 0.5) / cells
    across, down = (
        functional.normalize(torch.exp(-0.5 * ((at - truth[..., axis, None]) / SPREAD) ** 2), p=1, dim=-1)
        for axis in (0, 1)
    )
    shape = -(across[..., None, :] * down[..., None] * logs).sum((-1, -2))
    return (weight * (distance + PULL * shape)).sum() / weight.sum().clamp(min=1e-6)


def sight_at(heat: Tensor, sight: Tensor) -> Tensor:
    """(N, P) logits of sight where each point's heat is.

    Args:
        heat: (N, P, c, c) logits of place; no gradient goes there.
        sight: (N, P, s, s) logits of sight, s = c or c / 2.
    """
    share = places(heat)[1].detach().exp()
    if share.shape[-1] != sight.shape[-1]:
        share = functional.avg_pool2d(share, 2) * 4
    return (share * sight).sum((-1, -2))

"""The pose task: all 23 keypoints of the lifter, their sight and their place in the world."""

from collections.abc import Mapping, Sequence
from copy import deepcopy
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from convert.datasets import pose_rows
from convert.nets.pose import POINTS, Deployed, Net, PoseNet
from convert.pose_errors import MEASURED, figures, found_in
from convert.prepared import Prepared
from convert.tasks.task import Batch, Comparison
from device.inference.squatlight_pose import FINE
from device.inference.tflite import Model

SIGMA = 1.3  # cells of heat: how far around a point its heat reaches
WORLD, SIGHT, THERE = 4.0, 0.5, 0.5  # weights of the terms beside the heat's


class PoseTask:
    """See `convert.tasks.task.Task`."""

    name, data_kind, net_kind = "pose", pose_rows.Data, Net
    outputs = ("heat", "world", "seen", "there")

    def prepare(self, data: pose_rows.Data, sources: Sequence[Path], out: Path, seed: int) -> Prepared:
        """Stores rendered and COCO pictures."""
        return pose_rows.prepare(self.name, data, sources, out)

    def net(self, net: Net, prepared: Prepared) -> nn.Module:
        """A fresh network."""
        return PoseNet(net).to(memory_format=torch.channels_last)

    def batch(self, prepared: Prepared, rows: NDArray[np.intp], rng: np.random.Generator | None) -> Mapping[str, Any]:
        """Crops and what they show."""
        examples = [pose_rows.example(prepared, int(row), rng) for row in rows]
        return {name: np.stack([each[name] for each in examples]) for name in examples[0]}

    def loss(self, net: nn.Module, batch: Batch) -> Tensor:
        """Heat, world, sight and presence together; small pictures at first."""
        small = int(net.steps) < net.told.small_steps
        images = batch["image"][:, ::2, ::2] if small else batch["image"]
        images = images.permute(0, 3, 1, 2).float() * (1 / 255)
        net.steps += 1
        on = images.device.type
        with torch.autocast(on, torch.bfloat16, enabled=torch.is_autocast_enabled(on) or net.told.bfloat16):
            out = net(images)
        heat, world, seen, there = (each.float() for each in out)
        total = _heat_loss(heat, batch) + WORLD * _world_loss(world, batch) + SIGHT * _sight_loss(seen, batch)
        wrong = functional.binary_cross_entropy_with_logits(there, batch["there"], batch["there_known"])
        return total + THERE * wrong

    def measure(self, net: nn.Module, prepared: Prepared, split: str) -> dict[str, float]:
        """Errors over up to `MEASURED` rows, in torso lengths."""
        rows = prepared.rows(split)
        rows = rows[np.linspace(0, len(rows) - 1, min(len(rows), MEASURED)).astype(int)]
        return figures(found_in(Deployed(net).eval(), prepared, rows), prepared, rows)

    def deployed(self, net: nn.Module) -> nn.Module:
        """The graph the device runs."""
        return Deployed(deepcopy(net).to(memory_format=torch.contiguous_format))  # the converter misreads the other

    def calibration(self, prepared: Prepared, count: int, seed: int) -> NDArray[np.float32]:
        """Varied crops of training rows."""
        rng = np.random.default_rng(seed)
        rows = np.sort(rng.permutation(prepared.rows("train"))[:count])
        images = [pose_rows.example(prepared, int(row), rng)["image"] for row in rows]
        return np.stack(images).astype(np.float32) / 255

    def compare(self, floating: Model, quantized: Model, prepared: Prepared, whole: bool) -> Comparison:
        """Verdicts over clips and rendered reps, see `convert.pose_gate`."""
        from convert.pose_gate import compare

        return compare(floating, quantized, prepared, whole)

    def manifest(self, net: Net, prepared: Prepared) -> dict[str, Any]:
        """What goes in, and who reads what comes out."""
        return {"input": "RGB, 0 to 1, channels last", "decoding": "device/inference/squatlight_pose.py"}

    def card(self, path: Path, prepared: Prepared) -> str:
        """See `convert.pose_card`."""
        from convert.pose_card import card

        return card(path, prepared)


def _cells(batch: Batch, cells: int) -> Tensor:
    """(B, 23, 9) the cell of each point and its neighbours, as numbers of a map of `cells` x `cells`."""
    at = (batch["points"] * cells).long().clamp(0, cells - 1)
    steps = torch.arange(-1, 2, device=at.device)
    x, y = (at[..., axis, None] + steps for axis in (0, 1))
    x, y = x.clamp(0, cells - 1), y.clamp(0, cells - 1)
    return (y[..., :, None] * cells + x[..., None, :]).flatten(2)


def _heat_loss(heat: Tensor, batch: Batch) -> Tensor:
    """Cross-entropy between the heat of a point over all cells and a bell around its place."""
    count, _, cells, _ = heat.shape
    side = cells * FINE
    fine = heat.view(count, POINTS, FINE, FINE, cells, cells).permute(0, 1, 4, 2, 5, 3).reshape(count, POINTS, -1)
    grid = torch.arange(side, device=heat.device) + 0.5
    bell = torch.exp(-((batch["points"][..., None] * side - grid) ** 2) / (2 * SIGMA**2))
    bell = bell / bell.sum(-1, keepdim=True).clamp_min(1e-9)
    wanted = (bell[:, :, 1, :, None] * bell[:, :, 0, None, :]).flatten(2)
    each = -(wanted * functional.log_softmax(fine, -1)).sum(-1)
    return (each * batch["placed"]).sum() / batch["placed"].sum().clamp_min(1)


def _world_loss(world: Tensor, batch: Batch) -> Tensor:
    """Mean distance per axis, in metres, in the cells around each point."""
    count, _, cells, _ = world.shape
    at = _cells(batch, cells)[:, :, None].expand(-1, -1, 3, -1)
    found = world.view(count, POINTS, 3, -1).gather(3, at)
    wrong = (found - batch["world"][..., None]).abs().mean((2, 3))
    return (wrong * batch["world_known"]).sum() / batch["world_known"].sum().clamp_min(1)


def _sight_loss(seen: Tensor, batch: Batch) -> Tensor:
    """In the cells around each point; over the whole map for points that are not in the crop."""
    cells = seen.shape[-1]
    flat = seen.flatten(2)
    near = flat.gather(2, _cells(batch, cells))
    wanted = batch["sight"][..., None].expand_as(near)
    there = functional.binary_cross_entropy_with_logits(near, wanted, reduction="none").mean(-1)
    gone = functional.softplus(flat).mean(-1)
    each = torch.where(batch["placed"] > 0, there, gone)
    return (each * batch["sight_known"]).sum() / batch["sight_known"].sum().clamp_min(1)


TASK = PoseTask()

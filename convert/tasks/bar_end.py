"""The ends of the bar, from a wide crop around the wrists. Trained on rendered lifters, some without a bar.

The network tells the end on the left of the picture from that on its right; whose left that is the hands say.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from convert.datasets.bar_rows import prepare_bars
from convert.datasets.tracked import disturb
from convert.metrics import auc
from convert.nets.bar_end import BarEndNet, BarEnds
from convert.nets.heat import place_loss, places, sight_at
from convert.prepared import Prepared
from convert.recipe import within
from convert.tasks.task import Batch, Comparison
from device.inference import bar_end
from device.inference.tflite import Model

HIDDEN, SIGHT = 0.4, 2.0  # weight of an end behind something; of sight beside the places
MEASURED, PART = 600, 300  # rows that measure an epoch; that a quick comparison takes
SHIFT_P99, WORSE = 0.03, 0.001  # of the crop: what quantization may move the ends, and worsen the median error


@dataclass(frozen=True)
class BarEndData:
    """The recipe's [data]: `frames` of each clip; `clips` at most, 0 = all."""

    frames: int = within(1, 10_000, 12)
    clips: int = within(0, 10_000_000, 0)


class BarEnd:
    """See `convert.tasks.task.Task`."""

    name = "bar_end"
    data_kind = BarEndData
    net_kind = BarEndNet
    outputs = bar_end.OUTPUTS

    def prepare(self, data: BarEndData, sources: Sequence[Path], out: Path, seed: int) -> Prepared:
        """Wide crops of rendered clips, see `convert.datasets.bar_rows`."""
        return prepare_bars(self.name, sources, out, data.frames, data.clips, seed, asdict(data))

    def net(self, net: BarEndNet, prepared: Prepared) -> nn.Module:
        """The network."""
        return BarEnds(net)

    def batch(self, prepared: Prepared, rows: NDArray[np.intp], rng: np.random.Generator | None) -> Mapping[str, Any]:
        """Pictures, mirrored and in other light where `rng` is given."""
        pictures = np.array(prepared.arrays["picture"][rows])
        points, visible = np.array(prepared.arrays["points"][rows]), np.array(prepared.arrays["visible"][rows])
        for row in range(len(rows) if rng is not None else 0):
            assert rng is not None
            if rng.random() < 0.5:
                pictures[row] = pictures[row, :, ::-1]
                points[row] = points[row, ::-1] * [-1, 1] + [1, 0]
                visible[row] = visible[row, ::-1]
            pictures[row] = disturb(np.ascontiguousarray(pictures[row]), rng)
        inside = (visible > 0) & np.isfinite(points).all(-1)
        weight = np.where(visible == 2, 1.0, HIDDEN) * inside
        seen = (visible == 2).astype(np.float32)
        return {"picture": pictures, "points": points, "weight": weight.astype(np.float32), "seen": seen}

    def loss(self, net: nn.Module, batch: Batch) -> Tensor:
        """Distance of the heat's mean, shape of the heat, and sight."""
        with torch.autocast("cpu", torch.bfloat16, enabled=batch["points"].device.type == "cpu"):
            heat, sight = net(_pictures(batch["picture"]))
        seen = functional.binary_cross_entropy_with_logits(sight_at(heat.float(), sight.float()), batch["seen"])
        return place_loss(heat.float(), batch["points"], batch["weight"]) + SIGHT * seen

    def measure(self, net: nn.Module, prepared: Prepared, split: str) -> dict[str, float]:
        """Median and 90th percentile of the errors of ends in sight, in shares of the crop; how well sight is told."""
        rows = prepared.rows(split)
        rows = rows[np.linspace(0, len(rows) - 1, min(len(rows), MEASURED)).astype(int)]
        where, found = next(net.parameters()).device, []
        with torch.no_grad():
            for start in range(0, len(rows), 32):
                heat, sight = net(
                    _pictures(torch.tensor(prepared.arrays["picture"][rows[start : start + 32]]).to(where))
                )
                points, seen = places(heat)[0], torch.sigmoid(sight_at(heat, sight))
                found.append(torch.cat([points, seen[..., None]], -1).cpu().numpy())
        return _figures(np.concatenate(found), prepared, rows)

    def deployed(self, net: nn.Module) -> nn.Module:
        """Channels last."""
        return _Deployed(net)

    def calibration(self, prepared: Prepared, count: int, seed: int) -> NDArray[np.float32]:
        """Pictures of training rows."""
        rows = np.random.default_rng(seed).permutation(prepared.rows("train"))[:count]
        return np.array(prepared.arrays["picture"][np.sort(rows)], np.float32) / 255

    def compare(self, floating: Model, quantized: Model, prepared: Prepared, whole: bool) -> Comparison:
        """How far quantization moves the ends in sight, of held-out bodies."""
        rows = np.concatenate([prepared.rows("tune"), prepared.rows("test")])
        rows = rows if whole else rows[np.linspace(0, len(rows) - 1, min(len(rows), PART)).astype(int)]
        before, after = _run(floating, prepared, rows), _run(quantized, prepared, rows)
        seen = prepared.arrays["visible"][rows] == 2
        moved = np.linalg.norm(after[..., :2] - before[..., :2], axis=-1)[seen]
        errors = [_figures(found, prepared, rows)["median"] for found in (before, after)]
        shift = float(np.percentile(moved, 99))
        words = f"{len(rows)} frames: 99 of 100 ends move by less than {shift:.2%} of the crop; median error {errors[0]:.2%}, then {errors[1]:.2%}"  # noqa: E501
        figures = {"shift_p99": shift, "error_float": errors[0], "error_quantized": errors[1]}
        return Comparison(shift <= SHIFT_P99 and errors[1] <= errors[0] + WORSE, figures, words)

    def manifest(self, net: BarEndNet, prepared: Prepared) -> dict[str, Any]:
        """What goes in, and the order of the points."""
        return {
            "input": "RGB, 0 to 1, channels last",
            "points": ["left in picture", "right in picture"],
            "across_m": bar_end.ACROSS_M,
        }

    def card(self, path: Path, prepared: Prepared) -> str:
        """Errors of the shipped graph on held-out bodies."""
        rows = prepared.rows("test")
        with Model(path.with_suffix(".tflite")) as model:
            figures = _figures(_run(model, prepared, rows), prepared, rows)
        cm = 100 * bar_end.ACROSS_M
        return (
            "## Errors on held-out bodies\n\n"
            f"{len(rows)} rendered frames: ends in sight are off by a median of {figures['median'] * cm:.1f} cm (90th "
            f"percentile {figures['p90'] * cm:.1f} cm). In sight or not, area under the curve: "
            f"{figures['sight']:.3f}.\n"
        )


class _Deployed(nn.Module):
    def __init__(self, net: nn.Module) -> None:
        super().__init__()
        self.net = net

    def forward(self, pictures: Tensor) -> tuple[Tensor, Tensor]:
        heat, sight = self.net(pictures.permute(0, 3, 1, 2))
        return heat.permute(0, 2, 3, 1), sight.permute(0, 2, 3, 1)


def _pictures(whole: Tensor) -> Tensor:
    return (whole.float() / 255).permute(0, 3, 1, 2)


def _run(model: Model, prepared: Prepared, rows: NDArray[np.intp]) -> NDArray[np.float32]:
    """(N, 2, 3) places and scores, as the device finds them."""
    found = [bar_end.read(model(prepared.arrays["picture"][row][None].astype(np.float32) / 255)) for row in rows]
    return np.array([np.concatenate([points, scores[:, None]], -1) for points, scores in found])


def _figures(found: NDArray[np.float32], prepared: Prepared, rows: NDArray[np.intp]) -> dict[str, float]:
    seen = prepared.arrays["visible"][rows] == 2
    off = np.linalg.norm(found[..., :2] - prepared.arrays["points"][rows], axis=-1)[seen]
    median, p90 = (float(np.percentile(off, p)) if len(off) else float("nan") for p in (50, 90))
    sight = auc(found[..., 2].ravel(), seen.ravel())
    return {"median": median, "p90": p90, "sight": sight, "score": median + 0.1 * (1 - sight)}


TASK = BarEnd()

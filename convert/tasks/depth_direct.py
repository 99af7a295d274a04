"""Depth of a frame straight from BlazePose's features, without keypoints: tried beside the ways that ship.

It learns from what `prepare` makes for the surface head (recipes of both have the same [data]), and is measured frame
by frame; nothing of it runs on the device. `python -m convert.tasks.depth_direct RUN --data DIR` prints its figures.
"""

import argparse
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from convert.metrics import auc
from convert.nets.depth_direct import DepthDirect, DepthDirectNet
from convert.prepared import Prepared
from convert.runs import Run
from convert.tasks.surface import TASK as SURFACE
from convert.tasks.surface import SurfaceData, features_of, standard
from convert.tasks.task import Batch, Comparison
from device.errors import InputError
from device.inference.tflite import Model

CLOSE_CM = 8.0  # of parallel: where a judge is needed


class DepthDirectTask:
    """See `convert.tasks.task.Task`."""

    name = "depth_direct"
    data_kind = SurfaceData
    net_kind = DepthDirectNet
    prepared_by = "surface"
    outputs = ("margins", "sigmas")

    def prepare(self, data: SurfaceData, sources: Sequence[Path], out: Path, seed: int) -> Prepared:
        """The surface head's data."""
        return SURFACE.prepare(data, sources, out, seed)

    def net(self, net: DepthDirectNet, prepared: Prepared) -> nn.Module:
        """The network, its input standardized by training rows."""
        return DepthDirect(net, *standard(prepared))

    def batch(self, prepared: Prepared, rows: NDArray[np.intp], rng: np.random.Generator | None) -> Mapping[str, Any]:
        """Rows as they are: crops were disturbed before BlazePose saw them."""
        arrays = prepared.arrays
        if "margins" not in arrays:
            raise InputError(f"{prepared.folder}: no margins in it; prepare it anew")
        return {
            "features": arrays["features"][rows],
            "features_scale": arrays["features_scale"][rows],
            "about": about(arrays["crop"][rows]),
            "margins": arrays["margins"][rows],
            "low": arrays["low"][rows].astype(np.float32),
        }

    def loss(self, net: nn.Module, batch: Batch) -> Tensor:
        """The negative logarithm of how likely the true margins are; upright frames count less."""
        with torch.autocast("cpu", torch.bfloat16, enabled=batch["margins"].device.type == "cpu"):
            margins, logs = net(features_of(batch), batch["about"])
        off = (margins - batch["margins"]) * torch.exp(-logs)
        weight = 0.3 + 0.7 * batch["low"][:, None]
        likely = torch.sqrt(1 + off**2) - 1 + logs  # as a bell near the truth, as Laplace far from it
        return (likely * weight).mean()

    def measure(self, net: nn.Module, prepared: Prepared, split: str) -> dict[str, float]:
        """Errors of the nearer leg in low frames, centimetres; AUC of deep or not, of all and near parallel."""
        rows = prepared.rows(split)
        rows = rows[prepared.arrays["low"][rows]]
        where, found = next(net.parameters()).device, []
        with torch.no_grad():
            for start in range(0, len(rows), 64):
                batch = self.batch(prepared, rows[start : start + 64], None)
                tensors = {key: torch.as_tensor(np.asarray(value)).to(where) for key, value in batch.items()}
                found.append(net(features_of(tensors), tensors["about"])[0].cpu().numpy())
        return figures(np.concatenate(found), prepared, rows)

    def deployed(self, net: nn.Module) -> nn.Module:
        """Nothing ships."""
        raise InputError("depth_direct: is only measured; nothing of it runs on the device")

    def calibration(self, prepared: Prepared, count: int, seed: int) -> NDArray[np.float32]:
        """Nothing ships."""
        raise InputError("depth_direct: is only measured; nothing of it runs on the device")

    def compare(self, floating: Model, quantized: Model, prepared: Prepared, whole: bool) -> Comparison:
        """Nothing ships."""
        raise InputError("depth_direct: is only measured; nothing of it runs on the device")

    def manifest(self, net: DepthDirectNet, prepared: Prepared) -> dict[str, Any]:
        """Nothing ships."""
        return {}

    def card(self, path: Path, prepared: Prepared) -> str:
        """Nothing ships."""
        return ""


def about(crop: NDArray[np.float32]) -> NDArray[np.float32]:
    """(N, 2) sine and cosine of the turn of crops (N, 4) as `convert.datasets.feature_rows` has them."""
    return np.stack([np.sin(crop[:, 3]), np.cos(crop[:, 3])], -1).astype(np.float32)


def figures(margins: NDArray[np.float32], prepared: Prepared, rows: NDArray[np.intp]) -> dict[str, float]:
    """How good margins (N, 2) in thigh lengths are for the nearer legs of rows."""
    arrays, at = prepared.arrays, np.arange(len(rows))
    near, thigh_cm = arrays["near"][rows], 100 * arrays["thigh_m"][rows]
    truth = arrays["margins"][rows][at, near] * thigh_cm
    said = margins[at, near] * thigh_cm
    off, close = np.abs(said - truth), np.abs(truth) < CLOSE_CM
    return {
        "score": float(np.median(off)),
        "median_cm": float(np.median(off)),
        "p90_cm": float(np.percentile(off, 90)),
        "right": float(((said > 0) == (truth > 0)).mean()),
        "auc": auc(said, truth > 0),
        "right_close": float(((said > 0) == (truth > 0))[close].mean()) if close.any() else float("nan"),
        "auc_close": auc(said[close], truth[close] > 0),
    }


TASK = DepthDirectTask()


def main() -> None:
    """Prints the figures of held-out bodies."""
    parser = argparse.ArgumentParser(prog="python -m convert.tasks.depth_direct", description=__doc__)
    parser.add_argument("run", type=Path, help="what `train` wrote")
    parser.add_argument("--data", type=Path, required=True, metavar="DIR", help="what it was trained on")
    asked = parser.parse_args()
    run, prepared = Run.open(asked.run), Prepared.open(asked.data)
    net = run.net(prepared).eval()
    for split in ("tune", "test"):
        told = ", ".join(f"{name} {value:.3f}" for name, value in TASK.measure(net, prepared, split).items())
        print(f"{split}, {int(prepared.arrays['low'][prepared.rows(split)].sum())} low frames: {told}")


if __name__ == "__main__":
    main()

"""DeepSquat's network: good or bad from images of the pose alone, one vote for each rep.

Zheng and Jiang 2019, as papers/README.md tells what their code does. Departures: images of our 17 joints of synthetic
reps; mirrored with the sides swapped; split by lifter; a rep's probability is the mean over its 11 images, where theirs
counted each image.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from convert.nets.form import Paper, PaperDeployed, PaperNet
from convert.prepared import Prepared
from convert.recipe import within
from convert.tasks import form_figures, form_reps
from convert.tasks.form import GATE_PART, GATE_REPS, gate_rows
from convert.tasks.form_figures import Said
from convert.tasks.form_reps import FormData, is_bad
from convert.tasks.form_shown import versions
from convert.tasks.task import Batch, Comparison
from device.inference.tflite import Model
from device.squat.form_input import OTHER_SIDE
from device.squat.pose_image import FRAMES, draw, flipped, zoomed_out

TUNE_FRAMES = (0, FRAMES // 2, FRAMES - 1)  # enough to stop by; the test and the device take all
GATE_FRAMES = (FRAMES // 2,)
AT_ONCE = 64


@dataclass(frozen=True)
class PaperData(FormData):
    """What is drawn, see `FormData`; `zoomed`: share of training pictures made smaller, in the paper half of them."""

    zoomed: float = within(0, 1, 0.5)


class FormPaper:
    """The task; see `convert.tasks.task.Task`."""

    name = "form_paper"
    data_kind: type = PaperData
    net_kind: type = PaperNet
    outputs = ("good",)

    def prepare(self, data: PaperData, sources: Sequence[Path], out: Path, seed: int) -> Prepared:
        """Draws the reps, see `form_reps`."""
        return form_reps.prepare(self.name, data, sources, out, seed)

    def net(self, net: PaperNet, prepared: Prepared) -> nn.Module:
        """A fresh network."""
        return Paper(net)

    def batch(self, prepared: Prepared, rows: NDArray[np.intp], rng: np.random.Generator | None) -> dict[str, Any]:
        """An image of each rep: the bottom, or in training any of the 11, flipped or made smaller by chance."""
        points = prepared.arrays["points"]
        if rng is None:
            version, frame = np.full(len(rows), points.shape[1] - 1), np.full(len(rows), FRAMES // 2)
        else:
            version, frame = versions(points.shape[1], len(rows), rng), rng.integers(0, FRAMES, len(rows))
        chosen = np.array(points[rows, version, frame], np.float32)
        if rng is not None:
            zoomed = prepared.about.get("told", {}).get("zoomed", PaperData.zoomed)
            flip, small = (rng.random((len(rows), 1, 1)) < share for share in (0.5, zoomed))
            chosen = np.where(flip, flipped(chosen, OTHER_SIDE), chosen)
            chosen = np.where(small, zoomed_out(chosen), chosen)
        good = ~is_bad(np.array(prepared.arrays["sizes"][rows]))
        return {"images": images(chosen), "good": np.stack([good, ~good], -1).astype(np.float32)}

    def loss(self, net: nn.Module, batch: Batch) -> Tensor:
        """Binary cross-entropy of the two outputs, and the penalty."""
        net = cast(Paper, net)
        found = net(batch["images"].float() / 255)
        return torch.as_tensor(functional.binary_cross_entropy_with_logits(found, batch["good"]) + net.penalty())

    def measure(self, net: nn.Module, prepared: Prepared, split: str) -> dict[str, float]:
        """`score` is the loss of single images without the penalty, `loss` with it; the rest is by rep."""
        net = cast(Paper, net)
        rows, device = prepared.rows(split), next(net.parameters()).device
        frames = TUNE_FRAMES if split == "tune" else tuple(range(FRAMES))
        good = torch.as_tensor(~is_bad(np.array(prepared.arrays["sizes"][rows]))).float()
        wanted = torch.stack([good, 1 - good], -1)
        logits = []
        for frame in frames:
            drawn = _tune_images(prepared.folder, frame) if split == "tune" else _images(prepared, split, frame)
            parts = [torch.as_tensor(drawn[k : k + AT_ONCE]) for k in range(0, len(drawn), AT_ONCE)]
            logits.append(torch.cat([net(part.to(device).float() / 255).cpu() for part in parts]))
        every = torch.stack(logits).float()
        plain = float(functional.binary_cross_entropy_with_logits(every, wanted.expand_as(every)))
        votes = torch.sigmoid(every[..., 0]).mean(0).double().numpy()
        sizes = np.array(prepared.arrays["sizes"][rows])
        both = {"score": plain, "loss": plain + float(net.penalty())}
        return both | form_figures.figures(Said(votes), sizes)

    def deployed(self, net: nn.Module) -> nn.Module:
        """One image in, one probability out."""
        return PaperDeployed(cast(Paper, net))

    def calibration(self, prepared: Prepared, count: int, seed: int) -> NDArray[np.float32]:
        """Training images, augmented."""
        rng = np.random.default_rng([seed, 1])
        rows = np.sort(rng.choice(prepared.rows("train"), min(count, len(prepared.rows("train"))), replace=False))
        return np.asarray(self.batch(prepared, rows, rng)["images"], np.float32) / 255

    def compare(self, floating: Model, quantized: Model, prepared: Prepared, whole: bool) -> Comparison:
        """Whether the votes stay the same over held-out reps; in the short run by the bottom's image alone."""
        rows = gate_rows(prepared, GATE_REPS if whole else GATE_PART)
        frames = tuple(range(FRAMES)) if whole else GATE_FRAMES
        points = np.array(prepared.arrays["points"][rows, -1], np.float32)[:, list(frames)]
        return form_figures.same_verdicts(votes_by(floating, points), votes_by(quantized, points))

    def manifest(self, net: PaperNet, prepared: Prepared) -> dict[str, Any]:
        """What the device checks."""
        return {"input": "pose_images", "frames": FRAMES, "threshold": 0.5}

    def card(self, folder: Path, prepared: Prepared) -> str:
        """Figures of the shipped graph."""
        rows = prepared.rows("test")
        points = np.array(prepared.arrays["points"][rows], np.float32)
        with Model(folder.with_suffix(".tflite")) as model:
            said = {
                "true keypoints": votes_by(model, points[:, 0]),
                "as the pose model finds them": votes_by(model, points[:, -1]),
            }
        sizes, view_deg, rendered = (
            np.array(prepared.arrays[name][rows]) for name in ("sizes", "view_deg", "rendered")
        )
        return form_figures.card(folder, said, sizes, view_deg, rendered)


def images(points: NDArray[np.floating]) -> NDArray[np.uint8]:
    """Images (B, H, W, 3) of joints (B, 17, 2)."""
    return np.stack([draw(np.asarray(one, np.float32)) for one in points])


def _images(prepared: Prepared, split: str, frame: int) -> NDArray[np.uint8]:
    """One of the 11 images of each rep of a split."""
    return images(prepared.arrays["points"][prepared.rows(split), -1, frame])


@lru_cache(maxsize=len(TUNE_FRAMES))
def _tune_images(folder: Path, frame: int) -> NDArray[np.uint8]:
    """Those of the tune split of the data in a folder: every epoch of every cell of a sweep looks at them."""
    return _images(Prepared.open(folder), "tune", frame)


def votes_by(model: Model, points: NDArray[np.float32]) -> Said:
    """The mean of what a graph says of each rep's images, joints (N, frames, 17, 2)."""
    return Said(np.array([np.mean([float(model(image[None] / np.float32(255))["good"][0, 0]) for image in images(rep)])
                          for rep in points]))  # fmt: skip


TASK = FormPaper()

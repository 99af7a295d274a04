"""The depth task: reps as the device sees them, to the height of the knee top over the hip crease of both legs.

What it learns from: convert/tasks/depth_data.py; how good it is: depth_figures.py and depth_card.py.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from convert.nets.depth import Deployed, DepthNet, SigmaFit
from convert.prepared import SPLITS, Prepared, write
from convert.recipe import within
from convert.tasks import depth_figures as figures
from convert.tasks.depth_data import FOLDS, KINDS, DepthData, prepared_rows
from convert.tasks.task import Batch, Comparison
from device.inference.depth_model import layout
from device.inference.tflite import Model
from device.squat.depth_features import FRAME_SIZE, FRAMES, GLOBAL, PER_FRAME, mirroring
from device.squat.rulebook import Rules

FITTED = 200  # reps near parallel, at least, for the fit of the standard deviations
FIT_SEED = 1  # of the choice of reps that makes the margins even
VERIFIED = 500  # keypoint-level reps on which the quantized graph must agree
_FLAT = FRAMES * FRAME_SIZE
_ABOUT = {name: _FLAT + i for i, name in enumerate(GLOBAL)}
_STARTS = dict(zip(PER_FRAME, np.cumsum([0, *(int(np.prod(s)) for s in PER_FRAME.values())]).tolist(), strict=False))


@dataclass(frozen=True)
class DepthNetKind:
    """The network's size."""

    members: int = within(1, 64, 4)
    frame_width: int = within(4, 1024, 64)
    width: int = within(4, 4096, 192)
    dropout: float = within(0, 0.9, 0.1)


class Depth:
    """See `convert.tasks.task.Task`."""

    name = "depth"
    data_kind = DepthData
    net_kind = DepthNetKind
    outputs = ("margins", "sigmas")

    def prepare(self, data: Any, sources: Sequence[Path], out: Path, seed: int) -> Prepared:
        """Sources are rendered sets (`python -m convert synth`).

        Raises:
            InputError: no sources, or one in which the device finds no rep.
        """
        return write(out, *prepared_rows(data, sources, seed))

    def net(self, net: Any, prepared: Prepared) -> nn.Module:
        """A fresh network that knows the features' means and spreads."""
        made = DepthNet(net.members, net.frame_width, net.width, net.dropout)
        some = prepared.rows("train")[:: max(1, len(prepared.rows("train")) // 4000)]
        made.normalize_by(torch.from_numpy(np.array(prepared.arrays["guessed"][some])))
        return made

    def batch(self, prepared: Prepared, rows: NDArray[np.intp], rng: np.random.Generator | None) -> Mapping[str, Any]:
        """Features and margins; augmented: what is known of camera and height, mirrored, points left out, shivers."""
        guessed = np.array(prepared.arrays["guessed"][rows])
        margins = np.array(prepared.arrays["margins"][rows])
        weight = np.array(prepared.arrays["weight"][rows])
        told = {"weight": weight, "fold": np.array(prepared.arrays["fold"][rows], np.int64)}
        if rng is None:
            return {"features": guessed, "margins": margins, **told}
        features = np.where(rng.random((len(rows), 1)) < 0.5, np.array(prepared.arrays["known"][rows]), guessed)
        return {**augmented(features, margins, rng), **told}

    def loss(self, net: nn.Module, batch: Batch) -> Tensor:
        """Gaussian likelihood weighted by sigma, so that doubtful reps teach too (Seitzer et al. 2022, beta = 0.5).

        No member learns from the fold of its number.
        """
        margins, logs = net(batch["features"])
        variance = torch.exp(2 * logs)
        each = 0.5 * (batch["margins"][:, None] - margins) ** 2 / variance + logs
        sees = torch.arange(margins.shape[1], device=margins.device) % FOLDS != batch["fold"][:, None]
        weighted = each * variance.detach().sqrt() * (sees * batch["weight"][:, None])[..., None]
        return weighted.sum() / batch["weight"].sum()

    def measure(self, net: nn.Module, prepared: Prepared, split: str) -> dict[str, float]:
        """Errors of the nearer leg on rendered and keypoint-level reps of a split, and how good the sigmas are."""
        graph = Deployed(net)  # type: ignore[arg-type]
        found: dict[str, float] = {}
        scores = []
        for kind in (0, 2):
            rows = _rows_of(prepared, split, kind)
            if not len(rows):
                continue
            name = KINDS[kind]
            truth, thigh_cm = (
                near(prepared, rows, prepared.arrays["margins"][rows]),
                100 * prepared.arrays["thigh_m"][rows],
            )
            for known in ("guessed", "known"):
                margins, sigmas = (near(prepared, rows, a) for a in run(graph, prepared.arrays[known][rows]))
                error_cm = (margins - truth) * thigh_cm
                found[f"{name}, {known}: median cm"] = float(np.median(np.abs(error_cm)))
                found[f"{name}, {known}: right"] = float(((margins > 0) == (truth > 0)).mean())
                found[f"{name}, {known}: sigma_scale"] = figures.sigma_scale(margins, sigmas, truth)
                some = figures.even(truth * thigh_cm, np.random.default_rng(FIT_SEED))
                if len(some) >= FITTED:
                    p, deep = figures.p_below(margins[some], sigmas[some]), truth[some] > 0
                    found[f"{name}, {known}: ECE"] = figures.ece(p, deep)
                    found[f"{name}, {known}: Brier"] = figures.brier(p, deep)
                scores.append(figures.likelihood(margins, np.maximum(sigmas, 0.03), truth))
        found["score"] = float(np.mean(scores)) if scores else 0.0
        return found

    def calibrate(self, net: nn.Module, prepared: Prepared) -> None:
        """Fits the standard deviations on drawn reps of the tune split near parallel, camera known and guessed.

        What members say of the fold they never saw was tried too: it doubts too much, for one member errs by more than
        all of them together.
        """
        assert isinstance(net, DepthNet)
        net.sigma = SigmaFit()
        rows = _rows_of(prepared, "tune", 2)
        truth, thigh_cm = near(prepared, rows, prepared.arrays["margins"][rows]), prepared.arrays["thigh_m"][rows] * 100
        some = figures.even(truth * thigh_cm, np.random.default_rng(FIT_SEED))
        if len(some) < FITTED:
            return
        found = [
            [near(prepared, rows[some], a) for a in run(Deployed(net), prepared.arrays[known][rows[some]])]
            for known in ("known", "guessed")
        ]
        margins, sigmas = np.concatenate(found, 1)
        net.sigma = figures.fit_sigma(margins, sigmas, np.tile(truth[some] > 0, 2))

    def deployed(self, net: nn.Module) -> nn.Module:
        """One input (1, COUNT), outputs margins and sigmas (1, 2)."""
        return Deployed(net)  # type: ignore[arg-type]

    def calibration(self, prepared: Prepared, count: int, seed: int) -> NDArray[np.float32]:
        """Features of training rows."""
        train = prepared.rows("train")
        some = np.sort(np.random.default_rng(seed).choice(train, min(count, len(train)), replace=False))
        return np.array(prepared.arrays["guessed"][some], np.float32)

    def compare(self, floating: Model, quantized: Model, prepared: Prepared, whole: bool) -> Comparison:
        """No verdict may differ outside the abstain band over keypoint-level reps of bodies that trained nothing."""
        rows = np.concatenate([_rows_of(prepared, split, 2) for split in ("test", "tune")])
        rows = rows if whole else rows[:VERIFIED]
        pairs = [[near_of(m(f[None]), int(n)) for m in (floating, quantized)] for f, n in zip(
            prepared.arrays["guessed"][rows], prepared.arrays["nearer"][rows], strict=True)]  # fmt: skip
        margins, sigmas = np.array(pairs).transpose(2, 1, 0)
        p = figures.p_below(margins, sigmas)
        rules = Rules()
        clear = (p[0] <= rules.abstain_from) | (p[0] >= rules.abstain_to)
        other = (p[0] >= 0.5) != (p[1] >= 0.5)
        figs = {
            "reps": float(len(rows)),
            "other_verdict_outside_the_band": float((other & clear).sum()),
            "other_verdict": float(other.sum()),
            "largest_p_difference": float(np.abs(p[0] - p[1]).max()),
            "largest_margin_difference": float(np.abs(margins[0] - margins[1]).max()),
        }
        words = (
            f"{int((other & clear).sum())} of {len(rows)} verdicts differ outside the abstain band, {int(other.sum())} "
            f"within; p_below by {figs['largest_p_difference']:.3f} at most"
        )
        return Comparison(len(rows) > 0 and not (other & clear).any(), figs, words)

    def manifest(self, net: Any, prepared: Prepared) -> dict[str, Any]:
        """The layout of the features."""
        return {"layout": layout()}

    def card(self, folder: Path, prepared: Prepared) -> str:
        """Figures of the shipped graph; see convert/tasks/depth_card.py."""
        from convert.tasks.depth_card import card

        return card(folder, prepared)


def near(prepared: Prepared, rows: NDArray[np.intp], both: NDArray[Any]) -> NDArray[np.float64]:
    """The nearer leg's values of (N, 2)."""
    return np.asarray(np.take_along_axis(both, prepared.arrays["nearer"][rows][:, None].astype(int), 1)[:, 0], float)


def near_of(found: Mapping[str, NDArray[np.float32]], nearer: int) -> tuple[float, float]:
    """Margin and sigma of a leg from a graph's outputs."""
    return float(found["margins"].ravel()[nearer]), float(found["sigmas"].ravel()[nearer])


def run(graph: nn.Module, features: NDArray[Any]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Margins and sigmas (N, 2) of a torch graph."""
    with torch.no_grad():
        margins, sigmas = graph(torch.from_numpy(np.array(features, np.float32)))
    return margins.numpy().astype(float), sigmas.numpy().astype(float)


def _rows_of(prepared: Prepared, split: str, kind: int) -> NDArray[np.intp]:
    return np.flatnonzero((prepared.split == SPLITS.index(split)) & (prepared.arrays["kind"] == kind))


def augmented(
    features: NDArray[np.float32], margins: NDArray[np.float32], rng: np.random.Generator
) -> dict[str, NDArray[np.float32]]:
    """Rows as they may come otherwise; scores, which are only numbers here, in the mean as they are.

    Lowered by 7.5% in the mean they taught the network, on the same data, to say 0.6 cm too high.
    """
    count = len(features)
    for has, value in (("has_camera_height", "camera_height"), ("has_height", "height")):
        hidden = rng.random(count) < 0.4
        features[hidden, _ABOUT[has]] = features[hidden, _ABOUT[value]] = 0
    frames = features[:, :_FLAT].reshape(count, FRAMES, FRAME_SIZE)
    hidden = rng.random(count) < 0.3
    start = _STARTS["surfaces"]
    frames[hidden, :, start : start + 12] = 0
    frames += rng.normal(0, 0.006, frames.shape) * (frames != 0)
    scores = _STARTS["scores"]
    frames[:, :, scores : _STARTS["surfaces"]] *= rng.uniform(0.85, 1.15, (count, 1, _STARTS["surfaces"] - scores))
    order, sign = mirroring()
    flip = rng.random(count) < 0.5
    features[flip] = features[flip][:, order] * sign
    margins[flip] = margins[flip, ::-1]
    return {"features": features.astype(np.float32), "margins": margins}


TASK = Depth()

"""A head on BlazePose's frozen features: hip creases and knee tops, and what of the body is in sight.

BlazePose has seen real people; only new outputs are trained here, on rendered lifters.
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

from convert.datasets.feature_rows import prepare_features
from convert.datasets.tracked import Choice
from convert.nets.heat import place_loss, places, sight_at
from convert.nets.surface import Head, SurfaceNet
from convert.prepared import Prepared
from convert.recipe import within
from convert.surface_report import card, near_errors
from convert.tasks.task import Batch, Comparison
from device.inference import surface
from device.inference.surface import POINTS
from device.inference.tflite import Model
from device.squat.pose import BAR_ENDS, KEYPOINTS, SURFACES, index

HIDDEN, FAR, JOINT, HIGH = 0.4, 0.5, 0.3, 0.6  # weights: points behind something, of the far leg, joints, upper half
SIGHT = 0.3  # weight of sight beside the places
SHIFT_P99, WORSE = (
    0.03,
    0.001,
)  # of the torso: what quantization may move the nearer leg's points that are in sight (the
# heat of hidden ones has several peaks, and a grain tips their mean), and what it may add to the median error
PART = 300  # rows that a quick comparison takes
MOVED = 4  # cells of the features by which a training row is moved at most: the device's crop lags, too

_ORDER = index(*POINTS)
_SURFACES = slice(0, len(SURFACES))
_SEEN = slice(0, len(KEYPOINTS) - len(BAR_ENDS))
_BACK = [POINTS.index(name) for name in KEYPOINTS[_SEEN]]


@dataclass(frozen=True)
class SurfaceData:
    """The recipe's [data]. `frames` of a clip, `low_share` of them from the lower half of the hips' way.

    `held_frames`: of a clip of a held-out body, 0 = as many. `views`: crops of each training frame, each disturbed in
    its own way. `clips`: at most so many, 0 = all. `workers`: processes that prepare.
    """

    frames: int = within(1, 10_000, 14)
    held_frames: int = within(0, 10_000, 0)
    low_share: float = within(0, 1, 0.75)
    views: int = within(1, 100, 1)
    clips: int = within(0, 10_000_000, 0)
    workers: int = within(1, 256, 1)


class Surface:
    """See `convert.tasks.task.Task`."""

    name = "surface"
    data_kind = SurfaceData
    net_kind = SurfaceNet
    outputs = surface.OUTPUTS

    def prepare(self, data: SurfaceData, sources: Sequence[Path], out: Path, seed: int) -> Prepared:
        """BlazePose over rendered clips, see `convert.datasets.feature_rows`."""
        choice = Choice(data.frames, data.low_share, data.views, disturbed=True)
        held = Choice(data.held_frames or data.frames, data.low_share, 1, disturbed=False)
        return prepare_features(self.name, sources, out, choice, held, data.clips, seed, asdict(data), data.workers)

    def net(self, net: SurfaceNet, prepared: Prepared) -> nn.Module:
        """The head, its input standardized by training rows."""
        return Head(net, *standard(prepared)).to(memory_format=torch.channels_last)  # as features come: faster

    def batch(self, prepared: Prepared, rows: NDArray[np.intp], rng: np.random.Generator | None) -> Mapping[str, Any]:
        """Rows whose crops were disturbed before BlazePose saw them; with `rng` each is moved a little, too."""
        return _some(prepared, rows) if rng is None else _moved(prepared, rows, rng)

    def loss(self, net: nn.Module, batch: Batch) -> Tensor:
        """Distance of the heat's mean, shape of the heat, and sight."""
        # The loop sees to CUDA. On a CPU it makes whole convolutions faster by half, and depthwise ones slower by half.
        bfloat16 = batch["points"].device.type == "cpu" and getattr(net, "module", net).told.mix == "full"
        with torch.autocast("cpu", torch.bfloat16, enabled=bfloat16):
            heat, sight = net(features_of(batch))
        place = place_loss(heat.float(), batch["points"], batch["weight"])
        seen = sight_at(heat.float()[:, _BACK], sight.float())
        return place + SIGHT * functional.binary_cross_entropy_with_logits(seen, batch["seen"])

    def measure(self, net: nn.Module, prepared: Prepared, split: str) -> dict[str, float]:
        """Errors of the nearer leg, in torso lengths; the score is the mean of both medians."""
        rows = prepared.rows(split)
        points, _ = predict(net, prepared, rows)
        return {**near_errors(points, prepared, rows), "score": _score(points, prepared, rows)}

    def deployed(self, net: nn.Module) -> nn.Module:
        """Channels last."""
        assert isinstance(net, Head)
        return _Deployed(net)

    def calibration(self, prepared: Prepared, count: int, seed: int) -> NDArray[np.float32]:
        """Features of training rows."""
        rows = np.random.default_rng(seed).permutation(prepared.rows("train"))[:count]
        return np.concatenate([_one(prepared, row) for row in np.sort(rows)])

    def compare(self, floating: Model, quantized: Model, prepared: Prepared, whole: bool) -> Comparison:
        """How far quantization moves the points, of held-out bodies."""
        rows = np.concatenate([prepared.rows("tune"), prepared.rows("test")]) if whole else prepared.rows("tune")
        if not whole:
            rows = np.sort(np.random.default_rng(0).permutation(rows)[:PART])
        found = [[surface.read(model(_one(prepared, row))) for row in rows] for model in (floating, quantized)]
        before, after = (np.array([np.concatenate([f.points, f.joints]) for f in some]) for some in found)
        way = np.linalg.norm(after - before, axis=-1)
        moved = _seen_of_near(way[:, _SURFACES], prepared, rows)
        joints = (way / prepared.arrays["torso"][rows][:, None])[prepared.arrays["visible"][rows][:, _ORDER] == 2]
        shift = {"shift_median": float(np.median(moved)), "shift_p99": float(np.percentile(moved, 99))}
        shift["all_p99"] = float(np.percentile(joints, 99))
        errors = [_score(points[:, _SURFACES], prepared, rows) for points in (before, after)]
        passed = max(shift["shift_p99"], shift["all_p99"]) <= SHIFT_P99 and errors[1] <= errors[0] + WORSE
        words = (
            f"{len(rows)} frames: the nearer leg's points in sight move by {shift['shift_median']:.2%} of the torso "
            f"(99 of 100 by less than {shift['shift_p99']:.2%}, of all points and joints {shift['all_p99']:.2%}); "
            f"median error {errors[0]:.2%}, then {errors[1]:.2%}"
        )
        return Comparison(passed, {**shift, "error_float": errors[0], "error_quantized": errors[1]}, words)

    def manifest(self, net: SurfaceNet, prepared: Prepared) -> dict[str, Any]:
        """Which landmark model it needs, and the order of the points."""
        backbone = prepared.about["backbone"]
        return {
            "requires": [backbone["source"]["sha256"]],
            "backbone": backbone,
            "points": list(POINTS),
        }

    def card(self, path: Path, prepared: Prepared) -> str:
        """Errors of the shipped graph on held-out bodies, beside BlazePose's own."""
        rows = prepared.rows("test")
        with Model(path.with_suffix(".tflite")) as model:
            found = [surface.read(model(_one(prepared, row))) for row in rows]
        said = surface.Found(*(np.array([getattr(f, part) for f in found]) for part in ("points", "scores", "joints")))
        return card(said, prepared, rows)


class _Deployed(nn.Module):
    """Features as the device gives them to heat and sight, channels last."""

    def __init__(self, head: Head) -> None:
        super().__init__()
        self.head = head

    def forward(self, features: Tensor) -> tuple[Tensor, Tensor]:
        heat, sight = self.head(features.permute(0, 3, 1, 2))
        return heat.permute(0, 2, 3, 1), sight.permute(0, 2, 3, 1)


def _moved(prepared: Prepared, rows: NDArray[np.intp], rng: np.random.Generator) -> dict[str, Any]:
    """Rows whose features and points are moved by up to `MOVED` whole cells; what moves in is the border again."""
    some = _some(prepared, rows)
    cells = some["features"].shape[1]
    starts = rng.integers(0, 2 * MOVED + 1, (len(rows), 2))  # where the picture begins, across and down
    wide = np.pad(some["features"], ((0, 0), (MOVED, MOVED), (MOVED, MOVED), (0, 0)), "edge")
    some["features"] = np.stack([w[y : y + cells, x : x + cells] for w, (x, y) in zip(wide, starts, strict=True)])
    some["points"] = some["points"] + ((MOVED - starts) / cells)[:, None].astype(np.float32)
    inside = ((some["points"] >= 0) & (some["points"] < 1)).all(-1)
    some["weight"], some["seen"] = some["weight"] * inside, some["seen"] * inside[:, _BACK]
    return some


def _some(prepared: Prepared, rows: NDArray[np.intp]) -> dict[str, Any]:
    arrays = prepared.arrays
    points = arrays["points"][rows][:, _ORDER]
    return {
        "features": arrays["features"][rows],
        "features_scale": arrays["features_scale"][rows],
        "points": points,
        "visible": arrays["visible"][rows][:, _ORDER],
        "weight": _weights(points, arrays["visible"][rows][:, _ORDER], arrays["near"][rows], arrays["low"][rows]),
        "seen": (arrays["visible"][rows][:, _SEEN] == 2).astype(np.float32),
    }


def _weights(
    points: NDArray[np.float32], visible: NDArray[np.uint8], near: NDArray[np.uint8], low: NDArray[np.bool_]
) -> NDArray[np.float32]:
    """(N, P) how much each point's place counts."""
    inside = (visible > 0) & np.isfinite(points).all(-1)
    weight = np.where(visible == 2, 1.0, HIDDEN) * np.where(low, 1.0, HIGH)[:, None]
    for place, name in enumerate(POINTS):
        if name not in SURFACES:
            weight[:, place] *= JOINT
        if name != "nose":
            side = 0 if name.startswith("left") else 1
            weight[:, place] *= np.where(near == side, 1.0, FAR)
    return (weight * inside).astype(np.float32)


def standard(prepared: Prepared) -> tuple[Tensor, Tensor]:
    """Mean and standard deviation (48, 1, 1) of the features of training rows."""
    rows = prepared.rows("train")
    features = features_of(_some(prepared, rows[:: max(1, len(rows) // 200)]))
    return features.mean((0, 2, 3))[:, None, None], features.std((0, 2, 3))[:, None, None] + 1e-3


def features_of(batch: Mapping[str, Any]) -> Tensor:
    """(N, 48, 64, 64) in real units."""
    whole, scale = torch.as_tensor(batch["features"]), torch.as_tensor(batch["features_scale"])
    return (whole.float() * scale[:, None, None, :]).permute(0, 3, 1, 2)


def _one(prepared: Prepared, row: int) -> NDArray[np.float32]:
    """(1, 64, 64, 48) a row's features as the device gives them."""
    arrays = prepared.arrays
    return (arrays["features"][row].astype(np.float32) * arrays["features_scale"][row])[None]


def predict(
    net: nn.Module, prepared: Prepared, rows: NDArray[np.intp]
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Surface points (N, 4, 2), 0 to 1 across the crop, and how likely each of 21 points is in sight (N, 21)."""
    where = next(net.parameters()).device
    points, seen = [], []
    with torch.no_grad():
        for start in range(0, len(rows), 32):
            batch = _some(prepared, rows[start : start + 32])
            tensors = {key: torch.as_tensor(batch[key]).to(where) for key in ("features", "features_scale")}
            heat, sight = net(features_of(tensors))
            points.append(places(heat[:, _SURFACES])[0].cpu().numpy())
            seen.append(torch.sigmoid(sight_at(heat[:, _BACK], sight)).cpu().numpy())
    return np.concatenate(points), np.concatenate(seen)


def _seen_of_near(values: NDArray[np.float32], prepared: Prepared, rows: NDArray[np.intp]) -> NDArray[np.float32]:
    """Of values (N, 4) of the surface points those of points in sight of the nearer leg, in torso lengths."""
    near = prepared.arrays["near"][rows][:, None] == [0, 1, 0, 1]
    seen = prepared.arrays["visible"][rows][:, index(*SURFACES)] == 2
    return np.asarray((values / prepared.arrays["torso"][rows][:, None])[near & seen])


def _score(points: NDArray[np.float32], prepared: Prepared, rows: NDArray[np.intp]) -> float:
    """Mean of the median errors of crease and knee top of the nearer leg, in torso lengths."""
    figures = near_errors(points, prepared, rows)
    return (figures["crease_median"] + figures["knee_top_median"]) / 2


TASK = Surface()

"""How far a pose network's keypoints lie from the truth, read off its maps by the device's own code."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from convert.datasets import pose_rows
from convert.prepared import Prepared
from device.inference.squatlight_pose import SIZE, decode
from device.squat.pose import BAR_ENDS, JOINTS, KEYPOINTS

MEASURED = 400  # rows of the tune split after each epoch
FAR = 0.5  # torso lengths: more is just as wrong

Run = Callable[[NDArray[np.float32]], Sequence[Any]]


@dataclass(frozen=True)
class Errors:
    """What was found in N crops.

    Attributes:
        pixels: (N, 23) from the truth, pixels of the network's input; NaN: not known, or not in the crop.
        torsos: (N, 23) the same in torso lengths.
        metres: (N, 23) of the world points.
        there: (N, 24) as the network says it.
        scores: (N, 23).
        sight: (N, 23) whether the point is in sight; NaN: not known.
        inside: (N, 23) whether it lies in the crop.
    """

    pixels: NDArray[np.float64]
    torsos: NDArray[np.float64]
    metres: NDArray[np.float64]
    there: NDArray[np.float64]
    scores: NDArray[np.float64]
    sight: NDArray[np.float64]
    inside: NDArray[np.bool_]


def found_in(net: Any, prepared: Prepared, rows: NDArray[np.intp], batch: int = 16) -> Errors:
    """Runs a network over the crops that perfect poses would give.

    Args:
        net: gives heat, world, seen and there, channels last, of images (B, 256, 256, 3), 0 to 1:
            `convert.nets.pose.Deployed`, or a function that runs a TFLite graph.
        prepared: the data.
        rows: of it.
        batch: how many at once.
    """
    device = next(net.parameters()).device if isinstance(net, torch.nn.Module) else torch.device("cpu")
    lines = []
    for start in range(0, len(rows), batch):
        part = [pose_rows.example(prepared, int(row), None) for row in rows[start : start + batch]]
        images = torch.as_tensor(np.stack([each["image"] for each in part])).to(device).float() / 255
        outputs = [np.asarray(torch.as_tensor(out).float().cpu()) for out in net(images)]
        lines += [
            _line(each, [out[place] for out in outputs], *_scale(prepared, int(row)))
            for place, (each, row) in enumerate(zip(part, rows[start : start + batch], strict=True))
        ]
    return Errors(*(np.stack(column) for column in zip(*lines, strict=True)))


def _scale(prepared: Prepared, row: int) -> tuple[float, float]:
    """Pixels of the input per pixel of the stored picture, and the torso's length there."""
    side_px = pose_rows.crop_around(prepared.arrays["points"][row]).side_px
    return SIZE / side_px, float(prepared.arrays["torso"][row])


def _line(wanted: dict[str, Any], outputs: list[NDArray[Any]], scale: float, torso: float) -> tuple[NDArray[Any], ...]:
    heat, world, seen, there = outputs
    points, scores, metres = decode(heat, world, seen)
    placed, known = wanted["placed"] > 0, wanted["world_known"] > 0
    pixels = np.where(placed, np.linalg.norm(points - wanted["points"], axis=-1) * SIZE, np.nan)
    off = np.where(known, np.linalg.norm(metres - wanted["world"], axis=-1), np.nan)
    sight = np.where(wanted["sight_known"] > 0, wanted["sight"], np.nan)
    return pixels, pixels / (torso * scale), off, there, scores * there[1:], sight, wanted["there"][1:] > 0


def figures(found: Errors, prepared: Prepared, rows: NDArray[np.intp]) -> dict[str, float]:
    """The figures of an epoch; `score` is the mean error over all points in torso lengths, none worse than `FAR`."""
    joints = slice(0, len(JOINTS))
    bar = slice(len(KEYPOINTS) - len(BAR_ENDS), None)
    told = np.isfinite(found.sight)
    return {
        "score": float(np.nanmean(np.minimum(found.torsos, FAR))),
        "joints": _median(found.torsos[:, joints]),
        "surfaces": _median(found.torsos[:, len(JOINTS) : bar.start]),
        "bar": _median(found.torsos[:, bar]),
        "world_m": _median(found.metres),
        "lifter": float((found.there[:, 0] >= 0.5).mean()),
        "sight": float(((found.scores >= 0.5) == (found.sight == 1))[told].mean()),
    }


def _median(values: NDArray[np.float64]) -> float:
    return float(np.nanmedian(values)) if np.isfinite(values).any() else 0.0

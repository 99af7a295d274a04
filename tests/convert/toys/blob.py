"""The smallest task: where is the bright blob, and is it on the right?"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from convert import prepared as data
from convert.prepared import Prepared
from convert.recipe import within
from convert.tasks.task import Comparison

SIDE = 12


@dataclass(frozen=True)
class Data:
    rows: int = within(1, 100_000, 240)
    noise: float = within(0, 1, 0.05)
    jitter: float = within(0, 1, 0.02)


@dataclass(frozen=True)
class Net:
    width: int = within(1, 64, 4)
    dropout: float = within(0, 1, 0.1)
    norm: bool = True


class Blob(nn.Module):
    def __init__(self, told: Net) -> None:
        super().__init__()
        norm = nn.BatchNorm2d(told.width) if told.norm else nn.Identity()
        self.features = nn.Sequential(nn.Conv2d(1, told.width, 3, padding=1), norm, nn.ReLU(), nn.MaxPool2d(2))
        self.head = nn.Sequential(
            nn.Flatten(), nn.Dropout(told.dropout), nn.Linear(told.width * (SIDE // 2) ** 2, 16), nn.ReLU()
        )
        self.place, self.side = nn.Linear(16, 2), nn.Linear(16, 1)

    def forward(self, images):
        hidden = self.head(self.features(images.permute(0, 3, 1, 2)))
        return self.place(hidden), self.side(hidden)


class Deployed(nn.Module):
    def __init__(self, net: nn.Module) -> None:
        super().__init__()
        self.net = net

    def forward(self, images):
        place, side = self.net(images)
        return place, torch.sigmoid(side)


class Task:
    name, data_kind, net_kind = "toys.blob", Data, Net
    outputs = ("place", "right")

    def prepare(self, told: Data, sources: Sequence[Path], out: Path, seed: int) -> Prepared:
        rng = np.random.default_rng(seed)
        place = rng.uniform(2, SIDE - 3, (told.rows, 2)).astype(np.float32)
        grid = np.arange(SIDE)
        near = [np.exp(-((grid - place[:, axis, None]) ** 2) / 2) for axis in (0, 1)]
        images = near[1][:, :, None] * near[0][:, None] + rng.normal(0, told.noise, (told.rows, SIDE, SIDE))
        split = np.where(np.arange(told.rows) % 8 == 7, 2, np.where(np.arange(told.rows) % 8 == 6, 1, 0))
        arrays = {
            "images": images[..., None].astype(np.float32),
            "place": place / SIDE,
            "right": (place[:, 0] > SIDE / 2).astype(np.uint8),
        }
        source = {"name": "blobs", "sha256": "0" * 64, "licence": "CC0-1.0", "rows": told.rows}
        classes = {"array": "right", "names": ["left", "right"]}
        about = {"task": self.name, "sources": [source], "classes": classes, "jitter": told.jitter}
        return data.write(out, arrays, split.astype(np.uint8), about)

    def net(self, told: Net, prepared: Prepared) -> nn.Module:
        return Blob(told)

    def batch(self, prepared: Prepared, rows, rng) -> Mapping[str, Any]:
        images, place, right = (np.asarray(prepared.arrays[name][rows]) for name in ("images", "place", "right"))
        if rng is not None:
            images = images + rng.normal(0, prepared.about["jitter"], images.shape).astype(np.float32)
        return {"images": images, "place": place, "right": right.astype(np.float32)}

    def loss(self, net: nn.Module, batch) -> torch.Tensor:
        place, side = net(batch["images"])
        wrong = functional.binary_cross_entropy_with_logits(side[:, 0], batch["right"])
        return 10 * functional.mse_loss(place, batch["place"]) + wrong

    def measure(self, net: nn.Module, prepared: Prepared, split: str) -> dict[str, float]:
        batch = self.batch(prepared, prepared.rows(split), None)
        place, side = net(torch.as_tensor(batch["images"]))
        error = float((place - torch.as_tensor(batch["place"])).abs().mean())
        right = float(((side[:, 0] > 0).float() == torch.as_tensor(batch["right"])).float().mean())
        return {"score": error, "accuracy": right}

    def deployed(self, net: nn.Module) -> nn.Module:
        return Deployed(net)

    def calibration(self, prepared: Prepared, count: int, seed: int):
        rows = np.random.default_rng(seed).permutation(prepared.rows("train"))[:count]
        return np.asarray(prepared.arrays["images"][np.sort(rows)])

    def compare(self, floating, quantized, prepared: Prepared, whole: bool) -> Comparison:
        images = prepared.arrays["images"][prepared.rows("test")][: None if whole else 10]
        both = [[model(image[None]) for image in images] for model in (floating, quantized)]
        place = max(float(np.abs(a["place"] - b["place"]).max()) for a, b in zip(*both, strict=True))
        sides = sum((a["right"].item() > 0.5) != (b["right"].item() > 0.5) for a, b in zip(*both, strict=True))
        passed = place < 0.1 and sides <= len(images) // 10
        return Comparison(
            passed, {"place": place, "sides": sides}, f"{len(images)} images: {place:.3f} apart, {sides} other sides"
        )

    def manifest(self, told: Net, prepared: Prepared) -> dict[str, Any]:
        return {"thresholds": {"right": 0.5}}

    def card(self, folder: Path, prepared: Prepared) -> str:
        return "Blobs are found.\n"


TASK = Task()

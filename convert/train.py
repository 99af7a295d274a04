"""`python -m convert train RECIPE --data DIR --out DIR [--resume] [--from NET]`: the one loop, for all tasks.

On CUDA where there is a GPU (bfloat16), else on the CPU; on several GPUs or hosts by torchrun (convert/processes.py).
Every random number of an epoch comes from the seed and the epoch's number, so a training that was killed and resumed
gives the same bits as one that was not.
"""

import argparse
import json
import math
import platform
import time
from collections.abc import Sequence
from copy import deepcopy
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn
from tqdm import tqdm

from convert import processes
from convert.batches import batches, steps
from convert.commit import commit
from convert.curves import draw
from convert.outputs import new_folder
from convert.prepared import Prepared
from convert.recipe import Recipe, read
from convert.runs import load, save, save_text
from convert.start import begin
from device.errors import InputError, PartFailed

DRAWN_S = 30  # the curves take longer to draw than an epoch of a small network


def main(arguments: Sequence[str]) -> int:
    """Trains, and prints the best epoch."""
    parser = argparse.ArgumentParser(prog="python -m convert train", description=__doc__)
    parser.add_argument("recipe", type=Path, help="TOML file, e.g. convert/recipes/depth-short.toml")
    parser.add_argument("--data", type=Path, required=True, metavar="DIR", help="what `prepare` wrote")
    parser.add_argument("--out", type=new_folder, required=True, metavar="DIR", help="folder of the training")
    parser.add_argument("--resume", action="store_true", help="go on after the last whole epoch")
    parser.add_argument(
        "--from",
        dest="start",
        type=Path,
        metavar="NET",
        help="begin with these: net.pt of a training, or models/float/NAME.tflite (may have fewer residual blocks)",
    )
    asked = parser.parse_args(arguments)
    recipe, prepared = read(asked.recipe), Prepared.open(asked.data)
    history = train(recipe, prepared, asked.out, asked.resume, asked.start)
    best = min(history, key=lambda epoch: epoch["tune"]["score"])
    figures = ", ".join(f"{name} {value:.4g}" for name, value in best["tune"].items())
    print(f"{asked.out}: best of {len(history)} epochs is {best['epoch']}: {figures}")
    return 0


def train(
    recipe: Recipe, prepared: Prepared, out: Path, resume: bool = False, start: Path | None = None
) -> list[dict[str, Any]]:
    """Trains a network; `out` becomes the folder that `convert.runs` describes.

    Args:
        recipe: what to train.
        prepared: on what.
        out: where to.
        resume: go on where there is a checkpoint in `out`.
        start: weights to begin with, for other data or another recipe; None begins with random ones.

    Returns:
        The history: per epoch its number, loss, rate, seconds and figures on the tune split.

    Raises:
        InputError: the data is broken, or `out` holds a training of another recipe or of other data.
        PartFailed: the loss is no number any more, or memory ran out.
    """
    if prepared.about["task"] != getattr(recipe.maker, "prepared_by", recipe.task):
        raise InputError(f"{prepared.folder}: prepared for {prepared.about['task']}, the recipe trains {recipe.task}")
    for key, used in prepared.about.get("told", {}).items():
        now = json.loads(json.dumps(asdict(recipe.data))).get(key)
        if now != used:
            found = f"prepared with data.{key} = {used}, the recipe says {now}"
            raise InputError(f"{prepared.folder}: {found}; prepare it anew")
    prepared.check()
    torch.set_num_threads(recipe.train.threads)
    with processes.processes() as (rank, world, device):
        loop = _Loop(recipe, prepared, out, rank, world, device, start)
        try:
            return loop.run(resume)
        except torch.OutOfMemoryError:
            memory = "the GPU's memory"
        except RuntimeError as error:
            if "allocate memory" not in str(error):
                raise
            memory = "memory"
        raise PartFailed(f"{memory} is too small for train.batch = {recipe.train.batch}; try {recipe.train.batch // 2}")


class _Loop:
    """One process's part of a training."""

    def __init__(
        self,
        recipe: Recipe,
        prepared: Prepared,
        out: Path,
        rank: int,
        world: int,
        device: torch.device,
        start: Path | None = None,
    ) -> None:
        self.recipe, self.prepared, self.out = recipe, prepared, out
        self.task, self.told = recipe.maker, recipe.train
        self.rank, self.world, self.device = rank, world, device
        self.rows = prepared.rows("train")
        self.steps = steps(self.rows, self.told)
        if min(self.told.batch, len(self.rows)) < world:
            raise InputError(f"train.batch: {self.told.batch} of {len(self.rows)} rows, for {world} processes")
        torch.manual_seed(self.told.seed)
        self.net = self.task.net(recipe.net, prepared).to(device)
        self.start = ""
        if start is not None:
            self.start, new = begin(self.net, start, self.task, prepared, self.told.seed, grow=True)
            if new and rank == 0:
                print(f"{start}: has {new} residual blocks less than the recipe; the new ones begin by adding nothing")
        self.mean = deepcopy(self.net) if self.told.ema else self.net
        self.optimizer = torch.optim.AdamW(
            [p for p in self.net.parameters() if p.requires_grad],
            lr=self.told.rate,
            weight_decay=self.told.weight_decay,
        )
        self.history: list[dict[str, Any]] = []
        self.best: dict[str, torch.Tensor] = {}
        self.drawn = -DRAWN_S

    def run(self, resume: bool) -> list[dict[str, Any]]:
        self._begin(resume)
        while not self._done():
            epoch = len(self.history) + 1
            started = time.monotonic()
            loss = self._epoch(epoch)
            figures = self._measure()
            score = figures["score"] if self.world == 1 else processes.share(figures.get("score", 0.0), self.device)
            better = not self.history or score < min(e["tune"]["score"] for e in self.history)
            seconds = round(time.monotonic() - started, 3)
            if self.world > 1:
                seconds = processes.share(seconds, self.device)  # all end at the same epoch
            self.history.append(
                {"epoch": epoch, "loss": loss, "rate": self._rate(epoch * self.steps), "seconds": seconds}
                | {"tune": {**figures, "score": score}}
            )
            if better:
                self.best = {name: tensor.cpu().clone() for name, tensor in self.mean.state_dict().items()}
            if self.rank == 0:
                self._keep()
        if self.rank == 0:
            self._about(finished=True)
        return self.history

    def _done(self) -> bool:
        count, told = len(self.history), self.told
        if not count:
            return False
        best = min(range(count), key=lambda k: self.history[k]["tune"]["score"])
        waited = count - 1 - best
        late = told.minutes and sum(epoch["seconds"] for epoch in self.history) >= told.minutes * 60
        return bool(count >= told.epochs or (told.patience and waited >= told.patience) or late)

    def _rate(self, step: int) -> float:
        """Cosine after a linear rise."""
        total = self.told.epochs * self.steps
        rise = max(1, round(self.told.warmup * total))
        if step < rise:
            return self.told.rate * (step + 1) / (rise + 1)
        return self.told.rate * 0.5 * (1 + math.cos(math.pi * (step - rise) / max(1, total - rise)))

    def _epoch(self, epoch: int) -> float:
        torch.manual_seed(self.told.seed * 1_000_003 + epoch * 1009 + self.rank)  # dropout and the like
        self.net.train()
        total, first = 0.0, (epoch - 1) * self.steps
        words = f"epoch {epoch}/{self.told.epochs}"
        fed = batches(self.task, self.prepared, self.rows, self.told, epoch, self.rank, self.world)
        bar = tqdm(fed, words, self.steps, leave=False, disable=None if self.rank == 0 else True)
        for step, arrays in enumerate(bar):
            batch = {name: torch.as_tensor(array).to(self.device) for name, array in arrays.items()}
            for group in self.optimizer.param_groups:
                group["lr"] = self._rate(first + step)
            self.optimizer.zero_grad(set_to_none=True)
            with torch.autocast(self.device.type, torch.bfloat16, enabled=self.device.type == "cuda"):
                loss = self.task.loss(self.net, batch)
            loss.backward()
            value = loss.detach().clone()
            if self.world > 1:
                processes.average(self.net, value)
            if not torch.isfinite(value):
                raise PartFailed(
                    f"epoch {epoch}, step {step + 1}: the loss is {float(value)}; try a smaller train.rate"
                )
            if self.told.clip:
                nn.utils.clip_grad_norm_(self.net.parameters(), self.told.clip)
            self.optimizer.step()
            self._follow(first + step)
            total += float(value)
            bar.set_postfix(loss=f"{total / (step + 1):.4g}", refresh=False)
        if self.world > 1:
            processes.same(self.net)
            processes.same(self.mean)
        return total / self.steps

    def _follow(self, step: int) -> None:
        """Moves the running mean of the weights towards them; at first faster."""
        if self.mean is self.net:
            return
        keep = min(self.told.ema, (1 + step) / (10 + step))
        with torch.no_grad():
            for mean, now in zip(self.mean.state_dict().values(), self.net.state_dict().values(), strict=True):
                if mean.dtype.is_floating_point:
                    mean.lerp_(now, 1 - keep)
                else:
                    mean.copy_(now)

    def _measure(self) -> dict[str, float]:
        if self.rank:
            return {}
        self.mean.eval()
        with torch.no_grad():
            found = self.task.measure(self.mean, self.prepared, "tune")
        if not math.isfinite(found["score"]):
            raise PartFailed(f"the score on the tune split is {found['score']}")
        return {name: float(value) for name, value in found.items()}

    def _begin(self, resume: bool) -> None:
        checkpoint = self.out / "checkpoint.pt"
        if checkpoint.exists() and not resume:
            raise InputError(f"{self.out}: holds a training; go on with --resume, or choose another --out")
        if checkpoint.exists():
            kept = load(checkpoint, self.device)
            for what, now in self._same().items():
                if kept.get(what, now) != now:
                    raise InputError(f"{self.out}: the training there is of another {what}; choose another --out")
            self.net.load_state_dict(kept["net"])
            self.mean.load_state_dict(kept["mean"])
            self.optimizer.load_state_dict(kept["optimizer"])
            self.history, self.best, self.start = kept["history"], kept["best"], kept.get("start", "")
            if self.rank == 0:
                self._keep()  # it may have died before it wrote the files that tell the same
        elif self.rank == 0:
            self.out.mkdir(parents=True, exist_ok=True)
        if self.rank == 0:
            save_text(self.recipe.text, self.out / "recipe.toml")
            self._about(finished=False)

    def _same(self) -> dict[str, Any]:
        """What a checkpoint must share with the training that goes on from it."""
        return {
            "recipe": self.recipe.text,
            "data": dict(self.prepared.about["arrays"]),
            "split": self.prepared.about["split"],
            "processes": self.world,
        }

    def _keep(self) -> None:
        state = {"net": self.net.state_dict(), "mean": self.mean.state_dict(), "optimizer": self.optimizer.state_dict()}
        told = {"history": self.history, "best": self.best, "start": self.start}
        save(state | self._same() | told, self.out / "checkpoint.pt")
        save(self.best, self.out / "net.pt")
        save_text(json.dumps(self.history, indent=1), self.out / "history.json")
        if self._done() or time.monotonic() - self.drawn > DRAWN_S:
            draw(self.history, self.out / "curves.png")
            self.drawn = time.monotonic()

    def _about(self, finished: bool) -> None:
        on = torch.cuda.get_device_name(self.device) if self.device.type == "cuda" else platform.machine()
        about = {
            "task": self.recipe.task,
            "name": self.recipe.name,
            "recipe_file": self.recipe.file,
            "seed": self.told.seed,
            "commit": commit(),
            "data": dict(self.prepared.about["arrays"]),
            "split": self.prepared.about["split"],
            "rows": {split: len(self.prepared.rows(split)) for split in ("train", "tune")},
            "parameters": sum(p.numel() for p in self.net.parameters()),
            "device": f"{on}, {self.world} processes of {self.told.threads} threads",
            "torch": torch.__version__,
            "numpy": np.__version__,
            "start": self.start,
            "epochs": len(self.history),
            "minutes": round(sum(epoch["seconds"] for epoch in self.history) / 60, 2),
            "finished": finished,
        }
        save_text(json.dumps(about, indent=1), self.out / "about.json")

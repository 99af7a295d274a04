"""The folder of one training.

recipe.toml   the recipe it ran
checkpoint.pt everything that going on needs, after the last whole epoch
net.pt        the weights of the best epoch (by `score` on the tune split)
history.json  per epoch: loss, rate, seconds and the figures on the tune split
about.json    seed, commit, hashes of the data, versions, machine; `finished`
curves.png    loss and figures by epoch
"""

import json
import os
from dataclasses import dataclass
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

import torch
from torch import nn

from convert.prepared import Prepared
from convert.recipe import Recipe, read
from device.errors import InputError


@dataclass(frozen=True)
class Run:
    """A training that is done.

    Attributes:
        folder: where it lies.
        recipe: what it ran.
        about: seed, commit, hashes, versions.
        history: per epoch.
    """

    folder: Path
    recipe: Recipe
    about: dict[str, Any]
    history: list[dict[str, Any]]

    @classmethod
    def open(cls, folder: Path) -> "Run":
        """Opens what `train` wrote.

        Raises:
            InputError: not there, or not finished.
        """
        try:
            about = json.loads((folder / "about.json").read_text("utf-8"))
            history = json.loads((folder / "history.json").read_text("utf-8"))
        except (OSError, ValueError) as error:
            raise InputError(f"{folder}: no training ({error}); make it with: python -m convert train") from None
        if not about.get("finished"):
            raise InputError(f"{folder}: the training is not finished; go on with train --resume")
        return cls(folder, read(folder / "recipe.toml"), about, history)

    @property
    def best(self) -> dict[str, Any]:
        """The epoch whose weights `net.pt` holds."""
        return min(self.history, key=lambda epoch: epoch["tune"]["score"])

    def net(self, prepared: Prepared) -> nn.Module:
        """The trained network, in eval mode on the CPU.

        Raises:
            InputError: no weights, or other data than it was trained on.
        """
        about = prepared.about
        if about["arrays"] != self.about["data"] or about["split"] != self.about.get("split", about["split"]):
            raise InputError(f"{prepared.folder}: not the data that {self.folder} was trained on")
        net = self.recipe.maker.net(self.recipe.net, prepared)
        try:
            net.load_state_dict(load(self.folder / "net.pt", "cpu"))
        except (RuntimeError, TypeError) as error:
            raise InputError(f"{self.folder}/net.pt: {str(error).splitlines()[0]}") from None
        return net.eval()


def save(value: Any, path: Path) -> None:
    """Writes tensors whole or not at all."""
    unfinished = path.with_name(path.name + ".part")
    with unfinished.open("wb") as file:
        torch.save(value, file)
        file.flush()
        os.fsync(file.fileno())
    os.replace(unfinished, path)


def load(path: Path, device: torch.device | str) -> Any:
    """What `save` wrote.

    Raises:
        InputError: cannot be read.
    """
    try:
        return torch.load(path, map_location=device, weights_only=True)
    except (OSError, RuntimeError, UnpicklingError, EOFError) as error:
        said = str(error).strip().splitlines() or ["nothing in it"]
        raise InputError(f"{path}: no weights that a training kept ({said[0].split('. ')[0]})") from None


def save_text(text: str, path: Path) -> None:
    """Writes text whole or not at all."""
    unfinished = path.with_name(path.name + ".part")
    unfinished.write_text(text, "utf-8")
    os.replace(unfinished, path)

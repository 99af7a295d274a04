"""What `prepare`, `train`, `quantize`, `verify` and `report` ask of a task.

One implementation per module of this folder: convert/tasks/NAME.py ends with `TASK = Name()`; a recipe says
`task = "NAME"`. A task may also have `report(manifest: Manifest, given: Mapping[str, Path]) -> str`: convert/report.py;
`calibrate(net: nn.Module, prepared: Prepared)`, which fits what the tune split fits once training is over; and
`prepared_by: str`, the task whose prepared data it takes.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray
from torch import Tensor, nn

from convert.prepared import Prepared
from device.inference.tflite import Model

Batch = Mapping[str, Tensor]


@dataclass(frozen=True)
class Comparison:
    """What `verify` found between a float graph and its quantized one.

    Attributes:
        passed: whether the quantized graph may ship.
        figures: by name, for the manifest and the report.
        words: one line for people.
    """

    passed: bool
    figures: Mapping[str, float]
    words: str


class Task(Protocol):
    """A network's purpose: its data, its loss, its measures.

    Attributes:
        name: of the task in recipes.
        data_kind: frozen dataclass of the recipe's [data] table (limits: `convert.recipe.within`, `one_of`).
        net_kind: frozen dataclass of the recipe's [net] table.
        outputs: names of the exported graph's outputs, in the order in which `deployed` returns them.
    """

    name: str
    data_kind: type
    net_kind: type
    outputs: tuple[str, ...]

    def prepare(self, data: Any, sources: Sequence[Path], out: Path, seed: int) -> Prepared:
        """Reads data sets and writes what training takes (`convert.prepared.write`), through the device's own code."""

    def net(self, net: Any, prepared: Prepared) -> nn.Module:
        """A fresh network, to be initialised from torch's global generator."""

    def batch(self, prepared: Prepared, rows: NDArray[np.intp], rng: np.random.Generator | None) -> Mapping[str, Any]:
        """The named rows as numpy arrays; augmented where `rng` is given, as they are otherwise. Called in threads."""

    def loss(self, net: nn.Module, batch: Batch) -> Tensor:
        """The mean loss of a batch, a scalar; under bfloat16 autocast on CUDA, tensors where the net is."""

    def measure(self, net: nn.Module, prepared: Prepared, split: str) -> dict[str, float]:
        """Figures over a split; `score` among them is what early stopping and choice go by: less is better.

        The net is in eval mode, without gradients, on the device of its parameters.
        """

    def deployed(self, net: nn.Module) -> nn.Module:
        """The graph to export: one input (1, ...) as the device gives it (images NHWC), a tuple out, as `outputs`."""

    def calibration(self, prepared: Prepared, count: int, seed: int) -> NDArray[np.float32]:
        """Inputs (count, ...) of training rows, as the device gives them, one at a time; what the quantizer sees."""

    def compare(self, floating: Model, quantized: Model, prepared: Prepared, whole: bool) -> Comparison:
        """Runs both graphs as the device would: `whole` over everything the bars name, else a part in minutes."""

    def manifest(self, net: Any, prepared: Prepared) -> dict[str, Any]:
        """What the device must know beyond hash and shapes: keypoints, thresholds, normalisation, `requires`."""

    def card(self, path: Path, prepared: Prepared) -> str:
        """The task's own sections of the model card, Markdown.

        Args:
            path: where NAME.md is about to be written; NAME.tflite, NAME.json and float/NAME.tflite lie beside it, and
                pictures (NAME-*.png) go there. All are then moved into models/.
            prepared: what it was trained on.
        """

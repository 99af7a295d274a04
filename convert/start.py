"""The weights that a training begins with: another training's, or those of the float graph that was exported of it.

Exporting folds each batch normalization into the convolution before it. Here it is unfolded: the convolution takes the
graph's weights, the normalization the mean and deviation of what example inputs make of them, so that it changes
nothing but adds the graph's bias, and training can go on. A network that standardizes its input does so by the mean and
deviation of the graph. A network may have more residual blocks than the graph: those begin by adding nothing.
"""

from collections import deque
from collections.abc import Callable
from copy import deepcopy
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from convert import graphs
from convert.prepared import Prepared
from convert.runs import load
from convert.tasks.task import Task
from device.errors import InputError
from device.inference.models import sha256
from device.inference.tflite import Model

EXAMPLES = 64  # inputs that tell how large values are inside a graph


@runtime_checkable
class Adding(Protocol):
    """A residual block: what it gives is what it takes, and something added.

    It may begin as the identity, with the last normalization's weight zero (Goyal et al. 2017, arXiv:1706.02677); so a
    trained network grows deeper and computes the same at first (Net2Net, Chen et al. 2016, arXiv:1511.05641).
    """

    def add_nothing(self) -> None:
        """Makes `forward` give what it takes, for what comes to it in its network; training goes on from there."""


def begin(net: nn.Module, path: Path, task: Task, prepared: Prepared, seed: int, grow: bool = False) -> tuple[str, int]:
    """Gives a network its first weights.

    Returns the hash of their file, and how many residual blocks began by adding nothing.

    Args:
        net: of the task.
        path: `net.pt` of a training, or `models/float/NAME.tflite`.
        task: whose network it is.
        prepared: whose training rows are the examples for a graph.
        seed: of their choice.
        grow: whether it may have more residual blocks than the graph.

    Raises:
        InputError: the file holds other weights.
    """
    new = 0
    try:
        if path.suffix == ".tflite":
            deployed = task.deployed(deepcopy(net).cpu())
            new = take(deployed, path, task.calibration(prepared, EXAMPLES, seed), task.outputs, grow)
            state = {name.partition(".")[2]: value for name, value in deployed.state_dict().items()}
        else:
            state = load(path, next(net.parameters()).device)
        net.load_state_dict(state)
    except (RuntimeError, TypeError) as error:
        raise InputError(f"{path}: no weights of this network ({str(error).splitlines()[0]})") from None
    return sha256(path), new


def take(
    net: nn.Module, path: Path, examples: NDArray[np.float32], outputs: tuple[str, ...], grow: bool = False
) -> int:
    """Gives a network the weights of a graph; returns how many residual blocks it has beside the graph's.

    Args:
        net: as it is exported; its convolutions and linear layers run in the graph's order. It may give out more
            channels of an output than the graph, after those that the graph has, and with `grow` have more residual
            blocks: a block is one of the graph's if the next weights there have the shapes of the block's, so a row of
            blocks that another such block follows at once cannot grow, and is refused.
        path: the float graph, `models/float/NAME.tflite`.
        examples: (N, ...) inputs, some dozens.
        outputs: names of the outputs, in order.
        grow: see `net`.

    Raises:
        InputError: the graph is of another network.
    """
    net.eval()
    buffers = {name.rpartition(".")[2]: buffer for name, buffer in net.named_buffers()}
    if "deviation" in buffers:
        mean, factor = graphs.standardizing(path) or (np.zeros(1), np.ones(1))  # where it is in the first weights
        for name, part in (("mean", mean), ("deviation", 1 / factor)):
            buffers[name].copy_(torch.as_tensor(part).flatten()[:, None, None].expand_as(buffers[name]))
    taking = _Taking(path)
    hooks = [layer.register_forward_pre_hook(hook) for layer in net.modules() if (hook := taking.hook(layer, grow))]
    with torch.no_grad():
        net(torch.as_tensor(examples))
    for hook in hooks:
        hook.remove()
    if taking.weights:
        raise InputError(f"{path}: has more layers than this network")
    _refuse_another(net, path, examples[:4], outputs)
    return taking.new


class _Taking:
    """Fills layers as they are about to run with a graph's weights, which lie in that order.

    Attributes:
        weights: of the graph's layers that no layer has taken yet.
        new: blocks that the graph does not have.
    """

    def __init__(self, path: Path) -> None:
        self.path, self.weights, self.new = path, deque(graphs.weights(path)), 0
        self._left: set[nn.Module] = set()  # layers of these blocks
        self._owed: Tensor | float = 0.0  # the bias of the last convolution, where it could not take it itself

    def hook(self, layer: nn.Module, grow: bool) -> Callable[[Any, Any], None] | None:
        """What is to be called before the layer runs."""
        if isinstance(layer, nn.Conv2d | nn.Linear):
            return self._fill
        if isinstance(layer, nn.BatchNorm2d):
            return self._unfold
        return self._look if grow and isinstance(layer, Adding) else None

    def _look(self, block: Any, values: tuple[Tensor]) -> None:
        layers = [layer for layer in block.modules() if isinstance(layer, nn.Conv2d | nn.Linear)]
        following = [_laid_out(weight, layer) for (weight, _), layer in zip(self.weights, layers, strict=False)]
        if [weight.shape for weight in following] != [layer.weight.shape for layer in layers]:
            block.add_nothing()
            self._left.update(block.modules())
            self.new += 1

    def _fill(self, layer: Any, values: tuple[Tensor]) -> None:
        if layer in self._left:
            return
        found, bias = self.weights.popleft() if self.weights else (np.empty(0), np.empty(0))
        weight, bias = _laid_out(found, layer), torch.as_tensor(bias)
        if weight.shape != layer.weight.shape:
            raise InputError(f"{self.path}: no weights of this network (a layer of {tuple(weight.shape)})")
        layer.weight.copy_(weight)
        if layer.bias is not None:
            layer.bias.copy_(bias)
        self._owed = bias if layer.bias is None else 0.0

    def _unfold(self, layer: Any, values: tuple[Tensor]) -> None:
        if layer in self._left:
            return
        variance, mean = torch.var_mean(values[0], (0, 2, 3), correction=0)
        layer.running_mean.copy_(mean)
        layer.running_var.copy_(variance)
        layer.weight.copy_(torch.sqrt(variance + layer.eps))
        layer.bias.copy_(mean + self._owed)


def _laid_out(weight: NDArray[np.float32], layer: nn.Module) -> Tensor:
    """A graph's weights in the order of axes that the layer has."""
    if isinstance(layer, nn.Conv2d) and weight.ndim == 4:
        depthwise = weight.shape[0] == 1 and weight.shape[-1] == layer.out_channels
        return torch.as_tensor(weight.transpose(3, 0, 1, 2) if depthwise else weight.transpose(0, 3, 1, 2))
    return torch.as_tensor(weight)


def _refuse_another(net: nn.Module, path: Path, examples: NDArray[np.float32], outputs: tuple[str, ...]) -> None:
    with Model(path) as model, torch.no_grad():
        for row in examples:
            found = model(row[None])
            for name, wanted in zip(outputs, net(torch.as_tensor(row[None])), strict=True):
                apart = graphs.apart(found[name], wanted.numpy()[..., : found[name].shape[-1]])
                if not apart <= graphs.AGREE:
                    raise InputError(f"{path}: {name} of this network differs with its weights by {apart:.2g}")

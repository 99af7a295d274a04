"""Several processes that train one network: `torchrun --nproc-per-node N -m convert train ...`, on one host or more.

torchrun's environment (RANK, WORLD_SIZE, LOCAL_RANK) says who is who. Each process takes its share of every batch and
the gradients are averaged once a step: for networks this small that is as good as overlapping the two, and tasks are
free to call the network as they like.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import distributed, nn


@contextmanager
def processes() -> Iterator[tuple[int, int, torch.device]]:
    """Joins the others, if there are any.

    Yields:
        This process's number, how many there are, the device to train on.
    """
    rank, world = int(os.environ.get("RANK", 0)), int(os.environ.get("WORLD_SIZE", 1))
    cuda = torch.cuda.is_available()
    device = torch.device("cuda", int(os.environ.get("LOCAL_RANK", 0))) if cuda else torch.device("cpu")
    if world == 1:
        yield rank, world, device
        return
    if cuda:
        torch.cuda.set_device(device)
    distributed.init_process_group("nccl" if cuda else "gloo")
    try:
        yield rank, world, device
    finally:
        distributed.destroy_process_group()


def average(net: nn.Module, loss: torch.Tensor) -> None:
    """Averages gradients and the loss over the processes, in place."""
    tensors = [loss, *(p.grad for p in net.parameters() if p.grad is not None)]
    together = torch.cat([t.flatten().float() for t in tensors])
    distributed.all_reduce(together)
    together /= distributed.get_world_size()
    for tensor, part in zip(tensors, together.split([t.numel() for t in tensors]), strict=True):
        tensor.copy_(part.view_as(tensor))


def share(value: float, device: torch.device) -> float:
    """The first process's number, in all of them."""
    tensor = torch.tensor([value], dtype=torch.float64, device=device)
    distributed.broadcast(tensor, 0)
    return float(tensor)


def same(net: nn.Module) -> None:
    """Gives all processes the first one's weights and running means."""
    for tensor in net.state_dict().values():
        distributed.broadcast(tensor, 0)

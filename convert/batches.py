"""The batches of an epoch: which rows in which order, read by threads a little ahead of the network."""

from collections import deque
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import numpy as np
from numpy.typing import NDArray

from convert.prepared import Prepared
from convert.recipe import Train
from convert.tasks.task import Task

Arrays = Mapping[str, NDArray[Any]]


def steps(rows: NDArray[np.intp], told: Train) -> int:
    """Batches in an epoch; the rows left over wait for the next."""
    return max(1, len(rows) // told.batch)


def batches(
    task: Task, prepared: Prepared, rows: NDArray[np.intp], told: Train, epoch: int, rank: int, world: int
) -> Iterator[Arrays]:
    """What one of `world` processes trains on in an epoch, by seed and number of the epoch alone.

    Args:
        task: makes a batch of rows.
        prepared: where they are.
        rows: all rows that train.
        told: seed, size of a batch and threads that read.
        epoch: from 1.
        rank: of the process, which takes every `world`th row of a batch.
        world: how many processes there are.
    """
    order = np.random.default_rng([told.seed, epoch]).permutation(rows)
    count = steps(rows, told)
    shares = [np.sort(order[k * told.batch : (k + 1) * told.batch][rank::world]) for k in range(count)]

    def make(step: int) -> Arrays:
        rng = np.random.default_rng([told.seed, epoch, step, rank])
        return {name: np.asarray(array) for name, array in task.batch(prepared, shares[step], rng).items()}

    return _ahead(make, count, told.workers)


def _ahead(make: Callable[[int], Arrays], count: int, workers: int) -> Iterator[Arrays]:
    """`make(0)`, `make(1)`... in order; with workers, made in threads a little ahead."""
    if not workers:
        yield from map(make, range(count))
        return
    with ThreadPoolExecutor(workers) as pool:
        waiting: deque[Future[Arrays]] = deque()
        for step in range(count):
            waiting.append(pool.submit(make, step))
            if len(waiting) > workers + 1:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()

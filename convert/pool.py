"""Pools of processes that end with the process that asked for them, even where that one is killed and tells nobody."""

import os
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from multiprocessing import connection, get_context, parent_process
from typing import Any

from tqdm import tqdm


def mapped(
    function: Callable[..., Any],
    jobs: Sequence[Any],
    workers: int,
    *shared: Any,
    bar: str | None = None,
    at_once: int = 1,
) -> Iterator[Any]:
    """`function(job, *shared)` of each job in their order, with a progress bar.

    Args:
        function: of a module, so that other processes find it.
        jobs: what it is called with.
        workers: processes; with 1 it runs in this one.
        shared: what each process gets once.
        bar: what the progress bar is called.
        at_once: jobs that a process takes at a time. All are handed out at once, and answers that nobody has asked for
            yet are kept in memory.
    """
    if workers == 1:
        yield from (function(job, *shared) for job in tqdm(jobs, bar, disable=None))
        return
    with pool(workers, _share, shared) as processes:
        yield from tqdm(processes.map(partial(_call, function), jobs, chunksize=at_once), bar, len(jobs), disable=None)


_shared: tuple[Any, ...] = ()


def _share(shared: tuple[Any, ...]) -> None:
    global _shared  # the one way to hand a pool's processes something once
    _shared = shared


def _call(function: Callable[..., Any], job: Any) -> Any:
    return function(job, *_shared)


def pool(workers: int, begin: Callable[..., None] | None = None, *shared: Any) -> ProcessPoolExecutor:
    """So many processes.

    Args:
        workers: how many.
        begin: called once in each, with `shared`.
        shared: what each gets once, pickled.
    """
    # Spawned, not forked: neither a graphics context nor a thread survives a fork.
    return ProcessPoolExecutor(workers, get_context("spawn"), _begin, (begin, shared))


def _begin(begin: Callable[..., None] | None, shared: tuple[Any, ...]) -> None:
    threading.Thread(target=_end_with_parent, daemon=True).start()
    if begin is not None:
        begin(*shared)


def _end_with_parent() -> None:
    parent = parent_process()
    if parent is not None:
        connection.wait([parent.sentinel])
        os._exit(1)

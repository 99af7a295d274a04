"""Pools of processes that end with the process that asked for them, even where that one is killed and tells nobody."""

import os
import threading
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import connection, get_context, parent_process
from typing import Any


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

"""Making all clips of a recipe: one job per clip, on any executor, continued where it was stopped."""

import json
import os
import sys
import time
from collections.abc import Iterable, Iterator
from concurrent.futures import BrokenExecutor, Executor, as_completed
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

from convert.pool import pool
from convert.synth import draw
from convert.synth import recipe as recipes
from convert.synth.recipe import Recipe
from convert.synth.video import SUFFIX, writer
from device.errors import PartFailed

TRIES = 3  # pools that may die before they have made a clip


@cache
def _renderer(width: int, height: int) -> Any:
    from convert.synth.render import Renderer

    return Renderer(width, height)


def name_of(clip: int) -> str:
    """File name of a clip, without suffix."""
    return f"clip{clip:06d}"


def make_clip(recipe: Recipe, clip: int, out: str) -> dict[str, float]:
    """Renders one clip; runs in a worker. Video first, truth last, both renamed into place when whole.

    Returns:
        frames, and seconds of processor time and of the clock.
    """
    from convert.synth.stage import Stage

    started, cpu = time.perf_counter(), time.process_time()
    output = recipe.output
    renderer = _renderer(round(output.width * output.supersample), round(output.height * output.supersample))
    stage = Stage(recipe, clip, renderer)
    video = Path(out) / (name_of(clip) + SUFFIX[output.codec])
    half_done = video.with_name(f".{os.getpid()}-{video.name}")
    quality = draw.span(draw.chance(recipe, clip, draw.PICTURE + 1), recipe.picture.quality)
    encoder = writer(output.codec, half_done, (output.width, output.height), output.fps, quality)
    rows = []
    try:
        for image, row in stage.frames():
            encoder.write(image)
            rows.append(row)
        encoder.close()
        os.replace(half_done, video)
    finally:
        half_done.unlink(missing_ok=True)
    stage.truth(rows).write(video.with_suffix(".npz"))
    return {"frames": len(rows), "cpu_s": time.process_time() - cpu, "wall_s": time.perf_counter() - started}


def _use_one_core() -> None:
    os.environ.setdefault("LP_NUM_THREADS", "1")  # Mesa's software renderer: one worker, one core
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
        os.environ.setdefault(name, "1")
    import cv2

    cv2.setNumThreads(1)


class Here(Executor):
    """Runs jobs at once in this process: for one worker, and for finding faults."""

    def submit(self, fn: Any, /, *args: Any, **kwargs: Any) -> Any:
        """Runs `fn` and gives a finished future."""
        from concurrent.futures import Future

        future: Future[Any] = Future()
        try:
            future.set_result(fn(*args, **kwargs))
        except Exception as error:
            future.set_exception(error)
        return future


@contextmanager
def executor(workers: int, scheduler: str | None) -> Iterator[Any]:
    """Something with `submit`: this process, a pool of processes, or Dask's executor on a cluster.

    Raises:
        PartFailed: a scheduler is asked for and dask.distributed is not installed or does not answer.
    """
    if scheduler is not None:
        try:
            from dask.distributed import Client
        except ImportError as error:
            raise PartFailed(f"--scheduler needs dask: pip install 'squatlight[dask]' ({error})") from error
        try:
            client = Client(scheduler, timeout="4s")
        except (OSError, ValueError) as error:
            raise PartFailed(f"no Dask scheduler at {scheduler}: {error}") from error
        with client:
            yield client.get_executor(pure=False, retries=1)
    elif workers == 1:
        _use_one_core()
        yield Here()
    else:
        with pool(workers, _use_one_core) as processes:
            yield processes


def produce(
    recipe: Recipe, out: Path, workers: int = 1, scheduler: str | None = None, only: list[int] | None = None
) -> dict[str, float]:
    """Makes the clips that are not there yet, with a progress bar on stderr.

    Returns:
        clips made now, and their frames, processor seconds and clock seconds summed over clips.

    Raises:
        PartFailed: clips failed; says how many and why the first did. A process of the pool that dies is no clip's
            failure: what it left is made by others, unless these die before they have made one, several times over.
    """
    from tqdm import tqdm

    out.mkdir(parents=True, exist_ok=True)
    settle_recipe(recipe, out)
    wanted = range(recipe.output.clips) if only is None else only
    missing = _missing(out, recipe, wanted)
    total = {"clips": 0.0, "frames": 0.0, "cpu_s": 0.0, "wall_s": 0.0}
    failures: dict[int, str] = {}
    fruitless = 0
    bar = tqdm(total=len(wanted), initial=len(wanted) - len(missing), unit="clip", file=sys.stderr, disable=None)
    with bar:
        while missing:
            for rest in [*out.glob(".*-clip*"), *out.glob("*.partial")]:
                rest.unlink()
            before = len(missing)
            try:
                with executor(workers, scheduler) as jobs:
                    for clip, done in _made(recipe, out, jobs, missing):
                        if isinstance(done, Exception):
                            failures[clip] = f"{name_of(clip)}: {type(done).__name__}: {done}"
                        else:
                            total["clips"] += 1
                            for key, value in done.items():
                                total[key] += value
                        bar.update()
                break
            except BrokenExecutor as error:  # graphics drivers crash once in many thousands of clips
                missing = [clip for clip in _missing(out, recipe, missing) if clip not in failures]
                fruitless = 0 if len(missing) < before else fruitless + 1
                if fruitless == TRIES:
                    first = min(missing)
                    told = f"; {min(failures.items())[1]}" if failures else ""
                    raise PartFailed(
                        f"{out}: processes die before they have made one of {len(missing)} clips, "
                        f"{name_of(first)} and more ({error}){told}"
                    ) from None
                missing = missing[1:] + missing[:1]  # what kills a process takes others with it each time
    if failures:
        raise PartFailed(f"{len(failures)} clips failed; the first: {failures[min(failures)]}")
    return total


def _missing(out: Path, recipe: Recipe, wanted: Iterable[int]) -> list[int]:
    files = (".npz", SUFFIX[recipe.output.codec])
    return [c for c in wanted if not all((out / (name_of(c) + end)).exists() for end in files)]


def _made(recipe: Recipe, out: Path, jobs: Any, clips: list[int]) -> Iterator[tuple[int, Any]]:
    """Each clip as it is done, and what it took or why it failed.

    Raises:
        BrokenExecutor: a process died, and with it those beside it.
    """
    for chunk in _chunks(clips, 1 if isinstance(jobs, Here) else 512):
        futures, broken = {jobs.submit(make_clip, recipe, clip, str(out)): clip for clip in chunk}, None
        for future in as_completed(futures) if not _is_dask(futures) else _dask_completed(futures):
            try:
                yield futures[future], future.result()
            except BrokenExecutor as error:
                broken = error
            except Exception as error:
                yield futures[future], error
        if broken is not None:
            raise broken


def settle_recipe(recipe: Recipe, out: Path) -> None:
    """Keeps the recipe beside the clips; a folder that was begun with another recipe is refused.

    Raises:
        PartFailed: the folder belongs to another recipe.
        InputError: the recipe kept there is damaged.
    """
    from dataclasses import asdict

    text = json.dumps(asdict(recipe), indent=1, sort_keys=True)
    kept = out / "recipe.json"
    if kept.exists():
        old, new = recipes.kept(out), json.loads(text)
        old["output"]["clips"] = new["output"]["clips"]  # a set may be made longer
        if old != new:
            raise PartFailed(f"{out} was begun with another recipe ({kept}); take another folder")
    half = kept.with_suffix(".partial")
    half.write_text(text)
    os.replace(half, kept)


def _chunks(items: list[int], size: int) -> Iterator[list[int]]:
    for start in range(0, len(items), size):
        yield items[start : start + size]


def _is_dask(futures: dict[Any, int]) -> bool:
    return any(type(f).__module__.startswith("distributed") for f in futures)


def _dask_completed(futures: dict[Any, int]) -> Iterator[Any]:
    from dask.distributed import as_completed as completed

    yield from completed(list(futures))

"""TOML files read strictly into frozen dataclasses, and the recipe of a training."""

import importlib
import re
import sys
from dataclasses import dataclass, field, fields, is_dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_type_hints

from device.errors import InputError

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

if TYPE_CHECKING:
    from convert.tasks.task import Task

Span = tuple[float, float]


def within(low: float, high: float, default: Any) -> Any:
    """A field whose values lie between two bounds."""
    return field(default=default, metadata={"low": low, "high": high})


def one_of(*words: str) -> Any:
    """A field that is one of these words, the first where it is not given."""
    return field(default=words[0], metadata={"words": words})


@dataclass(frozen=True)
class Train:
    """How the one loop runs. `batch` is over all processes together.

    `warmup`: share of all steps in which the rate rises. `patience`: epochs without a better score after which it
    stops, 0 = never. `ema`: decay of the running mean of the weights, 0 = none. `clip`: largest norm of the gradient,
    0 = any. `threads` of the CPU and `workers` that make batches (0 = in the loop): of each process. `minutes`: no
    epoch begins after so many, 0 = no limit.
    """

    epochs: int = within(1, 100_000, 10)
    batch: int = within(1, 1_000_000, 64)
    rate: float = within(1e-9, 10, 1e-3)
    weight_decay: float = within(0, 10, 0.01)
    warmup: float = within(0, 1, 0.05)
    patience: int = within(0, 100_000, 0)
    ema: float = within(0, 0.99999, 0.0)
    clip: float = within(0, 1e6, 1.0)
    seed: int = within(0, 2**31, 1)
    threads: int = within(1, 256, 1)
    workers: int = within(0, 256, 0)
    minutes: float = within(0, 100_000, 0.0)


@dataclass(frozen=True)
class Quantize:
    """How the graph gets smaller: `static` int8, int8 `convolutions` alone, int8 `weights` alone, or `float` as it is.

    With `convolutions` all other operations compute in floats (convolutions in a row hand int8 on), so that the sums of
    residual blocks are not rounded at each block. With `weights` values are floats everywhere: smaller, not faster.

    `keep_float`: regular expressions; operations whose output's name one of them finds stay float (`quantize --layers`
    prints the names; those of the graph's outputs are the task's), and each must find one. `calibration`: how many rows
    of the train split set the ranges of int8 values. `ranges`: the `widest` of these rows, or a running `mean` of
    theirs, which is finer for large maps but far too narrow for an output of few numbers.
    """

    mode: str = one_of("static", "convolutions", "weights", "float")
    keep_float: tuple[str, ...] = ()
    calibration: int = within(1, 10_000, 200)
    ranges: str = one_of("widest", "mean")

    def __post_init__(self) -> None:
        for words in self.keep_float:
            try:
                re.compile(words)
            except re.error as error:
                raise InputError(f"quantize.keep_float: {words!r} is no regular expression ({error})") from None


@dataclass(frozen=True)
class Recipe:
    """A training: a task, its data and net (dataclasses of the task's own), and how it is trained and quantized.

    Attributes:
        task: name of a module of `convert.tasks`.
        name: of the model files.
        text, file: the TOML it was read from, and that file's name.
        sweep: lists of values by key (`net.blocks`), for `convert.sweep`.
    """

    task: str
    name: str
    data: Any
    net: Any
    train: Train
    quantize: Quantize
    sweep: dict[str, list[Any]]
    text: str
    file: str = ""

    @property
    def maker(self) -> "Task":
        """The task itself."""
        return find_task(self.task)


def find_task(name: str) -> "Task":
    """The `TASK` of a module of `convert.tasks`; a dotted name is a module anywhere.

    Raises:
        InputError: there is none.
    """
    module = name if "." in name and not name.startswith(".") else f"convert.tasks.{name}"
    try:
        return importlib.import_module(module).TASK  # type: ignore[no-any-return]
    except ModuleNotFoundError as error:
        if not f"{module}.".startswith(f"{error.name}."):
            raise InputError(f"task {name}: needs {error.name} (pip install 'squatlight[convert]')") from None
    except AttributeError:
        pass
    here = sorted(p.stem for p in Path(__file__).with_name("tasks").glob("*.py") if p.stem not in ("__init__", "task"))
    raise InputError(f"task: no task {name!r}, expected one of {', '.join(here)}")


def read(path: Path) -> Recipe:
    """The training recipe in a TOML file.

    Raises:
        InputError: one line that names the file, the key, what was found and what was expected.
    """
    data, text = load(path)
    try:
        return replace(parse(data, text), file=path.name)
    except InputError as error:
        raise InputError(f"{path}: {error}") from None


def parse(data: dict[str, Any], text: str = "") -> Recipe:
    """The recipe that TOML gave as nested dicts.

    Raises:
        InputError: one line that names the key.
    """
    known = ("task", "name", "data", "net", "train", "quantize", "sweep")
    for key in data:
        if key not in known:
            raise InputError(f"{key}: unknown key, expected one of {', '.join(known)}")
    for key in ("task", "name"):
        if not isinstance(data.get(key, ""), str):
            raise InputError(f"{key}: expected a word, got {data[key]!r}")
    if "task" not in data:
        raise InputError("task: missing, expected the name of a task")
    task = find_task(data["task"])
    sweep = data.get("sweep", {})
    if not isinstance(sweep, dict) or not all(isinstance(values, list) and values for values in sweep.values()):
        raise InputError(f'sweep: expected lists of values by key, like "net.blocks" = [1, 2], got {sweep!r}')
    return Recipe(
        data["task"],
        data.get("name", task.name),
        section(task.data_kind, data.get("data", {}), "data."),
        section(task.net_kind, data.get("net", {}), "net."),
        section(Train, data.get("train", {}), "train."),
        section(Quantize, data.get("quantize", {}), "quantize."),
        sweep,
        text,
    )


def load(path: Path) -> tuple[dict[str, Any], str]:
    """A TOML file, as nested dicts and as text.

    Raises:
        InputError: cannot be read.
    """
    try:
        text = path.read_text(encoding="utf-8")
        return tomllib.loads(text), text
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise InputError(f"{path}: {error}") from None


def section(kind: Any, data: Any, at: str) -> Any:
    """A table as a dataclass, its tables as the dataclasses of its fields.

    Args:
        kind: the dataclass; its fields are numbers, words, truth values, `Span`, tuples of these, dict[str, float]
            (weights) or dataclasses; limits by `within` and `one_of`.
        data: what TOML gave.
        at: prefix of keys in errors, with its dot.

    Raises:
        InputError: one line that names the key.
    """
    if not isinstance(data, dict):
        raise InputError(f"{at.rstrip('.')}: expected a table, got {data!r}")
    hints, known = get_type_hints(kind), {f.name: f for f in fields(kind)}
    values = {}
    for key, value in data.items():
        if key not in known:
            raise InputError(f"{at}{key}: unknown key, expected {_one_of(known)}")
        if is_dataclass(hints[key]):
            values[key] = section(hints[key], value, f"{at}{key}.")
        else:
            values[key] = _value(hints[key], value, known[key].metadata, at + key)
    return kind(**values)


def _one_of(known: Any) -> str:
    return f"one of {', '.join(known)}" if known else "none"


def _number(kind: type, value: Any, limits: Any, at: str) -> Any:
    if isinstance(value, bool) or not isinstance(value, int if kind is int else (int, float)):
        raise InputError(f"{at}: expected {'a whole number' if kind is int else 'a number'}, got {value!r}")
    if limits and not limits["low"] <= value <= limits["high"]:
        raise InputError(f"{at}: expected {limits['low']} to {limits['high']}, got {value}")
    return kind(value)


def _word(value: Any, limits: Any, at: str) -> str:
    if not isinstance(value, str):
        raise InputError(f"{at}: expected a word, got {value!r}")
    if limits and value not in limits["words"]:
        raise InputError(f"{at}: expected one of {', '.join(limits['words'])}, got {value!r}")
    return value


def _value(hint: Any, value: Any, limits: Any, at: str) -> Any:
    if hint in (int, float):
        return _number(hint, value, limits, at)
    if hint is bool:
        if not isinstance(value, bool):
            raise InputError(f"{at}: expected true or false, got {value!r}")
        return value
    if hint is str:
        return _word(value, limits, at)
    if hint == Span:
        if not isinstance(value, list) or len(value) != 2:
            raise InputError(f"{at}: expected a range like [1, 2], got {value!r}")
        low, high = (_number(float, v, limits, at) for v in value)
        if low > high:
            raise InputError(f"{at}: range is upside down, [{value[0]}, {value[1]}]")
        return low, high
    if hint == dict[str, float]:
        if not isinstance(value, dict) or not value:
            raise InputError(f"{at}: expected a table of weights, got {value!r}")
        return {k: _number(float, v, {"low": 0, "high": 1e9}, f"{at}.{k}") for k, v in value.items()}
    if not isinstance(value, list):
        raise InputError(f"{at}: expected a list, got {value!r}")
    return tuple(_value(hint.__args__[0], v, limits, at) for v in value)

"""`python -m convert sweep RECIPE --data DIR --out DIR`: trains every cell of a grid and writes a table.

The recipe's [sweep] names keys of [net] and [train] with the values to try; all else is the recipe's, so every cell has
the same budget: epochs, batch, `train.minutes`. A cell that is done is not trained again, one that was stopped goes on.

    [sweep]
    "net.blocks" = [1, 2, 3]
    "train.weight_decay" = [0.0, 0.01]

Writes sweep.json (each cell's values, figures of its best epoch on tune and its figures on test) and sweep.md.
"""

import argparse
import itertools
import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from convert.outputs import new_folder
from convert.prepared import Prepared
from convert.recipe import Recipe, load, parse, read
from convert.runs import Run, save_text
from convert.train import train
from device.errors import InputError


def main(arguments: Sequence[str]) -> int:
    """Sweeps, and prints the table."""
    parser = argparse.ArgumentParser(prog="python -m convert sweep", description=__doc__)
    parser.add_argument("recipe", type=Path, help="TOML file with a [sweep] table")
    parser.add_argument("--data", type=Path, required=True, metavar="DIR", help="what `prepare` wrote")
    parser.add_argument("--out", type=new_folder, required=True, metavar="DIR", help="of trainings, and the table")
    parser.add_argument("--figure", default="score", help="of the tables' cells (default: score)")
    asked = parser.parse_args(arguments)
    recipe, prepared = read(asked.recipe), Prepared.open(asked.data)
    found = sweep(recipe, load(asked.recipe)[0], prepared, asked.out)
    text = table(recipe, found, asked.figure)
    save_text(text, asked.out / "sweep.md")
    print(text)
    return 0


def cells(recipe: Recipe, data: Mapping[str, Any]) -> dict[str, tuple[dict[str, Any], Recipe]]:
    """The recipes of the grid.

    Args:
        recipe: with a [sweep] table.
        data: its TOML, as nested dicts.

    Returns:
        By the cell's name: its values by key, and its recipe.

    Raises:
        InputError: nothing to sweep, or one line that names a key.
    """
    if not recipe.sweep:
        raise InputError('sweep: missing, expected a table of lists by key, like "net.blocks" = [1, 2]')
    found = {}
    for values in itertools.product(*recipe.sweep.values()):
        chosen = dict(zip(recipe.sweep, values, strict=True))
        told = {name: dict(table) if isinstance(table, dict) else table for name, table in data.items()}
        del told["sweep"]
        for key, value in chosen.items():
            place, _, name = key.partition(".")
            if place not in ("net", "train"):
                raise InputError(f"sweep.{key}: expected a key of net or train, like net.blocks")
            told.setdefault(place, {})[name] = value
        name = " ".join(f"{key.partition('.')[2]}={_short(value)}" for key, value in chosen.items())
        found[name] = chosen, replace(parse(told, _toml(told)), file=recipe.file)
    return found


def sweep(recipe: Recipe, data: Mapping[str, Any], prepared: Prepared, out: Path) -> list[dict[str, Any]]:
    """Trains every cell that is not done.

    Returns:
        Per cell: `values` by key, `tune`, `test`, `epochs`, `minutes`, `parameters`.
    """
    found = []
    for name, (values, cell) in cells(recipe, data).items():
        folder = out / name.replace(" ", "_").replace("/", "-")
        print(f"{name}", flush=True)
        train(cell, prepared, folder, resume=True)
        run = Run.open(folder)
        line = {"values": values, "tune": run.best["tune"], "epochs": run.about["epochs"]}
        line |= {"minutes": run.about["minutes"], "parameters": run.about["parameters"], "seed": run.about["seed"]}
        if (prepared.split == 2).any():
            with torch.no_grad():
                line["test"] = dict(cell.maker.measure(run.net(prepared), prepared, "test"))
        found.append(line)
        save_text(json.dumps(found, indent=1), out / "sweep.json")
    return found


def table(recipe: Recipe, found: Sequence[Mapping[str, Any]], figure: str) -> str:
    """A Markdown table of one figure, tune / test: the first key downwards, all others across.

    Raises:
        InputError: the task has no such figure.
    """
    if figure not in found[0]["tune"]:
        raise InputError(f"--figure {figure}: expected one of {', '.join(found[0]['tune'])}")
    first, *others = recipe.sweep
    columns = list(itertools.product(*(recipe.sweep[key] for key in others)))
    by_values = {tuple(_key(v) for v in line["values"].values()): line for line in found}
    heads = [" ".join(f"{k.partition('.')[2]} {_short(v)}" for k, v in zip(others, c, strict=True)) for c in columns]
    lines = [f"| {first.partition('.')[2]} | {' | '.join(heads) or figure} |", "| --- |" + " --- |" * len(columns)]
    for value in recipe.sweep[first]:
        row = (_cell(by_values[tuple(_key(v) for v in (value, *column))], figure) for column in columns)
        lines.append(f"| {_short(value)} | {' | '.join(row)} |")
    epochs = sorted({line["epochs"] for line in found})
    minutes = sum(line["minutes"] for line in found)
    budget = f"{recipe.train.epochs} epochs at most" + (
        f" or {recipe.train.minutes:g} minutes" if recipe.train.minutes else ""
    )
    said = f"{figure}, tune / test; seed {recipe.train.seed}; each cell {budget}, ran {epochs[0]} to {epochs[-1]}"
    return "\n".join([*lines, "", f"{said}; {minutes:.1f} minutes together. {recipe.file}", ""])


def _cell(line: Mapping[str, Any], figure: str) -> str:
    return " / ".join(f"{line[split][figure]:.4g}" for split in ("tune", "test") if split in line)


def _short(value: Any) -> str:
    return "x".join(map(str, value)) if isinstance(value, list) else str(value)


def _key(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value


def _toml(told: Mapping[str, Any]) -> str:
    """Nested dicts as TOML."""
    plain = [f"{key} = {json.dumps(value)}" for key, value in told.items() if not isinstance(value, dict)]
    for name, kept in told.items():
        if isinstance(kept, dict):
            plain += ["", f"[{name}]", *(f"{json.dumps(key)} = {_inline(value)}" for key, value in kept.items())]
    return "\n".join([*plain, ""])


def _inline(value: Any) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(f"{json.dumps(key)} = {_inline(one)}" for key, one in value.items()) + "}"
    return json.dumps(value)

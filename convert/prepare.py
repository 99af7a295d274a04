"""`python -m convert prepare RECIPE --out DIR [SOURCES...]`: data sets to the arrays that training reads."""

import argparse
import json
import os
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from convert.commit import commit
from convert.outputs import new_folder
from convert.prepared import SPLITS, Prepared
from convert.recipe import Recipe, read
from device.errors import InputError


def main(arguments: Sequence[str]) -> int:
    """Prepares, and prints what is there."""
    parser = argparse.ArgumentParser(prog="python -m convert prepare", description=__doc__)
    parser.add_argument("recipe", type=Path, help="TOML file, e.g. convert/recipes/depth-short.toml")
    parser.add_argument("sources", type=Path, nargs="*", help="folders and files of data that the task reads")
    parser.add_argument("--out", type=new_folder, required=True, metavar="DIR")
    asked = parser.parse_intermixed_args(arguments)
    recipe = read(asked.recipe)
    for source in asked.sources:
        if not source.exists():
            raise InputError(f"{source}: no such file or folder")
    prepared = recipe.maker.prepare(recipe.data, asked.sources, asked.out, recipe.train.seed)
    _add(prepared, recipe)
    prepared.check()
    print(summary(prepared))
    return 0


def _add(prepared: Prepared, recipe: Recipe) -> None:
    """Adds to about.json what it was made with; `train` refuses another [data] table."""
    about = {**prepared.about, "told": asdict(recipe.data), "seed": recipe.train.seed, "commit": commit()}
    unfinished = prepared.folder / "about.json.part"
    unfinished.write_text(json.dumps(about, indent=1), "utf-8")
    os.replace(unfinished, prepared.folder / "about.json")


def summary(prepared: Prepared) -> str:
    """Rows by split and the arrays, for people."""
    rows = ", ".join(f"{int((prepared.split == place).sum())} {name}" for place, name in enumerate(SPLITS))
    arrays = ", ".join(f"{name} {array.dtype}{list(array.shape[1:])}" for name, array in prepared.arrays.items())
    return f"{prepared.folder}: {rows} rows of {arrays}"

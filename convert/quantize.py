"""`python -m convert quantize RUN --data DIR [--out models]`: a training to the files that the device runs.

Writes NAME.tflite, NAME.json (manifest), NAME.md (card) and float/NAME.tflite, but only if the quantized graph passes
against the float one (convert/verify.py). `--layers` prints what `keep_float` may name.
"""

import argparse
import json
import os
import shutil
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch

from convert import cards, graphs
from convert.commit import commit
from convert.outputs import new_folder
from convert.prepared import Prepared
from convert.recipe import Recipe, read
from convert.runs import Run
from convert.verify import gate, passed
from device.errors import InputError
from device.inference.models import sha256, shipped_folder
from device.squat.features import FEATURES_VERSION
from device.squat.pose import KEYPOINTS

TOLD = ("recipe_file", "seed", "rows", "parameters", "epochs", "minutes", "device", "torch", "commit")
TOOLS = ("litert-torch", "ai-edge-quantizer", "ai-edge-litert")


def main(arguments: Sequence[str]) -> int:
    """Exports, quantizes, compares; gives 1 where the quantized graph does not pass."""
    parser = argparse.ArgumentParser(prog="python -m convert quantize", description=__doc__)
    parser.add_argument("run", type=Path, help="what `train` wrote")
    parser.add_argument("--data", type=Path, required=True, metavar="DIR", help="what it was trained on")
    parser.add_argument("--out", type=new_folder, default=shipped_folder(), metavar="DIR", help="default: models/")
    parser.add_argument("--layers", action="store_true", help="only print the operations of the float graph")
    parser.add_argument(
        "--recipe", type=Path, metavar="FILE", help="take [quantize] from here, all else must be the same"
    )
    asked = parser.parse_args(arguments)
    run, prepared = Run.open(asked.run), Prepared.open(asked.data)
    if asked.recipe:
        run = replace(run, recipe=requantized(run.recipe, asked.recipe))
    with tempfile.TemporaryDirectory() as scratch:
        return _quantize(run, prepared, Path(scratch), asked.out, asked.layers)


def requantized(trained: Recipe, path: Path) -> Recipe:
    """A recipe that may differ from the trained one in [quantize] alone.

    Raises:
        InputError: it differs in more.
    """
    wanted = read(path)
    for part in ("task", "name", "data", "net", "train"):
        if getattr(wanted, part) != getattr(trained, part):
            raise InputError(f"{path}: {part} is not what was trained; only [quantize] may differ")
    return wanted


def _quantize(run: Run, prepared: Prepared, scratch: Path, out: Path, layers: bool) -> int:
    recipe, task = run.recipe, run.recipe.maker
    torch.set_num_threads(recipe.train.threads)
    net = run.net(prepared)
    if calibrate := getattr(task, "calibrate", None):
        calibrate(net, prepared)
    floating, small = scratch / "float" / f"{recipe.name}.tflite", scratch / f"{recipe.name}.tflite"
    floating.parent.mkdir()
    inputs = task.calibration(prepared, recipe.quantize.calibration, recipe.train.seed)
    graphs.export(task.deployed(net), inputs, task.outputs, floating)
    if layers:
        print("\n".join(graphs.layers(floating)))
        return 0
    graphs.quantize(floating, recipe.quantize, inputs, small)
    found = gate(task, floating, small, prepared, whole=False)
    if not passed(found):
        print(f"{recipe.name}: the quantized graph is not as good as the float one; nothing was written")
        return 1
    with torch.no_grad():
        metrics = {split: dict(task.measure(net, prepared, split)) for split in _measured(prepared)}
    manifest = {
        **_manifest(run, prepared, floating, small),
        **task.manifest(recipe.net, prepared),
        "metrics": metrics,
        "verify": found,
    }
    small.with_suffix(".json").write_text(json.dumps(manifest, indent=1) + "\n", "utf-8")
    card = small.with_suffix(".md")
    card.write_text(f"{cards.head(manifest)}\n{task.card(card, prepared)}", "utf-8")
    _move(scratch, out)
    print(f"{out / recipe.name}.tflite: {manifest['bytes']} bytes, sha256 {manifest['sha256'][:12]}")
    return 0


def _measured(prepared: Prepared) -> list[str]:
    return ["tune", "test"] if (prepared.split == 2).any() else ["tune"]


def _manifest(run: Run, prepared: Prepared, floating: Path, small: Path) -> dict[str, Any]:
    recipe, told = run.recipe, run.about
    return {
        "name": recipe.name,
        "task": recipe.task,
        "licence": "Apache-2.0",
        "sha256": sha256(small),
        "float_sha256": sha256(floating),
        "bytes": small.stat().st_size,
        **graphs.interface(small),
        "quantization": {
            "mode": recipe.quantize.mode,
            "keep_float": list(recipe.quantize.keep_float),
            "calibration": recipe.quantize.calibration,
            "ranges": recipe.quantize.ranges,
            "tools": {name: version(name) for name in TOOLS},
        },
        "keypoints": list(KEYPOINTS),
        "features": FEATURES_VERSION,
        "training": {
            "recipe": recipe.text,
            "sources": prepared.about["sources"],
            "data": dict(prepared.about["arrays"]),
            "best_epoch": run.best["epoch"],
            "start": told.get("start", ""),
            **{key: told[key] for key in TOLD},
        },
        "commit": commit(),
    }


def _move(scratch: Path, out: Path) -> None:
    """Moves what was made into models/, each file whole; the manifest last, so that half of it is refused."""
    for made in sorted((p for p in scratch.rglob("*") if p.is_file()), key=lambda p: p.suffix == ".json"):
        place = out / made.relative_to(scratch)
        place.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(made, place.with_name(place.name + ".part"))
        os.replace(place.with_name(place.name + ".part"), place)

"""`python -m convert quantize RUN --data DIR [--out models]`: a training to the files that the device runs.

Writes NAME.tflite, NAME.json (manifest), NAME.md (card) and float/NAME.tflite, but only if the quantized graph passes
against the float one (convert/verify.py). `--layers` prints what `keep_float` may name. `quantize --again NAME --data
DIR` exports anew what ships, where this code exports otherwise than that which trained it: same weights, other graph.
That is refused where the graph does not tell all of the network.
"""

import argparse
import json
import os
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch
from torch import nn

from convert import cards, graphs
from convert.commit import commit
from convert.outputs import new_folder
from convert.prepared import Prepared
from convert.recipe import Recipe, read
from convert.runs import Run
from convert.start import begin
from convert.verify import gate, passed
from device.errors import InputError
from device.inference.models import sha256, shipped_folder
from device.squat.features import FEATURES_VERSION
from device.squat.pose import KEYPOINTS

TOLD = ("recipe_file", "seed", "rows", "parameters", "epochs", "minutes", "device", "torch", "commit")
FIXED = ("requires", "form_input", "refined_input")  # of a manifest: what other data must not change
TOOLS = ("litert-torch", "ai-edge-quantizer", "ai-edge-litert")


def main(arguments: Sequence[str]) -> int:
    """Exports, quantizes, compares; gives 1 where the quantized graph does not pass."""
    parser = argparse.ArgumentParser(prog="python -m convert quantize", description=__doc__)
    which = parser.add_mutually_exclusive_group(required=True)
    which.add_argument("run", type=Path, nargs="?", help="what `train` wrote")
    which.add_argument("--again", metavar="NAME", help="the weights of models/float/NAME.tflite instead")
    parser.add_argument(
        "--data", type=Path, required=True, metavar="DIR", help="what it was trained on; again: any for the task"
    )
    parser.add_argument("--out", type=new_folder, default=shipped_folder(), metavar="DIR", help="default: models/")
    parser.add_argument("--layers", action="store_true", help="only print the operations of the float graph")
    parser.add_argument(
        "--recipe", type=Path, metavar="FILE", help="take [quantize] from here, all else must be the same"
    )
    asked = parser.parse_args(arguments)
    prepared = Prepared.open(asked.data)
    with tempfile.TemporaryDirectory() as scratch:
        if asked.again:
            trained = _shipped(asked.again, prepared, Path(scratch))
        else:
            trained = _trained(asked.run, prepared, asked.out)
        if asked.recipe:
            trained = replace(trained, recipe=requantized(trained.recipe, asked.recipe))
        return _quantize(trained, prepared, Path(scratch), asked.out, asked.layers)


@dataclass(frozen=True)
class _Trained:
    """A network, and what its manifest tells of its training."""

    recipe: Recipe
    net: nn.Module
    training: Mapping[str, Any]
    again: Mapping[str, Any] | None = None


def _trained(folder: Path, prepared: Prepared, out: Path) -> _Trained:
    run = Run.open(folder)
    start = run.about.get("start", "")
    training = {
        "recipe": run.recipe.text,
        "sources": prepared.about["sources"],
        "data": dict(prepared.about["arrays"]),
        "best_epoch": run.best["epoch"],
        "start": start,
        "before": learnt_before([folder / f"{run.recipe.name}.json" for folder in (out, shipped_folder())], start),
        **{key: run.about[key] for key in TOLD},
    }
    return _Trained(run.recipe, run.net(prepared), training)


def learnt_before(manifests: Sequence[Path], start: str) -> list[dict[str, Any]]:
    """What the weights that a training began with had learnt from, by the first of these manifests that knows them.

    Args:
        manifests: of what ships, or would be replaced; none need be there.
        start: hash of the file of those weights, empty where there were none.
    """
    for path in manifests if start else []:
        try:
            told = json.loads(path.read_text("utf-8"))
            training = told["training"]
            before = list(training.get("before", []))
            if told["float_sha256"] == start:
                return list({source["sha256"]: source for source in [*before, *training["sources"]]}.values())
            if training["start"] == start and before:  # quantized once more
                return before
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            continue
    return []


def _shipped(name: str, prepared: Prepared, scratch: Path) -> _Trained:
    """The network of a graph that ships.

    Raises:
        InputError: there is none, its weights are not this code's network's, or the data is of another task or model.
    """
    folder = shipped_folder()
    try:
        manifest = json.loads((folder / f"{name}.json").read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(f"{folder}: no model {name} ({error})") from None
    kept = scratch / "recipe.toml"
    kept.write_text(manifest["training"]["recipe"], "utf-8")
    recipe = read(kept)
    kept.unlink()
    if prepared.about["task"] != manifest["task"]:
        raise InputError(f"{prepared.folder}: prepared for {prepared.about['task']}, {name} is of {manifest['task']}")
    if hasattr(recipe.maker, "calibrate"):
        raise InputError(f"{name}: its graph does not tell the network before it was calibrated; train it anew")
    net = recipe.maker.net(recipe.net, prepared)
    floating, _ = begin(net, folder / "float" / f"{name}.tflite", recipe.maker, prepared, recipe.train.seed)
    if floating != manifest["float_sha256"]:
        raise InputError(f"{folder}/float/{name}.tflite: not the graph that {name} was made from")
    for key, value in recipe.maker.manifest(recipe.net, prepared).items():
        if key in FIXED and value != manifest.get(key):
            raise InputError(f"{prepared.folder}: prepared with {key} {value}, {name} has {manifest.get(key)}")
    again = {"float_sha256": floating, "sources": prepared.about["sources"], "before": manifest.get("again")}
    return _Trained(recipe, net.eval(), manifest["training"], again)


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


def _quantize(trained: _Trained, prepared: Prepared, scratch: Path, out: Path, layers: bool) -> int:
    recipe, task, net = trained.recipe, trained.recipe.maker, trained.net
    torch.set_num_threads(recipe.train.threads)
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
        **_manifest(trained, floating, small),
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


def _manifest(trained: _Trained, floating: Path, small: Path) -> dict[str, Any]:
    recipe = trained.recipe
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
        "training": {**trained.training, "recipe": recipe.text},
        **({"again": dict(trained.again)} if trained.again else {}),
        "commit": commit(),
    }


def _move(scratch: Path, out: Path) -> None:
    """Moves what was made into models/, each file whole; the manifest last, so that half of it is refused."""
    for made in sorted((p for p in scratch.rglob("*") if p.is_file()), key=lambda p: p.suffix == ".json"):
        place = out / made.relative_to(scratch)
        place.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(made, place.with_name(place.name + ".part"))
        os.replace(place.with_name(place.name + ".part"), place)

"""`python -m convert verify NAME --data DIR [--all]`: a shipped graph against its float one, in both TFLite runtimes.

The float graph lies beside it, as models/float/NAME.tflite: not in the wheel, but in the repository, so that anyone can
compare the two without training again. The float one always runs in ai-edge-litert.
"""

import argparse
import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, cast

from convert.outputs import new_file
from convert.prepared import Prepared
from convert.recipe import find_task
from convert.runtimes import OlderModel, older_python
from convert.tasks.task import Task
from device.errors import InputError, ModelError
from device.inference.models import find, sha256, shipped_folder
from device.inference.tflite import Model


def main(arguments: Sequence[str]) -> int:
    """Compares, prints; gives 1 where a graph does not pass."""
    parser = argparse.ArgumentParser(prog="python -m convert verify", description=__doc__)
    parser.add_argument("name", help="of a model in models/")
    parser.add_argument("--data", type=Path, required=True, metavar="DIR", help="what `prepare` wrote for its task")
    parser.add_argument("--all", action="store_true", help="over everything the bars name, not the part for minutes")
    parser.add_argument("--json", type=new_file, metavar="OUT")
    asked = parser.parse_args(arguments)
    manifest = find(asked.name)
    if "task" not in manifest.more:
        raise ModelError(f"{asked.name}: not a model of this toolchain")
    floating = shipped_folder() / "float" / f"{asked.name}.tflite"
    if not floating.is_file() or sha256(floating) != manifest.more["float_sha256"]:
        raise ModelError(f"{floating}: missing, or not the graph that {asked.name} was made from")
    prepared, task = Prepared.open(asked.data), find_task(manifest.more["task"])
    if prepared.about.get("task") != (wanted := getattr(task, "prepared_by", manifest.more["task"])):
        found_for = f"prepared for {prepared.about.get('task')}"
        raise InputError(f"{asked.data}: {found_for}, {asked.name} needs what is prepared for {wanted}")
    if dict(prepared.about["arrays"]) != manifest.more["training"]["data"]:
        print(f"{asked.data}: prepared otherwise than what {asked.name} was trained on; compared all the same")
    found = gate(task, floating, manifest.path, prepared, asked.all)
    if asked.json:
        asked.json.write_text(json.dumps(found, indent=1), "utf-8")
    return 0 if passed(found) else 1


def gate(task: Task, floating: Path, quantized: Path, prepared: Prepared, whole: bool) -> dict[str, Any]:
    """Compares a quantized graph with its float one and prints a line for each runtime.

    Returns:
        By runtime: `passed`, `figures`, `words`, `seconds`; or `not_run` and the reason.
    """
    found: dict[str, Any] = {}
    python, why_not = older_python()
    with Model(floating, runtime="ai_edge_litert") as reference:
        for runtime in ("ai_edge_litert", "tflite_runtime"):
            started = time.monotonic()
            if runtime == "ai_edge_litert":
                model: Any = Model(quantized, runtime=runtime)
            elif python is None:
                found[runtime] = {"not_run": why_not}
                print(f"{quantized.stem} in {runtime}: not run: {why_not}")
                continue
            else:
                model = OlderModel(quantized, python)
            with model:
                comparison = task.compare(reference, cast(Model, model), prepared, whole)
            seconds = round(time.monotonic() - started, 1)
            found[runtime] = {**asdict(comparison), "whole": whole, "seconds": seconds}
            told = "passed" if comparison.passed else "FAILED"
            print(f"{quantized.stem} in {runtime}: {told}: {comparison.words} ({seconds:.0f} s)", flush=True)
    return found


def passed(found: Mapping[str, Mapping[str, Any]]) -> bool:
    """Whether a graph passed in every runtime that was there."""
    return all(one.get("passed", "not_run" in one) for one in found.values())

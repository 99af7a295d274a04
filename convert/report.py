"""`python -m convert report [NAME...] [--with KEY=PATH...]`: what each shipped network must show, with its seeds.

Without more it prints what the manifests hold, which `quantize` measured. The tasks measure again what the data is here
for: `--with clips=clips/manifest.json`, `--with NAME=DATA` (prepared data of that network), and what else a task names
under "more with". `--out` gets the same.
"""

import argparse
from collections.abc import Mapping, Sequence
from pathlib import Path

from convert import cards
from convert.commit import commit
from convert.recipe import find_task
from convert.verify import passed
from device.errors import InputError
from device.inference.models import Manifest, all_models, verify


def main(arguments: Sequence[str]) -> int:
    """Prints; gives 1 where a network did not pass against its float one."""
    parser = argparse.ArgumentParser(prog="python -m convert report", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help="of models in models/ (default: all)")
    parser.add_argument(
        "--with", dest="given", action="append", default=[], metavar="KEY=PATH", help="data to measure on"
    )
    parser.add_argument("--out", type=Path, metavar="FILE", help="Markdown")
    asked = parser.parse_intermixed_args(arguments)
    given = paths(asked.given)
    ours = {manifest.name: manifest for manifest in all_models() if "task" in manifest.more}
    for name in asked.names:
        if name not in ours:
            raise InputError(f"{name}: no such network in models/, expected {', '.join(ours) or 'none, none is there'}")
    parts = [f"# Report\n\nCode of commit {commit()[:20]}.\n"]
    print(parts[0])
    for name in asked.names or ours:
        parts.append(section(ours[name], given))
        print(parts[-1], flush=True)
    if asked.out:
        asked.out.write_text("\n".join(parts), "utf-8")
    return 0 if all(passed(ours[name].more["verify"]) for name in asked.names or ours) else 1


def paths(given: Sequence[str]) -> dict[str, Path]:
    """KEY=PATH words by key.

    Raises:
        InputError: not of that form, or nothing is there.
    """
    found = {}
    for word in given:
        key, equals, path = word.partition("=")
        if not equals:
            raise InputError(f"--with {word}: expected KEY=PATH")
        if not Path(path).exists():
            raise InputError(f"--with {key}: {path}: no such file or folder")
        found[key] = Path(path)
    return found


def section(manifest: Manifest, given: Mapping[str, Path]) -> str:
    """One network: what its manifest says, then what its task measures now.

    A task that measures has a method `report(manifest, given)`, given the `Manifest` and the paths by key; it gives
    Markdown that names the seeds and commands of every figure.
    """
    verify(manifest)
    more, training = manifest.more, manifest.more["training"]
    lines = [
        f"## {manifest.name}",
        "",
        f"{training['parameters']:,} parameters, {more['bytes'] / 1024:.0f} KB; recipe {training['recipe_file']}, seed "
        f"{training['seed']}, {training['epochs']} epochs in {training['minutes']:g} minutes on {training['device']}.",
        "",
        *cards.metrics(more["metrics"]),
        "",
        *cards.against_float(more["verify"]),
        "",
    ]
    if report := getattr(find_task(more["task"]), "report", None):
        lines.append(report(manifest, given))
    return "\n".join(lines)

"""`python -m convert report [NAME...] [--with KEY=PATH...]`: what each shipped network must show, with its seeds.

Without more it prints the bars and what manifests and cards hold, which `quantize` measured. What the data is here for
is measured again: `--with clips=clips/manifest.json`, `frontsquat=LANDMARKS`, `posture=FOLDER`, `fitai=FOLDER`,
`updown=FOLDER`, `opencap=FILE`, `deepsquat=FILE`, and `table2=SWEEP`, `table3=SWEEP` for DeepSquat's tables. `--out`
gets the same.
"""

import argparse
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from convert import bars, cards
from convert.commit import commit, short
from convert.outputs import new_file
from convert.recipe import find_task
from convert.verify import passed
from device.errors import InputError
from device.inference.models import Manifest, all_models, verify

OF_TASKS = ("posture",)  # keys of --with that a task's own report takes


def main(arguments: Sequence[str]) -> int:
    """Prints; gives 1 where a network did not pass against its float one."""
    parser = argparse.ArgumentParser(prog="python -m convert report", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help="of models in models/ (default: all)")
    parser.add_argument(
        "--with", dest="given", action="append", default=[], metavar="KEY=PATH", help="data to measure on"
    )
    parser.add_argument("--out", type=new_file, metavar="FILE", help="Markdown")
    asked = parser.parse_intermixed_args(arguments)
    given = paths(asked.given)
    keys = (*bars.MEASURES, *bars.TABLES, *OF_TASKS)
    if unknown := [key for key in given if key not in keys]:
        raise InputError(f"--with {unknown[0]}: expected one of {', '.join(keys)}")
    ours = {manifest.name: manifest for manifest in all_models() if "task" in manifest.more}
    for name in asked.names:
        if name not in ours:
            raise InputError(f"{name}: no such network in models/, expected {', '.join(ours) or 'none, none is there'}")
    parts = []
    for part in _parts([ours[name] for name in asked.names or ours], ours, given):
        print(part, flush=True)
        parts.append(part)
    if asked.out:
        asked.out.write_text("\n".join(parts), "utf-8")
    return 0 if all(passed(ours[name].more["verify"]) for name in asked.names or ours) else 1


def _parts(asked: Sequence[Manifest], ours: Mapping[str, Manifest], given: Mapping[str, Path]) -> Iterator[str]:
    yield f"# Report\n\nCode of commit {short(commit())}.\n"
    yield "\n".join(["## Bars", "", *bars.lines({name: one.more["metrics"] for name, one in ours.items()}), ""])
    for manifest in asked:
        yield section(manifest, given)
    for key, path in given.items():
        if key not in OF_TASKS:
            yield "\n".join([f"## With {key}", "", *bars.measured(key, path), ""])


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
    """One network: what its manifest and its card say, then what its task measures now.

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
        *cards.own(manifest.path.with_suffix(".md")),
    ]
    if report := getattr(find_task(more["task"]), "report", None):
        lines.append(report(manifest, given))
    return "\n".join(lines)

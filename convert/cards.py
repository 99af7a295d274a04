"""Model cards: the head that all share, from the manifest; the rest is the task's own."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from convert.commit import short

AGAINST_FLOAT = "## Against float"  # the last section of the head
# Words for `convert.recipe.Quantize.mode`.
MODES = {
    "static": "static int8",
    "convolutions": "int8 convolutions",
    "weights": "int8 weights",
    "float": "float",
}


def head(manifest: Mapping[str, Any]) -> str:
    """The common part of a card, Markdown."""
    training = manifest["training"]
    recipe, start = training["recipe_file"], training.get("start", "")
    lines = [
        f"# {manifest['name']}",
        "",
        *_graph(manifest),
        "## Trained on",
        "",
        *_sources(training["sources"]),
        "",
        f"{training['rows']['train']} rows trained it, {training['rows']['tune']} stopped it; split by lifter, video "
        "or block, never by frame.",
        f"Seed {training['seed']}, {training['epochs']} epochs of which {training['best_epoch']} was the best, "
        f"{training['minutes']:g} minutes on {training['device']}; PyTorch {training['torch']}, code of commit "
        f"{short(training['commit'])}.",
        *_began(training),
        *_again(manifest),
        "",
        "```sh",
        f"python -m convert prepare convert/recipes/{recipe} --out DATA SOURCES...",
        f"python -m convert train convert/recipes/{recipe} --data DATA --out RUN{' --from NET' if start else ''}",
        "python -m convert quantize RUN --data DATA",
        f"python -m convert verify {manifest['name']} --data DATA --all",
        "```",
        "",
        "## Figures of the float network",
        "",
        *metrics(manifest["metrics"]),
        "",
        AGAINST_FLOAT,
        "",
        *against_float(manifest["verify"]),
        "",
    ]
    return "\n".join(lines)


def _sources(sources: Sequence[Mapping[str, Any]]) -> list[str]:
    return [
        "| data | licence | rows | sha256 |",
        "| --- | --- | --- | --- |",
        *(f"| {s['name']} | {s['licence']} | {s['rows']} | {s['sha256'][:12]} |" for s in sources),
    ]


def _began(training: Mapping[str, Any]) -> list[str]:
    """What weights a training began with, and what these had learnt from, as far as it is known."""
    if not (start := training.get("start", "")):
        return []
    told = f"It began with the weights of a training before, in the file of sha256 {start[:12]}"
    if not (before := training.get("before")):
        return [f"{told}."]
    return [f"{told}, which had learnt from:", "", *_sources(before)]


def _again(manifest: Mapping[str, Any]) -> list[str]:
    """Where the graph was exported anew: of which graph, and on what its figures are."""
    if not (again := manifest.get("again")):
        return []
    data = ", ".join(f"{source['name']} ({source['sha256'][:12]})" for source in again["sources"])
    return [
        "",
        f"The graph was exported anew, with the same weights, by the code of commit {short(manifest['commit'])}, from "
        f"the float graph of sha256 {again['float_sha256'][:12]}; the figures below are on {data}.",
    ]


def _graph(manifest: Mapping[str, Any]) -> list[str]:
    told, how = manifest["training"], manifest["quantization"]
    mode = MODES[how["mode"]]
    kept = f", kept float: {', '.join(how['keep_float'])}" if how["keep_float"] else ""
    lines = [f"{told['parameters']:,} parameters, {manifest['bytes'] / 1024:.0f} KB, {mode}{kept}. Apache-2.0.", ""]
    for kind in ("inputs", "outputs"):
        told_each = (f"`{one['name']}` {one['shape']} {one['dtype']}" for one in manifest[kind])
        lines.append(f"{kind.capitalize()}: {', '.join(told_each)}.")
    if manifest.get("requires"):
        lines.append(f"Runs on: {', '.join(one[:12] for one in manifest['requires'])}.")
    return [*lines, ""]


def metrics(figures: Mapping[str, Mapping[str, float]]) -> list[str]:
    """A table of figures by split."""
    splits = list(figures)
    names = dict.fromkeys(name for split in splits for name in figures[split])
    cells = (f"| {name} | " + " | ".join(_cell(figures[split].get(name)) for split in splits) + " |" for name in names)
    return [f"| | {' | '.join(splits)} |", "| --- |" + " --- |" * len(splits), *cells]


def _cell(value: float | None) -> str:
    return "-" if value is None else f"{value:.4g}"


def against_float(found: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """A line for each runtime: what `verify` found."""
    return [
        f"* {runtime}: {one['words'] if 'words' in one else 'not run: ' + one['not_run']}"
        for runtime, one in found.items()
    ]


def own(path: Path) -> list[str]:
    """The lines of a card after its head, headings one level deeper; none where there is no card."""
    if not path.is_file():
        return []
    _, _, rest = path.read_text("utf-8").partition(AGAINST_FLOAT)
    _, heading, rest = rest.partition("\n## ")
    return [f"#{line}" if line.startswith("## ") else line for line in f"{heading}{rest}".strip().splitlines()] + [""]

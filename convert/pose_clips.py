"""`python -m convert pose-clips --clips MANIFEST`: both pose models over labelled clips; the card gets the table."""

import argparse
import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from tqdm import tqdm

from convert.clips import judge_clip, read_manifest
from convert.evaluate import CELLS, score_clip, summary
from convert.outputs import new_file
from device import settings
from device.inference.models import find, shipped_folder

CLIPS_HEADING = "## Over labelled clips"
MODELS = ("squatlight", "blazepose")


def main(arguments: Sequence[str]) -> int:
    """Evaluates, prints, and writes the card's section."""
    parser = argparse.ArgumentParser(prog="python -m convert pose-clips", description=__doc__)
    parser.add_argument("--clips", type=Path, required=True, metavar="MANIFEST")
    parser.add_argument("--split", choices=("tune", "test"), help="one split alone")
    parser.add_argument("--keypoints", type=Path, metavar="DIR", help="keep keypoints there, a folder for each model")
    parser.add_argument("--json", type=new_file, metavar="OUT")
    parser.add_argument("--card", action="store_true", help="put the table into models/pose.md")
    asked = parser.parse_args(arguments)
    wanted, tables = settings.load(settings.DEFAULT_FILE), {}
    clips = read_manifest(asked.clips, asked.split or "")
    for model in MODELS:
        chosen = replace(wanted, models=replace(wanted.models, pose=model))
        kept = asked.keypoints / model if asked.keypoints else None
        scores = [score_clip(c, judge_clip(c, chosen, kept)) for c in tqdm(clips, model, unit="clip", disable=None)]
        for split in ("tune", "test"):
            rows = [score for score in scores if score.clip.split == split]
            if rows:
                tables[f"{model}, {split}"] = summary(rows)
    lines = section(tables, find("pose").sha256)
    print("\n".join(lines))
    if asked.json:
        asked.json.write_text(json.dumps(tables, indent=1), "utf-8")
    if asked.card:
        into_card(shipped_folder() / "pose.md", lines)
    return 0


def section(tables: dict[str, dict[str, Any]], sha256: str) -> list[str]:
    """The card's section: a table of both models, and what follows for the default."""
    lines = [
        CLIPS_HEADING,
        "",
        f"pose.tflite {sha256[:12]}; the splits are of real clips, none of which trained it.",
        "",
        f"| | {' | '.join(tables)} |",
        "| --- |" + " --- |" * len(tables),
        *(f"| {name} | {' | '.join(cell(table) for table in tables.values())} |" for name, cell in CELLS.items()),
        "",
    ]
    ours, theirs = (tables.get(f"{model}, tune") for model in MODELS)
    if ours and theirs:
        better = ours["exact"] >= theirs["exact"]
        told = "squatlight measures as well" if better else "BlazePose is believed where it is sure"
        lines += [
            f"Exact counts on the tune split: {ours['exact']} against BlazePose's {theirs['exact']} of "
            f"{ours['squat_clips']} clips; {told}.",
            "",
        ]
    return lines


def into_card(path: Path, lines: Sequence[str]) -> None:
    """Puts the section at the end of a card, in the place of an older one."""
    text = path.read_text("utf-8").split(CLIPS_HEADING)[0].rstrip()
    path.write_text(text + "\n\n" + "\n".join(lines), "utf-8")

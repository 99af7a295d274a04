"""`python -m convert evaluate`: the whole device over labelled clips; counts, false reps, bottoms, depth."""

import argparse
import json
import statistics
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from tqdm import tqdm

from convert.clips import Judged, LabelledClip, judge_clip, match, read_manifest
from convert.metrics import mean, wilson
from convert.outputs import new_file
from device import settings
from device.errors import InputError, SettingsError
from device.squat.rulebook import Decision


@dataclass(frozen=True, slots=True)
class ClipScore:
    """A clip's figures.

    Attributes:
        clip: the clip.
        labelled: its complete reps.
        found: reps the device judged.
        missed: labelled reps not found.
        false: found reps that no label fits.
        bottom_errors_s: of each complete rep that was found.
        depth: (labelled depth, p_below or None) of each clear rep; None = missed or not seen.
        abstained: reps with no decision.
        frames: how many.
        seconds: time taken; None from stored keypoints.
    """

    clip: LabelledClip
    labelled: int
    found: int
    missed: int
    false: int
    bottom_errors_s: tuple[float, ...]
    depth: tuple[tuple[str, float | None], ...]
    abstained: int
    frames: int
    seconds: float | None


def score_clip(clip: LabelledClip, judged: Judged) -> ClipScore:
    """Compares what the device found with the labels."""
    pairs = dict(match(clip.labels, [r.rep.bottom_s for r in judged.reps]))
    errors, depth, missed = [], [], 0
    for i, label in enumerate(clip.labels):
        if not label.complete:
            continue
        found = judged.reps[pairs[i]] if i in pairs else None
        if found is None:
            missed += 1
        else:
            errors.append(abs(found.rep.bottom_s - label.bottom_s))
        if label.clear:
            depth.append((label.depth, found.depth.p_below if found is not None and found.depth is not None else None))
    return ClipScore(
        clip, sum(label.complete for label in clip.labels), len(judged.reps), missed, len(judged.reps) - len(pairs),
        tuple(errors), tuple(depth), sum(r.verdict.decision is Decision.NO_DECISION for r in judged.reps),
        judged.frames, judged.seconds,
    )  # fmt: skip


def summary(scores: Iterable[ClipScore]) -> dict[str, Any]:
    """The figures of many clips; depth is right where p_below >= 0.5 agrees with the label."""
    scores = list(scores)
    squats = [s for s in scores if not s.clip.negative]
    depth = [(s.clip.person, label, p) for s in squats for label, p in s.depth]
    right: dict[str, list[bool]] = {"above": [], "below": []}
    persons: dict[str, list[bool]] = {}
    for person, label, p in depth:
        right[label].append(_is_right(label, p))
        persons.setdefault(person, []).append(_is_right(label, p))
    total, count = len(depth), sum(map(sum, right.values()))
    errors = [e for s in squats for e in s.bottom_errors_s]
    timed = [s for s in scores if s.seconds]
    low, high = wilson(count, total)
    return {
        "squat_clips": len(squats),
        "exact": sum(s.missed + s.false == 0 for s in squats),
        "within_one": sum(s.missed + s.false <= 1 for s in squats),
        "count_mae": _rounded(mean([abs(s.false - s.missed) for s in squats])),
        "reps": sum(s.labelled for s in squats),
        "missed": sum(s.missed for s in squats),
        "false": sum(s.false for s in squats),
        "negatives": len(scores) - len(squats),
        "false_on_negatives": sum(s.found for s in scores if s.clip.negative),
        "bottom_error_median_s": _rounded(statistics.median(errors)) if errors else None,
        "clear_reps": total,
        "depth_right": count,
        "depth_95": [_rounded(low), _rounded(high)],
        "depth_balanced": _rounded(mean([mean(r) for r in right.values() if r])),
        "depth_mean_per_person": _rounded(mean([mean(r) for r in persons.values()])),
        "depth_confusion": {
            d: {
                "above": sum(p is not None and p < 0.5 for _, d2, p in depth if d2 == d),
                "below": sum(p is not None and p >= 0.5 for _, d2, p in depth if d2 == d),
                "missing": sum(p is None for _, d2, p in depth if d2 == d),
            }
            for d in ("above", "below")
        },
        "abstained": sum(s.abstained for s in scores),
        "fps": round(sum(s.frames for s in timed) / sum(s.seconds or 0 for s in timed), 1) if timed else None,
    }  # fmt: skip


def _is_right(label: str, p_below: float | None) -> bool:
    return p_below is not None and (p_below >= 0.5) == (label == "below")


def clip_row(s: ClipScore) -> dict[str, Any]:
    """A clip's figures as JSON."""
    return {
        "id": s.clip.id, "split": s.clip.split, "view": s.clip.view, "negative": s.clip.negative,
        "labelled": s.labelled, "found": s.found, "missed": s.missed, "false": s.false,
        "bottom_error_s": _rounded(mean(s.bottom_errors_s)) if s.bottom_errors_s else None,
        "clear_reps": len(s.depth),
        "depth_right": sum(_is_right(d, p) for d, p in s.depth),
        "abstained": s.abstained, "fps": round(s.frames / s.seconds, 1) if s.seconds else None,
    }  # fmt: skip


def _rounded(value: float) -> float | None:
    return None if value != value else round(value, 3)


def print_clips(scores: Sequence[ClipScore]) -> None:
    """A row per clip."""
    print("clip   split view             reps found missed false  bottom s  depth right  abstained    fps")
    for row in map(clip_row, scores):
        error = "-" if row["bottom_error_s"] is None else f"{row['bottom_error_s']:.3f}"
        depth = f"{row['depth_right']}/{row['clear_reps']}" if row["clear_reps"] else "-"
        mark = "" if not row["missed"] and not row["false"] and row["depth_right"] == row["clear_reps"] else "  <"
        print(
            f"{row['id']:6s} {row['split']:5s} {row['view']:16s} {row['labelled']:4d} {row['found']:5d} "
            f"{row['missed']:6d} {row['false']:5d} {error:>9s}  {depth:>11s}  {row['abstained']:9d} "
            f"{row['fps'] or float('nan'):6.1f}{mark}"
        )


def print_summaries(tables: dict[str, dict[str, Any]]) -> None:
    """The summaries side by side, as a Markdown table."""
    print(f"| | {' | '.join(tables)} |\n| --- |{' --- |' * len(tables)}")
    for name, cell in CELLS.items():
        print(f"| {name} | {' | '.join(cell(table) for table in tables.values())} |")


def _of(part: int, whole: int, things: str = "") -> str:
    return f"{part} of {whole}{things} ({part / whole:.1%})" if whole else "-"


def _share(value: float | None) -> str:
    return "-" if value is None else f"{value:.1%}"


def _calls(confusion: dict[str, int]) -> str:
    return ", ".join(str(count) for count in confusion.values())


CELLS: dict[str, Callable[[dict[str, Any]], str]] = {
    "exact rep count": lambda t: _of(t["exact"], t["squat_clips"], " clips"),
    "within one": lambda t: _of(t["within_one"], t["squat_clips"], " clips"),
    "count, mean absolute error": lambda t: str(t["count_mae"]),
    "reps missed, false": lambda t: f"{t['missed']}, {t['false']} of {t['reps']}",
    "false reps on clips without a squat": lambda t: f"{t['false_on_negatives']} on {t['negatives']}",
    "bottom, median error": lambda t: f"{t['bottom_error_median_s']} s",
    "depth right on clear reps": lambda t: _of(t["depth_right"], t["clear_reps"]),
    "95% interval": lambda t: " to ".join(map(_share, t["depth_95"])),
    "balanced accuracy": lambda t: _share(t["depth_balanced"]),
    "mean per person": lambda t: _share(t["depth_mean_per_person"]),
    "above: called above, below, missing": lambda t: _calls(t["depth_confusion"]["above"]),
    "below: called above, below, missing": lambda t: _calls(t["depth_confusion"]["below"]),
    "abstained": lambda t: str(t["abstained"]),
    "frames per second": lambda t: "-" if t["fps"] is None else f"{t['fps']:.0f}",
}


def main(arguments: Sequence[str]) -> int:
    """Runs the command."""
    parser = argparse.ArgumentParser(prog="python -m convert evaluate", description=__doc__)
    parser.add_argument("--clips", type=Path, required=True, metavar="MANIFEST")
    parser.add_argument("--split", choices=("tune", "test"), help="one split alone")
    parser.add_argument("--json", type=new_file, metavar="OUT")
    parser.add_argument(
        "--keypoints", type=Path, metavar="DIR", help="use keypoints stored there, store what is missing"
    )
    parser.add_argument("--depth", metavar="METHOD", help="a depth estimator by name")
    asked = parser.parse_args(arguments)
    wanted = settings.load(settings.DEFAULT_FILE)
    if asked.depth:
        try:
            wanted = settings.checked(replace(wanted, depth=replace(wanted.depth, method=asked.depth)))
        except SettingsError as error:
            raise InputError(f"--depth: {error}") from None
    clips = read_manifest(asked.clips, asked.split or "")
    scores = [score_clip(c, judge_clip(c, wanted, asked.keypoints)) for c in tqdm(clips, unit="clip", disable=None)]
    print_clips(scores)
    splits = {s: [score for score in scores if score.clip.split == s] for s in ("tune", "test")}
    tables = {name: summary(rows) for name, rows in splits.items() if rows}
    if len(tables) > 1:
        tables["both"] = summary(scores)
    print()
    print_summaries(tables)
    if asked.json is not None:
        whole = tables.get("both") or next(iter(tables.values()))
        report = {"summary": whole, "splits": tables, "clips": [clip_row(s) for s in scores]}
        asked.json.write_text(json.dumps(report, indent=1), "utf-8")
    return 0

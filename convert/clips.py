"""Labelled clips: the manifest's format, and what a device found in them.

A manifest is a JSON list of clips with `id, file, fps, frames, split` (tune or test), `person, negatives, reps` and,
where it is known, `view`; a rep has `bottom_frame, start_frame, end_frame, depth` (above, parallel = cannot be told,
below), `confidence` 0 to 1 and `complete` (false = cut by the clip's ends). Time 0 is the first decoded frame.
"""

import json
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from device.camera.clip import Clip
from device.errors import InputError
from device.inference import recorded
from device.inference.pose_model import open_pose_model
from device.judging import open_judge
from device.settings import Settings
from device.squat.events import RepJudged
from device.squat.judge import Judge
from device.squat.pose import Pose
from device.watch import watch

SPLITS, DEPTHS = ("tune", "test"), ("above", "parallel", "below")


@dataclass(frozen=True, slots=True)
class Label:
    """A rep as a person saw it; times in seconds.

    Attributes:
        bottom_s: lowest point, good to about 0.2 s.
        start_s: begin of the descent.
        end_s: standing again.
        depth: above, parallel or below.
        confidence: of the depth, 0 to 1.
        complete: False where the clip's ends cut it.
    """

    bottom_s: float
    start_s: float
    end_s: float
    depth: str
    confidence: float
    complete: bool

    @property
    def clear(self) -> bool:
        """Whether its depth counts."""
        return self.complete and self.depth != "parallel" and self.confidence >= 0.6


@dataclass(frozen=True, slots=True)
class LabelledClip:
    """A clip with its labels; `negative` clips hold no squat. `view` in words, empty where it is not known."""

    id: str
    path: Path
    split: str
    person: str
    view: str
    negative: bool
    labels: tuple[Label, ...]


@dataclass(frozen=True, slots=True)
class Judged:
    """What the device made of a clip.

    Attributes:
        reps: the judged reps.
        frames: how many were seen.
        seconds: the time it took; None where stored keypoints were used.
    """

    reps: tuple[RepJudged, ...]
    frames: int
    seconds: float | None


def read_manifest(path: Path, split: str = "") -> list[LabelledClip]:
    """The clips of a manifest whose files lie beside it.

    Args:
        path: the JSON file.
        split: keep only this one; empty keeps all.

    Raises:
        InputError: unreadable, not of this format, or a file is missing.
    """
    try:
        rows = json.loads(path.read_text("utf-8"))
        clips = [_clip(path.parent, row) for row in rows]
    except InputError as error:
        raise InputError(f"{path}: {error}") from None
    except (OSError, ValueError, KeyError, TypeError, ZeroDivisionError) as error:
        raise InputError(f"{path}: not a manifest of labelled clips ({error!r})") from error
    kept = [clip for clip in clips if not split or clip.split == split]
    if not kept:
        raise InputError(f"{path}: holds no clip{f' of the split {split}' if split else ''}")
    if missing := [clip.path for clip in kept if not clip.path.is_file()]:
        raise InputError(f"{missing[0]}: missing, and {len(missing) - 1} more")
    return kept


def _clip(folder: Path, row: dict[str, Any]) -> LabelledClip:
    fps = row["fps"]
    _expect(row, row["split"] in SPLITS, "split", row["split"], f"one of {', '.join(SPLITS)}")
    for rep in row["reps"]:
        depth, sure = rep["depth"], rep["confidence"]
        _expect(row, depth in DEPTHS, "depth", depth, f"one of {', '.join(DEPTHS)}")
        _expect(row, isinstance(sure, int | float) and 0 <= sure <= 1, "confidence", sure, "0 to 1")
    labels = tuple(
        Label(
            rep["bottom_frame"] / fps,
            rep.get("start_frame", rep["bottom_frame"]) / fps,
            rep.get("end_frame", rep["bottom_frame"]) / fps,
            rep["depth"],
            rep["confidence"],
            rep.get("complete", True),
        )
        for rep in row["reps"]
    )
    person = row.get("person") or row["id"]
    view = row.get("view") or ""
    return LabelledClip(row["id"], folder / row["file"], row["split"], person, view, row["negatives"], labels)


def _expect(row: dict[str, Any], right: bool, key: str, found: Any, expected: str) -> None:
    if not right:
        raise InputError(f"clip {row['id']}: {key}: expected {expected}, got {found!r}")


def judge_clip(clip: LabelledClip, settings: Settings, keypoints: Path | None = None) -> Judged:
    """Runs the device over a clip.

    Args:
        clip: the clip.
        settings: of the device.
        keypoints: a folder: keypoints stored there are used, others are stored; None = always from the picture.
    """
    formless = replace(settings, models=replace(settings.models, form=""))  # counts and depths alone are asked for
    with open_judge(formless) as (judge, _):
        return _judge_clip(clip, judge, settings, keypoints)


def _judge_clip(clip: LabelledClip, judge: Judge, settings: Settings, keypoints: Path | None) -> Judged:
    stored = keypoints / f"{clip.id}.npz" if keypoints is not None else None
    if stored is not None and stored.is_file():
        return _from_keypoints(judge, list(recorded.load(stored)))
    events, seen, size = [], [], (0, 0)
    models, surfaces = settings.models, settings.surfaces or stored is not None  # stored, they serve every method
    model = open_pose_model(models.pose, models.threads, models.runtime or None, surfaces)
    begin = time.perf_counter()
    with Clip(clip.path) as source:
        for turn in watch(source, model, judge):
            events += turn.events
            if turn.frame is not None:
                seen.append((turn.now_s, turn.pose))
                size = (turn.frame.image.shape[1], turn.frame.image.shape[0])
    seconds = time.perf_counter() - begin
    model.close()
    if stored is not None:
        stored.parent.mkdir(parents=True, exist_ok=True)
        recorded.save(stored, seen, size)
    return Judged(_reps(events), len(seen), seconds)


def _from_keypoints(judge: Judge, seen: list[tuple[float, Pose | None]]) -> Judged:
    events = [event for at_s, pose in seen for event in judge.see(pose, at_s)]
    events += judge.finish(seen[-1][0])
    return Judged(_reps(events), len(seen), None)


def _reps(events: list[Any]) -> tuple[RepJudged, ...]:
    return tuple(event for event in events if isinstance(event, RepJudged))


def match(labels: tuple[Label, ...], bottoms_s: list[float], within_s: float = 1.0) -> Iterator[tuple[int, int]]:
    """Pairs of label and found rep, nearest first, each used once.

    A rep fits a label within `within_s` of its bottom, or anywhere between its start and end (long holds).
    """
    pairs = []
    for i, label in enumerate(labels):
        low, high = min(label.bottom_s - within_s, label.start_s), max(label.bottom_s + within_s, label.end_s)
        pairs += [(abs(at_s - label.bottom_s), i, j) for j, at_s in enumerate(bottoms_s) if low <= at_s <= high]
    used_labels: set[int] = set()
    used_found: set[int] = set()
    for _, i, j in sorted(pairs):
        if i not in used_labels and j not in used_found:
            used_labels.add(i)
            used_found.add(j)
            yield i, j

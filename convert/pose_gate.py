"""The int8 pose network against the float one, as the device would run them: does any verdict differ?"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

import device
from convert.clips import read_manifest
from convert.datasets import pose_rows
from convert.datasets.synthetic import SyntheticClip
from convert.prepared import Prepared
from convert.tasks.task import Comparison
from device import settings
from device.camera.clip import Clip
from device.camera.frames import Frame
from device.errors import InputError
from device.inference.squatlight_pose import SIZE, SquatlightPose, decode
from device.inference.tflite import Model
from device.judging import open_judge
from device.squat import depth
from device.squat.events import RepJudged

CLIPS = Path(device.__file__).parents[2] / "shared" / "clips" / "manifest.json"
"""Labelled clips beside the repository, where there are some."""
WHOLE_RENDERED, PART_RENDERED, PART_CLIPS = 40, 8, 5
ROWS = 150


@dataclass(frozen=True)
class _Judged:
    """A rep: when its bottom was, and its verdict."""

    bottom_s: float
    p_below: float | None
    decision: str


def compare(floating: Model, quantized: Model, prepared: Prepared, whole: bool) -> Comparison:
    """Verdicts of both graphs over labelled clips and rendered reps, and how far points move.

    Args:
        floating: the reference.
        quantized: what shall ship.
        prepared: its rows, and the rendered sets it was made of.
        whole: over all clips and 40 rendered ones, else over a few.

    Returns:
        What was found; it passes only where reps were judged, and alike.

    Raises:
        InputError: there is nothing to judge.
    """
    reps = differ = uncounted = 0
    videos = 0
    for frames in _videos(prepared, whole):
        videos += 1
        ours, theirs = _judge(floating, quantized, frames)
        pairs = list(match_reps(ours, theirs))
        reps += len(ours)
        uncounted += len(ours) + len(theirs) - 2 * len(pairs)
        differ += sum(differs(a, b) for a, b in pairs)
    if not videos:
        places = ", ".join([str(CLIPS), *prepared.about["folders"]])
        raise InputError(f"{prepared.folder}: nothing to judge, expected clips in {places}")
    pixels = _shift(floating, quantized, prepared)
    shift, far = float(np.mean(pixels)), float(np.percentile(pixels, 95))
    figures = {"videos": videos, "reps": reps, "verdicts_differ": differ, "reps_in_one_only": uncounted,
               "shift_px": shift, "shift_p95_px": far}  # fmt: skip
    words = (
        f"{reps} reps in {videos} videos: {differ} verdicts differ outside the abstain band, {uncounted} reps in one "
        f"only; points move by {shift:.2f} px of {SIZE} (95%: {far:.2f})"
    )
    return Comparison(reps > 0 and differ == 0 and uncounted == 0, figures, words)


def match_reps(ours: list[_Judged], theirs: list[_Judged]) -> Iterator[tuple[_Judged, _Judged]]:
    """Pairs of reps whose bottoms lie within a second."""
    left = list(theirs)
    for one in ours:
        near = min(left, key=lambda other: abs(other.bottom_s - one.bottom_s), default=None)
        if near is not None and abs(near.bottom_s - one.bottom_s) <= 1.0:
            left.remove(near)
            yield one, near


def differs(one: _Judged, other: _Judged) -> bool:
    """Whether two verdicts on a rep differ, and neither was so doubtful that a meet's judge would abstain."""
    if one.decision == other.decision:
        return False
    rules = settings.load(settings.DEFAULT_FILE).judging().rules
    return not any(p is not None and rules.abstain_from <= p <= rules.abstain_to for p in (one.p_below, other.p_below))


def _videos(prepared: Prepared, whole: bool) -> Iterator[list[Frame]]:
    if CLIPS.is_file():
        clips = read_manifest(CLIPS)
        if not whole:
            tune = [clip for clip in clips if clip.split == "tune" and not clip.negative]
            clips = sorted(tune, key=lambda clip: clip.path.stat().st_size)[:PART_CLIPS]
        for clip in clips:
            with Clip(clip.path) as source:
                yield [frame for frame in source.frames() if isinstance(frame, Frame)]
    rendered = [clip for folder in prepared.about["folders"] for clip in _rendered(Path(folder))]
    rendered.sort(key=lambda clip: -clip.truth().about["fps"])
    for clip in rendered[: WHOLE_RENDERED if whole else PART_RENDERED]:
        fps = clip.truth().about["fps"]
        yield [Frame(image, number / fps, number) for number, image in enumerate(clip.frames())]


def _rendered(folder: Path) -> list[SyntheticClip]:
    return SyntheticClip.all_in(folder) if folder.is_dir() else []


def _judge(floating: Model, quantized: Model, frames: Iterable[Frame]) -> tuple[list[_Judged], list[_Judged]]:
    wanted = settings.load(settings.DEFAULT_FILE)
    wanted = replace(wanted, depth=replace(wanted.depth, method=depth.DEFAULT))  # no other network
    with open_judge(wanted) as (ours, _), open_judge(wanted) as (theirs, _):
        judges = [(SquatlightPose(floating, {}), ours, []), (SquatlightPose(quantized, {}), theirs, [])]
        now_s = 0.0
        for frame in frames:
            now_s = frame.captured_s
            for model, judge, events in judges:
                events += judge.see(model.estimate(frame), now_s)
        for _, judge, events in judges:
            events += judge.finish(now_s)
    reps = [[_rep(event) for event in events if isinstance(event, RepJudged)] for _, _, events in judges]
    return reps[0], reps[1]


def _rep(event: RepJudged) -> _Judged:
    p_below = event.depth.p_below if event.depth is not None else None
    return _Judged(event.rep.bottom_s, p_below, event.verdict.decision.name)


def _shift(floating: Model, quantized: Model, prepared: Prepared) -> NDArray[np.float64]:
    """Pixels of the input between the two graphs' points, of points that lie in the crop."""
    rows = prepared.rows("tune")
    found = []
    for row in rows[np.linspace(0, len(rows) - 1, min(len(rows), ROWS)).astype(int)]:
        example = pose_rows.example(prepared, int(row), None)
        values = example["image"][None].astype(np.float32) / 255
        places = [
            decode(out["heat"][0], out["world"][0], out["seen"][0])[0] for out in (floating(values), quantized(values))
        ]
        found.append(np.linalg.norm(places[0] - places[1], axis=-1)[example["placed"] > 0] * SIZE)
    return np.concatenate(found)

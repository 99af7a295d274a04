"""Judges recorded clips: a row per rep, JSON lines, an annotated video."""

import json
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

from tqdm import tqdm

from device.camera.clip import Clip
from device.errors import InputError, SquatlightError
from device.inference.pose_model import PoseModel
from device.judging import open_judge, open_poses
from device.output.drawing import Overlay
from device.output.record import Record, rep_record, row
from device.output.video import VideoWriter
from device.settings import Settings
from device.squat.events import RepJudged
from device.watch import watch


@dataclass(frozen=True, slots=True)
class Outlets:
    """Where the results of a replay go.

    Attributes:
        json: JSON lines; None = nowhere.
        table: the rows for people.
        video: annotated video; a folder where there are several clips; None = none.
        progress: whether to draw a progress bar.
    """

    json: TextIO | None
    table: TextIO
    video: Path | None
    progress: bool


def replay(clips: Sequence[str], settings: Settings, outlets: Outlets) -> int:
    """Judges clips one after another; one that cannot be used does not stop the others.

    Returns:
        The exit code: 0, or that of the first clip that failed.

    Raises:
        SquatlightError: the pose model is not to be had, or the video has no place.
    """
    videos = video_paths(clips, outlets.video)
    failed = 0
    for clip, video in zip(clips, videos, strict=True):
        try:
            model = open_poses(settings)
            records = _judged(clip, settings, model, video, outlets)
            rows = 0
            for record in records:
                rows += 1
                if rows == 1:
                    tqdm.write(f"{clip}:", file=outlets.table)
                if outlets.json is not None:
                    print(json.dumps(record), file=outlets.json, flush=True)
                tqdm.write(row(record, header=rows == 1), file=outlets.table)
            if not rows:
                print(f"{clip}:\n  no squat seen", file=outlets.table, flush=True)
        except SquatlightError as error:
            print(f"squatlight: {error}", file=sys.stderr, flush=True)
            failed = failed or error.exit_code
    return failed


def video_paths(clips: Sequence[str], out: Path | None) -> list[Path | None]:
    """Where the annotated video of each clip goes: a file, or a folder with one file a clip, named as the clip.

    Raises:
        InputError: a file for several clips, or a place where a clip lies.
    """
    if out is None:
        return [None] * len(clips)
    if out.suffix and len(clips) > 1:
        raise InputError(f"--video {out}: expected a folder for {len(clips)} clips")
    paths, taken = [], set()
    for clip in clips:
        path, again = (out if out.suffix else out / f"{Path(clip).stem}.webm"), 1
        while path in taken:  # clips of one name out of several folders
            again += 1
            path = out / f"{Path(clip).stem}-{again}.webm"
        taken.add(path)
        paths.append(path)
    keep_clips(clips, taken, "--video")
    return list(paths)


def keep_clips(clips: Sequence[str], outputs: Iterable[Path], option: str) -> None:
    """Raises InputError where an output would be written over one of the clips."""
    lying = {Path(clip).resolve() for clip in clips}
    for path in outputs:
        if path.resolve() in lying:
            raise InputError(f"{option} {path}: is one of the clips; choose another place")


def _judged(clip: str, settings: Settings, model: PoseModel, video: Path | None, outlets: Outlets) -> Iterator[Record]:
    """The records of a clip's reps, as they are judged."""
    with ExitStack() as opened:
        opened.callback(model.close)
        judge, hashes = opened.enter_context(open_judge(settings))
        source = opened.enter_context(Clip(clip))
        overlay, writer = Overlay(), None
        if video is not None:
            writer = opened.enter_context(VideoWriter(video, source.size, source.fps))
        bar = opened.enter_context(
            tqdm(total=source.promised or None, unit="frame", leave=False, disable=not outlets.progress)
        )
        for turn in watch(source, model, judge):
            for event in turn.events:
                overlay.handle(event)
                if isinstance(event, RepJudged):
                    yield rep_record(event, clip, settings.station.mode, model.hashes | hashes)
            if turn.frame is not None:
                bar.update()
                if writer is not None and (times := writer.due(turn.now_s)):
                    writer.write(overlay.draw(turn.frame.image, judge.pose, turn.now_s), times)

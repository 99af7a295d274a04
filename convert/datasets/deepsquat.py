"""Reads DeepSquat's label file: for each video its squats, with the times of start, middle and end.

    VIDEO.mp4:
      - {start: '1:10', mid: '2:15', end: '3:20', label: 1}

Times are `[[HH:]MM:]SS:ff`, ff in thirtieths of a second; label 1 = good form. YAML readers keep only the last of two
equal keys, so the text is read here, and what is odd in it is told.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from device.errors import InputError

PER_SECOND = 30
KEYS = ("start", "mid", "end", "label")
_VIDEO = re.compile(r"^(\S.*?):\s*(?:#.*)?$")
_ENTRY = re.compile(r"^(\s+-\s+|\s+)(\w+):\s*(.*?)\s*(?:#.*)?$")


@dataclass(frozen=True)
class Squat:
    """One labelled squat. Times in seconds from the video's beginning; `line` of the file where it begins."""

    video: str
    start_s: float
    mid_s: float
    end_s: float
    good: bool
    line: int


@dataclass(frozen=True)
class Labels:
    """A label file.

    Attributes:
        squats: in the order of the file, those under a repeated key too.
        oddities: what a person should look at, a line each, with its place in the file.
    """

    squats: tuple[Squat, ...]
    oddities: tuple[str, ...]

    @property
    def videos(self) -> tuple[str, ...]:
        """Names of the videos, each once, in the order of the file."""
        return tuple(dict.fromkeys(squat.video for squat in self.squats))


def read(path: Path) -> Labels:
    """The squats of a label file.

    Raises:
        InputError: cannot be read, or a line is not of that form; one line that names it.
    """
    try:
        lines = path.read_text("utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: {error}") from None
    squats: list[Squat] = []
    oddities: list[str] = []
    first_seen: dict[str, int] = {}
    for video, at, entries in _videos(path, lines):
        if video in first_seen:
            oddities.append(f"line {at}: {video} is there a second time, first in line {first_seen[video]}")
        first_seen.setdefault(video, at)
        for line, entry in entries:
            squat, odd = _squat(path, video, line, entry)
            squats.append(squat)
            oddities += odd
    oddities += _overlaps(squats)
    if not squats:
        raise InputError(f"{path}: holds no squats")
    return Labels(tuple(squats), tuple(oddities))


def seconds(text: str) -> tuple[float, str]:
    """A time in seconds, and what is odd about it (empty: nothing).

    Raises:
        ValueError: no time.
    """
    parts = text.strip("'\" ").split(":")
    if not 2 <= len(parts) <= 4 or not all(part.isdigit() for part in parts):
        raise ValueError(f"expected SS:ff, MM:SS:ff or HH:MM:SS:ff, got {text}")
    *clock, frame = (int(part) for part in parts)
    whole = 0
    for part in clock:
        whole = whole * 60 + part
    odd = ""
    if frame >= PER_SECOND:
        odd = f"{text} counts {frame} thirtieths, rolled over"
    elif any(part >= 60 for part in clock[1:]):
        odd = f"{text} counts 60 or more"
    return whole + frame / PER_SECOND, odd


def _videos(path: Path, lines: list[str]) -> Iterator[tuple[str, int, list[tuple[int, dict[str, str]]]]]:
    """Name, line and entries of each video; an entry is its line and its raw values."""
    video, at, entries = "", 0, list[tuple[int, dict[str, str]]]()
    for number, line in enumerate(lines, 1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        if found := _VIDEO.match(line):
            if video:
                yield video, at, entries
            video, at, entries = found[1].strip("'\""), number, []
            continue
        part = _ENTRY.match(line)
        if part is None or not video or ("-" not in part[1] and not entries):
            raise InputError(
                f"{path}, line {number}: expected a video's name or one of {', '.join(KEYS)}, got {line!r}"
            )
        if "-" in part[1]:
            entries.append((number, {}))
        if part[2] in entries[-1][1]:
            raise InputError(f"{path}, line {number}: {part[2]} a second time")
        entries[-1][1][part[2]] = part[3]
    if video:
        yield video, at, entries


def _squat(path: Path, video: str, line: int, entry: dict[str, str]) -> tuple[Squat, list[str]]:
    if sorted(entry) != sorted(KEYS):
        raise InputError(f"{path}, line {line}: expected {', '.join(KEYS)}, got {', '.join(entry)}")
    if entry["label"] not in ("0", "1"):
        raise InputError(f"{path}, line {line}: label {entry['label']}, expected 0 or 1")
    times, odd = [], []
    for key in KEYS[:3]:
        try:
            at_s, words = seconds(entry[key])
        except ValueError as error:
            raise InputError(f"{path}, line {line}: {key}: {error}") from None
        times.append(at_s)
        odd += [f"line {line}: {video}: {key} {words}"] if words else []
    start_s, mid_s, end_s = times
    if not start_s < mid_s < end_s:
        odd.append(f"line {line}: {video}: start, mid, end are not in order: {start_s:.2f}, {mid_s:.2f}, {end_s:.2f} s")
    elif not 0.5 <= end_s - start_s <= 12:
        odd.append(f"line {line}: {video}: a squat of {end_s - start_s:.1f} s")
    return Squat(video, start_s, mid_s, end_s, entry["label"] == "1", line), odd


def _overlaps(squats: list[Squat]) -> list[str]:
    found = []
    for video in dict.fromkeys(squat.video for squat in squats):
        own = sorted((squat for squat in squats if squat.video == video), key=lambda squat: squat.start_s)
        for a, b in pairwise(own):
            if b.start_s < a.end_s:
                found.append(
                    f"line {b.line}: {video}: begins at {b.start_s:.2f} s, before the one of line {a.line} ends "
                    f"({a.end_s:.2f} s)"
                )
    return found

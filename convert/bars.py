"""What the networks must show: the figures that the manifests hold, beside their goals, and what measures the others.

`python -m convert report` prints both, and with `--with KEY=PATH` runs the commands of `MEASURES`.
"""

import importlib
import io
from collections.abc import Iterator, Mapping, Sequence
from contextlib import redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from convert.__main__ import COMMANDS
from device.errors import PartFailed
from device.squat.depth import METHODS

TABLES = ("table2", "table3")


@dataclass(frozen=True)
class Bar:
    """One figure of a network on its test split and how far it must go.

    Attributes:
        network: its name in models/.
        metric: name in the manifest.
        words: what it is.
        goal: the bar.
        at_least: whether more is better.
    """

    network: str
    metric: str
    words: str
    goal: float
    at_least: bool = False

    def row(self, metrics: Mapping[str, Mapping[str, float]] | None) -> str:
        """A row of the table; without metrics no such network ships."""
        value = (metrics or {}).get("test", {}).get(self.metric)
        sign = ">=" if self.at_least else "<="
        if value is None:
            said = "not measured" if metrics is not None else "no such network"
            return f"| {self.network} | {self.words} | {sign} {self.goal:g} | {said} | |"
        met = value >= self.goal if self.at_least else value <= self.goal
        return f"| {self.network} | {self.words} | {sign} {self.goal:g} | {value:.3g} | {'met' if met else 'short'} |"


BARS = (
    Bar("surface", "crease_median", "hip crease of the nearer leg, median error in torso lengths", 0.035),
    Bar("surface", "knee_top_median", "knee top of the nearer leg, median error in torso lengths", 0.035),
    Bar("pose", "joints", "body joints, median error in torso lengths (a bar of the full recipe)", 0.03),
    Bar("form", "accuracy", "share of reps rightly called good or bad, as the pose model finds them", 0.95, True),
    Bar("squat", "let_pass", "share of other movements that count as reps", 0.0),
    Bar("squat", "lost", "share of squats that do not", 0.05),
    Bar("depth", "keypoints, known: median cm", "median error, height and camera known, cm", 2.5),
    Bar("depth", "rendered, known: median cm", "the same, rendered lifters, cm", 2.5),
    Bar("depth", "keypoints, known: ECE", "ECE within 8 cm of parallel, height and camera known", 0.05),
    Bar("depth", "keypoints, guessed: ECE", "the same, height and camera guessed", 0.05),
)

MEASURES: Mapping[str, tuple[str, tuple[tuple[str, ...], ...]]] = {
    "clips": (
        "depth on labelled clips: at least 97% of the clear reps right; our pose network counts as often exactly as "
        "BlazePose",
        (
            *(("evaluate", "--clips", "PATH", "--depth", method) for method in METHODS),
            ("pose-clips", "--clips", "PATH"),
        ),
    ),
    "frontsquat": (
        "FrontSquat by blocks: at least 95% fitted on it, 90% never fitted on it; the paper's network beside them",
        (("frontsquat", "--data", "PATH"),),
    ),
    "fitai": ("FiT-AI: reps counted, form of what is named correct or incorrect", (("real-sets", "--fitai", "PATH"),)),
    "updown": ("up/down: phases beside stages", (("real-sets", "--updown", "PATH"),)),
    "opencap": ("OpenCap: five squats above depth", (("real-sets", "--opencap", "PATH"),)),
    "deepsquat": ("DeepSquat's labels: what is odd in them", (("real-sets", "--deepsquat", "PATH"),)),
}
"""By the key of `--with`: what it shows, and the commands, PATH to be replaced."""

OTHERS = (
    ("posture classes, never trained on them and fitted on them", "report form --with posture=FOLDER"),
    ("DeepSquat's Tables 2 and 3 beside the paper's", "report --with table2=SWEEP --with table3=SWEEP"),
    ("our pose network at least 2 times as fast as BlazePose's", "bench-pose"),
    ("int8 against float, all of it", "verify --all NAME --data DATA"),
)


def lines(metrics: Mapping[str, Mapping[str, Any]]) -> Iterator[str]:
    """Markdown: all bars.

    Args:
        metrics: figures by split, of each network in models/.
    """
    yield "| network | on the test split | goal | found | |"
    yield "| --- | --- | --- | --- | --- |"
    for bar in BARS:
        yield bar.row(metrics.get(bar.network))
    yield ""
    yield "| also asked | measured by |"
    yield "| --- | --- |"
    for key, (words, _) in MEASURES.items():
        yield f"| {words} | `python -m convert report --with {key}=PATH` |"
    for words, command in OTHERS:
        yield f"| {words} | `python -m convert {command}` |"


def measured(key: str, path: Path) -> Iterator[str]:
    """Markdown: what the commands of a key say of the data there.

    Raises:
        InputError: the data is not what the command takes.
        PartFailed: a command failed.
    """
    if key in TABLES:
        from convert.tasks.form_tables import beside_paper

        yield from beside_paper(path)
        return
    for command in MEASURES[key][1]:
        words = [str(path) if word == "PATH" else word for word in command]
        yield f"`python -m convert {' '.join(words)}`"
        yield ""
        yield output(words)


def output(words: Sequence[str]) -> str:
    """What a command of the toolchain prints.

    Raises:
        PartFailed: it ended with another code than 0.
    """
    with redirect_stdout(io.StringIO()) as kept:
        code = importlib.import_module(COMMANDS[words[0]][0]).main(words[1:])
    if code:
        raise PartFailed(f"convert {words[0]}: ended with {code}")
    return kept.getvalue()

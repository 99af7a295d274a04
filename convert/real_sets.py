"""`python -m convert real-sets`: what the device makes of small labelled sets that are not clips.

FiT-AI's sequences, named correct or incorrect; up/down's frames, with a stage each; OpenCap's joint angles, five squats
that stay above depth; DeepSquat's labels with what is odd in them, and its videos where they lie beside. Nothing of the
device was fitted on any of them. `report --with KEY=PATH` prints the same.
"""

import argparse
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path

import numpy as np

from convert.clips import Label, LabelledClip, judge_clip
from convert.datasets import deepsquat, fitai, opencap, updown
from convert.datasets.mediapipe import poses_of
from convert.evaluate import score_clip
from convert.metrics import wilson
from device import settings
from device.errors import InputError
from device.inference.form_model import open_form_model
from device.inference.squat_model import open_squat_model
from device.squat.events import Event, RepJudged
from device.squat.form import Form, FormNetwork
from device.squat.judge import Judge
from device.squat.perspective import Optics
from device.squat.phases import Phase
from device.squat.pose import Pose, index
from device.squat.rep import cut_rep
from device.squat.smoothing import Smoother
from device.squat.squatness import MIN_DROP, SquatNetwork

VIEWS_DEG = (0.0, 45.0, 90.0, 135.0, 180.0)
SUNK = 0.1  # of the leg, from which on somebody squats at all
LEVEL_DEG = 90.0  # thighs from hanging
UP = (Phase.STANDING, Phase.LOCKOUT)
_HIPS, _ANKLES = index("left_hip", "right_hip"), index("left_ankle", "right_ankle")
Seen = Sequence[tuple[float, Pose | None]]


@cache
def squat_network() -> SquatNetwork:
    """The one that the device has by default, opened once."""
    return open_squat_model("squat")


def judged(seen: Seen) -> tuple[list[Phase | None], list[RepJudged]]:
    """The judge's phase after each frame, and the reps that it judged."""
    judge, phases, events = Judge(squat_network=squat_network()), list[Phase | None](), list[Event]()
    for at_s, pose in seen:
        events += judge.see(pose, at_s)
        phases.append(judge.phases.phase)
    events += judge.finish(seen[-1][0])
    return phases, [event for event in events if isinstance(event, RepJudged)]


def of_fitai(folder: Path) -> Iterator[str]:
    """Markdown: reps that are counted, and form at the bottom of those that show one."""
    sequences = fitai.read(folder)
    yield "FiT-AI: a sequence is the first second of a video, so few hold a whole rep. Form is what the network says of"
    yield f"those whose hips sink by {MIN_DROP:g} of the leg's height or more, cut where the sequence is."
    yield ""
    yield "| named | sequences | reps counted | hips sink | called good | p(good) |"
    yield "| --- | --- | --- | --- | --- | --- |"
    right = []
    with open_form_model("form") as network:
        for correct, word in ((True, "correct"), (False, "incorrect")):
            own = [s for s in sequences if s.correct == correct]
            seen = [list(poses_of(s.landmarks, fitai.SIZE, np.arange(len(s.landmarks)) / fitai.FPS)) for s in own]
            reps = sum(len(judged(one)[1]) for one in seen)
            forms = [form for one in seen if (form := form_of(one, network)) is not None]
            good = [form.good >= 0.5 for form in forms]
            right += [said == correct for said in good]
            said = ", ".join(f"{form.good:.2f}" for form in forms)
            yield f"| {word} | {len(own)} | {reps} | {len(forms)} | {sum(good)} | {said} |"
    yield ""
    yield f"Form right: {share(sum(right), len(right))}."


def form_of(seen: Seen, network: FormNetwork) -> Form | None:
    """What a form network says of a sequence as one rep; None where the hips hardly sink."""
    smoother = Smoother()
    poses = [smoother.see(pose) for _, pose in seen if pose is not None]
    high = np.array([float((p.keypoints[_ANKLES, 1] - p.keypoints[_HIPS, 1]).mean()) for p in poses])
    heights = high / high.max()
    if 1 - heights.min() < MIN_DROP:
        return None
    return network(cut_rep(1, poses, heights.tolist(), stood_up=True), Optics())


def of_updown(folder: Path) -> Iterator[str]:
    """Markdown: the judge's phases beside the stages, frame by frame and stretch by stretch, and its reps."""
    yield "Up/down: a stretch is a run of frames of one stage; the judge agrees where most of its phases do (up:"
    yield "standing or lockout). Frames before it knows a phase agree with none. A squat is a stretch down between two"
    yield "up."
    yield ""
    yield "| file | frames | agree | stretches | agree, 95% | squats | counted |"
    yield "| --- | --- | --- | --- | --- | --- | --- |"
    for split in ("train", "test"):
        frames = updown.read(folder, split)
        phases, reps = judged(list(poses_of(frames.landmarks, updown.SIZE, frames.at_s)))
        agree = np.array([p is not None and (p in UP) != down for p, down in zip(phases, frames.down, strict=True)])
        stretches = frames.stretches
        most = sum(bool(agree[run.start : run.stop].mean() > 0.5) for run in stretches)
        squats = sum(bool(frames.down[run.start]) for run in stretches[1:-1])
        yield (
            f"| {split} | {len(agree)} | {agree.mean():.1%} | {len(stretches)} | {share(most, len(stretches))} "
            f"| {squats} | {len(reps)} |"
        )


def of_opencap(path: Path) -> Iterator[str]:
    """Markdown: what the judge says of the stick figure that the joint angles make, seen from several sides."""
    motion = opencap.read(path)
    sank = squats_of(motion)
    yield f"OpenCap: {len(sank)} squats whose thighs reach {motion.thigh_deg.max():.0f} degrees at most from hanging"
    yield f"({LEVEL_DEG:g} = level), all above depth. Hips sink by {', '.join(f'{s:.2f}' for s in sank)} of the leg;"
    yield f"the judge, which smooths, counts a rep from {MIN_DROP:g} on. Of the figure without errors:"
    yield ""
    yield "| view | reps counted | verdicts | p_below | knee over hip, thighs |"
    yield "| --- | --- | --- | --- | --- |"
    for view in VIEWS_DEG:
        _, reps = judged(list(opencap.poses(motion, view)))
        said = Counter(rep.verdict.decision.value for rep in reps)
        depths = [rep.depth for rep in reps if rep.depth is not None]
        yield (
            f"| {view:g} | {len(reps)} | {', '.join(f'{n} {word}' for word, n in said.items())} "
            f"| {', '.join(f'{d.p_below:.2f}' for d in depths)} | {', '.join(f'{d.margin:+.2f}' for d in depths)} |"
        )


def of_deepsquat(path: Path) -> Iterator[str]:
    """Markdown: what the labels hold, all that is odd in them, and the reps counted in the videos that are there."""
    labels = deepsquat.read(path)
    good, odd = sum(squat.good for squat in labels.squats), len(labels.oddities)
    yield f"DeepSquat: {len(labels.squats)} squats in {len(labels.videos)} videos, {good} called good; {odd} oddities:"
    yield ""
    yield from (f"- {words}" for words in labels.oddities)
    yield ""
    there = [video for video in labels.videos if (path.parent / video).is_file()]
    yield f"Videos beside the labels: {len(there)} of {len(labels.videos)}."
    if there:
        yield "\n| video | squats | reps counted | missed | false |\n| --- | --- | --- | --- | --- |"
    chosen = settings.load(settings.DEFAULT_FILE)
    for video in there:
        own = (squat for squat in labels.squats if squat.video == video)  # of their depth nothing is said
        told = tuple(Label(squat.mid_s, squat.start_s, squat.end_s, "parallel", 0.0, True) for squat in own)
        clip = LabelledClip(video, path.parent / video, "", "", "", False, told)
        score = score_clip(clip, judge_clip(clip, chosen))
        yield f"| {video} | {score.labelled} | {score.found} | {score.missed} | {score.false} |"


def squats_of(motion: opencap.Motion) -> list[float]:
    """How far the hips sink in each squat, in lengths of the straight leg."""
    sunk = 1 - motion.height_m / (opencap.THIGH_M + opencap.SHANK_M)
    edges = np.flatnonzero(np.diff(sunk > SUNK)) + 1
    return [float(part.max()) for part in np.split(sunk, edges) if part.max() > SUNK]


def share(right: int, total: int) -> str:
    """In words, with its 95% interval."""
    low, high = wilson(right, total)
    return f"{right} of {total} ({low:.0%} to {high:.0%})" if total else "none"


SETS: Mapping[str, Callable[[Path], Iterable[str]]] = {
    "fitai": of_fitai, "updown": of_updown, "opencap": of_opencap, "deepsquat": of_deepsquat,
}  # fmt: skip


def main(arguments: Sequence[str]) -> int:
    """Runs the command."""
    parser = argparse.ArgumentParser(prog="python -m convert real-sets", description=__doc__)
    parser.add_argument("--fitai", type=Path, metavar="FOLDER", help="of squat_correct_N.json, squat_incorrect_N.json")
    parser.add_argument("--updown", type=Path, metavar="FOLDER", help="of train.csv and test.csv")
    parser.add_argument("--opencap", type=Path, metavar="FILE", help="joint angles, .mot")
    parser.add_argument("--deepsquat", type=Path, metavar="FILE", help="raw_data_params.yml; its videos beside it")
    asked = {name: path for name, path in vars(parser.parse_args(arguments)).items() if path is not None}
    if not asked:
        raise InputError(f"expected at least one of {', '.join(f'--{name}' for name in SETS)}")
    for name, path in asked.items():
        print("\n".join(SETS[name](path)), end="\n\n")
    return 0

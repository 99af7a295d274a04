"""`python -m convert levels`: what the levels of the judge are chosen from, beside the labelled clips.

First part: sets of a recipe as true keypoints, nothing rendered and nothing hidden. Printed is, by exercise, how many
reps the judge counts, and how far each measure of a dip (`device.squat.squatness.Dip`) reaches; a level should lie in
the gap between squats and others. Second part, with --rendered: the pitch that the device learns from the keypoints
kept beside a rendered set, against the truth: what PITCH_BIAS_DEG takes off.
"""

import argparse
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from tqdm import tqdm

from convert.datasets.synthetic import SyntheticClip, found_in
from convert.dips import NotingJudge
from convert.synth import recipe as recipes
from convert.synth.counts import expected
from convert.synth.keypoint_reps import clip_truth, in_camera
from convert.synth.truth import Truth
from device.inference import recorded
from device.squat import squatness
from device.squat.events import RepJudged
from device.squat.judge import PITCH_BIAS_DEG
from device.squat.level import Level
from device.squat.pose import JOINTS, KEYPOINTS, Pose, index
from device.squat.smoothing import Smoother
from device.squat.squatness import Dip

RECIPE = Path(__file__).parent / "recipes" / "levels.toml"
NOISE_M = 0.01  # standard deviation of each coordinate of the world, other in each frame
LEVELS = {
    "drop": "MIN_DROP", "shank_up": "MIN_SHANK_UP", "shank_guessed": "MIN_SHANK_UP",
    "knees_apart_deg": "MAX_KNEE_DIFFERENCE_DEG",
    "thighs_apart": "LUNGE_THIGHS", "shanks_apart": "LUNGE_SHANKS", "feet_moved": "MAX_FEET_MOVED",
    "walked": "MAX_WALKED", "lean_deg": "HINGE_LEAN_DEG", "hands_down": "HANG", "hands_stood": "HANG_BOTH",
    "lean_stood_deg": "MAX_LEAN_STOOD_DEG", "lean_risen_deg": "MAX_LEAN_STOOD_DEG", "hips_seen": "HIPS_SEEN",
}  # fmt: skip
"""The measures of a dip, each with its level in `squatness`."""

SAME_TORSO = 0.5  # a pose whose hips are nearer to the truth than this, in torso lengths, is the lifter's


@dataclass(frozen=True, slots=True)
class Counted:
    """A set and what the judge made of it.

    Attributes:
        kind: of exercise.
        low: reps that must be found.
        high: reps that may be found: those about as deep as the least rep count as either.
        found: reps the judge counted.
        dips: each way down and up that ended.
    """

    kind: str
    low: int
    high: int
    found: int
    dips: tuple[Dip, ...]


def count(truth: Truth, seed: int) -> Counted:
    """Judges the true keypoints of a set, shaken a little."""
    rng = np.random.default_rng(seed)
    fps, size = float(truth.about["fps"]), tuple(truth.about["size"])
    world = in_camera(truth)
    world = (world + rng.normal(0, NOISE_M, world.shape)).astype(np.float32)
    scores = np.array([0.95 if name in JOINTS else 0.0 for name in KEYPOINTS], np.float32)
    judge, found = NotingJudge(), 0
    for i, (keypoints, at) in enumerate(zip(truth.keypoints_px, world, strict=True)):
        pose = Pose(keypoints, scores, at, i / fps, i, 0, (size[0], size[1]))
        found += sum(isinstance(event, RepJudged) for event in judge.see(pose, i / fps))
    found += sum(isinstance(event, RepJudged) for event in judge.finish(len(world) / fps))
    return Counted(truth.about["kind"], *expected(truth), found, tuple(noted.dip for noted in judge.noted))


def count_lines(sets: Sequence[Counted]) -> Iterator[str]:
    """The first part, as lines."""
    kinds: dict[str, list[Counted]] = defaultdict(list)
    for one in sets:
        kinds[one.kind].append(one)
    yield f"{'exercise':16s}{'sets':>5s}{'exact':>6s}{'reps':>6s}{'found':>6s}"
    for kind, those in sorted(kinds.items()):
        exact = sum(one.low <= one.found <= one.high for one in those)
        reps, found = sum(one.low for one in those), sum(one.found for one in those)
        yield f"{kind:16s}{len(those):5d}{exact:6d}{reps:6d}{found:6d}"
    yield ""
    yield "dips, least / median / most:"
    yield f"{'exercise':16s}{'dips':>5s}  " + "".join(f"{name:>24s}" for name in LEVELS)
    yield f"{'level':16s}{'':5s}  " + "".join(f"{getattr(squatness, level):24.2f}" for level in LEVELS.values())
    for kind, those in sorted(kinds.items()):
        dips = [asdict(d) for one in those for d in one.dips]
        if dips:
            cells = (" / ".join(f"{q:.2f}" for q in _spread([d[name] for d in dips])) for name in LEVELS)
            yield f"{kind:16s}{len(dips):5d}  " + "".join(f"{cell:>24s}" for cell in cells)


def _spread(values: Sequence[float]) -> tuple[float, float, float]:
    there = np.array([v for v in values if np.isfinite(v)] or [np.nan])
    return float(there.min()), float(np.median(there)), float(there.max())


def pitch_errors(folder: Path, kept: Path) -> list[float]:
    """Degrees by which the pitch learnt from each clip's kept keypoints exceeds the truth, where he was followed."""
    errors = []
    for clip in SyntheticClip.all_in(folder):
        truth, level, smoother = clip.truth(), Level(), Smoother()
        rows = index("left_hip", "right_hip"), index("left_shoulder", "right_shoulder")
        off = []
        for t, (_, pose) in enumerate(recorded.load(kept / f"{clip.truth_file.stem}.npz")):
            if pose is None or pose.world is None or t >= len(truth.keypoints_px):
                continue
            hips, shoulders = (truth.keypoints_px[t, r].mean(0) for r in rows)
            apart = np.linalg.norm(pose.keypoints[rows[0]].mean(0) - hips)
            off.append(float(apart / max(np.linalg.norm(shoulders - hips), 1)))
            smooth = smoother.see(pose)
            assert smooth.world is not None
            level.see(smooth, smooth.world)
        if off and np.mean(np.array(off) < SAME_TORSO) > 0.9 and np.isfinite(level.leg_m):
            down_deg = float(np.degrees(np.arcsin(np.clip(truth.view[2, 2], -1, 1))))
            errors.append(level.pitch_deg - down_deg)
    return errors


def main(arguments: Sequence[str]) -> int:
    """Runs the command."""
    parser = argparse.ArgumentParser(prog="python -m convert levels", description=__doc__)
    parser.add_argument("--recipe", type=Path, default=RECIPE, help="default: convert/recipes/levels.toml")
    parser.add_argument("--clips", type=int, help="how many sets, instead of the recipe's number")
    parser.add_argument("--rendered", type=Path, metavar="SET", help="a rendered set, for the pitch")
    parser.add_argument(
        "--keypoints", type=Path, metavar="DIR", help="its keypoints; default: where synth-report keeps them"
    )
    asked = parser.parse_args(arguments)
    recipe = recipes.read(asked.recipe)
    clips = range(asked.clips or recipe.output.clips)
    sets = [count(clip_truth(recipe, clip), clip) for clip in tqdm(clips, unit="set", disable=None)]
    print("\n".join(count_lines(sets)))
    if asked.rendered is not None:
        errors = pitch_errors(asked.rendered, asked.keypoints or found_in(asked.rendered))
        print(
            f"\npitch learnt less the truth on {len(errors)} rendered sets: median {np.median(errors):+.1f} deg, "
            f"standard deviation {np.std(errors):.1f}; PITCH_BIAS_DEG is {PITCH_BIAS_DEG:g}"
        )
    return 0

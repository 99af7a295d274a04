"""Clips of a synthetic set and what the device made of them, and in words from where they are seen."""

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from convert.clips import LabelledClip, judge_clip
from convert.datasets.synthetic import SyntheticClip
from convert.metrics import VIEWS, views
from convert.synth.truth import Truth
from device import settings
from device.inference import recorded
from device.squat.depth import METHODS
from device.squat.events import RepJudged
from device.squat.pose import KEYPOINTS

Array = NDArray[np.float64]
HEIGHTS = ("camera under 0.8 m", "camera 0.8-1.4 m", "camera over 1.4 m")
IN_SIGHT = ("nearer side in sight at the bottoms", "a joint of it hidden or outside")


def view_of(view_deg: float) -> str:
    """Name of the view, of `VIEWS`."""
    return VIEWS[int(views(view_deg))]


@dataclass(frozen=True)
class Seen:
    """A clip and what the device made of it.

    Attributes:
        truth: of the clip.
        poses: (T, 23, 2) pixels found; NaN where nobody was found.
        reps: judged reps by name of the depth estimator.
    """

    truth: Truth
    poses: Array
    reps: dict[str, tuple[RepJudged, ...]]


def look(clip: SyntheticClip, kept: Path, pose_model: str) -> Seen:
    """Runs the device over a clip, or takes the keypoints kept from an earlier run."""
    truth = clip.truth()
    labelled = LabelledClip(clip.truth_file.stem, clip.video, "", "", "", not truth.reps, ())
    reps = {}
    for method in METHODS:
        chosen = settings.load(settings.DEFAULT_FILE)
        models, depth = replace(chosen.models, pose=pose_model), replace(chosen.depth, method=method)
        chosen = replace(chosen, models=models, depth=depth)
        reps[method] = judge_clip(labelled, chosen, kept).reps
    poses = np.full((len(truth.visible), len(KEYPOINTS), 2), np.nan)
    for t, (_, pose) in enumerate(recorded.load(kept / f"{labelled.id}.npz")):
        if pose is not None and t < len(poses):
            poses[t] = pose.keypoints
    return Seen(truth, poses, reps)


def height_of(truth: Truth) -> str:
    """Where the camera stands, in words."""
    height = truth.about["camera_height_m"]
    return HEIGHTS[int(np.digitize(height, [0.8, 1.4]))]


def sight_of(truth: Truth) -> str:
    """Whether shoulder, hip, knee and ankle of the side nearer to the camera are in sight at the bottoms, in words."""
    side = "left" if truth.about["view_deg"] > 0 else "right"
    joints = [KEYPOINTS.index(f"{side}_{name}") for name in ("shoulder", "hip", "knee", "ankle")]
    at = [min(round(rep["bottom_s"] * truth.about["fps"]), len(truth.visible) - 1) for rep in truth.reps]
    seen = truth.visible[at][:, joints] == 2
    return IN_SIGHT[0] if seen.all() else IN_SIGHT[1]

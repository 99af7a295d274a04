"""The 23 keypoints and what one frame says of the lifter."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float32]

JOINTS = (
    "nose",
    "left_shoulder", "right_shoulder", "left_elbow", "right_elbow", "left_wrist", "right_wrist",
    "left_hip", "right_hip", "left_knee", "right_knee", "left_ankle", "right_ankle",
    "left_heel", "right_heel", "left_toe", "right_toe",
)  # fmt: skip
SURFACES = ("left_hip_crease", "right_hip_crease", "left_knee_top", "right_knee_top")
BAR_ENDS = ("left_bar_end", "right_bar_end")
KEYPOINTS = JOINTS + SURFACES + BAR_ENDS
"""Names in order. A model that lacks some leaves their coordinates NaN and their score 0."""

SIDES = ("left", "right")

LIMBS = (
    ("left_shoulder", "right_shoulder"), ("left_hip", "right_hip"),
    *((f"{s}_{a}", f"{s}_{b}") for s in SIDES for a, b in (
        ("shoulder", "elbow"), ("elbow", "wrist"), ("shoulder", "hip"), ("hip", "knee"), ("knee", "ankle"),
        ("ankle", "heel"), ("heel", "toe"))),
)  # fmt: skip
"""Pairs of names that are joined by a line where a skeleton is drawn."""


def index(*names: str) -> NDArray[np.intp]:
    """Rows of the named keypoints in an array of shape (23, ...)."""
    return np.array([KEYPOINTS.index(name) for name in names])


MIRRORED = index(*(n.replace("left", "?").replace("right", "left").replace("?", "right") for n in KEYPOINTS))
"""Row of each keypoint's counterpart on the other side; those of the joints come first, and are joints."""


@dataclass(frozen=True, slots=True)
class Pose:
    """The lifter in one frame.

    Attributes:
        keypoints: (23, 2) pixels, x to the right, y down, of the frame as captured; NaN = the model lacks the point.
        scores: (23,) 0 to 1: how likely the point is in the picture and not covered; 0 where the model lacks it.
        world: (23, 3) metres, x to the right, y down, z away from the camera, origin between the hips, axes of the
            camera; or None where the model gives none.
        captured_s: monotonic seconds at exposure; the only clock of everything downstream.
        index: number of the frame, from 0.
        dropped: frames lost since the previous one that was seen.
        size: width and height of the frame in pixels.
        refined: (17, 2) pixels: the joints as our head on BlazePose's features finds them, nearer to the truth on
            rendered lifters than `keypoints`, by which reps are counted; None where it did not look.
        second: the lifter in the same frame as our own network sees him, where this is BlazePose's pose or ours without
            a say on the depth; None where our network saw nobody, or did not look.
    """

    keypoints: Array
    scores: Array
    world: Array | None
    captured_s: float
    index: int
    dropped: int = 0
    size: tuple[int, int] = (0, 0)
    refined: Array | None = None
    second: "Pose | None" = None

"""Pictures of lifters with their keypoints: rendered clips and COCO files alike, as the pose task takes them."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from convert.datasets.synthetic import SyntheticClip
from convert.prepared import split_of
from convert.synth.truth import Truth
from device.squat.pose import index

UNKNOWN = 255
"""In `visible`: nothing is known of the point, nor whether there is one."""
_SHOULDERS, _HIPS = index("left_shoulder", "right_shoulder"), index("left_hip", "right_hip")


@dataclass(frozen=True)
class Picture:
    """One lifter in one picture.

    Attributes:
        image: (H, W, 3) uint8 RGB.
        points: (23, 2) pixels, also outside the picture; NaN: there is none, or it is not known.
        visible: (23,) uint8: 0 outside or absent, 1 hidden, 2 in sight, `UNKNOWN`.
        world: (23, 3) metres as in `device.squat.pose.Pose`; NaN where there is none.
        torso_px: length of the trunk seen square on, at the lifter's distance; NaN = unknown.
        view_deg: where the camera stands; NaN = unknown.
        split: row of `convert.prepared.SPLITS`.
    """

    image: NDArray[np.uint8]
    points: NDArray[np.float32]
    visible: NDArray[np.uint8]
    world: NDArray[np.float32]
    torso_px: float
    view_deg: float
    split: int


def rendered_rows(truth: Truth, fps: float) -> NDArray[np.intp]:
    """The frames of a rendered clip that are taken: about `fps` a second."""
    return np.arange(0, len(truth.keypoints_px), max(1, round(truth.about["fps"] / fps)))


def rendered(clip: SyntheticClip, fps: float) -> Iterator[Picture]:
    """The taken frames of a rendered clip."""
    truth = clip.truth()
    wanted = set(rendered_rows(truth, fps).tolist())
    world, depth = world_of(truth)
    focal = truth.matrix[0, 0]
    for frame, image in enumerate(clip.frames()):
        if frame not in wanted:
            continue
        torso_m = np.linalg.norm(world[frame, _SHOULDERS].mean(0) - world[frame, _HIPS].mean(0))
        yield Picture(
            image, truth.keypoints_px[frame], truth.visible[frame], world[frame].astype(np.float32),
            float(torso_m * focal / depth[frame]), float(truth.about["view_deg"]), split_of(int(truth.about["body"])),
        )  # fmt: skip


def world_of(truth: Truth) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """(T, 23, 3) keypoints as a pose model gives them, and (T,) how far the hips are from the camera, metres."""
    camera = truth.keypoints_m @ truth.view[:3, :3].T + truth.view[:3, 3]
    camera = camera * np.array([1, -1, -1])  # from OpenGL's axes to: x right, y down, z away
    hips = camera[:, _HIPS].mean(1)
    return camera - hips[:, None], hips[:, 2]

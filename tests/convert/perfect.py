"""A pose model without errors."""

import numpy as np

from convert.synth.keypoint_reps import in_camera
from convert.synth.truth import Truth
from device.squat.pose import Pose


def perfect(truth: Truth) -> list[tuple[float, Pose | None]]:
    """What it would find in a rendered clip."""
    world, found = in_camera(truth), []
    for t, pixels in enumerate(truth.keypoints_px):
        scores = np.where(np.isfinite(pixels[:, 0]), 0.95, 0).astype(np.float32)
        at_s = t / truth.about["fps"]
        found.append((at_s, Pose(pixels, scores, world[t], at_s, t, 0, tuple(truth.about["size"]))))
    return found

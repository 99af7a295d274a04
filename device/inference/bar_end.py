"""Where the two ends of the bar are: a small network on a wide crop around the wrists.

The crop of the pose cuts the bar's ends off, so they want pixels of their own. No verdict needs them: `models.bar_ends`
asks for them, and the bar's velocity comes of it. Trained by `convert/tasks/bar_end.py`.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from device.camera.frames import Frame
from device.inference.letterbox import Crop
from device.inference.models import Manifest
from device.inference.surface import centres, shares
from device.inference.tflite import Model
from device.squat.features import scale_px_per_m
from device.squat.pose import BAR_ENDS, Pose, index

NAME = "bar_end"
OUTPUTS = ("heat", "sight")
SIZE = 128
ACROSS_M = 2.8  # a bar is 2.2 m long
_WRISTS, _ENDS = index("left_wrist", "right_wrist"), index(*BAR_ENDS)


class _Poses(Protocol):
    """A `device.inference.pose_model.PoseModel`."""

    hashes: dict[str, str]

    def estimate(self, frame: Frame) -> Pose | None: ...

    def look_around(self, frame: Frame) -> None: ...

    def close(self) -> None: ...


class BarEndModel:
    """Finds the bar's ends in a frame in which the lifter was found.

    Args:
        manifest: of the network.
        threads: threads of the interpreter.
        runtime: TFLite runtime, see `device.inference.tflite`.
    """

    def __init__(self, manifest: Manifest, threads: int = 1, runtime: str | None = None) -> None:
        self._model = Model(manifest.path, threads, runtime)

    def find(self, image: NDArray[np.uint8], pose: Pose) -> tuple[NDArray[np.float64], NDArray[np.float32]] | None:
        """Pixels (2, 2) and scores (2,) of the lifter's left and right end, or None where there are no wrists.

        Args:
            image: (H, W, 3) RGB.
            pose: of the same frame.
        """
        scale = scale_px_per_m(pose)
        wrists = pose.keypoints[_WRISTS]
        if not (np.isfinite(scale) and scale > 0 and np.isfinite(wrists).all()):
            return None
        crop = crop_around(wrists, scale)
        points, scores = read(self._model(np.divide(crop.cut(image, SIZE), np.float32(255), dtype=np.float32)[None]))
        order = [0, 1] if wrists[0, 0] <= wrists[1, 0] else [1, 0]  # the hands tell whose left the picture's left is
        return crop.frame_from_unit(points[order]), scores[order]

    def close(self) -> None:
        """Frees the model."""
        self._model.close()


class WithBarEnds:
    """A pose model whose poses have the ends of the bar, too.

    Args:
        poses: finds the lifter; a pose that has the ends already keeps its own.
        bar: finds the ends around his wrists.
        sha256: hash of the network's file.
    """

    def __init__(self, poses: _Poses, bar: BarEndModel, sha256: str) -> None:
        self._poses, self._bar = poses, bar
        self.hashes = {**poses.hashes, NAME: f"sha256:{sha256}"}

    def estimate(self, frame: Frame) -> Pose | None:
        """The lifter's pose, or None where nobody is found; frames must come in the order of their time."""
        pose = self._poses.estimate(frame)
        if pose is None or np.isfinite(pose.keypoints[_ENDS]).any():
            return pose
        found = self._bar.find(frame.image, pose)
        if found is None:
            return pose
        keypoints, scores = pose.keypoints.copy(), pose.scores.copy()
        keypoints[_ENDS], scores[_ENDS] = found
        return replace(pose, keypoints=keypoints, scores=scores)

    def look_around(self, frame: Frame) -> None:
        """As the model does."""
        self._poses.look_around(frame)

    def close(self) -> None:
        """Frees the models."""
        self._poses.close()
        self._bar.close()


def crop_around(wrists: NDArray[np.floating], scale: float) -> Crop:
    """The crop around wrists (2, 2) in pixels, `scale` pixels per metre."""
    middle = wrists.mean(0)
    return Crop((float(middle[0]), float(middle[1])), float(ACROSS_M * scale))


def read(out: Mapping[str, NDArray[np.float32]]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """What the outputs say.

    Args:
        out: heat and sight (1, c, c, 2): logits of where each end is, and of whether an end there is in sight.

    Returns:
        (2, 2) places, 0 to 1 across the crop, of the end further to the left in the picture and of the other; (2,)
        scores, 0 to 1; a low one where there is no bar.
    """
    share = shares(out["heat"][0])
    points = (centres(len(share)) @ share.reshape(-1, share.shape[-1])).T
    scores = 1 / (1 + np.exp(-(share * out["sight"][0]).sum((0, 1))))
    return points.astype(np.float32), scores.astype(np.float32)

"""Where the two ends of the bar are: a small network on a wide crop around the wrists.

The crop of the pose cuts the bar's ends off, so they want pixels of their own. It is not needed for judging a rep, and
whoever wants the bar's path asks for it frame by frame. Trained by `convert/tasks/bar_end.py`.
"""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from device.inference.letterbox import Crop
from device.inference.models import Manifest
from device.inference.surface import shares
from device.inference.tflite import Model
from device.squat.features import scale_px_per_m
from device.squat.pose import Pose, index

NAME = "bar_end"
OUTPUTS = ("heat", "sight")
SIZE = 128
ACROSS_M = 2.8  # a bar is 2.2 m long
_WRISTS = index("left_wrist", "right_wrist")


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
        return crop.frame_from_unit(points), scores

    def close(self) -> None:
        """Frees the model."""
        self._model.close()


def crop_around(wrists: NDArray[np.floating], scale: float) -> Crop:
    """The crop around wrists (2, 2) in pixels, `scale` pixels per metre."""
    middle = wrists.mean(0)
    return Crop((float(middle[0]), float(middle[1])), float(ACROSS_M * scale))


def read(out: Mapping[str, NDArray[np.float32]]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """What the outputs say.

    Args:
        out: heat and sight (1, c, c, 2): logits of where each end is, and of whether an end there is in sight.

    Returns:
        (2, 2) places, 0 to 1 across the crop; (2,) scores, 0 to 1; a low one where there is no bar.
    """
    share = shares(out["heat"][0])
    at = (np.arange(share.shape[0], dtype=np.float32) + 0.5) / share.shape[0]
    points = np.stack([at @ share.sum(0), at @ share.sum(1)], -1)
    scores = 1 / (1 + np.exp(-(share * out["sight"][0]).sum((0, 1))))
    return points.astype(np.float32), scores.astype(np.float32)

"""Our own pose network: all 23 keypoints, and no detector, as it finds the lifter in the whole picture by itself.

Each keypoint is read off maps over the crop: where its heat peaks, there its place in the world and its sight stand.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from device.camera.frames import Frame
from device.errors import ModelError
from device.inference.letterbox import Crop
from device.inference.tflite import Model
from device.squat.pose import BAR_ENDS, KEYPOINTS, Array, Pose, index

SIZE = 256
STRIDE = 8  # pixels of the input per cell of the maps
FINE = 2  # heat is told so many times per cell and axis
REACH = 3  # cells of heat around the peak that place a point
MIN_PRESENCE = 0.5
MARGIN = 1.25  # the crop's side over that of the box around the lifter
FOLLOW_S = 0.1  # time constant with which the crop follows changes of size
KEEP_S = 2.0  # so long a lifter who was lost is sought first where he was last seen
LOOKS = 2  # the crop found in the whole picture is placed anew so often
MIN_SIDE_PX, MAX_SIDES = 24.0, 3.0  # pixels, and sides of the frame: no crop around a lifter is smaller or larger

_CELLS = SIZE // STRIDE
OUTPUTS = {
    "heat": (1, _CELLS, _CELLS, len(KEYPOINTS) * FINE**2),
    "world": (1, _CELLS, _CELLS, len(KEYPOINTS) * 3),
    "seen": (1, _CELLS, _CELLS, len(KEYPOINTS)),
    "there": (1, 1 + len(KEYPOINTS)),
}
"""Shapes by name. `there`: 0 to 1, whether the crop shows a lifter, then whether each point lies inside it."""

_BAR = index(*BAR_ENDS)
_HIPS = index("left_hip", "right_hip")
_STEPS = np.arange(-REACH, REACH + 1)
_AROUND = np.stack(np.meshgrid([-1, 0, 1], [-1, 0, 1]), -1).reshape(-1, 2)


class SquatlightPose:
    """The pose of the lifter in each frame.

    Args:
        model: the network.
        hashes: of its file, by role.

    Raises:
        ModelError: its input or outputs are not those of this version.
    """

    def __init__(self, model: Model, hashes: dict[str, str]) -> None:
        self.hashes = hashes
        self._model = model
        if model.input_shape != (1, SIZE, SIZE, 3) or model.output_shapes != OUTPUTS:
            raise ModelError(f"{model.path}: not a pose model of this version; its outputs are {model.output_shapes}")
        self.runtime = model.runtime
        self._last: tuple[float, Crop] | None = None  # when the lifter was last seen, and where to look next
        self._shape: tuple[int, ...] = ()  # of the frame before

    def estimate(self, frame: Frame) -> Pose | None:
        """The lifter's pose, or None where nobody is found; frames must come in the order of their time."""
        if frame.image.shape != self._shape:
            self._shape, self._last = frame.image.shape, None
        last = self._last[1] if self._last is not None and frame.captured_s - self._last[0] < KEEP_S else None
        found = look(self._model, frame.image, last) if last is not None else None
        if found is None:
            last, found = None, self._find(frame.image)
        if found is None:
            return None
        following = crop_around(found.points)
        if self._last is not None and last is not None:
            share = 1 - np.exp(-max(frame.captured_s - self._last[0], 0) / FOLLOW_S)
            following = Crop(following.centre, float(last.side_px * (following.side_px / last.side_px) ** share))
        self._last = (frame.captured_s, following)
        size = (frame.image.shape[1], frame.image.shape[0])
        return Pose(found.points, found.scores, found.world, frame.captured_s, frame.index, frame.dropped, size)

    def _find(self, image: NDArray[np.uint8]) -> "Found | None":
        """Seeks the lifter in the whole picture, then in its middle, and looks again more closely."""
        height, width = image.shape[:2]
        for crop in (Crop.of_frame(width, height), Crop((width / 2, height / 2), float(min(width, height)))):
            found = look(self._model, image, crop)
            for _ in range(LOOKS):
                found = found and look(self._model, image, crop_around(found.points))
            if found is not None:
                return found
        return None

    def forget(self) -> None:
        """The lifter is sought anew in the next frame, not where he was last seen."""
        self._last = None

    def look_around(self, frame: Frame) -> None:
        """Nobody else is looked for."""

    def close(self) -> None:
        """Frees the model."""
        self._model.close()


@dataclass(frozen=True, slots=True)
class Found:
    """What the network says of one crop.

    Attributes:
        points: (23, 2) pixels of the frame; NaN: a bar end that is not there.
        scores: (23,) 0 to 1.
        world: (23, 3) metres, see `device.squat.pose.Pose`.
    """

    points: Array
    scores: Array
    world: Array


def look(model: Model, image: NDArray[np.uint8], crop: Crop) -> Found | None:
    """Runs the network on a crop; None: it shows no lifter."""
    if not MIN_SIDE_PX <= crop.side_px <= MAX_SIDES * max(image.shape[:2]):
        return None
    out = model(np.divide(crop.cut(image, SIZE), np.float32(255), dtype=np.float32)[None])
    there = out["there"][0]
    if there[0] < MIN_PRESENCE:
        return None
    units, scores, world = decode(out["heat"][0], out["world"][0], out["seen"][0])
    points = crop.frame_from_unit(units).astype(np.float32)
    scores *= there[1:]
    gone = _BAR[there[1 + _BAR] < MIN_PRESENCE]
    points[gone], world[gone], scores[gone] = np.nan, np.nan, 0
    return Found(points, scores, world)


def decode(heat: Array, world: Array, seen: Array) -> tuple[Array, Array, Array]:
    """Reads the keypoints off the maps.

    Args:
        heat: (C, C, 23 * 4) logits: of each cell its upper left, upper right, lower left and lower right quarter.
        world: (C, C, 23 * 3) metres.
        seen: (C, C, 23) logits.

    Returns:
        (23, 2) places, 0 to 1 across the crop; (23,) scores, 0 to 1; (23, 3) metres, origin between the hips.
    """
    cells, points = heat.shape[0], len(KEYPOINTS)
    fine = heat.reshape(cells, cells, points, FINE, FINE).transpose(2, 0, 3, 1, 4).reshape(points, -1)
    row, column = np.divmod(fine.argmax(1), cells * FINE)
    y, x = row[:, None, None] + _STEPS[:, None], column[:, None, None] + _STEPS
    inside = (y >= 0) & (y < cells * FINE) & (x >= 0) & (x < cells * FINE)
    y, x = np.broadcast_arrays(y, x)
    at = np.clip(y, 0, cells * FINE - 1) * cells * FINE + np.clip(x, 0, cells * FINE - 1)
    each = np.arange(points)[:, None, None]
    weight = np.exp(fine[each, at] - fine.max(1)[:, None, None]) * inside
    weight /= weight.sum((1, 2), keepdims=True)
    places = np.stack([(weight * x).sum((1, 2)), (weight * y).sum((1, 2))], -1)
    unit = (places + 0.5) / (cells * FINE)
    row, column = row // FINE, column // FINE
    around = (
        np.clip(row[:, None] + _AROUND[:, 0], 0, cells - 1), np.clip(column[:, None] + _AROUND[:, 1], 0, cells - 1)
    )  # fmt: skip
    metres = world.reshape(cells, cells, points, 3)[(*around, np.arange(points)[:, None])].mean(1)
    sight = seen[(*around, np.arange(points)[:, None])].mean(1)
    metres -= metres[_HIPS].mean(0)
    return unit.astype(np.float32), (1 / (1 + np.exp(-sight))).astype(np.float32), metres.astype(np.float32)


def crop_around(points: NDArray[np.floating]) -> Crop:
    """The upright crop around a lifter, and around the bar's ends where they are.

    Args:
        points: (23, 2), NaN where there is none.
    """
    low, high = np.nanmin(points, axis=0), np.nanmax(points, axis=0)
    x, y = (low + high) / 2
    return Crop((float(x), float(y)), float(MARGIN * max((high - low).max(), 1e-3)))

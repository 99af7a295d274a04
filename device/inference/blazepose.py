"""BlazePose in TFLite, by its own scheme: detect once, then follow the lifter from frame to frame.

Source: Bazarevsky et al., "BlazePose: On-device Real-time Body Pose tracking", 2020, and MediaPipe's pose_landmark
graphs (Apache-2.0). Departures: no smoothing here (`device.squat.smoothing` does it, by time), lost lifters are sought
again in the same frame, and of several people one is chosen and kept.
"""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from device.camera.frames import Frame
from device.inference.detector import Person, PersonDetector
from device.inference.letterbox import Crop
from device.inference.tflite import Model
from device.squat.pose import JOINTS, KEYPOINTS, Pose

SIZE = 256
MIN_PRESENCE = 0.5
MARGIN = 1.25  # the crop's side over the diameter of the circle around the body
MAX_TURN_RAD = np.radians(100)  # a crop turned further has lost a lifter: no squat is done upside down
KEEP_S = 2.0  # so long a lifter who was lost is sought where he was last seen, not at the centre

# BlazePose's 33 landmarks that are our 17 joints, in the order of JOINTS
LANDMARKS = [0, 11, 12, 13, 14, 15, 16, 23, 24, 25, 26, 27, 28, 29, 30, 31, 32]
PLACING = [33, 34]  # auxiliary landmarks that place the next crop: the hip, and a point on the circle around it
USED = LANDMARKS + PLACING
_CHANNELS = np.array(USED)[:, None, None]
FOLLOW_S = 0.1  # time constant with which the crop follows changes of size and turn; chosen on the tune split
REFINE_CELLS, REFINE_MIN_HEAT = 7, 0.5  # MediaPipe's kernel size and least confidence


class BlazePose:
    """The pose of the lifter in each frame.

    Args:
        detector: the folded detector's path.
        landmarks: the folded landmark model's path.
        hashes: of the two files, by role.
        threads: threads of each interpreter.
        runtime: TFLite runtime, see `device.inference.tflite`.
    """

    def __init__(
        self, detector: Path, landmarks: Path, hashes: dict[str, str], threads: int = 1, runtime: str | None = None
    ) -> None:
        self.hashes = hashes
        self._detector = PersonDetector(detector, threads, runtime)
        self._landmarks = Model(landmarks, threads, runtime)
        self.runtime = self._landmarks.runtime
        self._crop: Crop | None = None
        self._last: tuple[float, Crop] | None = None  # when the lifter was last seen, and where

    def estimate(self, frame: Frame) -> Pose | None:
        """The lifter's pose, or None where nobody is found.

        Frames must come in the order of their time: the crop follows from the previous frame.
        """
        followed = self._crop is not None
        pose = self._follow(frame)
        if pose is None and followed:
            pose = self._follow(frame)  # once more, from a fresh detection
        return pose

    def _follow(self, frame: Frame) -> Pose | None:
        crop = self._crop or self._find(frame)
        self._crop = None
        if crop is None:
            return None
        out = self._landmarks(np.divide(crop.cut(frame.image, SIZE), np.float32(255), dtype=np.float32)[None])
        if out["presence"][0, 0] < MIN_PRESENCE:
            return None
        landmarks = out["landmarks"].reshape(39, 5)[USED]
        points = crop.frame_from_unit(_refine(landmarks[:, :2] / SIZE, out["heatmap"][0]))
        following = self._steady(frame, crop, _crop_around(*points[-len(PLACING) :]))
        if abs(following.turn_rad) > MAX_TURN_RAD:
            return None
        self._crop = following
        self._last = (frame.captured_s, following)
        return _pose(frame, points, landmarks, out["world"].reshape(39, 3), crop.turn_rad)

    def _steady(self, frame: Frame, last: Crop, now: Crop) -> Crop:
        """The new crop, its size and turn held back, so that one bad frame does not carry the crop away."""
        gap_s = frame.captured_s - self._last[0] if self._last is not None else FOLLOW_S
        share = 1 - np.exp(-max(gap_s, 0) / FOLLOW_S)
        side_px = last.side_px * (now.side_px / last.side_px) ** share
        turn = (now.turn_rad - last.turn_rad + np.pi) % (2 * np.pi) - np.pi
        return Crop(now.centre, float(side_px), float(last.turn_rad + share * turn))

    def _find(self, frame: Frame) -> Crop | None:
        """A crop around the lifter: of those who stand the one nearest the centre, or who was the lifter just now."""
        people = self._detector.people(frame.image)
        just_seen = self._last is not None and frame.captured_s - self._last[0] < KEEP_S
        if not people:  # a head out of the picture hides a lifter from the detector, not from the landmark model
            return self._last[1] if self._last is not None and just_seen else None
        if self._last is not None and just_seen:
            target = np.array(self._last[1].centre)
        else:
            target = np.array([frame.image.shape[1], frame.image.shape[0]]) / 2
        upright = [p for p in people if p.upright] or people

        def distance(person: Person) -> float:
            return float(np.hypot(*(0.5 * (person.hip + person.shoulder) - target)))

        lifter = min(upright, key=distance)
        return _crop_around(lifter.hip, lifter.circle)

    def close(self) -> None:
        """Frees the models."""
        self._detector.close()
        self._landmarks.close()


def _crop_around(hip: NDArray[np.float64], circle: NDArray[np.float64]) -> Crop:
    """The crop that stands the body upright: its up is the direction from the hip to the circle's point."""
    right, down = circle - hip
    return Crop(
        (float(hip[0]), float(hip[1])), float(2 * MARGIN * np.hypot(right, down)), float(np.arctan2(right, -down))
    )


def _refine(points: NDArray[np.floating], heatmap: NDArray[np.float32]) -> NDArray[np.float32]:
    """Moves each landmark to the centre of its heat nearby (MediaPipe's RefineLandmarksFromHeatmap).

    Args:
        points: (19, 2), 0 to 1 across the crop: the landmarks `USED`.
        heatmap: (64, 64, 39) logits, of all landmarks.
    """
    cells, reach = heatmap.shape[0], REFINE_CELLS // 2
    at = np.floor(points * cells).astype(int)
    inside = ((at >= 0) & (at < cells)).all(-1)
    at = np.clip(at, 0, cells - 1)
    steps = np.arange(-reach, reach + 1)
    x, y = at[:, 0, None, None] + steps[None, None, :], at[:, 1, None, None] + steps[None, :, None]
    there = (x >= 0) & (x < cells) & (y >= 0) & (y < cells)
    logits = heatmap[np.clip(y, 0, cells - 1), np.clip(x, 0, cells - 1), _CHANNELS]
    heat = np.where(there, 1 / (1 + np.exp(-logits)), 0)
    total = heat.sum((1, 2))
    refined = np.stack([(heat * x).sum((1, 2)), (heat * y).sum((1, 2))], -1) / np.maximum(total, 1e-9)[:, None] / cells
    sure = inside & (heat.max((1, 2)) >= REFINE_MIN_HEAT)
    return np.where(sure[:, None], refined, points).astype(np.float32)


def _pose(
    frame: Frame,
    points: NDArray[np.float64],
    landmarks: NDArray[np.float32],
    world: NDArray[np.float32],
    turn_rad: float,
) -> Pose:
    keypoints = np.full((len(KEYPOINTS), 2), np.nan, np.float32)
    scores = np.zeros(len(KEYPOINTS), np.float32)
    metres = np.full((len(KEYPOINTS), 3), np.nan, np.float32)
    joints = slice(0, len(JOINTS))
    keypoints[joints] = points[joints]
    scores[joints] = (1 / (1 + np.exp(-landmarks[joints, 3:5]))).min(-1)  # visibility and presence
    cos, sin = np.cos(turn_rad), np.sin(turn_rad)
    metres[joints] = world[LANDMARKS]
    metres[joints, :2] = world[LANDMARKS, :2] @ np.array([[cos, -sin], [sin, cos]]).T
    size = (frame.image.shape[1], frame.image.shape[0])
    return Pose(keypoints, scores, metres, frame.captured_s, frame.index, frame.dropped, size)

"""BlazePose in TFLite, by its own scheme: detect once, then follow the lifter from frame to frame.

Source: Bazarevsky et al., "BlazePose: On-device Real-time Body Pose tracking", 2020, and MediaPipe's pose_landmark
graphs (Apache-2.0). Departures: no smoothing here (`device.squat.smoothing` does it, by time), lost lifters are sought
again in the same frame, and of several people one is chosen and kept.
"""

from pathlib import Path

import numpy as np

from device.camera.frames import Frame
from device.inference.detector import Person, PersonDetector
from device.inference.landmarks import LandmarkModel, crop_around
from device.inference.letterbox import Crop
from device.inference.surface import SurfaceHead
from device.squat.pose import Pose

MAX_TURN_RAD = np.radians(100)  # a crop turned further has lost a lifter: no squat is done upside down
KEEP_S = 2.0  # so long a lifter who was lost is sought where he was last seen, not at the centre
FOLLOW_S = 0.1  # time constant with which the crop follows changes of size and turn; chosen on the tune split


class BlazePose:
    """The pose of the lifter in each frame.

    Args:
        detector: the folded detector's path.
        landmarks: the folded landmark model's path.
        hashes: of the two files, by role.
        threads: threads of each interpreter.
        runtime: TFLite runtime, see `device.inference.tflite`.
        surface: finds the surface points; None leaves them NaN.
    """

    def __init__(
        self,
        detector: Path,
        landmarks: Path,
        hashes: dict[str, str],
        threads: int = 1,
        runtime: str | None = None,
        surface: SurfaceHead | None = None,
    ) -> None:
        self.hashes = hashes
        self._detector = PersonDetector(detector, threads, runtime)
        self._landmarks = LandmarkModel(landmarks, threads, runtime)
        self.runtime = self._landmarks.runtime
        self._surface = surface
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
        seen = self._landmarks.see(frame.image, crop)
        if seen is None:
            return None
        following = self._steady(frame, crop, seen.next_crop())
        if abs(following.turn_rad) > MAX_TURN_RAD:
            return None
        self._crop = following
        self._last = (frame.captured_s, following)
        return seen.pose(frame, self._surface.find(seen.features) if self._surface is not None else None)

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
        return crop_around(lifter.hip, lifter.circle)

    def close(self) -> None:
        """Frees the models."""
        self._detector.close()
        self._landmarks.close()
        if self._surface is not None:
            self._surface.close()

"""BlazePose in TFLite, by its own scheme: detect once, then follow the lifter from frame to frame.

Source: Bazarevsky et al., "BlazePose: On-device Real-time Body Pose tracking", 2020, and MediaPipe's pose_landmark
graphs (Apache-2.0). Departures: no smoothing here (`device.squat.smoothing` does it, by time), lost lifters are sought
again in the same frame, and of several people one is chosen, kept, and now and then, when nobody waits, reconsidered.
"""

from pathlib import Path

import numpy as np

from device.camera.frames import Frame
from device.inference.choice import BEAT, Rivals, apart, by_claim, claim, guesses, near, within
from device.inference.detector import PersonDetector
from device.inference.landmarks import LandmarkModel, Seen, crop_around
from device.inference.letterbox import Crop
from device.inference.surface import Found, SurfaceHead
from device.squat.level import STRAIGHT, straight_legs
from device.squat.pose import JOINTS, SURFACES, Pose, index

MAX_TURN_RAD = np.radians(100)  # a crop turned further has lost a lifter: no squat is done upside down
KEEP_S = 2.0  # so long a lifter who was lost is sought where he was last seen, and nowhere else
FOLLOW_S = 0.1  # time constant with which the crop follows changes of size and turn; chosen on the tune split
SETTLE = 2  # looks at somebody new, each from where the one before led
TRIES = 3  # crops looked at in one frame where the lifter was lost
SURFACES_S = 0.06  # how often the head looks anew at most; meanwhile what it found moves with BlazePose's joints
STANDING_SURFACES_S = 0.25  # the same of who stands, where nothing bends

_BESIDE = index(*(name.replace("hip_crease", "hip").replace("knee_top", "knee") for name in SURFACES))


class BlazePose:
    """The pose of the lifter in each frame.

    Args:
        detector: the folded detector's path.
        landmarks: the folded landmark model's path.
        hashes: of the two files, by role.
        threads: threads of each interpreter.
        runtime: TFLite runtime, see `device.inference.tflite`.
        surface: finds the surface points and refines the joints; None leaves them NaN and unrefined.
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
        self._beside: tuple[float, Found] | None = None  # when the head looked; its points less BlazePose's joints
        self._crop: Crop | None = None  # where the lifter is sought in the next frame
        self._last: tuple[float, Crop] | None = None  # when the lifter was last seen, and where
        self._rivals = Rivals()
        self._shape: tuple[int, ...] = ()  # of the frame before: a camera opened anew may give another size
        self.due = False  # whether `look_around` will look for others in the last frame

    def estimate(self, frame: Frame) -> Pose | None:
        """The lifter's pose, or None where nobody is found.

        Frames must come in the order of their time: the crop follows from the previous frame.
        """
        if frame.image.shape != self._shape:
            self._shape, self._crop, self._last = frame.image.shape, None, None
        tried = self._crop
        seen = self._look(frame, tried) if tried is not None else None
        self.due = seen is not None and self._crop is not None and self._rivals.due(self._crop, frame.captured_s)
        if seen is None:
            self._beside = None
            seen = self._seek(frame, tried)
        return seen.pose(frame, self._refined(frame.captured_s, seen)) if seen is not None else None

    def _refined(self, now_s: float, seen: Seen) -> Found | None:
        """What the head finds; None: there is none."""
        if self._surface is None:
            return None
        joints = seen.points[: len(JOINTS)]
        beside = joints[_BESIDE]
        every_s = STANDING_SURFACES_S if straight_legs(seen.world).min() >= STRAIGHT else SURFACES_S
        if self._beside is None or not 0 <= now_s - self._beside[0] < every_s:
            found = self._surface.find(seen.features)
            self._beside = (now_s, Found(found.points - beside, found.scores, found.joints - joints))
        _, off = self._beside
        return Found(beside + off.points, off.scores, joints + off.joints)

    def _look(self, frame: Frame, crop: Crop) -> Seen | None:
        """Whom a crop shows; the crop then follows him."""
        seen = self._landmarks.see(frame.image, crop)
        following = self._steady(frame, crop, seen.next_crop()) if seen is not None else None
        if following is None or abs(following.turn_rad) > MAX_TURN_RAD:
            self._crop = None
            return None
        self._follow(frame, following)
        return seen

    def _follow(self, frame: Frame, crop: Crop) -> None:
        self._crop, self._last = crop, (frame.captured_s, crop)

    def _steady(self, frame: Frame, last: Crop, now: Crop) -> Crop:
        """The new crop, its size and turn held back, so that one bad frame does not carry the crop away."""
        gap_s = frame.captured_s - self._last[0] if self._last is not None else FOLLOW_S
        share = 1 - np.exp(-max(gap_s, 0) / FOLLOW_S)
        side_px = last.side_px * (now.side_px / last.side_px) ** share
        turn = (now.turn_rad - last.turn_rad + np.pi) % (2 * np.pi) - np.pi
        return Crop(now.centre, float(side_px), float(last.turn_rad + share * turn))

    def _seek(self, frame: Frame, tried: Crop | None) -> Seen | None:
        """The lifter where he was seen just now, else who looks most like one.

        Args:
            frame: the frame.
            tried: a crop in which he is not.
        """
        size = (frame.image.shape[1], frame.image.shape[0])
        people = self._people(frame)
        if self._last is not None and frame.captured_s - self._last[0] < KEEP_S:
            last = self._last[1]
            # a head out of the picture hides a lifter from the detector, not from the landmark model
            there = sorted((c for c in people if near(c, last)), key=lambda c: apart(c, last))[:1]
            again = [] if last == tried else [last]
            return next((seen for c in there + again if (seen := self._look(frame, c)) is not None), None)
        self._rivals.begin(frame.captured_s)
        found: tuple[Seen, Crop] | None = None
        middle = guesses(size) if self._rivals.may_guess(frame.captured_s) else []
        for crop in [*by_claim(people, size)[:TRIES], *middle]:
            guessed = crop in middle
            if found is not None and guessed and within(found[1], crop):
                break  # who stands in the middle is found already
            now, beat = self._settle(frame, crop), BEAT if guessed else 1.0
            if now is not None and (found is None or claim(now[1], size) > beat * claim(found[1], size)):
                found = now
        if found is None:
            return None
        self._follow(frame, found[1])
        return found[0]

    def _settle(self, frame: Frame, crop: Crop) -> tuple[Seen, Crop] | None:
        """Whom a crop shows that nobody was followed to: looked at again from the crop that it leads to."""
        seen = None
        for _ in range(SETTLE):
            seen = self._landmarks.see(frame.image, crop)
            if seen is None or abs(seen.next_crop().turn_rad) > MAX_TURN_RAD:
                return None
            crop = seen.next_crop()
        return (seen, crop) if seen is not None else None

    def sees(self, frame: Frame, crop: Crop) -> tuple[Pose, Crop] | None:
        """Whom a crop shows, and from which crop to `follow` him; nobody is followed to him by this."""
        found = self._settle(frame, crop)
        return (found[0].pose(frame, None), found[1]) if found is not None else None

    def follow(self, frame: Frame, crop: Crop) -> None:
        """Follows who is in a crop from here on, whoever was followed before."""
        self._rivals.begin(frame.captured_s)
        self._follow(frame, crop)
        self._beside = None

    def look_around(self, frame: Frame) -> None:
        """Now and then: whether somebody else has looked more like the lifter for a while. He is followed from here on.

        Args:
            frame: which was estimated last.
        """
        mine = self._crop
        if not self.due or mine is None:
            return
        self.due = False
        size = (frame.image.shape[1], frame.image.shape[0])
        left = self._rivals.left(mine)
        others = by_claim([c for c in [*self._people(frame), *guesses(size)] if not near(c, mine)], size)
        if left is not None:
            others.insert(0, left)
        for crop in others[:TRIES]:
            if crop is not left and not self._rivals.may_beat(crop, mine, size):
                break
            found = self._settle(frame, crop)
            if found is None or within(found[1], mine):
                continue
            if (crop is left and near(found[1], left)) or self._rivals.beats(found[1], mine, size):
                self.follow(frame, found[1])
            return

    def _people(self, frame: Frame) -> list[Crop]:
        people = self._detector.people(frame.image)
        upright = [p for p in people if p.upright] or people
        return [crop_around(p.hip, p.circle) for p in upright]

    def close(self) -> None:
        """Frees the models."""
        self._detector.close()
        self._landmarks.close()
        if self._surface is not None:
            self._surface.close()

"""A stick figure before a pinhole camera: poses whose truth is known, made from simple geometry.

Room axes: x = where the lifter faces, y = up, z = the lifter's right; metres, the floor at y = 0. The figure has no
skin: its joint centres are all there is, so a margin's truth is the sine of the thigh's angle.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from device.squat.events import Event, RepJudged
from device.squat.judge import Judge, JudgeSettings
from device.squat.pose import JOINTS, KEYPOINTS, Pose

SHANK = THIGH = 0.43
TRUNK, ANKLE, HALF_HIPS, HALF_SHOULDERS, HALF_STANCE = 0.52, 0.08, 0.10, 0.19, 0.17
HALF_BAR = 1.1
STANDING_THIGH_DEG = -88.0


@dataclass(frozen=True)
class Posture:
    """Angles in degrees; pairs are (left, right).

    Attributes:
        thigh: knee over hip: -90 hangs, 0 is level, + = the hip lies below the knee.
        shank: how far the knee leans before the ankle.
        lean: of the trunk, forward.
        place: (x, z) of the left foot in the room.
        hands_down: 0 = on the bar on the shoulders, 1 = arms hang straight down.
    """

    thigh: tuple[float, float]
    shank: tuple[float, float] = (0.0, 0.0)
    lean: float = 0.0
    place: tuple[float, float] = (0.0, 0.0)
    hands_down: float = 0.0

    def towards(self, other: "Posture", share: float) -> "Posture":
        def mix(a: tuple[float, ...], b: tuple[float, ...]) -> tuple[float, ...]:
            return tuple(np.array(a) + share * (np.array(b) - np.array(a)))

        return Posture(
            mix(self.thigh, other.thigh), mix(self.shank, other.shank),
            *mix((self.lean,), (other.lean,)), mix(self.place, other.place),
            *mix((self.hands_down,), (other.hands_down,)),
        )  # fmt: skip


STANDING = Posture((STANDING_THIGH_DEG,) * 2)


def squatting(thigh_deg: float) -> Posture:
    """The bottom of a squat whose thighs stand at this angle; shallower ones lean less."""
    share = (thigh_deg - STANDING_THIGH_DEG) / (0 - STANDING_THIGH_DEG)
    return Posture((thigh_deg,) * 2, (min(32 * share, 34.0),) * 2, min(38 * share, 42.0))


DEADLIFT = Posture((-15.0, -15.0), (10.0, 10.0), 75.0, hands_down=1.0)
LUNGE = Posture((-5.0, -100.0), (5.0, 85.0), 5.0)


@dataclass(frozen=True)
class Part:
    """A way to a posture, eased at both ends, or a rest in it where it is the posture before."""

    to: Posture
    seconds: float


def stand(seconds: float = 1.5) -> list[Part]:
    return [Part(STANDING, seconds)]


def squat(thigh_deg: float, down_s: float = 1.2, pause_s: float = 0.1, up_s: float = 1.1) -> list[Part]:
    low = squatting(thigh_deg)
    return [Part(low, down_s), Part(low, pause_s), Part(STANDING, up_s)]


def walk(steps: int = 4, step_m: float = 0.25, step_s: float = 0.6) -> list[Part]:
    """Steps backward out of the rack, each knee lifted in its turn."""
    parts, x = [], 0.0
    for step in range(steps):
        x -= step_m
        left = step % 2 == 0
        lifted = ((-65.0, -86.0), (-25.0, 2.0)) if left else ((-86.0, -65.0), (2.0, -25.0))
        parts.append(Part(Posture(*lifted, 6.0, (x + step_m / 2, 0.0)), step_s / 2))
        parts.append(Part(replace(STANDING, place=(x, 0.0)), step_s / 2))
    return parts


def bottoms(parts: Sequence[Part], thigh_from_deg: float = -60.0) -> list[float]:
    """When each rest in a low posture is half over: the truth for `bottom_s`."""
    found, at_s, before = [], 0.0, STANDING
    for part in parts:
        if part.to == before and part.to.thigh[0] > thigh_from_deg:
            found.append(at_s + part.seconds / 2)
        at_s, before = at_s + part.seconds, part.to
    return found


@dataclass(frozen=True)
class Shot:
    """The camera, and how well a pose model does on what it shows.

    Attributes:
        view_deg: 0 = the lifter faces the camera, + = it sees the left side.
        distance_m: from the lifter.
        height_m: of the lens.
        fps: frames a second.
        size: of the picture.
        fov_deg: along its longer side.
        noise_m: standard deviation of every coordinate, metres of the world, other in each frame.
        bar: whether there is a bar on the shoulders, whose ends are seen.
    """

    view_deg: float = 60.0
    distance_m: float = 3.5
    height_m: float = 1.1
    fps: float = 30.0
    size: tuple[int, int] = (720, 1280)
    fov_deg: float = 65.0
    noise_m: float = 0.0
    bar: bool = False

    def film(self, parts: Sequence[Part], start: Posture = STANDING, seed: int = 1) -> list[Pose]:
        """The poses of a movement, one a frame."""
        ends = np.cumsum([part.seconds for part in parts])
        random = np.random.default_rng(seed)
        poses = []
        for index in range(round(ends[-1] * self.fps) + 1):
            at_s = index / self.fps
            row = min(int(np.searchsorted(ends, at_s)), len(parts) - 1)
            before = parts[row - 1].to if row else start
            done = np.clip(1 - (ends[row] - at_s) / parts[row].seconds, 0, 1)
            joints = _joints(before.towards(parts[row].to, 0.5 - 0.5 * np.cos(np.pi * done)))
            joints += random.normal(0, self.noise_m, joints.shape) if self.noise_m else 0
            poses.append(self._pose(joints, at_s, index))
        return poses

    def _pose(self, joints: NDArray[np.float64], at_s: float, index: int) -> Pose:
        view = np.radians(self.view_deg)
        towards_camera = np.array([np.cos(view), 0, -np.sin(view)])  # from the lifter; his left is -z
        right = np.array([-np.sin(view), 0, -np.cos(view)])  # of the picture: facing, his left is on the right
        camera = self.distance_m * towards_camera + np.array([0, self.height_m, 0])
        axes = np.stack([right, [0, -1, 0], -towards_camera]).T
        seen = (joints - camera) @ axes
        focal_px = max(self.size) / 2 / np.tan(np.radians(self.fov_deg) / 2)
        keypoints = np.full((len(KEYPOINTS), 2), np.nan, np.float32)
        world = np.full((len(KEYPOINTS), 3), np.nan, np.float32)
        scores = np.zeros(len(KEYPOINTS), np.float32)
        rows = slice(0, len(JOINTS))
        keypoints[rows] = focal_px * seen[:, :2] / seen[:, 2:] + np.array(self.size) / 2
        hips = [JOINTS.index("left_hip"), JOINTS.index("right_hip")]
        world[rows] = seen - seen[hips].mean(0)
        scores[rows] = np.clip(0.95 - 0.5 * world[rows, 2], 0.6, 0.999)  # what lies behind is seen less well
        if self.bar:
            ends = (bar_ends(joints) - camera) @ axes
            keypoints[-2:] = focal_px * ends[:, :2] / ends[:, 2:] + np.array(self.size) / 2
            scores[-2:] = np.where(ends[:, 2] < seen[hips, 2].mean() + 0.3, 0.9, 0.1)  # what lies behind is hidden
        return Pose(keypoints, scores, world, at_s, index, 0, self.size)


def bar_ends(joints: NDArray[np.float64]) -> NDArray[np.float64]:
    """(2, 3) ends of a bar that lies across the shoulders, left and right."""
    shoulders = joints[[JOINTS.index("left_shoulder"), JOINTS.index("right_shoulder")]]
    return np.asarray(shoulders.mean(0) + np.array([[0, 0, -HALF_BAR], [0, 0, HALF_BAR]]))


def _joints(posture: Posture) -> NDArray[np.float64]:
    """(17, 3) joints in the room, in the order of JOINTS."""

    def forward(degrees: float, length: float) -> NDArray[np.float64]:
        """A limb that leans forward by so much, pointing up."""
        return length * np.array([np.sin(np.radians(degrees)), np.cos(np.radians(degrees)), 0])

    def thigh(degrees: float) -> NDArray[np.float64]:
        return THIGH * np.array([np.cos(np.radians(degrees)), np.sin(np.radians(degrees)), 0])

    left_ankle = np.array([posture.place[0], ANKLE, posture.place[1] - HALF_STANCE])
    middle = left_ankle + forward(posture.shank[0], SHANK) - thigh(posture.thigh[0]) + [0, 0, HALF_STANCE]
    neck = middle + forward(posture.lean, TRUNK)
    at = {"nose": neck + forward(posture.lean, 0.22) + [0.1, 0, 0]}
    for side, sign in (("left", -1), ("right", 1)):
        row = (sign + 1) // 2
        hip = middle + [0, 0, sign * HALF_HIPS]
        knee = hip + thigh(posture.thigh[row]) + [0, 0, sign * (HALF_STANCE - HALF_HIPS)]
        ankle = knee - forward(posture.shank[row], SHANK)
        shoulder = neck + [0, 0, sign * HALF_SHOULDERS]
        hands = np.array([-0.05, 0.02, sign * 0.25]) * (1 - posture.hands_down) + posture.hands_down * np.array(
            [0, -0.58, 0]
        )
        at |= {
            f"{side}_shoulder": shoulder, f"{side}_elbow": shoulder + hands / 2 + [-0.05, -0.05, 0],
            f"{side}_wrist": shoulder + hands, f"{side}_hip": hip, f"{side}_knee": knee, f"{side}_ankle": ankle,
            f"{side}_heel": ankle + [-0.06, -0.06, 0], f"{side}_toe": ankle + [0.17, -0.07, sign * 0.03],
        }  # fmt: skip
    return np.array([at[name] for name in JOINTS], np.float64)


def judged(poses: Iterable[Pose | tuple[float, None]], settings: JudgeSettings | None = None) -> list[Event]:
    """All events of a stream; (time, None) is a frame without a lifter."""
    judge, events, now_s = Judge(settings), [], 0.0
    for item in poses:
        pose, now_s = (item, item.captured_s) if isinstance(item, Pose) else (None, item[0])
        events += judge.see(pose, now_s)
    return events + list(judge.finish(now_s))


def reps(poses: Iterable[Pose | tuple[float, None]], settings: JudgeSettings | None = None) -> list[RepJudged]:
    return [event for event in judged(poses, settings) if isinstance(event, RepJudged)]

"""Frames of synthetic clips as the device's tracking sees them: crops, what BlazePose found in them, and the truth.

The crop is the one that following gives: from a rough crop around the true body BlazePose's own next crop is taken,
and the next from there, as after some frames on the device. A frame counts where BlazePose landed on the lifter.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray

from convert.datasets.synthetic import SyntheticClip
from convert.synth.truth import Truth
from device.inference.landmarks import MARGIN, LandmarkModel, Seen
from device.inference.letterbox import Crop
from device.squat.pose import JOINTS, KEYPOINTS, index

LANDED = 0.5  # the joints' middle within so many torso lengths of the truth: BlazePose is on the lifter
LOW_LEGS = 0.5  # hips below the middle between the clip's highest and lowest: the lower half
SHIFT, STRETCH, TURN_RAD = 0.03, 0.08, 0.1  # standard deviations of a crop that lags: of its side, of its log, of turn

_HIPS, _SHOULDERS = index("left_hip", "right_hip"), index("left_shoulder", "right_shoulder")
_JOINTS = slice(0, len(JOINTS))
MIRRORED = np.array([KEYPOINTS.index(_other) for _other in (
    n.replace("left", "RIGHT").replace("right", "left").replace("RIGHT", "right") for n in KEYPOINTS)])  # fmt: skip
"""Each keypoint's place in a mirrored picture."""


@dataclass(frozen=True)
class TrackedFrame:
    """One crop and its truth. Points are 0 to 1 across the crop; all is mirrored where `mirrored`.

    Attributes:
        seen: what BlazePose found.
        image: (H, W, 3) the picture, disturbed where asked, that the crop was cut from.
        points: (23, 2) the truth.
        visible: (23,) 0 outside the crop or absent, 1 hidden, 2 in sight.
        torso: mid shoulders to mid hips, as the crop shows it.
        torso_whole: the same if it were not foreshortened.
        near: the leg nearer to the camera, 0 left, 1 right.
        frame: number in the clip.
        low: whether the hips are in the lower half of their way.
        view_deg: of the camera.
        mirrored: whether the picture was mirrored.
        margins_m: (2,) height of each knee top over the hip crease, left then right, + is deep.
        thigh_m: length of the lifter's thigh.
    """

    seen: Seen
    image: NDArray[np.uint8]
    points: NDArray[np.float32]
    visible: NDArray[np.uint8]
    torso: float
    torso_whole: float
    near: int
    frame: int
    low: bool
    view_deg: float
    mirrored: bool
    margins_m: NDArray[np.float32]
    thigh_m: float


@dataclass(frozen=True)
class Choice:
    """Which frames of a clip are taken, and how.

    Attributes:
        frames: at most so many of a clip.
        low_share: of these, from the lower half of the hips' way where there are enough.
        views: crops of each frame.
        disturbed: whether crops are jittered, pictures mirrored and their light and sharpness changed.
    """

    frames: int
    low_share: float
    views: int
    disturbed: bool


def tracked(
    clip: SyntheticClip, model: LandmarkModel, choice: Choice, rng: np.random.Generator
) -> Iterator[TrackedFrame]:
    """The chosen frames of a clip on which BlazePose found the lifter."""
    truth = clip.truth()
    low = _low(truth)
    wanted = choose(low, choice, rng)
    for frame, image in enumerate(clip.frames()):
        if frame in wanted:
            for _ in range(choice.views):
                if choice.disturbed:
                    mirrored, pictured = rng.random() < 0.5, disturb(image, rng)
                else:
                    mirrored, pictured = False, image
                found = _track(pictured, truth, frame, mirrored, choice.disturbed, model, rng)
                if found is not None:
                    yield replace(found, low=bool(low[frame]))


def choose(low: NDArray[np.bool_], choice: Choice, rng: np.random.Generator) -> set[int]:
    """Numbers of the frames that are taken."""
    down, up = (rng.permutation(np.flatnonzero(part)) for part in (low, ~low))
    count = min(choice.frames, len(low))
    from_down = max(min(len(down), round(choice.low_share * count)), count - len(up))
    return {*down[:from_down].tolist(), *up[: count - from_down].tolist()}


def _low(truth: Truth) -> NDArray[np.bool_]:
    height = truth.keypoints_m[:, _HIPS, 2].mean(1)
    return np.asarray(height < height.min() + LOW_LEGS * np.ptp(height))


def _track(
    image: NDArray[np.uint8],
    truth: Truth,
    frame: int,
    mirrored: bool,
    lagging: bool,
    model: LandmarkModel,
    rng: np.random.Generator,
) -> TrackedFrame | None:
    pixels, visible = truth.keypoints_px[frame].astype(np.float64), truth.visible[frame]
    if mirrored:
        image = np.ascontiguousarray(image[:, ::-1])
        pixels = (pixels * [-1, 1] + [image.shape[1], 0])[MIRRORED]
        visible = visible[MIRRORED]
    seen = model.see(image, lag(_around(pixels, truth, frame), rng))
    for _ in range(1 if lagging else 2):
        if seen is None:
            return None
        following = seen.next_crop()
        seen = model.see(image, lag(following, rng) if lagging else following)
    if seen is None or not _landed(seen, pixels):
        return None
    points = unit_from_frame(seen.crop, pixels)
    inside = (points >= 0).all(-1) & (points < 1).all(-1)
    torso_px, whole_px = _torso(pixels, truth, frame)
    margins_m = truth.knee_top_m[frame] - truth.crease_m[frame]
    return TrackedFrame(
        seen, image, points.astype(np.float32), np.where(inside, visible, 0).astype(np.uint8),
        torso_px / seen.crop.side_px, whole_px / seen.crop.side_px, _near(truth, frame) ^ int(mirrored), frame, False,
        float(truth.about["view_deg"]) * (-1 if mirrored else 1), mirrored,
        margins_m[::-1] if mirrored else margins_m, float(truth.about["thigh_m"]),
    )  # fmt: skip


def unit_from_frame(crop: Crop, pixels: NDArray[np.floating]) -> NDArray[np.float64]:
    """Maps pixels (..., 2) of the frame to 0 to 1 across the crop."""
    matrix = crop.input_from_frame(1)
    return np.asarray(pixels @ matrix[:, :2].T + matrix[:, 2])


def _around(pixels: NDArray[np.float64], truth: Truth, frame: int) -> Crop:
    """The crop that would hold the lifter upright, around the hips as they are: so tracking comes down with a squat."""
    room = truth.keypoints_m[:, _JOINTS].astype(np.float64)
    reach_m = np.linalg.norm(room - truth.keypoints_m[:, _HIPS].mean(1, keepdims=True), axis=-1).max()
    hip = pixels[_HIPS].mean(0)
    return Crop((float(hip[0]), float(hip[1])), float(2 * MARGIN * reach_m * px_per_m(truth, frame)))


def lag(crop: Crop, rng: np.random.Generator) -> Crop:
    """The crop, somewhat off, as it is after a frame of movement."""
    across, down = rng.normal(0, SHIFT, 2) * crop.side_px
    side_px = crop.side_px * float(np.exp(rng.normal(0, STRETCH)))
    return Crop((crop.centre[0] + across, crop.centre[1] + down), side_px, crop.turn_rad + rng.normal(0, TURN_RAD))


def _landed(seen: Seen, pixels: NDArray[np.float64]) -> bool:
    """Whether the person found is the lifter; left and right may be mistaken."""
    found = seen.crop.frame_from_unit(seen.points[_JOINTS]).mean(0)
    torso = np.linalg.norm(pixels[_SHOULDERS].mean(0) - pixels[_HIPS].mean(0))
    return bool(np.linalg.norm(found - pixels[_JOINTS].mean(0)) < LANDED * max(torso, 0.15 * seen.crop.side_px))


def _torso(pixels: NDArray[np.float64], truth: Truth, frame: int) -> tuple[float, float]:
    """The torso's length in pixels as seen, and as it would be seen across the camera's axis."""
    room = truth.keypoints_m[frame].astype(np.float64)
    hips, shoulders = room[_HIPS].mean(0), room[_SHOULDERS].mean(0)
    whole = float(np.linalg.norm(shoulders - hips)) * px_per_m(truth, frame)
    return float(np.linalg.norm(pixels[_SHOULDERS].mean(0) - pixels[_HIPS].mean(0))), whole


def px_per_m(truth: Truth, frame: int) -> float:
    """Pixels per metre at the hips."""
    hips = truth.keypoints_m[frame, _HIPS].mean(0).astype(np.float64)
    away_m = -(truth.view[:3, :3] @ hips + truth.view[:3, 3])[2]
    return float(truth.matrix[0, 0] / away_m)


def _near(truth: Truth, frame: int) -> int:
    away = truth.keypoints_m[frame, _HIPS] @ truth.view[2, :3]
    return int(np.argmax(away))  # the camera looks along -z


def disturb(image: NDArray[np.uint8], rng: np.random.Generator) -> NDArray[np.uint8]:
    """The picture in other light, blurred, coarse, noisy or with something in front."""
    height, width = image.shape[:2]
    x = image
    if rng.random() < 0.4:
        x = np.asarray(cv2.GaussianBlur(x, (0, 0), rng.uniform(0.4, 1.8)), np.uint8)
    if rng.random() < 0.25:
        share = rng.uniform(0.3, 0.8)
        small = cv2.resize(x, (int(width * share), int(height * share)), interpolation=cv2.INTER_AREA)
        x = np.asarray(cv2.resize(small, (width, height)), np.uint8)
    colour = rng.uniform(0.3, 1.4)
    grey = cv2.cvtColor(cv2.cvtColor(x, cv2.COLOR_RGB2GRAY), cv2.COLOR_GRAY2RGB)
    x = np.asarray(cv2.addWeighted(x, colour, grey, 1 - colour, 0), np.uint8)
    level = np.linspace(0, 1, 256)[:, None] ** rng.uniform(0.65, 1.5)
    level = level * rng.uniform(0.7, 1.25) * (1 + rng.normal(0, 0.06, 3))
    x = np.asarray(cv2.LUT(x, np.clip(level * 255, 0, 255).astype(np.uint8)[None]), np.uint8)
    if rng.random() < 0.5:
        noise = rng.integers(0, 256, (height, width, 3), np.uint8)
        share = rng.uniform(0, 0.12)
        x = np.asarray(cv2.addWeighted(x, 1, noise, share, -127.5 * share), np.uint8)
    if rng.random() < 0.25:
        x = x.copy()
        size = (rng.uniform(0.04, 0.16, 2) * min(height, width)).astype(int)
        left, top = (rng.random(2) * [width - size[0], height - size[1]]).astype(int)
        x[top : top + size[1], left : left + size[0]] = rng.integers(0, 256, 3)
    if rng.random() < 0.2:
        quality = int(rng.integers(25, 85))
        x = np.asarray(cv2.imdecode(cv2.imencode(".jpg", x, [cv2.IMWRITE_JPEG_QUALITY, quality])[1], 1), np.uint8)
    return x

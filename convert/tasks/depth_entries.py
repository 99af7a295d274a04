"""What the device's pose model makes of rendered reps, at the moments that the depth network looks at, and the truth.

Each entry is a rep that the device judged, at its own lowest pose and at other low moments of it. Entries train the
network as they are, and lend their errors to reps that were never rendered (convert/tasks/depth_rows.py).
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from convert.datasets.synthetic import SyntheticClip
from convert.pool import mapped
from convert.synth.found import clips_with_poses
from convert.synth.keypoint_reps import in_camera
from convert.synth.truth import Truth
from device.squat.depth_features import Moments, at_moments, moments
from device.squat.events import RepJudged
from device.squat.judge import Judge, JudgeSettings
from device.squat.pose import Array, Pose, index

FITS_S = 0.6  # a judged rep this near to a true bottom is that rep
LANDED = 0.35  # leg lengths: hips found further off belong to someone else
LOW = 0.45  # share of the descent; moments below it are low ones
AT_REST_M = 0.01  # hips so near to the lowest are at the bottom
OTHERS = 3  # low moments beside the lowest that are taken of each rep
_HIPS, _KNEES, _ANKLES = (index(f"left_{name}", f"right_{name}") for name in ("hip", "knee", "ankle"))


@dataclass(frozen=True)
class View:
    """From where a rep is seen.

    Attributes:
        view_deg: 0 = from in front, + = the left side shows.
        pitch_deg: how far the camera looks down.
        fov_deg: along the longer side of the picture.
        height_m: of the lens.
        focal_px: of square pixels.
        size: of the picture.
    """

    view_deg: float
    pitch_deg: float
    fov_deg: float
    height_m: float
    focal_px: float
    size: tuple[int, int]


@dataclass(frozen=True)
class Entry:
    """A low moment of a rep; the M moments are those of device.squat.depth_features.

    Attributes:
        seen: what the device saw.
        picture, world: (M, 23, 2) pixels and (M, 23, 3) metres in the camera's axes: the truth at the same times; of
            the lowest pose, around the true bottom, so that what the device errs in time is among its errors.
        view: from where.
        learnt_deg: the camera's pitch as the judge learnt it.
        margins: (2,) knee top over crease, left and right, in thigh lengths; at the lowest pose those of the rep.
        thigh_m, stature_m: of the lifter.
        body: number of the body.
        lowest: whether this is the device's own lowest pose.
        name: of the set and the clip.
    """

    seen: Moments
    picture: Array
    world: Array
    view: View
    learnt_deg: float
    margins: Array
    thigh_m: float
    stature_m: float
    body: int
    lowest: bool
    name: str


def leg_m(world: Array) -> float:
    """Thigh and shank of the standing lifter, the mean of both sides, from moments (M, 23, 3)."""
    thigh, shank = world[-1, _HIPS] - world[-1, _KNEES], world[-1, _KNEES] - world[-1, _ANKLES]
    return float((np.linalg.norm(thigh, axis=-1) + np.linalg.norm(shank, axis=-1)).mean())


def view_of(truth: Truth) -> View:
    """The camera of a clip."""
    width, height = truth.about["size"]
    focal = float(truth.matrix[0, 0])
    return View(
        view_deg=float(truth.about["view_deg"]),
        pitch_deg=float(np.degrees(np.arcsin(np.clip(truth.view[2, 2], -1, 1)))),
        fov_deg=float(np.degrees(2 * np.arctan(max(width, height) / 2 / focal))),
        height_m=float(truth.about["camera_height_m"]),
        focal_px=focal,
        size=(int(width), int(height)),
    )


def entries(folders: Sequence[Path], seed: int, workers: int = 1) -> list[Entry]:
    """All entries of rendered sets; what the device finds in them is kept in FOLDER/found-MODEL-HASH.

    Raises:
        InputError: a folder holds no clips.
    """
    jobs = [
        (clip, poses, f"{folder.name}/{clip.truth_file.stem}", [seed, number])
        for folder in folders
        for number, (clip, poses) in enumerate(clips_with_poses(folder))
    ]
    return [entry for found in mapped(_of_job, jobs, workers, at_once=4) for entry in found]


Job = tuple[SyntheticClip, list[tuple[float, Pose | None]], str, list[int]]


def _of_job(job: Job) -> list[Entry]:
    clip, poses, name, seed = job
    return list(of_clip(clip.truth(), poses, name, np.random.default_rng(seed)))


def of_clip(
    truth: Truth, seen: Sequence[tuple[float, Pose | None]], name: str, rng: np.random.Generator
) -> Iterator[Entry]:
    """The entries of one clip, from the poses that the device found in it."""
    judge = Judge(JudgeSettings())
    judged = [(e, judge.pitch_deg) for at_s, pose in seen for e in judge.see(pose, at_s) if isinstance(e, RepJudged)]
    pitch_deg = judge.pitch_deg
    judged += [(e, pitch_deg) for e in judge.finish(seen[-1][0]) if isinstance(e, RepJudged)]
    for event, learnt_deg in judged:
        rep = min(truth.reps, key=lambda r: abs(r["bottom_s"] - event.rep.bottom_s), default=None)
        if rep is None or abs(rep["bottom_s"] - event.rep.bottom_s) > FITS_S:
            continue
        hips = truth.keypoints_m[:, _HIPS, 2].mean(1)
        span = slice(round(rep["start_s"] * truth.about["fps"]), round(rep["lockout_s"] * truth.about["fps"]) + 1)
        lowest_s = event.rep.poses[event.rep.lowest].captured_s
        rest_s = _times(truth)[span][hips[span] < hips[span].min() + AT_REST_M]
        true_s = float(rest_s[np.abs(rest_s - lowest_s).argmin()])
        margins_m = np.array(rep["margins_cm"]) / 100
        yield from _at(truth, event.rep.poses, lowest_s, true_s, learnt_deg, margins_m, name)
        low_m = hips[span].min() + (1 - LOW) * (hips[span].max() - hips[span].min())
        times = [p.captured_s for p in event.rep.poses if np.interp(p.captured_s, _times(truth), hips) < low_m]
        for at_s in rng.permutation(times)[:OTHERS]:
            yield from _at(truth, event.rep.poses, float(at_s), float(at_s), learnt_deg, None, name)


def _times(truth: Truth) -> NDArray[np.float64]:
    return np.arange(len(truth.phase)) / float(truth.about["fps"])


def _at(
    truth: Truth, poses: Sequence[Pose], at_s: float, true_s: float, learnt_deg: float,
    margins_m: NDArray[np.float64] | None, name: str,
) -> Iterator[Entry]:  # fmt: skip
    seen = moments(poses, at_s)
    if seen is None:
        return
    frames = np.clip([round(p.captured_s * truth.about["fps"]) for p in poses], 0, len(truth.phase) - 1)
    times = np.array([p.captured_s for p in poses])
    picture, world = (
        at_moments(a[frames].astype(float), times, true_s) for a in (truth.keypoints_px, in_camera(truth))
    )
    view = view_of(truth)
    if not landed(seen, picture, world, view):
        return
    lowest = margins_m is not None
    if margins_m is None:
        heights = (truth.knee_top_m - truth.crease_m).astype(float)
        margins_m = np.array([np.interp(at_s, _times(truth), heights[:, side]) for side in (0, 1)])
    about = truth.about
    yield Entry(
        seen, picture.astype(np.float32), world.astype(np.float32), view, learnt_deg,
        (margins_m / about["thigh_m"]).astype(np.float32), about["thigh_m"], about["stature_m"], about["body"],
        lowest, name,
    )  # fmt: skip


def landed(seen: Moments, picture: NDArray[np.float64], world: NDArray[np.float64], view: View) -> bool:
    """Whether the pose model followed the lifter, and not another one."""
    leg_px = px_per_m(picture, world) * leg_m(world.astype(np.float32))
    off = np.linalg.norm(seen.keypoints[:, _HIPS].mean(1) - picture[:, _HIPS].mean(1), axis=-1) / leg_px
    return bool(np.isfinite(off).all() and off.max() < LANDED)


def px_per_m(picture: NDArray[np.floating], world: NDArray[np.floating]) -> NDArray[np.float64]:
    """(M,) pixels per metre at the lifter's distance, by least squares over the joints."""
    rows = slice(1, 17)
    flat, seen = world[:, rows, :2].astype(float), picture[:, rows].astype(float)
    flat, seen = flat - flat.mean(1, keepdims=True), seen - seen.mean(1, keepdims=True)
    return np.asarray((flat * seen).sum((1, 2)) / (flat * flat).sum((1, 2)))

"""Keypoint reps as the device's pose model would have found them: its errors, taken whole from clips of the same view.

A donor is a rep of a rendered clip that the device has looked at. What the pose model said there, smoothed as the judge
does, less the truth, is carried over frame by frame at the same share of the movement: so its errors keep their bias
with view and posture, their slowness in time and their ties between joints. Each is mirrored where the view's side is
the other, and stretched a little, so that few donors serve many reps.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from convert.clips import LabelledClip, judge_clip
from convert.datasets.synthetic import SyntheticClip
from convert.synth.keypoint_reps import KeypointRep, reps_of
from device import settings
from device.errors import InputError
from device.inference import recorded
from device.squat import depth
from device.squat.form_input import OTHER_SIDE, REFINED
from device.squat.pose import JOINTS, KEYPOINTS, MIRRORED, Pose, index
from device.squat.smoothing import Smoother

Array = NDArray[np.float64]
SHARES = np.linspace(-0.3, 2.3, 53)  # 0 = the descent begins, 1 = bottom, 2 = lockout
WORLD_LEG_M = 0.80  # thigh and shank in the metres of the pose model's world, about
LANDED = 0.35  # leg lengths: found hips further from the true ones belong to someone else
NEAREST = 6  # donors among which chance chooses
_JOINTS, _SURFACES = slice(0, len(JOINTS)), slice(len(JOINTS), REFINED)
_HIPS, _KNEES, _ANKLES = (index(f"left_{name}", f"right_{name}") for name in ("hip", "knee", "ankle"))


@dataclass(frozen=True)
class Donor:
    """The pose model's errors over one rep, at `SHARES` of the movement (S), in leg lengths.

    Attributes:
        view_deg, pitch: of the camera; pitch as the sine of its downward look.
        body: number of the body, so that no test body lends.
        world: (S, 17, 3) found less true, camera axes, both from the middle of the hips.
        picture: (S, 17, 2) found less true.
        scores: (S, 17) as found.
        refined: (S, 21, 2) refined joints and surface points, found less true; NaN where the head did not look.
    """

    view_deg: float
    pitch: float
    body: int
    world: NDArray[np.float32]
    picture: NDArray[np.float32]
    scores: NDArray[np.float32]
    refined: NDArray[np.float32]

    def mirrored(self) -> "Donor":
        """The same seen from the other side."""
        flip = np.array([-1, 1, 1], np.float32)
        return Donor(
            -self.view_deg, self.pitch, self.body, self.world[:, OTHER_SIDE] * flip,
            self.picture[:, OTHER_SIDE] * flip[:2], self.scores[:, OTHER_SIDE],
            self.refined[:, MIRRORED[:REFINED]] * flip[:2],
        )  # fmt: skip


def clips_with_poses(folder: Path) -> Iterator[tuple[SyntheticClip, list[tuple[float, Pose | None]]]]:
    """The clips of a rendered set with what the device's pose model finds in them, kept beside them."""
    chosen = settings.load(settings.DEFAULT_FILE)
    models, method = replace(chosen.models, squat=""), replace(chosen.depth, method=depth.DEFAULT)
    chosen = replace(chosen, models=models, depth=method)  # the poses are asked for: no network
    for clip in SyntheticClip.all_in(folder):
        kept = clip.found()
        if not kept.is_file():
            judge_clip(LabelledClip(clip.truth_file.stem, clip.video, "", "", "", False, ()), chosen, kept.parent)
        yield clip, list(recorded.load(kept))


def donors(folders: Sequence[Path], bodies_but: Sequence[int] = ()) -> list[Donor]:
    """The donors of rendered sets.

    Args:
        folders: of clips with their truth.
        bodies_but: remainders of body numbers by 8 that lend nothing.

    Raises:
        InputError: no rep was found well enough.
    """
    out: list[Donor] = []
    for folder in folders:
        for clip, seen in clips_with_poses(folder):
            truth = clip.truth()
            if truth.about["body"] % 8 in bodies_but:
                continue
            for rep in reps_of(truth):
                donor = _donor(rep, [pose for _, pose in seen])
                out += [donor] if donor is not None else []
    if not out:
        raise InputError(f"{folders[0]}: no rep on which the pose model landed")
    return out


def shares(rep: KeypointRep) -> Array:
    """(T,) how far each frame is on the way: 0 = the descent begins, 1 = bottom, 2 = lockout."""
    start, end = span(rep)
    return np.interp(rep.time_s, [start - 10, start, rep.bottom_s, end, end + 10], [-10, 0, 1, 2, 12])


def span(rep: KeypointRep) -> tuple[float, float]:
    """Start and lockout of a rep in seconds."""
    own = min(rep.truth.reps, key=lambda r: abs(r["bottom_s"] - rep.bottom_s))
    return float(own["start_s"]), float(own["lockout_s"])


def legs_m(world: NDArray[np.floating]) -> float:
    """Median length of thigh and shank, (T, 23, 3)."""
    thigh, shank = world[:, _HIPS] - world[:, _KNEES], world[:, _KNEES] - world[:, _ANKLES]
    return float(np.nanmedian(np.linalg.norm(thigh, axis=-1) + np.linalg.norm(shank, axis=-1)))


def px_per_leg(rep: KeypointRep) -> Array:
    """(T,) pixels per leg length at the lifter's distance: `features.scale_px_per_m` of all frames at once."""
    body = slice(1, len(JOINTS))
    picture, world = rep.keypoints_px[:, body].astype(float), rep.camera_m[:, body, :2].astype(float)
    picture, world = picture - picture.mean(1, keepdims=True), world - world.mean(1, keepdims=True)
    return np.asarray((picture * world).sum((1, 2)) / (world * world).sum((1, 2)) * legs_m(rep.camera_m))


def pitch_of(rep: KeypointRep) -> float:
    """Sine of the camera's downward look."""
    return float(rep.truth.view[2, 2])


def found_poses(rep: KeypointRep, seen: Sequence[Pose | None]) -> list[Pose] | None:
    """What was found of a rendered clip over one of its reps, smoothed; None where it was mostly not the lifter."""
    if _donor(rep, seen) is None:
        return None
    smoother = Smoother()
    smooth = [smoother.see(pose) for pose in seen if pose is not None]
    return [pose for pose in smooth if rep.time_s[0] - 0.01 <= pose.captured_s <= rep.time_s[-1] + 0.01]


def _donor(rep: KeypointRep, seen: Sequence[Pose | None]) -> Donor | None:
    fps = float(rep.about["fps"])
    first, unit = round(float(rep.time_s[0]) * fps), px_per_leg(rep)
    leg, smoother = legs_m(rep.camera_m), Smoother()
    seen = [smoother.see(pose) if pose is not None else None for pose in seen]
    poses = [seen[first + t] if first + t < len(seen) else None for t in range(len(rep.time_s))]
    worlds = [p.world for p in poses if p is not None and p.world is not None]
    if len(worlds) < 0.8 * len(poses):
        return None
    found_leg = legs_m(np.array(worlds))
    rows, at = [], []
    for t, pose in enumerate(poses):
        if pose is None or pose.world is None:
            continue
        picture = (pose.keypoints[_JOINTS] - rep.keypoints_px[t, _JOINTS]) / unit[t]
        better = pose.refined if pose.refined is not None else np.full((len(JOINTS), 2), np.nan)
        refined = (np.concatenate([better, pose.keypoints[_SURFACES]]) - rep.keypoints_px[t, :REFINED]) / unit[t]
        world = (pose.world - pose.world[_HIPS].mean(0))[_JOINTS] / found_leg - rep.camera_m[t, _JOINTS] / leg
        if np.linalg.norm(picture[_HIPS].mean(0)) > LANDED:
            continue
        rows.append(np.concatenate([world.ravel(), picture.ravel(), pose.scores[_JOINTS], refined.ravel()]))
        at.append(shares(rep)[t])
    if len(rows) < 0.8 * len(poses):
        return None
    over = _at(SHARES, np.array(at), np.array(rows)).astype(np.float32)
    return Donor(float(rep.about["view_deg"]), pitch_of(rep), int(rep.about["body"]), *_apart(over))


def _apart(rows: NDArray[np.floating]) -> tuple[NDArray[Any], ...]:
    """Flat rows (N, C) as world (N, 17, 3), picture (N, 17, 2), scores (N, 17) and refined points (N, 21, 2)."""
    count, joints = len(rows), len(JOINTS)
    world, picture, scores, refined = np.split(rows, np.cumsum([3 * joints, 2 * joints, joints]), 1)
    shapes = ((world, (joints, 3)), (picture, (joints, 2)), (scores, (joints,)), (refined, (REFINED, 2)))
    return tuple(part.reshape(count, *shape) for part, shape in shapes)


def _at(wanted: Array, known: Array, rows: NDArray[np.floating]) -> Array:
    """Rows (N, C) known at rising places, at other places: straight lines between, the ends held."""
    place = np.interp(wanted, known, np.arange(len(known)))
    before = np.minimum(place.astype(int), len(known) - 1)
    share = (place - before)[:, None]
    return np.asarray(rows[before] * (1 - share) + rows[np.minimum(before + 1, len(known) - 1)] * share)


class Finder:
    """Gives keypoint reps as a pose model would have found them and the judge smoothed them.

    Args:
        lenders: the donors; none = the truth, every joint seen.
    """

    def __init__(self, lenders: Sequence[Donor]) -> None:
        self.lenders = [*lenders, *(donor.mirrored() for donor in lenders)]

    def poses(self, rep: KeypointRep, rng: np.random.Generator | None) -> list[Pose]:
        """The poses of a rep; without `rng` the truth itself."""
        count, leg = len(rep.time_s), legs_m(rep.camera_m)
        world = rep.camera_m[:, _JOINTS] / leg
        points = rep.keypoints_px[:, :REFINED].astype(float)
        picture, refined = points[:, _JOINTS], points
        scores = np.where(rep.inside[:, _JOINTS], 0.98, 0.05)
        if rng is not None and self.lenders:
            donor = self._lender(rep, rng)
            parts = (donor.world, donor.picture, donor.scores, donor.refined)
            flat = np.concatenate([part.reshape(len(SHARES), -1) for part in parts], 1)
            at = np.clip(shares(rep) + rng.normal(0, 0.05), SHARES[0], SHARES[-1])
            off_world, off_picture, told, off_refined = _apart(_at(at, SHARES, flat))
            stretch, px = rng.normal(1, 0.15, (1, REFINED, 1)), px_per_leg(rep)[:, None, None]

            def errs(off: Array) -> Array:  # with what smoothing leaves of a frame's shiver
                return off * stretch[:, : off.shape[1]] + rng.normal(0, 0.004, off.shape)

            world = world + errs(off_world)
            picture, refined = picture + errs(off_picture) * px, refined + errs(off_refined) * px
            scores = np.clip(np.minimum(told, np.where(rep.inside[:, _JOINTS], 1, 0.3)), 0, 1)
        size = (int(rep.about["size"][0]), int(rep.about["size"][1]))
        keypoints, joints = np.concatenate([picture, refined[:, _SURFACES]], 1), refined[:, _JOINTS].astype(np.float32)
        return [
            Pose(
                _all(keypoints[t]), _all(scores[t], 0.0), _all(world[t] * WORLD_LEG_M), float(rep.time_s[t]), t, 0,
                size, None if np.isnan(joints[t]).any() else joints[t],
            )
            for t in range(count)
        ]  # fmt: skip

    def _lender(self, rep: KeypointRep, rng: np.random.Generator) -> Donor:
        view, pitch = float(rep.about["view_deg"]), pitch_of(rep)
        away = np.array([
            abs((d.view_deg - view + 180) % 360 - 180) / 20 + abs(d.pitch - pitch) / 0.15 for d in self.lenders
        ])  # fmt: skip
        return self.lenders[int(rng.choice(np.argsort(away)[:NEAREST]))]


def _all(points: NDArray[np.floating], absent: float = np.nan) -> NDArray[np.float32]:
    """(23, ...) of the first some points: those that the model lacks are absent."""
    out = np.full((len(KEYPOINTS), *points.shape[1:]), absent, np.float32)
    out[: len(points)] = points
    return out

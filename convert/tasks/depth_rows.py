"""Reps that nobody rendered, as the device would have seen them: the truth with the pose model's own errors on it.

The errors of a rendered rep (convert/tasks/depth_entries.py) are taken whole, over all joints and moments, from one
that was seen from much the same side and height and went much as deep; so they keep their bias and their ties.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from convert.synth import body as bodies
from convert.synth import draw
from convert.synth.camera import Camera, stand
from convert.synth.keypoint_reps import SIZES, keypoints
from convert.synth.performance import Performance
from convert.synth.recipe import Recipe
from convert.tasks.depth_entries import Entry, View, leg_m, px_per_m
from device.squat.depth_features import Moments, at_moments
from device.squat.pose import KEYPOINTS, MIRRORED, SURFACES, Array, index

NEAREST = 8  # entries among which chance chooses
SCALES = np.array([25.0, 8.0, 0.12])  # degrees of view, of pitch, and leg lengths of height that count alike
SCATTER = 0.15  # share by which each joint's errors are made larger or smaller
SURFACE_SHARE = 0.5  # of reps whose surface points are seen, where the entries have none
SURFACE_BIAS, SURFACE_SHIVER = 0.035, 0.015  # leg lengths: off over a whole rep, and from moment to moment
FRAME_RATES = (15.0, 60.0)
BETWEEN = (-0.3, 1.3)  # of the way from one body, or lender, to another; 0 to 1 would make all more alike
LOW = 0.45  # share of the descent below which a moment is low
_HIPS = index("left_hip", "right_hip")
_SURFACES, _TOPS = index(*SURFACES), index("left_knee_top", "right_knee_top")
_CREASES = index("left_hip_crease", "right_hip_crease")
_AXES = np.array([1.0, -1.0, -1.0])


@dataclass(frozen=True)
class Row:
    """A rep as the device sees it, and the truth; names as in `Entry`.

    Attributes:
        nearer: 0 left, 1 right: the leg nearer to the camera.
        lowest: whether it is the rep's lowest moment.
    """

    seen: Moments
    view: View
    learnt_deg: float
    margins: Array
    thigh_m: float
    stature_m: float
    body: int
    nearer: int
    lowest: bool


@dataclass(frozen=True)
class Movement:
    """One rep in the room: keypoints (T, 23, 3) at `rate_hz` from the descent's begin, and whose it is."""

    points: NDArray[np.float64]
    rate_hz: float
    thigh_m: float
    stature_m: float
    body: int


def movements(recipe: Recipe, clips: range, between: bool = False) -> Iterator[Movement]:
    """The reps of a recipe's squats; `between`: of bodies on the lines between the recipe's, a little beyond, too."""
    for clip in clips:
        chance = draw.chance(recipe, clip, draw.PEOPLE)
        body = draw.draw_body(recipe, chance)
        if between:
            body = bodies.between(body, draw.draw_body(recipe, chance), draw.span(chance, BETWEEN))
        performance: Performance = draw.draw_performance(recipe, body, draw.chance(recipe, clip, draw.MOTION))
        points = keypoints(performance)
        for start, end, _ in performance.spans:
            part = points[max(start - 3, 0) : end + 6]
            yield Movement(part, recipe.output.fps, body.thigh_m, body.stature_m, body.number)


class Lenders:
    """The entries that lend their errors, each also as seen in a mirror.

    Args:
        entries: which ones.
        between: lend what lies on the line between the errors of two, a little beyond, too.
    """

    def __init__(self, entries: Sequence[Entry], between: bool = False) -> None:
        self.entries, self.between = list(entries), between
        at = np.array([self._place(e.view.view_deg, e.view.pitch_deg, e.world) for e in entries])
        self._at = np.concatenate([at, at * [-1, 1, 1]])
        self._lowest = np.tile([e.lowest for e in entries], 2)

    def lend(
        self, view: View, world: NDArray[np.float64], lowest: bool, rng: np.random.Generator
    ) -> tuple[Entry, bool]:
        """One of the entries nearest to a rep, and whether it is to be mirrored.

        At the lowest, where smoothing cuts the tip off, only entries lend that were made there, and elsewhere none of
        them, as long as there are any.
        """
        apart = self._at - self._place(view.view_deg, view.pitch_deg, world)
        apart[:, 0] = (apart[:, 0] + 180) % 360 - 180
        away = ((apart / SCALES) ** 2).sum(1) + np.where(self._lowest == lowest, 0, 1e6)
        nearest = np.argsort(away)[:NEAREST]
        row = int(rng.choice(nearest))
        return self.entries[row % len(self.entries)], row >= len(self.entries)

    @staticmethod
    def _place(view_deg: float, pitch_deg: float, world: NDArray[np.floating]) -> NDArray[np.float64]:
        ankles = index("left_ankle", "right_ankle")
        low = np.linalg.norm(world[3, ankles].mean(0) - world[3, _HIPS].mean(0)) / leg_m(np.asarray(world, np.float32))
        return np.array([view_deg, pitch_deg, low])


def rows(
    moves: Sequence[Movement], lenders: Lenders, recipe: Recipe, views: int, rng: np.random.Generator
) -> Iterator[Row]:
    """Each movement from some sides, alternately at its lowest and at another low moment."""
    for move in moves:
        for number in range(views):
            row = _row(move, lenders, recipe, number % 3 != 2, rng)
            if row is not None:
                yield row


def _row(move: Movement, lenders: Lenders, recipe: Recipe, lowest: bool, rng: np.random.Generator) -> Row | None:
    gap_s = 1 / draw.span(rng, FRAME_RATES)
    times = np.arange(rng.uniform(0, gap_s), (len(move.points) - 1) / move.rate_hz, gap_s)
    frames = _between(move.points, times * move.rate_hz)
    hips = frames[:, _HIPS, 2].mean(1)
    low = np.flatnonzero(hips < hips.min() + (1 - LOW) * (hips.max() - hips.min()))
    now = int(np.argmin(hips)) if lowest else int(rng.choice(low))
    truth = frames[now, _TOPS, 2] - frames[now, _CREASES, 2]
    if lowest:  # how far from it the judge finds it is among the lent errors
        whole = move.points[:, _HIPS, 2].mean(1)
        bottom = move.points[int(np.argmin(whole))]
        truth = bottom[_TOPS, 2] - bottom[_CREASES, 2]
    room = at_moments(frames, times, float(times[now]))
    camera = _camera(recipe, room, rng)
    if camera is None:
        return None
    view = View(
        camera.view_deg,
        float(np.degrees(np.arcsin(camera.view[2, 2]))),
        float(np.degrees(2 * np.arctan(max(camera.width, camera.height) / 2 / camera.focal_px))),
        float(camera.eye[2]),
        camera.focal_px,
        (camera.width, camera.height),
    )
    world = (room - room[:, _HIPS].mean(1, keepdims=True)) @ camera.view[:3, :3].T * _AXES
    picture, _ = camera.project(room)
    seen, learnt_deg = _found(picture, world, view, lenders, lowest, gap_s, rng)
    away = np.linalg.norm(room[3, _HIPS] - camera.eye, axis=-1)
    margins = (truth / move.thigh_m).astype(np.float32)
    return Row(seen, view, learnt_deg, margins, move.thigh_m, move.stature_m, move.body, int(np.argmin(away)), lowest)


def _between(values: NDArray[np.float64], at: NDArray[np.float64]) -> NDArray[np.float64]:
    before = np.minimum(at.astype(int), len(values) - 2)
    share = (at - before).reshape(-1, *[1] * (values.ndim - 1))
    return np.asarray(values[before] * (1 - share) + values[before + 1] * share)


def _camera(recipe: Recipe, room: NDArray[np.float64], rng: np.random.Generator) -> Camera | None:
    """A camera of the recipe that sees the lifter, not too small; None where twenty do not."""
    size, body = SIZES[rng.integers(len(SIZES))], room[:, :17]
    middle = np.array([0, body[..., 1].mean(), np.clip(body[..., 2].max() / 2, 0.6, 1.1)])
    for _ in range(20):
        c = recipe.camera
        camera = stand(
            *size, hfov_deg=draw.span(rng, c.hfov_deg), view_deg=draw.span(rng, c.view_deg),
            away_m=draw.span(rng, c.away_m), height_m=draw.span(rng, c.height_m),
            aim=middle + rng.normal(0, c.aim_error_m, 3), roll_deg=draw.span(rng, c.roll_deg),
            k1=draw.span(rng, c.barrel),
        )  # fmt: skip
        pixels, away = camera.project(body)
        inside = ((pixels > 0) & (pixels < size)).all(-1) & (away > 0.3)
        if inside.mean() > 0.97 and np.ptp(pixels[-1, :, 1]) > 0.35 * size[1]:
            return camera
    return None


def _found(
    picture: NDArray[np.float64], world: NDArray[np.float64], view: View, lenders: Lenders, lowest: bool,
    gap_s: float, rng: np.random.Generator,
) -> tuple[Moments, float]:  # fmt: skip
    """What the device would have seen, and the pitch it would have learnt."""
    lent = _lent(lenders, view, world, lowest, rng)
    if lenders.between:
        share, more = draw.span(rng, BETWEEN), _lent(lenders, view, world, lowest, rng)
        lent = [one + share * (other - one) for one, other in zip(lent, more, strict=True)]
    error_px, error_m, scores, error_deg, found_leg = lent
    leg = leg_m(np.asarray(world, np.float32))
    unit_px = (px_per_m(picture, world) * leg)[:, None, None]
    factors = rng.normal(1, SCATTER, (1, len(KEYPOINTS), 1))
    found_px = picture + error_px * factors * unit_px
    found_m = world / leg + error_m * factors
    scores = np.clip(scores, 0, 1)
    if not np.isfinite(error_px[:, _SURFACES]).any():
        there = rng.random() < SURFACE_SHARE
        off = rng.normal(0, SURFACE_BIAS, (1, 4, 2)) + rng.normal(0, SURFACE_SHIVER, (len(picture), 4, 2))
        found_px[:, _SURFACES] = picture[:, _SURFACES] + off * unit_px if there else np.nan
        scores[:, _SURFACES] = rng.uniform(0.4, 1, 4) if there else 0
    seen = Moments(
        found_px.astype(np.float32), (found_m * found_leg).astype(np.float32), scores.astype(np.float32), gap_s
    )
    return seen, view.pitch_deg + error_deg


def _lent(
    lenders: Lenders, view: View, world: NDArray[np.float64], lowest: bool, rng: np.random.Generator
) -> list[Any]:
    """The errors of an entry, see `errors_of`, that of the pitch, and the leg's length in the pose model's world."""
    entry, mirrored = lenders.lend(view, world, lowest, rng)
    return [*errors_of(entry, mirrored), entry.learnt_deg - entry.view.pitch_deg, leg_m(entry.seen.world)]


def errors_of(entry: Entry, mirrored: bool) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """What was found less the truth in leg lengths, (M, 23, 2) and (M, 23, 3), and the scores (M, 23)."""
    unit = px_per_m(entry.picture, entry.world) * leg_m(entry.world)
    error_px = (entry.seen.keypoints - entry.picture) / unit[:, None, None]
    middle = entry.seen.world[:, _HIPS].mean(1, keepdims=True)
    error_m = (entry.seen.world - middle) / leg_m(entry.seen.world) - entry.world / leg_m(entry.world)
    scores = entry.seen.scores.astype(float)
    if mirrored:
        return error_px[:, MIRRORED] * [-1, 1], error_m[:, MIRRORED] * [-1, 1, 1], scores[:, MIRRORED]
    return error_px, error_m, scores

"""How deep a rep was. Every estimator is a row of `ESTIMATORS`, chosen by name, and gives the same `Depth`.

The rule speaks of surfaces, the inguinal crease and the top of the knee; the joint centres that pose models give lie
elsewhere. Each estimator carries the offset between the two and its own doubt, fitted on the `tune` split of the
labelled clips by `python -m convert tune`; nothing here was fitted on the `test` split.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from device.squat.depth_features import depth_features
from device.squat.features import scale_px_per_m
from device.squat.floor_plane import floor_plane
from device.squat.image_plane import image_plane
from device.squat.normal import below
from device.squat.perspective import Optics
from device.squat.pose import SIDES, Array, Pose, index
from device.squat.surface import surface

MIN_SCORE = 0.5  # a hip or knee below it is not seen
SEEN_S = 0.12  # poses so near to the lowest tell which leg was seen, and which is nearer
THIGH_PER_HEIGHT = 0.245  # hip joint to knee joint; Drillis & Contini 1966, in Winter, Biomechanics, 2009
MEAN_HEIGHT_CM, SPREAD_HEIGHT_CM = 172.0, 10.0  # adults of both sexes; used where no height is given
SPREAD_THIGH = 0.04  # of the thigh's share in the height, over people

Network = Callable[[Array], tuple[Array, Array]]
"""A depth network: from `depth_features` to the margins (2,) left and right in thigh lengths and their sigmas (2,)."""
NETWORK = "network"
"""Name of the estimator that runs one."""
SURFACE = "surface"
"""Name of the estimator that needs hip creases and knee tops of the pose model."""

_HIPS, _KNEES = index("left_hip", "right_hip"), index("left_knee", "right_knee")


@dataclass(frozen=True, slots=True)
class Depth:
    """How deep a rep was: the height of the knee top over the hip crease; + is deep.

    Attributes:
        margin: in thigh lengths (hip joint to knee joint).
        sigma: standard deviation of `margin`, in thigh lengths.
        margin_cm: the same in centimetres.
        sigma_cm: standard deviation in centimetres, with the doubt about the scale.
        p_below: probability that the crease was below the knee top, 0 to 1.
        method: name of the estimator.
        side: left or right: the leg whose margin this is: the better-seen one; for the network, the nearer one.
        margins: both legs' margins (left, right) in thigh lengths; NaN where not seen.
    """

    margin: float
    sigma: float
    margin_cm: float
    sigma_cm: float
    p_below: float
    method: str
    side: str
    margins: tuple[float, float]


@dataclass(frozen=True, slots=True)
class Estimator:
    """A way to find the margin.

    Attributes:
        joints: gives the height of each leg's knee joint over its hip joint, (2,) in thigh lengths, from one pose,
            the thigh's length in metres of the model's world, pixels per such metre and the camera.
        offset: added to it: from joint centres to crease and knee top, in thigh lengths.
        sigma: standard deviation of the result, in thigh lengths.
    """

    joints: Callable[[Pose, float, float, Optics], Array]
    offset: float
    sigma: float


ESTIMATORS: Mapping[str, Estimator] = {
    "image_plane": Estimator(image_plane, offset=0.125, sigma=0.216),
    "floor_plane": Estimator(floor_plane, offset=0.230, sigma=0.209),
    SURFACE: Estimator(surface, offset=0.050, sigma=0.144),
}
DEFAULT = "image_plane"  # of a judge that is given no network; `depth.method` in the settings is the network
METHODS = (*ESTIMATORS, NETWORK)


def joint_margins(poses: Sequence[Pose], around: Sequence[Pose], method: str, optics: Optics) -> tuple[Array, Array]:
    """Height of each leg's knee joint over its hip joint, before the offset.

    Args:
        poses: the poses around the bottom whose median counts.
        around: the poses of the whole rep, from which the thigh's length comes.
        method: a name of `ESTIMATORS`.
        optics: the camera.

    Returns:
        Margins (2,) left and right, in thigh lengths, and how well each leg was seen (2,), 0 to 1.
    """
    thighs = [np.linalg.norm(p.world[_HIPS] - p.world[_KNEES], axis=-1) for p in around if p.world is not None]
    if not thighs:
        return np.full(2, np.nan, np.float32), np.zeros(2, np.float32)
    thigh_m = float(np.median(thighs))
    rows = [ESTIMATORS[method].joints(p, thigh_m, scale_px_per_m(p), optics) for p in poses if p.world is not None]
    seen = np.mean([np.minimum(p.scores[_HIPS], p.scores[_KNEES]) for p in poses], axis=0)
    return np.median(rows, axis=0).astype(np.float32), seen.astype(np.float32)


def estimate(
    poses: Sequence[Pose], around: Sequence[Pose], method: str, optics: Optics, height_cm: float | None = None
) -> Depth | None:
    """The depth at the bottom of a rep.

    Args:
        poses: the poses around the bottom.
        around: the poses of the whole rep.
        method: a name of `ESTIMATORS`.
        optics: the camera.
        height_cm: the lifter's height; None takes the mean, with a wider sigma in centimetres.

    Returns:
        The depth by the better-seen leg, or None where neither leg was seen.
    """
    row = ESTIMATORS[method]
    joints, seen = joint_margins(poses, around, method, optics)
    margins = np.where((seen >= MIN_SCORE) & np.isfinite(joints), joints + row.offset, np.nan)
    if np.isnan(margins).all():
        return None
    side = int(np.argmax(np.where(np.isnan(margins), -1, seen)))
    return _depth(margins, side, row.sigma, method, height_cm)


def estimate_by_network(
    network: Network, poses: Sequence[Pose], lowest_s: float, optics: Optics, height_cm: float | None = None
) -> Depth | None:
    """The depth at the bottom of a rep, as a network tells it.

    Args:
        network: which one.
        poses: the poses of the whole rep.
        lowest_s: when the hips were lowest.
        optics: the camera.
        height_cm: the lifter's height; None = unknown. The network is told it only of a camera that is known.

    Returns:
        The depth by the leg nearer to the camera, or None where neither leg was seen or joints lack.
    """
    around = [p for p in poses if abs(p.captured_s - lowest_s) <= SEEN_S and p.world is not None]
    if not around:
        return None
    seen = np.mean([np.minimum(p.scores[_HIPS], p.scores[_KNEES]) for p in around], axis=0)
    told_cm = height_cm
    if not optics.known:  # trained so: told a height beside a guessed camera it is no better, and twice as unsure
        optics, told_cm = replace(optics, height_m=None), None
    features = depth_features(poses, lowest_s, optics, told_cm)
    if features is None or seen.max() < MIN_SCORE:
        return None
    margins, sigmas = network(features)
    away_m = np.mean([p.world[_HIPS, 2] + p.world[_KNEES, 2] for p in around if p.world is not None], axis=0)
    side = int(np.argmin(np.where(seen >= MIN_SCORE, away_m, np.inf)))
    return _depth(np.asarray(margins), side, float(sigmas[side]), NETWORK, height_cm)


def thigh_m(height_cm: float | None) -> float:
    """Hip joint to knee joint of a lifter of this height, or of the mean height."""
    return THIGH_PER_HEIGHT * (height_cm or MEAN_HEIGHT_CM) / 100


def _depth(margins: Array, side: int, sigma: float, method: str, height_cm: float | None) -> Depth:
    """The depth by one side's margin."""
    margin = float(margins[side])
    thigh_cm = 100 * thigh_m(height_cm)
    spread = math.hypot(SPREAD_THIGH, 0 if height_cm else SPREAD_HEIGHT_CM / MEAN_HEIGHT_CM)
    return Depth(
        margin=margin,
        sigma=sigma,
        margin_cm=margin * thigh_cm,
        sigma_cm=math.hypot(sigma, margin * spread) * thigh_cm,
        p_below=below(margin, sigma),
        method=method,
        side=SIDES[side],
        margins=(float(margins[0]), float(margins[1])),
    )

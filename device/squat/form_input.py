"""What a form network is shown of a rep: the lifter's joints at fixed shares of the movement, turned to face one way.

Independent of the frame rate, of the lifter's size and place, and of where the camera stands, as far as a pose model
knows better; what remains of the camera is told beside. The network that names faults is also shown the refined joints
and the surface points, and told where the camera stands as far as a person measured it (`refined_input`).
"""

import math
from collections.abc import Sequence

import numpy as np

from device.squat.features import scale_px_per_m, view_deg
from device.squat.level import SITS, pitch_deg, upright
from device.squat.perspective import Optics
from device.squat.pose import JOINTS, MIRRORED, SURFACES, Array, Pose, index
from device.squat.rep import Rep

FORM_INPUT_VERSION, REFINED_INPUT_VERSION = 2, 2
DOWN, UP = 9, 14  # steps from the start to before the bottom, and from the bottom to standing; one more at the very end
STEPS = DOWN + UP + 1
PER_JOINT = 6  # x, y, z in the room, u, v in the picture, score
CHANNELS = len(JOINTS) * PER_JOINT + 3  # and the view's sine and cosine, and the camera's pitch
CAMERA = slice(CHANNELS - 3, CHANNELS)
PLACE = slice(CHANNELS, CHANNELS + 4)  # what `refined_input` adds: whether the camera is known, where the hips are and
# how large a leg is in its picture ...
REFINED = len(JOINTS) + len(SURFACES)  # ... and points, u and v of each
POINTS = slice(PLACE.stop, PLACE.stop + 2 * REFINED)
REFINED_CHANNELS = POINTS.stop

_SHOULDERS, _HIPS, _KNEES, _ANKLES = (
    index(f"left_{name}", f"right_{name}") for name in ("shoulder", "hip", "knee", "ankle")
)
_FEET = index("left_heel", "left_toe", "right_heel", "right_toe")
_BODY = slice(0, len(JOINTS))
_SURFACES = slice(len(JOINTS), REFINED)
_PITCH_UNIT_DEG = 30.0
_STANDS = 0.05  # hips to ankles over thigh + shank: so near to the straightest of a rep the lifter stands
_MASS = ((_SHOULDERS, 0.41), (_HIPS, 0.38), (_KNEES, 0.17), (_ANKLES, 0.04))
"""Shares of the body's mass about these joints: segments of de Leva 1996, J Biomech 29:1223, halved between their ends;
head and arms at the shoulders."""


def form_input(rep: Rep) -> Array | None:
    """The input of a form network, (STEPS, CHANNELS); None where no pose has world points of legs and shoulders.

    The steps are spread evenly over the time from start to bottom and from bottom to lockout; the last is the last
    pose. Per joint: x to the lifter's left, y down, z behind him, then u, v of the picture, all from the middle of the
    hips in leg lengths (thigh + shank), and the score; a joint without coordinates is all zeros.
    """
    told = _told(rep)
    return None if told is None else told[0]


def refined_input(rep: Rep, optics: Optics) -> Array | None:
    """The input of the network that names faults, (STEPS, REFINED_CHANNELS); None as for `form_input`.

    What `form_input` gives, but upright by the camera's pitch where that is known; then 1 where it is known, else 0,
    and in focal lengths where the middle of the hips is, from the picture's, and the leg's length; then u, v in the
    picture of the refined joints and of the surface points, from the middle of the refined hips in leg lengths, zeros
    where they were not looked for.

    Args:
        rep: the rep.
        optics: the camera; one that is not known counts as any such, whatever else is said of it.
    """
    if not optics.known:
        optics = Optics()
    told = _told(rep, optics.pitch_deg if optics.known else None)
    if told is None:
        return None
    joints, shown, px_per_leg = told
    rows = [np.concatenate([_place(pose, px_per_leg, optics), _refined_row(pose, px_per_leg)]) for pose in shown]
    return np.concatenate([joints, rows], 1).astype(np.float32)


def _told(rep: Rep, pitch: float | None = None) -> tuple[Array, list[Pose], float] | None:
    """What `form_input` gives, the poses it was made of, and the pixels of a leg length.

    Args:
        rep: the rep.
        pitch: how far the camera looks down, degrees; None = the lifter who stands tells.
    """
    poses = [pose for pose in rep.poses if pose.world is not None]
    if not poses:
        return None
    shown = at_moments(poses, moments(rep))
    worlds = np.array([pose.world for pose in shown if pose.world is not None])
    thigh, shank = worlds[:, _HIPS] - worlds[:, _KNEES], worlds[:, _KNEES] - worlds[:, _ANKLES]
    legs_m = (np.linalg.norm(thigh, axis=-1) + np.linalg.norm(shank, axis=-1)).mean(-1)
    up = balanced_up(worlds, legs_m)
    if not np.isfinite(up).all():  # legs, feet or shoulders are nowhere
        return None
    up = up if pitch is None else _up_of(pitch)
    worlds, leg_m = worlds @ upright(up).T, float(np.median(legs_m))
    sides = worlds[:, [_HIPS[0], _SHOULDERS[0]]] - worlds[:, [_HIPS[1], _SHOULDERS[1]]]
    view = view_deg(sides.sum((0, 1))[[0, 2]])
    turned = worlds[:, _BODY] @ facing(view).T
    px_per_leg = float(np.nanmedian([scale_px_per_m(pose) for pose in shown])) * leg_m
    rows = np.stack([_row(pose, world / leg_m, px_per_leg) for pose, world in zip(shown, turned, strict=True)])
    return with_camera(rows, view, pitch_deg(up)), shown, px_per_leg


def balanced_up(worlds: Array, legs_m: Array) -> Array:
    """(3,) the vertical in the camera's axes, by the lifter who stands: the line from the feet to what they carry.

    Who stands has the body's mass over the middle of the feet, whoever he is; the legs alone lean with the knees.

    Args:
        worlds: (T, 23, 3) world points of a rep.
        legs_m: (T,) length of the legs in each.

    Returns:
        The camera's own up where he never stands.
    """
    straight = np.linalg.norm(worlds[:, _HIPS].mean(1) - worlds[:, _ANKLES].mean(1), axis=-1) / legs_m
    stands = straight >= max(float(straight.max()) - _STANDS, SITS)
    if not stands.any():
        return np.array([0.0, -1.0, 0.0])
    mass = sum(share * worlds[stands][:, joints].mean(1) for joints, share in _MASS)
    line = (mass - worlds[stands][:, _FEET].mean(1)).sum(0)
    return np.asarray(line / np.linalg.norm(line))


def moments(rep: Rep) -> np.ndarray:
    """(STEPS,) the times at which the lifter is shown."""
    down = np.linspace(rep.start_s, rep.bottom_s, DOWN + 1)[:-1]
    up = np.linspace(rep.bottom_s, rep.lockout_s, UP)
    return np.concatenate([down, up, [rep.poses[-1].captured_s]])


def facing(view: float) -> Array:
    """(3, 3) the turn about the vertical that makes a lifter seen from `view` degrees face the camera."""
    a = math.radians(view) if math.isfinite(view) else 0.0
    return np.array([[math.cos(a), 0, -math.sin(a)], [0, 1, 0], [math.sin(a), 0, math.cos(a)]], np.float32)


def with_camera(joints: Array, view: float, pitch_deg: float) -> Array:
    """Joints (STEPS, 17 * PER_JOINT) with what is told of the camera beside them, (STEPS, CHANNELS)."""
    a = math.radians(view) if math.isfinite(view) else 0.0
    camera = np.array([math.sin(a), math.cos(a), pitch_deg / _PITCH_UNIT_DEG], np.float32)
    return np.concatenate([joints, np.broadcast_to(camera, (len(joints), 3))], 1).astype(np.float32)


def mirrored(shown: Array) -> Array:
    """The same rep (..., STEPS, CHANNELS or REFINED_CHANNELS) done by the lifter's mirror image."""
    joints = shown[..., : len(JOINTS) * PER_JOINT].reshape(*shown.shape[:-1], len(JOINTS), PER_JOINT)
    swapped = joints[..., OTHER_SIDE, :] * np.array([-1, 1, 1, -1, 1, 1], np.float32)
    camera = shown[..., CAMERA] * np.array([-1, 1, 1], np.float32)
    points = shown[..., POINTS].reshape(*shown.shape[:-1], -1, 2)
    refined = points[..., MIRRORED[: points.shape[-2]], :] * np.array([-1, 1], np.float32)
    place = shown[..., PLACE] * np.array([1, -1, 1, 1], np.float32)[: shown[..., PLACE].shape[-1]]
    parts = (part.reshape(*shown.shape[:-1], -1) for part in (swapped, camera, place, refined))
    return np.concatenate(list(parts), -1)


OTHER_SIDE = MIRRORED[_BODY]
"""Place of each joint's counterpart on the other side."""


def _row(pose: Pose, world: Array, px_per_leg: float) -> Array:
    """(17 * PER_JOINT,) one pose, its joints (17, 3) turned and in leg lengths already."""
    room = world - world[_HIPS].mean(0)
    picture = (pose.keypoints[_BODY] - pose.keypoints[_HIPS].mean(0)) / px_per_leg
    row = np.concatenate([room, picture, pose.scores[_BODY, None]], -1)
    return np.where(np.isfinite(row).all(-1, keepdims=True), row, 0).ravel()


def _up_of(pitch: float) -> Array:
    """(3,) the vertical in the axes of a camera that looks down by `pitch` degrees."""
    a = math.radians(pitch)
    return np.array([0.0, -math.cos(a), -math.sin(a)])


def _place(pose: Pose, px_per_leg: float, optics: Optics) -> Array:
    """(4,) see `refined_input`."""
    if not max(pose.size):
        return np.array([float(optics.known), 0, 0, 0])
    focal_px = optics.focal_px(pose.size)
    hips = (pose.keypoints[_HIPS].mean(0) - np.array(pose.size) / 2) / focal_px
    place = np.array([float(optics.known), hips[0], hips[1], px_per_leg / focal_px])
    return np.where(np.isfinite(place), place, 0)


def _refined_row(pose: Pose, px_per_leg: float) -> Array:
    """(2 * REFINED,) the refined joints and surface points of one pose."""
    if pose.refined is None:
        return np.zeros(2 * REFINED, np.float32)
    points = np.concatenate([pose.refined, pose.keypoints[_SURFACES]])
    picture = (points - pose.refined[_HIPS].mean(0)) / px_per_leg
    return np.where(np.isfinite(picture).all(-1, keepdims=True), picture, 0).ravel()


def at_moments(poses: Sequence[Pose], wanted_s: np.ndarray) -> list[Pose]:
    """The lifter at other times, straight lines between poses; before the first and after the last he stands still."""
    place = np.interp(wanted_s, [pose.captured_s for pose in poses], np.arange(len(poses)))
    before = np.minimum(place.astype(int), len(poses) - 1)
    after, share = np.minimum(before + 1, len(poses) - 1), (place - before).astype(np.float32)
    points, worlds, scores = (np.array([getattr(p, n) for p in poses]) for n in ("keypoints", "world", "scores"))
    unknown = np.full((len(JOINTS), 2), np.nan, np.float32)
    refined = np.array([unknown if p.refined is None else p.refined for p in poses])

    def mixed(values: Array) -> Array:
        part = share.reshape(-1, *[1] * (values.ndim - 1))
        return np.asarray(values[before] * (1 - part) + values[after] * part)

    rows = zip(mixed(points), mixed(scores), mixed(worlds), mixed(refined), wanted_s.tolist(), strict=True)
    return [
        Pose(p, s, w, at_s, step, 0, poses[0].size, None if np.isnan(better).all() else better)
        for step, (p, s, w, better, at_s) in enumerate(rows)
    ]

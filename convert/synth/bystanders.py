"""Other people in the room: some stand about, some walk past, one may spot the lifter."""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from convert.synth import exercises
from convert.synth.body import Body, bone_rows, count, load
from convert.synth.camera import Camera
from convert.synth.figure import Figure
from convert.synth.holds import hanging_arms, hold, pair
from convert.synth.looks import draw_look
from convert.synth.performance import Performance
from convert.synth.posture import Arms, Posture
from convert.synth.recipe import People
from convert.synth.rotation import about
from convert.synth.scene import Rack, Room, free_place
from convert.synth.skeleton import Bones, place
from convert.synth.squat import Style, squat, still
from convert.synth.standing import smooth, stand, sway

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Bystander:
    """Somebody else and where they are."""

    figure: Figure
    bones: Bones


def draw_bystanders(
    people: People, performance: Performance, camera: Camera, room: Room, rack: Rack, rng: np.random.Generator
) -> list[Bystander]:
    """The others of a clip; none hides the lifter on purpose, none walks through lifter or rack."""
    out = []
    frames, fps = len(performance), performance.fps
    spotted = performance.load is not None and performance.load.name == "barbell" and performance.kind == "squat"
    spotted = spotted and not rack.cage and performance.walk_m == 0
    if spotted and rng.random() < people.spotter_share and abs(camera.view_deg) < 110:  # else he hides the lifter
        body = load(int(rng.integers(count())))
        out.append(_dressed(body, spotting(body, performance), rng))
    for _ in range(int(rng.integers(int(people.bystanders[0]), int(people.bystanders[1]) + 1))):
        at = free_place(rng, room.bounds, camera.eye, margin_m=0.8)
        if at is None:
            continue
        body = load(int(rng.integers(count())))
        walks = rng.random() < 0.35
        if walks:
            posture, _ = exercises.walking(body, rng, fps, frames / fps + 0.1)
            away = np.arctan2(*(at - camera.eye[:2]))  # walks across the line of sight, behind the lifter
            turn = about("z", float(-np.degrees(away)) + rng.choice([-90, 90]) + rng.normal(0, 8))
        else:
            posture = sway(waiting(body, frames, rng), fps, rng)
            turn = about("z", rng.uniform(-180, 180))
        posture = posture.turned(turn, np.array([*at, 0]))
        before_lifter = np.hypot(*at) < np.hypot(*camera.eye[:2]) and at @ camera.eye[:2] > 0
        if not (walks and before_lifter) and _keeps_clear(posture.hips[:, :2], rack):
            out.append(_dressed(body, posture, rng))
    return out


def _keeps_clear(path: Array, rack: Rack) -> bool:
    """Whether a way (T, 2) stays out of the lifter's reach and of the rack."""
    in_rack = (np.abs(path[:, 0]) < 0.95) & (path[:, 1] > rack.far_y - 0.4) & (path[:, 1] < 1.0)
    return not bool(in_rack.any() or (np.hypot(*path.T) < 1.4).any())


def _dressed(body: Body, posture: Posture, rng: np.random.Generator) -> Bystander:
    return Bystander(Figure(body, draw_look(body, rng)), place(body, posture))


def waiting(body: Body, frames: int, rng: np.random.Generator) -> Posture:
    """Stands at ease: arms hang, are folded, or rest on the hips."""
    posture = stand(body, frames, Style(stance_m=rng.uniform(0.2, 0.4), toes_out_deg=rng.uniform(5, 25)))
    kind = int(rng.integers(3))
    if kind == 0:
        return replace(posture, arms=hanging_arms(body, float(rng.uniform(-3, 15))))
    hips = body.joint("upperleg01.L")
    if kind == 1:
        wrists = np.array([[[hips[0] + 0.09, -0.03, hips[2] + 0.14], [-hips[0] - 0.09, -0.03, hips[2] + 0.14]]])
        return replace(
            posture, arms=Arms("chest", wrists, pair(1.0, 0.5, 0), pair(-0.5, -0.6, -0.5), pair(-0.3, -0.5, 0.6), 25)
        )
    chest = hold(body, "goblet").load_at
    assert chest is not None
    wrists = np.array([[[-0.10, chest[1] + 0.03, chest[2] - 0.06], [0.10, chest[1] + 0.0, chest[2] - 0.10]]])
    return replace(posture, arms=Arms("chest", wrists, pair(0.8, -0.3, -0.7), curl_deg=20))


def spotting(body: Body, performance: Performance) -> Posture:
    """Stands close behind the lifter, hands ready, and goes down a little with every rep."""
    height = smooth(performance.posture.hips[:, 2], performance.fps * 0.15)
    down = np.clip((height.max() - height) / max(np.ptp(height), 0.1), 0, 1)
    held = hold(body, "bodyweight")
    style = Style(thigh_deg=58, shank_deg=22, stance_m=0.5, arms_deg=60)
    posture = squat(body, held, style, still(style, 0.15 + 0.75 * down))
    shoulder = body.joint("upperarm01.L")
    reach = body.length("upperarm01.L", "lowerarm01.L") + body.length("lowerarm01.L", "wrist.L")
    arms = Arms(
        "shoulder",
        pair(0.05, -0.72 * reach, -0.45 * reach),
        pair(0.6, 0.2, -1),
        pair(-0.1, -1, 0.2),
        pair(0, 0.2, 1),
        15,
    )
    lifter_back = float(performance.bones.heads[:, bone_rows()["root"], 1].max())
    away = lifter_back + 0.45 + 0.1 * shoulder[2]
    return replace(posture, arms=arms).turned(np.eye(3), np.array([0, away, 0]))

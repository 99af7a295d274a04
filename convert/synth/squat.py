"""The squat as a posture: legs from joint angles, the trunk's lean from balance over the midfoot.

The body leans until the centre of mass of lifter and load stands over the midfoot, as every squat must; standing, the
trunk is near upright and the whole body leans from the ankles instead. Segment masses: de Leva 1996, J Biomech 29:1223.
"""

from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from convert.synth import rotation as rot
from convert.synth.body import SIDES, SIGNS, Body
from convert.synth.holds import Hold, hanging_arms
from convert.synth.posture import Posture

Array = NDArray[np.float64]
SHOE_SOLE_M = 0.02
HEAD_SHARE, TRUNK_SHARE, UPPER_ARM_SHARE, FOREARM_SHARE = 0.081, 0.435, 0.028, 0.022
MOST_SHANK_DEG = 38  # ankle dorsiflexion of a flexible lifter
MOST_LEAN_DEG = {"high_bar": 50, "low_bar": 58, "front_bar": 40, "goblet": 42, "bodyweight": 52, "hanging_bar": 72}
THIGH_SHARE, SHANK_SHARE, FOOT_SHARE = 0.142, 0.0465, 0.0145


@dataclass(frozen=True)
class Style:
    """How one person squats. Angles in degrees, lengths in metres; fault values at the bottom.

    Attributes:
        thigh_deg: thigh from the vertical at the bottom; 90 = level.
        shank_deg: shank from the vertical at the bottom.
        stance_m: between the ankles.
        toes_out_deg: turn of the feet.
        lean_standing_deg: trunk from the vertical when standing.
        knees_in_deg: knees turned in against the feet; minus = out.
        shift_m: hips to the left.
        tuck_deg: pelvis rolled under the trunk.
        round_deg: upper back bent forward over the pelvis.
        heel_lift_deg: feet tipped on their balls.
        extra_lean_deg: lean beyond that of balance, hips pushed back to stay balanced.
        roll_deg: pelvis dropped to one side.
        twist_deg: pelvis turned.
        gaze: share of the lean that the head takes back; 0 = looks down along the trunk, 1 = straight ahead.
        arms_deg: how far bodyweight arms are lifted at the bottom.
    """

    thigh_deg: float = 95
    shank_deg: float = 28
    stance_m: float = 0.40
    toes_out_deg: float = 20
    lean_standing_deg: float = 4
    knees_in_deg: float = 0
    shift_m: float = 0
    tuck_deg: float = 6
    round_deg: float = 0
    heel_lift_deg: float = 0
    extra_lean_deg: float = 0
    roll_deg: float = 0
    twist_deg: float = 0
    gaze: float = 0.75
    arms_deg: float = 85
    knees_standing_deg: tuple[float, float] = field(default=(3.0, 2.0))  # thigh and shank when standing


@dataclass(frozen=True)
class Moment:
    """Per frame (T,): how far down the squat is and what changes from rep to rep.

    Attributes:
        down: 0 standing, 1 at the bottom.
        thigh_deg: thigh at the bottom of the current rep.
        extra_lean_deg: more lean than balance asks.
        knees_in_deg: knees turned in, now.
    """

    down: Array
    thigh_deg: Array
    extra_lean_deg: Array
    knees_in_deg: Array


def still(style: Style, down: Array) -> Moment:
    """The moments of one rep done as `style` says."""
    return Moment(down, np.full_like(down, style.thigh_deg), style.extra_lean_deg * down, style.knees_in_deg * down)


def legs(body: Body, style: Style, moment: Moment) -> Posture:
    """Feet, knees and hips for the wanted angles; the trunk still upright.

    Standing, the legs are as straight as the style says, however wide the stance.
    """
    standing = _bent_legs(body, style, still(style, np.zeros(1)))
    bend = np.radians(sum(style.knees_standing_deg))
    reach = np.sqrt(body.thigh_m**2 + body.shank_m**2 + 2 * body.thigh_m * body.shank_m * np.cos(bend))
    joints = standing.hips[0, :2] + [[SIGNS[side] * abs(body.joint("upperleg01." + side)[0]), 0] for side in SIDES]
    aside = ((joints - standing.ankles[0, :, :2]) ** 2).sum(-1)
    raised = float((standing.ankles[0, :, 2] + np.sqrt(reach**2 - aside)).min() - standing.hips[0, 2])
    posture = _bent_legs(body, style, moment)
    return replace(posture, hips=posture.hips + raised * ((1 - moment.down) ** 2)[:, None] * [0, 0, 1.0])


def _bent_legs(body: Body, style: Style, moment: Moment) -> Posture:
    """`legs` by the angles alone, whose knees stay bent over feet that stand wider than the hips."""
    s, frames = moment.down, len(moment.down)
    thigh0, shank0 = style.knees_standing_deg
    thigh = np.radians(thigh0 + (moment.thigh_deg - thigh0) * s)
    shank = np.radians(shank0 + (style.shank_deg - shank0) * s**0.75)
    ankles, feet, knees_to = np.zeros((frames, 2, 3)), np.zeros((frames, 2, 3, 3)), np.zeros((frames, 2, 3))
    hip_y, hip_z = [], []
    for k, side in enumerate(SIDES):
        sign = SIGNS[side]
        toe_m = body.foot_reach(side)[1]
        flat = np.array([sign * style.stance_m / 2, 0.0, body.joint("foot." + side)[2] + SHOE_SOLE_M])
        toes = rot.apply(rot.about("z", sign * style.toes_out_deg), np.array([0, -1.0, 0]))
        ball = flat + toes * toe_m * 0.7
        ball[2] = SHOE_SOLE_M
        tip = rot.around(np.broadcast_to(np.cross([0, 0, 1.0], toes), (frames, 3)), style.heel_lift_deg * s)
        ankles[:, k] = ball + rot.apply(tip, flat - ball)
        feet[:, k] = tip @ rot.about("z", sign * style.toes_out_deg)
        turned = np.radians(sign * (style.toes_out_deg * 0.9 - moment.knees_in_deg))
        forward = np.stack([np.sin(turned), -np.cos(turned), np.zeros(frames)], -1)
        knees_to[:, k] = forward + np.array([0, 0, 0.25])
        knee = ankles[:, k] + body.shank_m * (np.sin(shank)[:, None] * forward + np.cos(shank)[:, None] * [0, 0, 1.0])
        beside = sign * abs(body.joint("upperleg01." + side)[0]) - knee[:, 0]
        level = np.sqrt(np.maximum(body.thigh_m**2 - beside**2, 0.01))
        hip_y.append(knee[:, 1] + level * np.sin(thigh))
        hip_z.append(knee[:, 2] + level * np.cos(thigh))
    hips = np.stack([style.shift_m * s, np.mean(hip_y, 0), np.mean(hip_z, 0)], -1)
    upright = np.broadcast_to(np.eye(3), (frames, 3, 3))
    return Posture(hips, upright, upright, upright, ankles, feet, knees_to, hanging_arms(body))


def trunk(style: Style, s: Array, lean_deg: Array) -> tuple[Array, Array, Array]:
    """Turns (T, 3, 3) of pelvis, chest and head for a lean of the trunk."""
    sway = rot.about("z", style.twist_deg * s) @ rot.about("y", style.roll_deg * s)
    pelvis = sway @ rot.about("x", lean_deg - style.tuck_deg * s**2)
    chest = rot.about("x", lean_deg + style.round_deg * s)
    head = rot.about("x", (lean_deg + style.round_deg * s) * (1 - style.gaze))
    return pelvis, chest, head


def mass_ahead(body: Body, hold: Hold, style: Style, posture: Posture, lean_deg: Array, s: Array) -> Array:
    """(T,) y of the centre of mass of lifter and load, metres; the shoes' ankles are at y = 0."""
    pelvis, chest, _ = trunk(style, s, lean_deg)
    bones = [body.joint(b) for b in ("spine05", "spine04", "spine03", "spine02", "spine01")]
    spine = [*bones, (body.joint("upperarm01.L") + body.joint("upperarm01.R")) / 2]
    at = posture.hips + rot.apply(pelvis, spine[0] - body.hip_middle)
    for k in range(5):
        at = at + rot.apply(rot.between(pelvis, chest, (k + 1) / 5), spine[k + 1] - spine[k])
    shoulders, hips = at, posture.hips
    knees = hips + (posture.ankles.mean(1) - hips) * 0.53 + [0, -0.01, 0]
    head = shoulders + rot.apply(chest, np.array([0, -0.02, 0.27]))
    hands = shoulders + (rot.apply(chest, posture_hands(body, hold)) if hold.arms.held_by == "chest" else 0)
    total = HEAD_SHARE * head + TRUNK_SHARE * (hips + 0.5 * (shoulders - hips))
    total = total + 2 * UPPER_ARM_SHARE * shoulders + 2 * FOREARM_SHARE * hands
    if hold.name == "bodyweight":
        lifted = np.radians(8 + (style.arms_deg - 8) * s)
        total = total + 0.1 * np.stack([0 * s, -0.28 * np.sin(lifted), 0 * s], -1)
    total = (
        total
        + 2 * THIGH_SHARE * (0.57 * hips + 0.43 * knees)
        + 2 * SHANK_SHARE * (0.57 * knees + 0.43 * posture.ankles.mean(1))
    )
    total = total + 2 * FOOT_SHARE * (posture.ankles.mean(1) + np.array([0, -0.05, -0.04]))
    whole = 1.0 + hold.load_share
    load = shoulders if hold.load_at is None else shoulders + rot.apply(chest, hold.load_at - spine[-1])
    return np.asarray(((total + hold.load_share * load) / whole)[:, 1])


def posture_hands(body: Body, hold: Hold) -> Array:
    """(3,) middle between the hands, from the middle between the shoulders, at rest."""
    shoulders = (body.joint("upperarm01.L") + body.joint("upperarm01.R")) / 2
    return np.asarray(hold.arms.wrists[0].mean(0) - shoulders)


def squat(body: Body, hold: Hold, style: Style, moment: Moment) -> Posture:
    """The posture of every moment, balanced."""
    style = with_reachable_balance(body, hold, style)
    s = moment.down
    posture = legs(body, style, moment)
    heel, toe = body.foot_reach("L")
    midfoot = -(toe - heel) / 2 * (0.75 + 0.25 * s)  # a little behind the midfoot when standing
    upright = np.full_like(s, style.lean_standing_deg)
    standing = still(style, np.zeros(1))
    rest, offset = legs(body, style, standing), 0.0
    for _ in range(4):
        moved = rest.moved(np.zeros((1, 2, 3)), np.array([[0, offset, 0]]))
        offset += (
            float((-(toe - heel) / 2 * 0.75 - mass_ahead(body, hold, style, moved, upright[:1], np.zeros(1)))[0]) / 0.9
        )
    back = np.stack([0 * s, offset * (1 - s) ** 1.5, 0 * s], -1)
    posture = lower_to_reach(body, posture.moved(np.zeros_like(posture.ankles), back))
    low, high = np.full_like(s, -8.0), np.full_like(s, 78.0)
    for _ in range(16):
        middle = (low + high) / 2
        behind = mass_ahead(body, hold, style, posture, middle, s) > midfoot
        low, high = np.where(behind, middle, low), np.where(behind, high, middle)
    lean = (low + high) / 2
    if np.any(moment.extra_lean_deg):
        lean = lean + moment.extra_lean_deg
        for _ in range(3):
            ahead = (midfoot - mass_ahead(body, hold, style, posture, lean, s)) / 0.9
            shift = np.stack([0 * s, np.where(moment.extra_lean_deg != 0, ahead, 0), 0 * s], -1)
            posture = lower_to_reach(body, posture.moved(np.zeros_like(posture.ankles), shift))
    pelvis, chest, head = trunk(style, s, lean)
    arms = hanging_arms(body, 8 + (style.arms_deg - 8) * s) if hold.name == "bodyweight" else hold.arms
    return replace(posture, pelvis=pelvis, chest=chest, head=head, arms=arms)


def with_reachable_balance(body: Body, hold: Hold, style: Style) -> Style:
    """The style with the shank's angle changed just so far that an ordinary lean balances the bottom."""
    heel, toe = body.foot_reach("L")
    one, most = np.ones(1), MOST_LEAN_DEG[hold.name]
    for _ in range(14):
        posture = legs(body, style, still(style, one))
        behind = mass_ahead(body, hold, style, posture, most * one, one)[0] > -(toe - heel) / 2
        ahead = mass_ahead(body, hold, style, posture, 8 * one, one)[0] < -(toe - heel) / 2
        if not (behind and style.shank_deg < MOST_SHANK_DEG) and not ahead:
            break
        style = replace(style, shank_deg=style.shank_deg + (1.5 if behind else -1.5))
    return style


def lower_to_reach(body: Body, posture: Posture) -> Posture:
    """The posture with the hips lowered where a leg would not reach its foot."""
    hips = posture.hips.copy()
    for k, side in enumerate(SIDES):
        beside = np.array([SIGNS[side] * abs(body.joint("upperleg01." + side)[0]), 0, 0])
        gap = (hips + beside - posture.ankles[:, k])[:, :2]
        top = posture.ankles[:, k, 2] + np.sqrt(np.maximum((body.leg_m * 0.9975) ** 2 - (gap**2).sum(1), 0.01))
        hips[:, 2] = np.minimum(hips[:, 2], top)
    return replace(posture, hips=hips)

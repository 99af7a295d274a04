"""How hands hold things: bars on the back, the front and in hanging arms, a dumbbell at the chest, nothing at all."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from convert.synth.body import SIGNS, Body, is_skin
from convert.synth.posture import Arms

Array = NDArray[np.float64]
HOLDS = ("high_bar", "low_bar", "front_bar", "goblet", "bodyweight")
BAR_RADIUS_M = 0.014  # IPF: 28-29 mm thick
PALM_M = 0.082  # wrist joint to the middle of the palm


@dataclass(frozen=True)
class Hold:
    """What is held and how.

    Attributes:
        name: one of HOLDS, or "hanging_bar".
        arms: at the start; `bodyweight` arms are lifted with the descent by squat.py.
        load_at: (3,) point of the resting chest where the load's middle sits, or None: between the hands.
        load_share: mass of the load in body masses.
    """

    name: str
    arms: Arms
    load_at: Array | None
    load_share: float

    @property
    def bar(self) -> bool:
        """Whether the load is a barbell."""
        return self.name.endswith("bar")


def pair(x: float, y: float, z: float) -> Array:
    """(1, 2, 3) a direction or offset for the left hand and its mirror image for the right one."""
    return np.array([[[SIGNS[s] * x, y, z] for s in "LR"]])


def reach_of(body: Body, z: float, inner: float, outer: float, front: bool) -> float:
    """Y of the skin's front or back at height `z`, `inner` to `outer` metres beside the middle."""
    v = body.rest[is_skin()]
    near = v[(np.abs(v[:, 2] - z) < 0.025) & (np.abs(v[:, 0]) >= inner) & (np.abs(v[:, 0]) < outer), 1]
    return float(near.min() if front else near.max())


def hold(body: Body, name: str, grip_m: float = 0.42, load_share: float = 1.0) -> Hold:
    """How `body` holds a load.

    Args:
        body: the person.
        name: one of HOLDS, or "hanging_bar".
        grip_m: from the bar's middle to each hand.
        load_share: mass of the load in body masses.
    """
    if name in ("high_bar", "low_bar"):
        at, arms = _on_the_back(body, grip_m, high=name == "high_bar")
    elif name == "front_bar":
        at, arms = _in_front(body)
    elif name == "goblet":
        at, arms = _at_the_chest(body)
    elif name == "hanging_bar":
        return Hold(name, _hanging(body, grip_m), None, load_share)
    else:
        return Hold(name, hanging_arms(body), None, 0.0)
    return Hold(name, arms, at, load_share)


def _on_the_back(body: Body, grip_m: float, high: bool) -> tuple[Array, Arms]:
    z = body.joint("upperarm01.L")[2] + (0.035 if high else -0.03)
    at = np.array([0, reach_of(body, z, 0, 0.10, front=False) + BAR_RADIUS_M, z])
    arms = Arms(
        "chest",
        wrists=at + pair(grip_m, 0.012 + BAR_RADIUS_M, -PALM_M),
        elbows_to=pair(0.25, 0.75, -1.0),
        fingers_to=pair(0, 0.12, 1.0),
        index_to=pair(-1, 0, 0),
        curl_deg=62,
    )
    return at, arms


def _in_front(body: Body) -> tuple[Array, Arms]:
    shoulder = body.joint("upperarm01.L")
    z = shoulder[2] + 0.015
    at = np.array([0, reach_of(body, z, 0.06, shoulder[0], front=True) - BAR_RADIUS_M, z])
    arms = Arms(
        "chest",
        wrists=at + pair(shoulder[0] + 0.085, -0.035, 0.0),
        elbows_to=pair(0.12, -1.0, -0.25),
        fingers_to=pair(-0.1, 0.75, 0.65),
        index_to=pair(-1, 0, 0),
        curl_deg=30,
    )
    return at, arms


def _at_the_chest(body: Body) -> tuple[Array, Arms]:
    z = body.joint("upperarm01.L")[2]
    at = np.array([0, reach_of(body, z - 0.12, 0, 0.1, front=True) - 0.11, z - 0.10])
    arms = Arms(
        "chest",
        wrists=at + pair(0.075, 0.02, -0.04),
        elbows_to=pair(0.35, -0.1, -1.0),
        fingers_to=pair(0.05, -0.3, 1.0),
        index_to=pair(-0.2, 1.0, 0.2),
        curl_deg=18,
    )
    return at, arms


def _hanging(body: Body, grip_m: float) -> Arms:
    return Arms(
        "shoulder",
        wrists=pair(max(grip_m - body.joint("upperarm01.L")[0], 0.02), 0, -2.0),  # as low as the arms reach
        elbows_to=pair(1.0, 0.6, 0),
        fingers_to=pair(0, 0, -1),
        index_to=pair(-1, 0, 0),
        curl_deg=62,
    )


def hanging_arms(body: Body, lifted_deg: Array | float = 8.0) -> Arms:
    """Arms that hang (0) or are held forward (90), per frame; hands loose."""
    length = 0.97 * (body.length("upperarm01.L", "lowerarm01.L") + body.length("lowerarm01.L", "wrist.L"))
    angle = np.radians(np.atleast_1d(lifted_deg))
    inward = -0.12 * np.sin(angle) + 0.10 * np.cos(angle)
    offset = np.stack([inward, -np.sin(angle), -np.cos(angle)], -1) * length
    wrists = np.stack([offset, offset * [-1, 1, 1]], 1)
    return Arms("shoulder", wrists=wrists, elbows_to=pair(0.6, 0.5, -0.6), curl_deg=14)

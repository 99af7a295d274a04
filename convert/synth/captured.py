"""Real squats: joints that CMU's motion capture recorded (mocap.cs.cmu.edu, subject 13), fitted to any body.

cmu.npz holds `joints` (T, 17, 3) metres, y up, 30 frames a second, of the squats of trials 13_29 and 13_30, `spans`
(reps, 2) of its rows, one per rep, and `names`. Hands were not kept:
the arms swing forward with the depth, as in a free squat.
"""

from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from convert.synth import rotation as rot
from convert.synth.body import Body
from convert.synth.holds import hanging_arms
from convert.synth.performance import Performance
from convert.synth.skeleton import place
from convert.synth.squat import SHOE_SOLE_M, lower_to_reach
from convert.synth.standing import smooth, stand
from convert.synth.tempo import PHASES

Array = NDArray[np.float64]
CAPTURED_FPS = 30.0
UP_FROM_Y = np.array([[1.0, 0, 0], [0, 0, -1.0], [0, 1.0, 0]])  # y up to z up


@cache
def takes() -> list[dict[str, Array]]:
    """Per rep, joints by name (T, 3), z up."""
    with np.load(Path(__file__).with_name("cmu.npz")) as file:
        joints, spans, names = (
            file["joints"].astype(float) @ UP_FROM_Y.T,
            file["spans"],
            [str(n) for n in file["names"]],
        )
    return [{n: joints[a:b, i] for i, n in enumerate(names)} for a, b in spans]


def resample(x: Array, fps: float, speed: float) -> Array:
    """(T', ...) at another frame rate and speed."""
    t = np.arange(0, len(x) - 1, CAPTURED_FPS * speed / fps)
    low = t.astype(int)
    share = (t - low).reshape(-1, *[1] * (x.ndim - 1))
    return np.asarray(x[low] * (1 - share) + x[low + 1] * share)


def perform(body: Body, rng: np.random.Generator, fps: float) -> Performance:
    """A captured squat by `body`, at 0.8 to 1.2 of its speed."""
    take = takes()[int(rng.integers(len(takes())))]
    speed = rng.uniform(0.8, 1.2)
    j = {n: resample(smooth(x, 1.0), fps, speed) for n, x in take.items()}
    hip_line = (j["lhipjoint"] - j["rhipjoint"]).mean(0) * [1, 1, 0]
    turn = rot.shortest(hip_line, np.array([1.0, 0, 0]))
    leg = np.linalg.norm(j["lfemur"] - j["lhipjoint"], axis=-1) + np.linalg.norm(j["ltibia"] - j["lfemur"], axis=-1)
    scale = body.leg_m / float(np.median(leg))
    ankle_z = body.joint("foot.L")[2] + SHOE_SOLE_M
    middle = (j["ltibia"] + j["rtibia"]).mean(0) / 2
    middle[2] -= ankle_z / scale
    j = {n: rot.apply(turn, x - middle) * scale for n, x in j.items()}
    frames = len(j["root"])
    posture = stand(body, frames)
    ankles = np.stack([np.broadcast_to(np.median(j[f"{s}tibia"], 0), (frames, 3)) for s in "lr"], 1).copy()
    ankles[..., 2] = ankle_z
    toes = np.stack([np.median(j[f"{s}toes"] - j[f"{s}tibia"], 0) * [1, 1, 0] for s in "lr"])
    feet = np.stack([rot.shortest(np.array([0, -1.0, 0]), t) for t in toes])
    hips = (j["lhipjoint"] + j["rhipjoint"]) / 2
    side = j["lhipjoint"] - j["rhipjoint"]
    pelvis = rot.frame(side, np.cross(j["lowerback"] - j["root"], side))
    upper = rot.frame(side, np.cross(j["thorax"] - j["lowerback"], side))
    # Turns are taken against the take's own standing, so that a capture's marker offsets do not tilt the body.
    standing = slice(0, max(3, frames // 20))
    pelvis, chest = (r @ np.median(r[standing], 0).T for r in (pelvis, upper))
    pelvis, chest = (rot.between(np.eye(3), _orthonormal(r), 1.0) for r in (pelvis, chest))
    knees = np.stack([j[f"{s}femur"] - (j[f"{s}hipjoint"] + j[f"{s}tibia"]) / 2 + [0, -0.02, 0] for s in "lr"], 1)
    top, low = np.median(hips[standing, 2]), hips[:, 2].min()
    lift = body.leg_m * 0.99 + ankle_z - top
    hips = hips + np.array([0, 0, lift])
    down = np.clip((top + lift - hips[:, 2]) / (top - low), 0, 1)
    posture = lower_to_reach(
        body,
        replace(
            posture, hips=hips, pelvis=pelvis, chest=chest, head=rot.between(np.eye(3), chest, 0.4), ankles=ankles,
            feet=np.broadcast_to(feet, (frames, 2, 3, 3)), knees_to=knees, arms=hanging_arms(body, 8 + 70 * down),
        ),
    )  # fmt: skip
    bones = place(body, posture)
    moving = np.flatnonzero(down > 0.06)
    bottom = int(np.argmax(down))
    start, end = int(moving[0]), int(moving[-1]) + 1
    phase = np.full(frames, PHASES.index("standing"))
    phase[start:bottom], phase[bottom:end] = PHASES.index("descending"), PHASES.index("ascending")
    return Performance(
        "captured_squat", body, posture, bones, None, fps, phase, [(start, end, True)], notes={"hold": "bodyweight"}
    )


def _orthonormal(turns: Array) -> Array:
    u, _, v = np.linalg.svd(turns)
    return np.asarray(u @ v)

"""Sizes of the faults, measured on the posed body in the units of device.squat.form.FAULTS."""

import numpy as np
from numpy.typing import NDArray

from convert.synth import rotation as rot
from convert.synth.body import SIDES
from convert.synth.performance import Performance
from convert.synth.squat import SHOE_SOLE_M
from device.squat.form import FAULTS

Array = NDArray[np.float64]
FAULT_NAMES = tuple(FAULTS)


def fault_sizes(performance: Performance, margins_m: Array) -> Array:
    """(T, len(FAULTS)) size of every fault in the units of device.squat.form.FAULTS, in every frame.

    Args:
        performance: who does what.
        margins_m: (T, 2) knee top over hip crease, per side.
    """
    bones, body = performance.bones, performance.body
    hip, knee, ankle = ({s: bones.joint(f"{b}.{s}") for s in SIDES} for b in ("upperleg01", "lowerleg01", "foot"))
    shoulders = (bones.joint("upperarm01.L") + bones.joint("upperarm01.R")) / 2
    hips = (hip["L"] + hip["R"]) / 2
    trunk = rot.unit(shoulders - hips)
    forward, heel, flexion = [], [], []
    for k, s in enumerate(SIDES):
        toes = rot.apply(performance.posture.feet[:, k], np.array([0, -1.0, 0]))
        flat = rot.unit(toes * [1, 1, 0])
        forward.append(((knee[s] - ankle[s]) * flat).sum(-1) - body.foot_reach(s)[1])
        down = rot.apply(
            performance.posture.feet[:, k], np.array([0, body.foot_reach(s)[0] * 0.7, -body.joint("foot." + s)[2]])
        )
        heel.append((ankle[s] + down)[:, 2] - SHOE_SOLE_M)
        bend = (rot.unit(knee[s] - hip[s]) * rot.unit(ankle[s] - knee[s])).sum(-1)
        flexion.append(np.degrees(np.arccos(np.clip(bend, -1, 1))))
    knees_in = performance.knees_in_deg if len(performance.knees_in_deg) else np.zeros(len(bones))
    spine = performance.spine_deg if len(performance.spine_deg) else np.zeros((len(bones), 2))
    sizes = {
        "knees_in": np.maximum(knees_in, 0),
        "knees_out": np.maximum(-knees_in, 0),
        "knees_forward": 100 * np.max(forward, 0),
        "bent_over": np.degrees(np.arccos(np.clip(trunk[:, 2], -1, 1))),
        "back_rounding": spine[:, 0],
        "pelvic_tuck": spine[:, 1],
        "lateral_shift": 100 * np.abs(hips[:, 0] - (ankle["L"] + ankle["R"])[:, 0] / 2),
        "heels_up": 100 * np.maximum(np.max(heel, 0), 0),
        "shallow": -100 * margins_m.max(1),
        "not_locked_out": np.max(flexion, 0),
    }
    return np.stack([sizes[name] for name in FAULT_NAMES], -1)

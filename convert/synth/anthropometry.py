"""Checks the bodies against measured people: `python -m convert.synth.anthropometry`.

A centimetre of truth is worth what the bodies' flesh is worth. So they are seated (thighs level, shanks and trunk
upright) and measured as sitting people are, relative to stature; and the distances that the depth truth hangs on are
set beside published ones.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from convert.synth import surface
from convert.synth.body import Body, count, is_skin, load, weight_of
from convert.synth.holds import hanging_arms
from convert.synth.skeleton import place
from convert.synth.skin import bend
from convert.synth.squat import SHOE_SOLE_M, Style, legs, still

Array = NDArray[np.float64]
STATURE_MM = {"men": 1740, "women": 1610}
SITTING_MM = {  # British adults 19-65, median and standard deviation: Pheasant, Bodyspace, 2nd ed. 1996, table 10.1
    "knee height": {"men": (545, 32), "women": (500, 27)},
    "buttock-knee length": {"men": (595, 31), "women": (570, 30)},
    "thigh thickness (theirs pressed by a seat)": {"men": (160, 15), "women": (155, 17)},
}
JOINT_CM = {
    "hip joint behind the groin's skin": "5-8: 4.7 behind the pelvis' front (Harrington 2007) and the flesh before it",
    "hip joint to crease, standing": "the same flesh",
    "hip joint to crease, sitting": "as standing: the groin's flesh is not pressed flat by sitting",
    "knee joint to kneecap, standing": "6-7.5: the kneecap turns 5.65 +- 1.09 from the axis (JOSR 2021), plus skin",
    "knee top over knee joint, sitting": "4.9-5.8: sitting knee height less 0.285 statures (Winter 2009) to the joint",
}


@dataclass(frozen=True)
class Measures:
    """One body's measures: of sitting in millimetres, of joints in centimetres."""

    body: Body
    sitting_mm: dict[str, float]
    joint_cm: dict[str, float]


def measure(body: Body) -> Measures:
    """Seats a body and measures it."""
    style = Style(thigh_deg=90, shank_deg=0, stance_m=0.25, toes_out_deg=0, tuck_deg=0, knees_standing_deg=(0, 0))
    posture = replace(legs(body, style, still(style, np.array([0.0, 1.0]))), arms=hanging_arms(body, 60))
    bones = place(body, posture)
    standing, sitting = (bend(body, bones, t).astype(float) for t in (0, 1))
    thigh = (weight_of("upperleg01.L", "upperleg02.L", "lowerleg01.L") > 0.5) & is_skin()
    knee, hip = bones.joint("lowerleg01.L")[1], bones.joint("upperleg01.L")[1]
    lap = sitting[thigh]
    along = (hip[1] - lap[:, 1]) / (hip[1] - knee[1])  # 0 at the hip joint, 1 at the knee
    near_knee, near_hip = lap[along > 0.85], lap[(along > 0.15) & (along < 0.4)]
    seat = sitting[is_skin() & (weight_of("root", "spine05", "upperleg01.L", "upperleg02.L") > 0.5)]
    found = [surface.find(s.astype(np.float32), bones, t) for t, s in enumerate((standing, sitting))]
    hips, knees = bones.joint("upperleg01.L"), bones.joint("lowerleg01.L")
    front = standing[is_skin()]
    front = front[(np.abs(front[:, 2] - hips[0, 2]) < 0.02) & (np.abs(front[:, 0] - hips[0, 0]) < 0.03), 1].min()
    cap = standing[surface.knee_front("L"), 1].min()
    return Measures(
        body,
        {
            "knee height": 1000 * (near_knee[:, 2].max() - SHOE_SOLE_M),
            "buttock-knee length": 1000 * (seat[:, 1].max() - near_knee[:, 1].min()),
            "thigh thickness (theirs pressed by a seat)": 1000 * float(np.ptp(near_hip[:, 2])),
        },
        {
            "hip joint behind the groin's skin": 100 * (hips[0, 1] - front),
            "hip joint to crease, standing": 100 * float(np.linalg.norm(found[0].crease[0] - hips[0])),
            "hip joint to crease, sitting": 100 * float(np.linalg.norm(found[1].crease[0] - hips[1])),
            "knee joint to kneecap, standing": 100 * (knees[0, 1] - cap),
            "knee top over knee joint, sitting": 100 * (found[1].knee_top[0, 2] - knees[1, 2]),
        },
    )


def percentiles(values: list[float]) -> str:
    """The 5th, 50th and 95th."""
    return " / ".join(f"{v:.1f}" for v in np.percentile(values, [5, 50, 95]))


def lines() -> Iterator[str]:
    """The report as Markdown."""
    measured = [measure(load(n)) for n in range(count())]
    yield "| sitting, % of stature | ours p5 / p50 / p95 | people p5 / p50 / p95 |"
    yield "| --- | --- | --- |"
    for name, groups in SITTING_MM.items():
        for sex, (median, deviation) in groups.items():
            ours = [m.sitting_mm[name] / m.body.stature_m / 10 for m in measured if m.body.female == (sex == "women")]
            people = [100 * (median + k * deviation) / STATURE_MM[sex] for k in (-1.645, 0, 1.645)]
            yield f"| {name}, {sex} | {percentiles(ours)} | {' / '.join(f'{v:.1f}' for v in people)} |"
    yield ""
    yield "| distance, cm | ours p5 / p50 / p95 | published |"
    yield "| --- | --- | --- |"
    for name, published in JOINT_CM.items():
        yield f"| {name} | {percentiles([m.joint_cm[name] for m in measured])} | {published} |"


if __name__ == "__main__":
    print("\n".join(lines()))

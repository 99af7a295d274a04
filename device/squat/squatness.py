"""Whether a dip of the hips was a squat, or a lunge, a deadlift, a step, a jump.

Rules say so, and a network where there is one. Levels lie in the middle of the gaps found on the `tune` split of the
labelled clips and on synthetic sets (`python -m convert levels` prints the latter); what was found stands beside each.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from device.squat.features import Features
from device.squat.rep import Rep

SquatNetwork = Callable[[Rep], float | None]
"""Says of a way down and up how likely it is a squat; None where too little was seen."""

MIN_DROP = 0.26  # of the leg's length; squats drop 0.30 or more, others that pass all else 0.25 or less; what
# the pose model hardly sees sink is missed, and a camera above the hips shows up to 0.06 less than there is
LEG_SEEN = 0.2  # score of a leg from which it tells something; hidden behind a plate it kicks about and scores 0.05
LEG_SURE = 0.8  # the same where the hips are not seen either: legs at 0.15 to 0.77 are bent by 75 degrees too much
ANY_LEG = 0.1  # score of the better-seen leg below which a pose is made up: behind a plate both score 0.01 to 0.08
LOW = 0.08  # frames so near to the lowest say what it was, those so near to the highest how he stood
MIN_SHANK_UP = 0.2  # the lower shank; squats 0.40 or more, lunges with the knee near the floor 0.02 or less
ALIKE = 0.1  # thighs that differ less stand over shanks that do, too: one of them that lies has gone wrong; lunges with
# a shank that lies differ by 0.18 or more, squats whose far leg the pose model puts behind them by 0.04
MAX_KNEE_DIFFERENCE_DEG = 75.0  # left from right; squats 64 or less, high knees and side lunges 86 or more
MAX_FEET_MOVED = 0.9  # leg lengths, from standing to the bottom; squats 0.82 or less, skaters' steps 1.06
MAX_WALKED = 0.9  # leg lengths in the picture, from standing to the bottom; squats 0.16 or less, 0.65 where poses have
# gone wrong; a pose model that has jumped to somebody else 1.3
MAX_LEAN_STOOD_DEG = 55.0  # of the trunk where he is most upright; who only rises from a bend leans 57 or more
LUNGE_THIGHS, LUNGE_SHANK_UP = 0.57, 0.55  # thighs that differ by so much, over a shank that leans so far: a lunge;
# squats differ by 0.48 or less, or keep the shank above 0.7; lunges 0.61 or more with a shank of 0.38 or less
HINGE_LEAN_DEG = 52.0  # a trunk so far over ...
HANG, HANG_BOTH = 0.85, 0.7  # ... over hanging arms, surely down there or both there and standing, lifts from the
# floor: deadlifts 0.71 or more in both; squats that lean and sink so far 0.73 or less down there, 0.67 in both, but
# for poses gone wrong
HINGE_DROP = 0.55  # ... unless the hips sink further than for a lift: deadlifts 0.51 or less, such squats 0.59
UPRIGHT_DEG, LUNGE_DROP = 16.0, 0.45  # a trunk so upright over arms that surely hang, hips no further down: nothing
# outweighs hips that go back, so one foot is behind; lunges seen along the legs 0.29 to 0.33, such a squat 0.61 to 0.65
KNEELING_DEG = 30.0  # the same where even a hidden leg's shank is guessed to lie; lunges on one knee lean 20 to 24
HIPS_SEEN, ON_BAR, SURE_DROP = 0.5, 0.35, 0.5  # where the hips are not seen, only who stands with the hands at the bar,
# or sinks so far, has squatted: our network alone takes lunges and deadlifts for squats, 20 of 24 with hands at 0.56
# or lower down, 23 of them with a drop of 0.47 or less; of 336 rendered sets 0.3 loses a rep, 0.35 none
ARMS_HANG = 0.74  # hands of who stands with hanging arms 0.79 or more; of who fails with a goblet 0.69 or less
STILL_HANG = 0.55  # ... and goes down with them: squatters' rise to 0.51 or less, or the hips sink by 0.59 or more
HANG_DROP = 0.28  # of them nothing is as sure as a bar on the back; lifts and lunges seen badly 0.27, squats 0.3
LUNGE_SHANKS = 0.35  # ... over shanks that differ: a lunge seen badly; 0.42 and more, such squats 0.24 or less
BENT_DEG = 68.0  # ... under a trunk so far over: a lift from the floor seen badly; 84 and more
UNLIKELY, SURE = 0.4, 0.9  # p of the network, see `counts`: of 445 rendered squats of the tune split as many count as
# from 0.1 on, one fewer from 0.5 on; real squats of it have 0.98 or more
LEAST_DROP = 0.22  # where the network is sure: squats seen from above may seem to sink by 0.24


@dataclass(frozen=True, slots=True)
class Dip:
    """What a way down and up was like: medians over the lowest frames, and how they differ from how he stood before.

    He stood in the highest frames before the lowest. A leg that is hidden tells nothing, and with one leg hidden the
    two are not compared (0).

    Attributes:
        drop: of the hips, leg lengths.
        shank_up: the lower one of the shanks, see `Features`; of legs whose thighs are alike the upper one.
        shank_guessed: the same with a hidden one, too.
        knees_apart_deg: left from right.
        thighs_apart: `Features.thigh_down`, left from right.
        shanks_apart: `Features.shank_up`, left from right.
        feet_moved: from each other since standing, leg lengths.
        walked: since standing, leg lengths in the picture.
        lean_deg: of the trunk.
        hands_down: see `Features`.
        hands_stood: the same in the highest frames.
        lean_stood_deg: of the trunk in the highest frames, the least.
        lean_risen_deg: the same in those after the lowest frame; 0 where there are none.
        hips_seen: see `Features`.
    """

    drop: float
    shank_up: float
    shank_guessed: float
    knees_apart_deg: float
    thighs_apart: float
    shanks_apart: float
    feet_moved: float
    walked: float
    lean_deg: float
    hands_down: float
    hands_stood: float
    lean_stood_deg: float
    lean_risen_deg: float
    hips_seen: float


def dip(seen: Sequence[Features], heights: Sequence[float]) -> Dip:
    """Measures a way down and up.

    Args:
        seen: features of each pose from standing to standing again.
        heights: `Features.height` of each, without spikes.
    """
    lowest, highest = min(heights), max(heights)
    low = [f for f, height in zip(seen, heights, strict=True) if height <= lowest + LOW]
    up, at = [k for k, height in enumerate(heights) if height >= highest - LOW], heights.index(lowest)
    high, risen = [seen[k] for k in up], [seen[k].lean_deg for k in up if k > at]
    stood_at = max(heights[: at + 1])
    stood = [f for f, height in zip(seen, heights[: at + 1], strict=False) if height >= stood_at - LOW]
    shank_up, thigh_down, knee_deg, feet, legs_seen = (
        np.median([getattr(f, name) for f in low], axis=0)
        for name in ("shank_up", "thigh_down", "knee_deg", "feet", "legs_seen")
    )
    hips_seen = float(np.median([f.hips_seen for f in low]))
    stood_feet, stood_px = (np.median([getattr(f, name) for f in stood], axis=0) for name in ("feet", "stands_px"))
    gone_px = float(np.linalg.norm(np.median([f.stands_px for f in low], axis=0) - stood_px))
    there = legs_seen >= min(LEG_SEEN, legs_seen.max())
    both = legs_seen.min() >= (LEG_SEEN if hips_seen >= HIPS_SEEN else LEG_SURE)
    thighs_apart = float(np.ptp(thigh_down)) if both else 0.0
    alike = both and thighs_apart < ALIKE
    return Dip(
        drop=float(max(seen[0].height, stood_at) - lowest),
        shank_up=float(shank_up.max() if alike else shank_up[there].min()),
        shank_guessed=float(shank_up.min()),
        knees_apart_deg=float(np.ptp(knee_deg)) if both else 0.0,
        thighs_apart=thighs_apart,
        shanks_apart=float(np.ptp(shank_up)) if both else 0.0,
        feet_moved=float(np.linalg.norm(feet - stood_feet)) if both else 0.0,
        walked=gone_px / max(float(np.median([f.rises_px for f in stood])), 1.0),
        lean_deg=float(np.median([f.lean_deg for f in low])),
        hands_down=float(np.median([f.hands_down for f in low])),
        hands_stood=float(np.median([f.hands_down for f in high])),
        lean_stood_deg=min(f.lean_deg for f in high),
        lean_risen_deg=min(risen, default=0.0),
        hips_seen=hips_seen,
    )


def is_squat(
    seen: Sequence[Features], heights: Sequence[float], stood_up: bool = True, p_squat: float | None = None
) -> bool:
    """Whether the movement is a squat, or the part of one that ended down there.

    Args:
        seen: as for `dip`.
        heights: as for `dip`.
        stood_up: whether he stood up again; who has not, and whose arms hung as he stood and do not reach forward now,
            has sat down to rest.
        p_squat: how likely a network says it is one. It refuses what the rules let pass, and where it is sure lets
            pass what they refuse, see `may_overrule`.
    """
    found = dip(seen, heights)
    passes = by_rules(found, stood_up)
    return passes if p_squat is None else bool(counts(p_squat, passes, may_overrule(found, stood_up)))


def counts(p_squat: Any, passes: Any, overrule: Any) -> Any:
    """Whether a dip counts, by what a network and the rules say of it, or which of many do.

    Args:
        p_squat: how likely the network says it is a squat; a number or an array, as all here.
        passes: whether the rules let it pass.
        overrule: see `may_overrule`.
    """
    return ((p_squat >= SURE) & overrule) | ((p_squat >= UNLIKELY) & passes)


def may_overrule(found: Dip, stood_up: bool) -> bool:
    """Whether a network that is sure is believed against the rules.

    It is not of what it does not see, somebody else to whom the pose model has jumped, nor of what it has hardly learnt
    from: who has not stood up again, as he may rest on a bench, lunges to the side, and hips that hardly sink.
    """
    return stood_up and found.drop >= LEAST_DROP and found.walked <= MAX_WALKED and not one_leg(found)


def one_leg(found: Dip) -> bool:
    """Whether one leg does what the other does not, as in a lunge."""
    lunge = found.thighs_apart > LUNGE_THIGHS and found.shank_up < LUNGE_SHANK_UP
    return lunge or found.shank_up < MIN_SHANK_UP or found.knees_apart_deg > MAX_KNEE_DIFFERENCE_DEG


def by_rules(found: Dip, stood_up: bool) -> bool:
    """What `is_squat` says without a network."""
    hung = found.hands_stood > ARMS_HANG
    still = hung and found.hands_down > STILL_HANG
    if (hung and not stood_up and found.hands_down > ON_BAR) or (still and found.drop < HANG_DROP):
        return False
    lunge = still and found.shanks_apart > LUNGE_SHANKS and found.drop < LUNGE_DROP
    hands = min(found.hands_down, found.hands_stood)
    upright_deg = KNEELING_DEG if found.shank_guessed < MIN_SHANK_UP else UPRIGHT_DEG
    upright = found.lean_deg < upright_deg and hands > HANG and found.drop < LUNGE_DROP
    hang = found.hands_down > HANG or hands > HANG_BOTH or (still and found.lean_deg > BENT_DEG)
    bent = found.lean_risen_deg > MAX_LEAN_STOOD_DEG
    hinge = (hang or bent) and found.lean_deg > HINGE_LEAN_DEG and found.drop < HINGE_DROP
    return bool(
        found.drop >= MIN_DROP
        and not one_leg(found)
        and found.feet_moved <= MAX_FEET_MOVED
        and found.walked <= MAX_WALKED
        and found.lean_stood_deg <= MAX_LEAN_STOOD_DEG
        and (found.hips_seen >= HIPS_SEEN or found.hands_stood <= ON_BAR or found.drop > SURE_DROP)
        and not lunge
        and not upright
        and not hinge
    )


def plausible(now: Features) -> bool:
    """Whether a standing or squatting person can look like this; a pose model that lost the lifter gives others."""
    return bool(now.height > 0.1 and now.lean_deg < 100 and now.shank_up.max() > 0.3 and now.legs_seen.max() >= ANY_LEG)

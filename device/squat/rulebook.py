"""The rule of powerlifting for the squat: causes for failure, their cards, and the verdict.

Follows the USAPL technical rules (2026) and an IPF-derived list of causes; not certified by anyone.
"""

from dataclasses import dataclass
from enum import Enum


class Decision(str, Enum):
    """What the lamps say."""

    GOOD_LIFT = "good_lift"
    NO_LIFT = "no_lift"
    NO_DECISION = "no_decision"


class Card(str, Enum):
    """The colour that tells the cause of a red light."""

    RED = "red"  # 1: depth
    BLUE = "blue"  # 2: not locked out, double bounce, downward movement
    YELLOW = "yellow"  # 3: steps, signals, contact, dumping


MODES = ("gym", "meet")


@dataclass(frozen=True, slots=True)
class Cause:
    """A cause for failure."""

    card: Card
    words: str


CAUSES = {
    "depth": Cause(Card.RED, "hip crease not below the top of the knee"),
    "lockout": Cause(Card.BLUE, "did not stand up with the knees locked"),
}
"""The causes that are judged today."""

NOT_OBSERVED = (
    "double_bounce", "bar_descent", "steps", "signals", "spotter_contact", "elbow_contact", "bar_dumped",
)  # fmt: skip
"""Causes that the rule names and this device does not judge."""


@dataclass(frozen=True, slots=True)
class Rules:
    """When a rep is good, and when the device abstains.

    Attributes:
        mode: gym gives every rep that it saw its best verdict; meet abstains where it is not sure.
        abstain_from: in meet mode, no decision from this p_below on ...
        abstain_to: ... up to this one.
        abstain_view_deg: in meet mode, no decision where the camera looks from further behind.
        locked_deg: knee angle from which on the knees are locked; BlazePose gives straight legs 155 to 172.
    """

    mode: str = "gym"
    abstain_from: float = 0.2
    abstain_to: float = 0.8
    abstain_view_deg: float = 112.5
    locked_deg: float = 140.0


@dataclass(frozen=True, slots=True)
class Observation:
    """What was seen of a rep, as far as the rule asks.

    Attributes:
        stood_up: whether the lifter came up at all.
        knee_deg: angle of the straighter knee at lockout, 180 = straight; None = not seen.
        p_below: probability that the crease was below the knee top; None = neither leg was seen.
        view_deg: where the camera stands, see `Features`.
        seen_rising: whether he was seen on his way up; False where he sits in one frame and stands in the next.
    """

    stood_up: bool
    knee_deg: float | None
    p_below: float | None
    view_deg: float
    seen_rising: bool = True


@dataclass(frozen=True, slots=True)
class Verdict:
    """The judgement of one rep.

    Attributes:
        decision: what the lamps say.
        cards: one for each cause of a red light, in the order of the rule.
        reasons: the causes in words, or why there is no decision.
        evidence_index: number of the frame that shows the bottom.
    """

    decision: Decision
    cards: tuple[Card, ...]
    reasons: tuple[str, ...]
    evidence_index: int


def judge(rules: Rules, seen: Observation, evidence_index: int) -> Verdict:
    """The verdict on one rep.

    Args:
        rules: how strict to be.
        seen: what was observed.
        evidence_index: number of the frame that shows the bottom.
    """
    doubt = _doubt(rules, seen)
    failed = []
    if not doubt and seen.p_below is not None and seen.p_below < 0.5:
        failed.append(CAUSES["depth"])
    if not seen.stood_up or (seen.knee_deg is not None and seen.knee_deg < rules.locked_deg):
        failed.append(CAUSES["lockout"])
    if doubt and not failed:  # a lift that failed for another cause has failed, however deep it was
        return Verdict(Decision.NO_DECISION, (), (doubt,), evidence_index)
    decision = Decision.NO_LIFT if failed else Decision.GOOD_LIFT
    cards = tuple(dict.fromkeys(cause.card for cause in failed))
    return Verdict(decision, cards, tuple(cause.words for cause in failed), evidence_index)


def _doubt(rules: Rules, seen: Observation) -> str:
    """Why the lift cannot be judged; empty where it can."""
    if seen.p_below is None:
        return "hips and knees not seen at the bottom"
    if not seen.seen_rising:
        return "not seen on the way up"
    if rules.mode != "meet":
        return ""
    if rules.abstain_from < seen.p_below < rules.abstain_to:
        return f"too close to call: {seen.p_below:.0%} sure that it was deep enough"
    if not abs(seen.view_deg) <= rules.abstain_view_deg:
        return f"bad view: the camera looks from {seen.view_deg:.0f} degrees"
    return ""

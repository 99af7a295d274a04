"""The rule of powerlifting for the squat: causes for failure, their cards, and the verdict.

Follows the USAPL technical rules (2026) and an IPF-derived list of causes; not certified by anyone.
"""

from dataclasses import dataclass
from enum import Enum
from functools import partial


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


@partial(dataclass, frozen=True, slots=True)
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


@partial(dataclass, frozen=True, slots=True)
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

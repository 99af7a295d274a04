import math

import pytest

from device.squat.rulebook import CAUSES, NOT_OBSERVED, Card, Decision, Observation, Rules, judge

GYM, MEET = Rules(), Rules(mode="meet")
LOCKED, BENT = 165.0, 120.0
DEPTH, LOCKOUT = CAUSES["depth"].words, CAUSES["lockout"].words


@pytest.mark.parametrize(
    ("stood_up", "knee_deg", "p_below", "decision", "cards", "reasons"),
    [
        (True, LOCKED, 0.97, Decision.GOOD_LIFT, (), ()),
        (True, LOCKED, 0.50, Decision.GOOD_LIFT, (), ()),
        (True, LOCKED, 0.49, Decision.NO_LIFT, (Card.RED,), (DEPTH,)),
        (True, LOCKED, 0.01, Decision.NO_LIFT, (Card.RED,), (DEPTH,)),
        (True, BENT, 0.97, Decision.NO_LIFT, (Card.BLUE,), (LOCKOUT,)),
        (True, BENT, 0.01, Decision.NO_LIFT, (Card.RED, Card.BLUE), (DEPTH, LOCKOUT)),
        (False, None, 0.97, Decision.NO_LIFT, (Card.BLUE,), (LOCKOUT,)),
        (False, None, 0.01, Decision.NO_LIFT, (Card.RED, Card.BLUE), (DEPTH, LOCKOUT)),
        (False, None, None, Decision.NO_LIFT, (Card.BLUE,), (LOCKOUT,)),  # seen to stay down, whatever the depth
        (True, None, 0.97, Decision.GOOD_LIFT, (), ()),  # knees at lockout not seen: no card for what is not seen
        (True, 140.0, 0.97, Decision.GOOD_LIFT, (), ()),
        (True, 139.9, 0.97, Decision.NO_LIFT, (Card.BLUE,), (LOCKOUT,)),
    ],
)
@pytest.mark.parametrize("mode", ["gym", "meet"])
def test_the_table_of_verdicts(mode, stood_up, knee_deg, p_below, decision, cards, reasons) -> None:
    seen = Observation(stood_up, knee_deg, p_below, view_deg=80.0)
    verdict = judge(Rules(mode=mode, abstain_from=0.5, abstain_to=0.5), seen, 42)
    assert (verdict.decision, verdict.cards, verdict.reasons, verdict.evidence_index) == (decision, cards, reasons, 42)


@pytest.mark.parametrize("rules", [GYM, MEET])
def test_legs_that_were_not_seen_give_no_decision_in_any_mode(rules: Rules) -> None:
    verdict = judge(rules, Observation(True, LOCKED, None, 80.0), 1)
    assert verdict.decision is Decision.NO_DECISION
    assert verdict.cards == ()
    assert len(verdict.reasons) == 1
    assert "not seen" in verdict.reasons[0]


@pytest.mark.parametrize(
    ("p_below", "abstains"), [(0.19, False), (0.21, True), (0.5, True), (0.79, True), (0.81, False)]
)
def test_meet_mode_abstains_between_its_bounds_alone(p_below: float, abstains: bool) -> None:
    seen = Observation(True, LOCKED, p_below, 80.0)
    assert (judge(MEET, seen, 1).decision is Decision.NO_DECISION) == abstains
    assert judge(GYM, seen, 1).decision is (Decision.GOOD_LIFT if p_below >= 0.5 else Decision.NO_LIFT)


@pytest.mark.parametrize(
    ("view_deg", "abstains"),
    [(0, False), (112, False), (-112, False), (113, True), (-113, True), (180, True), (math.nan, True)],
)
def test_meet_mode_abstains_on_a_bad_view_and_gym_mode_never(view_deg: float, abstains: bool) -> None:
    seen = Observation(True, LOCKED, 0.99, view_deg)
    assert (judge(MEET, seen, 1).decision is Decision.NO_DECISION) == abstains
    assert judge(GYM, seen, 1).decision is Decision.GOOD_LIFT


def test_a_lifter_who_stays_down_has_failed_even_where_depth_is_in_doubt() -> None:
    for seen in (Observation(False, None, 0.5, 80.0), Observation(False, None, 0.99, 180.0)):
        verdict = judge(MEET, seen, 1)
        assert (verdict.decision, verdict.cards) == (Decision.NO_LIFT, (Card.BLUE,))


def test_every_cause_that_one_camera_may_not_see_is_named_as_not_observed() -> None:
    assert {"spotter_contact", "elbow_contact", "signals"} <= set(NOT_OBSERVED)
    assert not set(CAUSES) & set(NOT_OBSERVED)
    assert {cause.card for cause in CAUSES.values()} == {Card.RED, Card.BLUE}

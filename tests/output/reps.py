"""Reps and their records, as the judge and the station would make them."""

from datetime import datetime, timezone

from device.output.record import Record, rep_record
from device.squat.depth import Depth
from device.squat.events import RepJudged
from device.squat.rep import Rep, Tempo
from device.squat.rulebook import Card, Decision, Verdict


def judged(number: int = 1, decision: Decision = Decision.GOOD_LIFT, at_s: float = 3.1) -> RepJudged:
    rep = Rep(number, (), at_s - 2.0, at_s - 1.0, at_s, 0, Tempo(0.9, 0.1, 0.8), stood_up=True, dropped=0)
    depth = Depth(0.07, 0.03, 3.1, 1.2, 0.97, "floor_plane", "left", (0.07, 0.05))
    red = decision is Decision.NO_LIFT
    verdict = Verdict(decision, (Card.RED,) if red else (), ("hip crease not below the top of the knee",) * red, 40)
    return RepJudged(at_s, rep, depth, None, verdict, 2, number, 84.0)


def record_of(event: RepJudged) -> Record:
    at = datetime(2026, 5, 4, 17, 3, 21, 512000, timezone.utc)
    return rep_record(event, "clips/squat.mp4", "gym", {"pose": "sha256:abc"}, at)

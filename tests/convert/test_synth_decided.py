"""What meet mode would decide on a rendered set, in the report."""

from convert.synth.report import DepthRow, decided_lines
from device.squat.depth import METHODS, Depth
from device.squat.rulebook import Rules


def row(p_below: float | None, margin_cm: float) -> DepthRow:
    depth = None if p_below is None else Depth(0.0, 0.1, 0.0, 4.0, p_below, "network", "left", (0.0, 0.0))
    return DepthRow(dict.fromkeys(METHODS, depth), {}, {}, margin_cm, ())


def test_reps_between_the_bounds_are_left_and_those_on_the_wrong_side_counted():
    rows = [row(0.9, 5.0), row(0.95, -5.0), row(0.1, -3.0), row(0.5, 1.0), row(0.25, 1.0), row(None, 4.0)]
    lines = list(decided_lines(rows, Rules()))
    assert lines[2:] == [f"| {method} | 5 | 3 (60%) | 1 (33%) |" for method in METHODS]
    assert list(decided_lines([], Rules()))[2] == f"| {METHODS[0]} | 0 | 0 (0%) | 0 (0%) |"

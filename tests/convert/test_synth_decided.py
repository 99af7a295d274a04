"""What meet mode would decide on a rendered set, and where sets are counted, in the report."""

from types import SimpleNamespace

import numpy as np

from convert.synth.counts import count_lines, where_lines
from convert.synth.report import DepthRow, decided_lines
from convert.synth.seen import IN_SIGHT, Seen
from device.squat.depth import METHODS, Depth
from device.squat.pose import KEYPOINTS
from device.squat.rulebook import Rules


def row(p_below: float | None, margin_cm: float) -> DepthRow:
    depth = None if p_below is None else Depth(0.0, 0.1, 0.0, 4.0, p_below, "network", "left", (0.0, 0.0))
    return DepthRow(dict.fromkeys(METHODS, depth), {}, {}, margin_cm, ())


def test_reps_between_the_bounds_are_left_and_those_on_the_wrong_side_counted():
    rows = [row(0.9, 5.0), row(0.95, -5.0), row(0.1, -3.0), row(0.5, 1.0), row(0.25, 1.0), row(None, 4.0)]
    lines = list(decided_lines(rows, Rules()))
    assert lines[2:] == [f"| {method} | 5 | 3 (60%) | 1 (33%) |" for method in METHODS]
    assert list(decided_lines([], Rules()))[2] == f"| {METHODS[0]} | 0 | 0 (0%) | 0 (0%) |"


def clip(view_deg: float, height_m: float, hidden: str, found: int) -> Seen:
    """A set of two reps, and how many the device counted; `hidden`: a joint not in sight at the second bottom."""
    visible = np.full((40, len(KEYPOINTS)), 2, np.uint8)
    if hidden:
        visible[30, KEYPOINTS.index(hidden)] = 1
    reps = [{"bottom_s": at_s, "descent_legs": 0.5} for at_s in (1.0, 3.0)]
    about = {"view_deg": view_deg, "camera_height_m": height_m, "fps": 10.0}
    truth = SimpleNamespace(about=about, reps=reps, visible=visible)
    return Seen(truth, np.zeros(0), {METHODS[0]: (None,) * found})  # type: ignore[arg-type]


def test_sets_are_counted_by_where_the_camera_stands_and_by_what_it_sees():
    seen = [
        clip(90, 1.0, "", 2), clip(90, 1.0, "right_hip", 2), clip(90, 2.0, "left_hip", 1),
        clip(-90, 0.5, "right_knee", 3),
    ]  # fmt: skip
    lines = list(where_lines([*seen, Seen(SimpleNamespace(reps=[]), np.zeros(0), {})]))  # type: ignore[arg-type]
    assert lines[2:] == [
        "| side | 2 | 4 |", "| camera under 0.8 m | 0 | 1 |", "| camera 0.8-1.4 m | 2 | 2 |",
        "| camera over 1.4 m | 0 | 1 |", f"| {IN_SIGHT[0]} | 2 | 2 |", f"| {IN_SIGHT[1]} | 0 | 2 |",
    ]  # fmt: skip


def test_a_set_without_squats_tells_no_interval_of_nothing():
    other = Seen(SimpleNamespace(reps=[], about={}), np.zeros(0), {METHODS[0]: ()})  # type: ignore[arg-type]
    assert list(count_lines([other]))[:2] == [
        "Sets counted exactly: 0 of 0.",
        "False reps on 1 clips of other exercises: 0.",
    ]

"""Fitting the depth estimators."""

import numpy as np
import pytest

from convert.clips import Label
from convert.tune import Found, called, fit
from device.errors import InputError
from device.squat.depth import Depth


def test_without_a_rep_that_was_found_it_says_what_the_split_needs():
    with pytest.raises(InputError, match="the tune split needs clear reps above and below parallel"):
        fit([])


def test_the_offset_lies_in_the_gap_and_sigma_is_the_spread_of_the_doubtful():
    rng = np.random.default_rng(1)
    doubtful = [(f"p{i}", "parallel", float(m)) for i, m in enumerate(rng.normal(-0.1, 0.05, 2000))]
    clear = [(f"a{i}", "above", -0.25) for i in range(5)] + [(f"b{i}", "below", 0.05) for i in range(5)]
    offset, sigma, _ = fit(doubtful + clear)
    assert offset == pytest.approx(0.10, abs=0.01)
    assert sigma == pytest.approx(0.05, abs=0.003)


def test_a_person_with_many_reps_counts_once():
    doubtful = [("x", "parallel", -0.05), ("y", "parallel", 0.05)]
    clear = [("a", "above", -0.2), ("b", "below", 0.2)]
    once = fit(doubtful + clear)
    assert fit(doubtful + clear + [("a", "above", -0.2)] * 50)[0] == pytest.approx(once[0])
    assert fit(doubtful + clear + [("c", "above", 0.1)] * 1)[0] < once[0]


def told(person: str, label: str, p_below: float, confidence: float = 0.5) -> Found:
    depth = Depth(0.0, 0.1, 0.0, 4.0, p_below, "network", "left", (0.0, 0.0))
    return Found(person, Label(1.0, 0.5, 1.5, label, confidence, True), depth)


def test_what_people_could_call_is_scored_and_each_counts_once():
    found = [told("a", "below", 0.9), told("b", "above", 0.4), told("c", "parallel", 0.0), told("d", "above", 0.8, 0.9)]
    likelihood, right, of = called(found)
    assert (right, of) == (2, 3)
    assert likelihood == pytest.approx(np.log([0.9, 0.6, 0.2]).mean())
    assert called([*found, *[told("a", "below", 0.9)] * 9])[0] == pytest.approx(likelihood)

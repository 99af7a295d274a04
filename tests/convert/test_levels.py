"""What the judge's levels are chosen from."""

from dataclasses import fields, replace

import pytest

from convert.levels import LEVELS, RECIPE, Counted, count, count_lines, main
from convert.synth import recipe as recipes
from convert.synth.keypoint_reps import clip_truth
from device.squat import squatness
from device.squat.squatness import Dip

DIP = Dip(
    drop=0.5, shank_up=0.7, shank_guessed=0.7, knees_apart_deg=5.0, thighs_apart=0.1, shanks_apart=0.1,
    feet_moved=0.05, walked=0.02,
    lean_deg=30.0, hands_down=0.3, hands_stood=0.2, lean_stood_deg=10.0, lean_risen_deg=10.0, hips_seen=1.0,
)  # fmt: skip


@pytest.fixture(scope="module")
def truths():
    recipe = recipes.read(RECIPE)
    found = {}
    for kind in ("squat", "lunge", "deadlift"):
        alone = replace(recipe, motion=replace(recipe.motion, kinds={kind: 1.0}))
        found[kind] = clip_truth(alone, 3)
    return found


def test_true_keypoints_of_squats_are_counted_right(truths):
    squats = count(truths["squat"], 1)
    assert squats.low >= 1
    assert squats.low <= squats.found <= squats.high
    assert len(squats.dips) >= squats.found


@pytest.mark.parametrize("kind", ["lunge", "deadlift"])
def test_other_exercises_count_nothing(truths, kind):
    assert (count(truths[kind], 1).found, count(truths[kind], 1).high) == (0, 0)


def test_the_dips_of_squats_lie_within_the_levels(truths):
    squats = count(truths["squat"], 1)
    deep = [d for d in squats.dips if d.drop >= squatness.MIN_DROP]
    assert len(deep) == squats.found
    assert min(d.shank_up for d in deep) > squatness.MIN_SHANK_UP
    assert max(d.thighs_apart for d in deep) < squatness.LUNGE_THIGHS


def test_a_set_counted_wrong_shows_in_its_row():
    sets = [Counted("squat", 2, 2, 2, (DIP,)), Counted("squat", 2, 3, 4, (DIP, replace(DIP, drop=0.7)))]
    lines = list(count_lines(sets))
    assert lines[1].split() == ["squat", "2", "1", "4", "6"]
    assert "0.50 / 0.50 / 0.70" in lines[-1]


def test_the_command_prints_counts_and_levels(capsys):
    assert main(["--clips", "1"]) == 0
    printed = capsys.readouterr().out
    assert "exact" in printed
    assert "0.26" in printed


def test_each_measure_of_a_dip_is_printed_over_its_level():
    assert list(LEVELS) == [field.name for field in fields(Dip)]
    assert all(hasattr(squatness, level) for level in LEVELS.values())

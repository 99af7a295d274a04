"""The squat task: rows whose truth is right, an augmentation that shifts nothing, figures as the device counts."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from convert import recipe as recipes
from convert.dips import NotingJudge
from convert.nets.form import FaultNet, Squat
from convert.prepared import Prepared, write
from convert.recipe import read
from convert.synth.keypoint_reps import clip_truth, in_camera
from convert.synth.recipe import Motion, Output, People, Recipe, View
from convert.synth.truth import Truth
from convert.tasks.squat import TASK, SquatData, augmented, counts, dips_of, figures, was_squat
from device.errors import InputError
from device.squat.form_input import CHANNELS, PER_JOINT, STEPS
from device.squat.pose import JOINTS, Pose
from device.squat.squatness import SURE, UNLIKELY, is_squat

VIEW = View(view_deg=(60, 100), height_m=(0.9, 1.2), away_m=(3, 4), hfov_deg=(60, 70), roll_deg=(0, 0), barrel=(0, 0))


def truth_of(kind: str, clip: int = 0, **motion: object) -> Truth:
    told = Motion(kinds={kind: 1.0}, reps=(2, 2), fault_share=0, walk_out_share=0, fail_share=0, **motion)
    return clip_truth(Recipe(Output(seed=4, fps=15), People(bodies=(7, 14)), told, VIEW), clip)


def perfect(truth: Truth) -> list[tuple[float, Pose | None]]:
    """What a pose model without errors would find."""
    world, found = in_camera(truth), []
    for t, pixels in enumerate(truth.keypoints_px):
        scores = np.where(np.isfinite(pixels[:, 0]), 0.95, 0).astype(np.float32)
        at_s = t / truth.about["fps"]
        found.append((at_s, Pose(pixels, scores, world[t], at_s, t, 0, tuple(truth.about["size"]))))
    return found


def test_dips_of_squats_are_squats_and_those_of_lunges_are_not() -> None:
    truth = truth_of("squat", thigh_deg=(95, 110))
    squats = list(dips_of(truth, perfect(truth)))
    assert [found.squat for found in squats] == [True, True]
    assert all(found.passed and found.overruled for found in squats)
    assert squats[0].shown.shape == (STEPS, CHANNELS)
    lunges = [found for clip in range(3) for found in dips_of(*_lunge(clip))]
    assert lunges
    assert not any(found.squat for found in lunges)


def _lunge(clip: int) -> tuple[Truth, list[tuple[float, Pose | None]]]:
    truth = truth_of("lunge", clip)
    return truth, perfect(truth)


def test_what_is_neither_a_rep_nor_none_is_left_out() -> None:
    truth = truth_of("squat", thigh_deg=(95, 110))
    judge = NotingJudge()
    for at_s, pose in perfect(truth):
        list(judge.see(pose, at_s))
    rep = judge.noted[0].rep
    assert was_squat(truth, rep) is True
    own = min(truth.reps, key=lambda r: abs(r["bottom_s"] - rep.bottom_s))
    own["descent_legs"] = 0.33
    assert was_squat(truth, rep) is None
    later = replace(rep, start_s=rep.start_s + 1000, lockout_s=rep.lockout_s + 1000)
    assert was_squat(truth, later) is False


def test_a_judge_that_notes_counts_as_any_other_and_notes_what_does_not_count() -> None:
    for kind, counted in (("squat", 2), ("good_morning", 0)):
        truth, judge, events = truth_of(kind, thigh_deg=(95, 110)), NotingJudge(), []
        for at_s, pose in perfect(truth):
            events += [type(event).__name__ for event in judge.see(pose, at_s)]
        assert events.count("RepJudged") == counted
        assert len(judge.noted) >= counted


def test_the_augmentation_shifts_nothing_and_invents_no_joint() -> None:
    rng = np.random.default_rng(0)
    shown = np.full((3000, STEPS, CHANNELS), 0.4, np.float32)
    joints = shown[..., : len(JOINTS) * PER_JOINT].reshape(-1, STEPS, len(JOINTS), PER_JOINT)
    joints[..., [0, 3]] = 0  # so that a mirror changes nothing
    joints[:, :, 3:5] = 0  # joints that no pose model gave
    shown[..., -3:] = 0
    before = shown.copy()
    seen = augmented(shown, rng)
    assert (shown == before).all(), "the prepared rows are as they were"
    changed = seen[..., : len(JOINTS) * PER_JOINT].reshape(-1, STEPS, len(JOINTS), PER_JOINT)
    assert (changed[:, :, 3:5] == 0).all()
    there = np.delete(changed, [3, 4], 2)
    there = there[(there != 0).any(-1)]
    assert there.mean(0) == pytest.approx([0, 0.4, 0.4, 0, 0.4, 0.4], abs=0.01)
    assert np.ptp(there[:, 1]) > 0.1


def rows(count: int = 40) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(1)
    squat = np.arange(count) % 2 == 0
    shown = rng.normal(0, 0.3, (count, STEPS, CHANNELS)) + squat[:, None, None]
    return {
        "shown": shown.astype(np.float16), "squat": squat, "passed": rng.random(count) < 0.5,
        "overruled": rng.random(count) < 0.2, "kind": np.zeros(count, np.uint8),
        "body": np.arange(count, dtype=np.int32), "view_deg": np.linspace(-180, 180, count).astype(np.float32),
    }  # fmt: skip


@pytest.fixture
def prepared(tmp_path: Path) -> Prepared:
    split = np.repeat([0, 1, 2], [20, 10, 10]).astype(np.uint8)
    return write(tmp_path / "data", rows(), split, {"task": "squat", "sources": []})


def test_a_dip_counts_in_the_figures_where_it_counts_on_the_device(
    prepared: Prepared, monkeypatch: pytest.MonkeyPatch
) -> None:
    every = np.arange(40)
    for p in (0.0, UNLIKELY - 0.01, UNLIKELY, SURE - 0.01, SURE, 1.0):
        said = counts(np.full(40, p), prepared, every)
        for row in every:
            passed, over = bool(prepared.arrays["passed"][row]), bool(prepared.arrays["overruled"][row])
            monkeypatch.setattr("device.squat.squatness.dip", lambda *_: None)
            monkeypatch.setattr("device.squat.squatness.by_rules", lambda *_, passed=passed: passed)
            monkeypatch.setattr("device.squat.squatness.overruled", lambda *_, over=over: over)
            assert said[row] == is_squat([], [], p_squat=p)


def test_figures_tell_the_good_from_the_bad(prepared: Prepared) -> None:
    every = prepared.rows("train")
    squat = np.array(prepared.arrays["squat"][every])
    right, wrong = (figures(p, prepared, every) for p in (np.where(squat, 0.8, 0.1), np.where(squat, 0.1, 0.8)))
    assert right["auc"] == 1
    assert wrong["auc"] == 0
    assert right["let_pass"] == 0
    assert wrong["let_pass"] == right["let_pass_by_rules"] > 0
    assert wrong["lost"] == 1


def test_the_temperature_takes_back_what_a_network_is_too_sure_of(prepared: Prepared) -> None:
    net = Squat(FaultNet(width=8, hidden=8), np.zeros((1, STEPS, CHANNELS), np.float32)).eval()
    squat = torch.as_tensor(np.array(prepared.arrays["squat"][prepared.rows("tune")]))[:, None]
    logits = torch.where(squat, 6.0, -6.0)
    logits[:3] *= -1  # three of ten are wrong, and it is as sure of them
    net.said = lambda shown: logits  # type: ignore[method-assign]
    TASK.calibrate(net, prepared)
    assert net.temperature > 4
    said = torch.sigmoid(net(torch.zeros(1)))
    assert 0.55 < float(said.max()) < 0.85
    logits[:3] *= -1
    TASK.calibrate(net, prepared)
    assert net.temperature < 1, "fitted anew, not on top of what it was"


def test_without_a_set_it_stops_in_one_line(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="needs rendered sets"):
        TASK.prepare(SquatData(), [], tmp_path / "data", 1)


def test_the_recipe_names_the_task() -> None:
    recipe = read(Path(recipes.__file__).with_name("recipes") / "squat-short.toml")
    assert recipe.maker is TASK

"""The squat task: rows whose truth is right, an augmentation that shifts nothing, figures as the device counts."""

from collections.abc import Iterator
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from perfect import perfect

from convert import recipe as recipes
from convert.dips import NotingJudge
from convert.nets.form import FaultNet, Faults, Squat
from convert.prepared import Prepared, write
from convert.recipe import read
from convert.synth.keypoint_reps import clip_truth
from convert.synth.recipe import Motion, Output, People, Recipe, View
from convert.synth.truth import Truth
from convert.tasks.squat import TASK, SquatData, augmented, counted, figures
from convert.tasks.squat_rows import KINDS, SeenDip, dips_of, rows_of, was_squat
from device.errors import InputError
from device.squat.form_input import CHANNELS, PER_JOINT, STEPS, mirrored
from device.squat.pose import JOINTS, Pose
from device.squat.second import CERTAIN
from device.squat.squatness import SURE, UNLIKELY, is_squat

VIEW = View(view_deg=(60, 100), height_m=(0.9, 1.2), away_m=(3, 4), hfov_deg=(60, 70), roll_deg=(0, 0), barrel=(0, 0))


def truth_of(kind: str, clip: int = 0, **motion: object) -> Truth:
    told = Motion(kinds={kind: 1.0}, reps=(2, 2), fault_share=0, walk_out_share=0, fail_share=0, **motion)
    return clip_truth(Recipe(Output(seed=4, fps=15), People(bodies=(7, 14)), told, VIEW), clip)


def test_dips_of_squats_are_squats_and_those_of_lunges_are_not() -> None:
    truth = truth_of("squat", thigh_deg=(95, 110))
    squats = list(dips_of(truth, perfect(truth)))
    assert [found.squat for found in squats] == [True, True]
    assert all(found.passed and found.overrule for found in squats)
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
    for kind, wanted in (("squat", 2), ("good_morning", 0)):
        truth, judge, events = truth_of(kind, thigh_deg=(95, 110)), NotingJudge(), []
        for at_s, pose in perfect(truth):
            events += [type(event).__name__ for event in judge.see(pose, at_s)]
        assert events.count("RepJudged") == wanted
        assert len(judge.noted) >= wanted


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
        "overrule": rng.random(count) < 0.2, "second": np.zeros(count, bool), "kind": np.zeros(count, np.uint8),
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
        said = counted(np.full(40, p), prepared, every)
        for row in every:
            passed, over = bool(prepared.arrays["passed"][row]), bool(prepared.arrays["overrule"][row])
            monkeypatch.setattr("device.squat.squatness.dip", lambda *_: None)
            monkeypatch.setattr("device.squat.squatness.by_rules", lambda *_, passed=passed: passed)
            monkeypatch.setattr("device.squat.squatness.may_overrule", lambda *_, over=over: over)
            assert said[row] == is_squat([], [], p_squat=p)


def test_of_the_second_judges_dips_those_count_of_which_the_network_is_certain(tmp_path: Path) -> None:
    arrays = {**rows(), "second": np.arange(40) >= 20}
    told = write(tmp_path / "data", arrays, np.zeros(40, np.uint8), {"task": "squat"})
    for p in (SURE, CERTAIN - 1e-3, CERTAIN):
        first, second = np.split(counted(np.full(40, p), told, np.arange(40)), 2)
        assert (first == (arrays["passed"] | arrays["overrule"])[:20]).all()
        assert (second == ((arrays["passed"] | arrays["overrule"])[20:] & (p >= CERTAIN))).all()
    found = figures(np.where(arrays["second"], 0.0, 1.0), told, np.arange(40))
    counts = (arrays["passed"] | arrays["overrule"])[:20]
    assert found["let_pass"] == counts[~arrays["squat"][:20]].mean(), "of the first judge's alone"


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


def test_it_learns_which_is_which_and_the_best_epoch_is_the_one_that_tells_best(prepared: Prepared) -> None:
    torch.manual_seed(0)
    every = prepared.rows("train")
    net = TASK.net(FaultNet(width=16, hidden=16, dropout=0.0), prepared)
    optimizer = torch.optim.Adam(net.parameters(), 1e-2)
    losses, scores = [], []
    for _ in range(60):
        batch = {k: torch.as_tensor(v) for k, v in TASK.batch(prepared, every, None).items()}
        loss = TASK.loss(net.train(), batch)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(float(loss.detach()))
        with torch.no_grad():
            scores.append(TASK.measure(net.eval(), prepared, "tune")["score"])
    assert losses[-1] < losses[0] / 3
    assert scores[-1] < 0.05
    with torch.no_grad():
        squat = np.array(prepared.arrays["squat"][every])
        (p,) = TASK.deployed(net)(torch.as_tensor(TASK.batch(prepared, every, None)["shown"]))
    said = p[:, 0].numpy()
    assert 0.5 < said[squat].min() <= said.max() <= 1
    assert 0 <= said[~squat].max() < 0.5


def test_the_score_is_what_the_area_lacks_and_the_rarer_kind_weighs_more(tmp_path: Path) -> None:
    arrays = rows(40)
    arrays["squat"][1:20:4] = True
    uneven = write(tmp_path / "uneven", arrays, np.repeat([0, 1, 2], [20, 10, 10]).astype(np.uint8), {"task": "squat"})
    net = TASK.net(FaultNet(width=8, hidden=8), uneven).eval()
    with torch.no_grad():
        found = TASK.measure(net, uneven, "tune")
    assert found["score"] == pytest.approx(1 - found["auc"])
    batch = TASK.batch(uneven, uneven.rows("train"), None)
    squat, weight = batch["squat"][:, 0], batch["weight"][:, 0]
    assert 3 * squat.sum() > 2 * len(squat), "more squats than others"
    assert weight[squat].sum() == pytest.approx(weight[~squat].sum())


def test_a_network_says_the_same_of_a_mirror_image(prepared: Prepared) -> None:
    nets = [Squat(FaultNet(width=8, hidden=8), np.array(prepared.arrays["shown"], np.float32)).eval()]
    sizes = (np.ones(10, np.float32), np.zeros(10, np.float32))
    nets.append(Faults(FaultNet(width=8, hidden=8), np.array(prepared.arrays["shown"], np.float32), sizes).eval())
    shown = np.array(prepared.arrays["shown"][:5], np.float32)
    assert nets[1].limit is None, "the form network that ships learnt without one"
    for net in nets:
        with torch.no_grad():
            one, other = (net(torch.as_tensor(values)) for values in (shown, mirrored(shown).astype(np.float32)))
        torch.testing.assert_close(one, other, atol=1e-4, rtol=1e-4)


def test_half_of_what_is_learnt_from_is_mirrored() -> None:
    shown = np.zeros((400, STEPS, CHANNELS), np.float32)
    at = 5 * PER_JOINT + 1  # a left joint's height
    shown[..., at] = 3.0
    seen = augmented(shown, np.random.default_rng(0))
    assert 0.4 < (seen[:, 0, at] > 1.5).mean() < 0.6


def test_the_columns_of_the_data_are_what_the_dips_were(monkeypatch: pytest.MonkeyPatch) -> None:
    truth = truth_of("squat", thigh_deg=(95, 110))
    clip = type("Clip", (), {"truth": lambda self: truth})()
    seen = perfect(truth)
    both = [(at_s, replace(pose, second=replace(pose, index=7))) for at_s, pose in seen]
    monkeypatch.setattr("convert.tasks.squat_rows.clips_with_poses", lambda folder: [(clip, [(0.0, None), *both])])
    shown = np.zeros((STEPS, CHANNELS), np.float32)
    one = SeenDip(shown, passed=True, overrule=False, squat=True)
    other = SeenDip(shown, passed=False, overrule=True, squat=False)

    def dips(truth: Truth, seen: list[tuple[float, Pose | None]]) -> Iterator[SeenDip]:
        assert [at_s for at_s, _ in seen] == [0.0, *(at_s for at_s, _ in both)]
        assert seen[0][1] is None
        return iter([one] if seen[-1][1].index != 7 else [other])

    monkeypatch.setattr("convert.tasks.squat_rows.dips_of", dips)
    found = list(rows_of(Path("set")))
    assert [tuple(bool(r[name]) for name in ("second", "passed", "overrule", "squat")) for r in found] == [
        (False, True, False, True), (True, False, True, False)
    ]  # fmt: skip
    assert KINDS[found[0]["kind"]] == "squat"
    assert found[0]["body"] == truth.about["body"]


def test_a_pose_never_met_shouts_no_louder_than_one_hardly_ever_met(prepared: Prepared) -> None:
    net = TASK.net(FaultNet(width=8, hidden=8), prepared).eval()
    odd = np.array(prepared.arrays["shown"][:1], np.float32)
    far, further = (torch.as_tensor(odd + by) for by in (1e3, 1e4))
    with torch.no_grad():
        assert float(net(far)) == pytest.approx(float(net(further)), abs=1e-3)


class Says(nullcontext):
    """A graph that says a p for each dip in turn."""

    def __init__(self, p: np.ndarray) -> None:
        super().__init__(self)
        self.left = iter(p.tolist())

    def __call__(self, _: np.ndarray) -> dict[str, np.ndarray]:
        return {"squat": np.full((1, 1), next(self.left))}


def test_a_graph_that_counts_otherwise_does_not_pass(prepared: Prepared) -> None:
    rng = np.random.default_rng(0)
    p = rng.random(40)
    assert TASK.compare(Says(p), Says(p), prepared, True).passed  # type: ignore[arg-type]
    far = TASK.compare(Says(np.full(40, 0.6)), Says(np.full(40, 0.05)), prepared, True)  # type: ignore[arg-type]
    assert not far.passed
    assert far.figures["other_verdicts"] == int(np.sum(prepared.arrays["passed"]))
    near = TASK.compare(Says(np.full(40, 0.21)), Says(np.full(40, 0.19)), prepared, True)  # type: ignore[arg-type]
    assert near.passed, "so near to a level either is right"


def test_the_card_tells_of_the_bodies_that_trained_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    arrays = rows(40)
    arrays["squat"][30:37], arrays["squat"][37:] = True, False
    arrays["passed"][:], arrays["overrule"][:] = True, False
    told = write(tmp_path / "data", arrays, np.repeat([0, 1, 2], [20, 10, 10]).astype(np.uint8), {"task": "squat"})
    p = np.array([0.95] * 6 + [0.1, 0.1, 0.1, 0.5])
    monkeypatch.setattr("convert.tasks.squat.Model", lambda path: Says(p))
    card = TASK.card(tmp_path / "squat", told)
    assert "| squats | 7 | 7 | 6 |" in card
    assert "| not squats, all | 3 | 3 | 1 |" in card
    assert (tmp_path / "squat-reliability.png").is_file()


def test_what_ends_down_there_is_a_dip_that_no_network_overrules() -> None:
    truth = truth_of("squat", thigh_deg=(95, 110))
    last = truth.reps[-1]
    sank, seen = round(last["bottom_s"] * truth.about["fps"]), perfect(truth)
    rises = seen[sank : sank + 8]
    again = [*seen[: sank + 8], *reversed(rises), *rises[:1] * 4]
    shown = [(t / truth.about["fps"], replace(p, captured_s=t / truth.about["fps"])) for t, (_, p) in enumerate(again)]
    found = list(dips_of(truth, shown))
    assert [dip.overrule for dip in found] == [True, False]
    assert list(dips_of(truth, [])) == []


def test_a_set_named_twice_and_one_without_both_kinds_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("convert.tasks.squat.SyntheticClip.all_in", lambda folder: [])
    with pytest.raises(InputError, match="named twice"):
        TASK.prepare(SquatData(), [tmp_path, tmp_path], tmp_path / "data", 1)
    told = {name: values[0] for name, values in rows(2).items()}
    bodies = [{**told, "body": np.int32(body), "squat": np.bool_(True)} for body in (0, 6, 7)]
    monkeypatch.setattr("convert.tasks.squat.rows_of", lambda folder: iter(bodies))
    with pytest.raises(InputError, match="nothing but squats, by bodies of the train split"):
        TASK.prepare(SquatData(), [tmp_path], tmp_path / "data", 1)


def test_the_temperature_weighs_the_rarer_kind_as_training_does(tmp_path: Path) -> None:
    arrays = rows(40)
    arrays["squat"][:] = np.arange(40) % 5 > 0  # four of five
    told = write(tmp_path / "uneven", arrays, np.repeat([0, 1, 2], [20, 10, 10]).astype(np.uint8), {"task": "squat"})
    squat = torch.as_tensor(np.array(arrays["squat"][told.rows("tune")]))[:, None]
    temperatures = []
    for wrong in (squat, ~squat):  # one of the kind is taken for the other, as surely
        logits = torch.where(squat, 4.0, -4.0)
        logits[int(wrong.float().argmax())] *= -1
        net = Squat(FaultNet(width=8, hidden=8), np.zeros((1, STEPS, CHANNELS), np.float32)).eval()
        net.said = lambda shown, logits=logits: logits  # type: ignore[method-assign]
        TASK.calibrate(net, told)
        temperatures.append(net.temperature)
    assert temperatures[1] > 1.3 * temperatures[0], "of two others one wrong is half of them, of eight squats an eighth"


def test_without_a_set_it_stops_in_one_line(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="needs rendered sets"):
        TASK.prepare(SquatData(), [], tmp_path / "data", 1)


def test_the_recipe_names_the_task() -> None:
    recipe = read(Path(recipes.__file__).with_name("recipes") / "squat-short.toml")
    assert recipe.maker is TASK

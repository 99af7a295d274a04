"""The depth task: rows whose truth is right, figures that tell good from bad, a gate that can fail."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from perfect import perfect

from convert import recipe
from convert.nets.depth import Deployed, DepthNet, SigmaFit
from convert.prepared import Prepared, write
from convert.recipe import read
from convert.synth.body import between as bodies_between
from convert.synth.body import load
from convert.synth.keypoint_reps import clip_truth
from convert.synth.recipe import Motion, Output, People, Recipe, View
from convert.tasks import depth_card
from convert.tasks import depth_figures as figures
from convert.tasks.depth import TASK, DepthData, DepthNetKind, augmented, layout
from convert.tasks.depth_data import _apart, _lenders, _split, fold_of_body, weights
from convert.tasks.depth_entries import Entry, of_clip
from convert.tasks.depth_rows import Lenders, errors_of, movements, rows
from device.errors import InputError
from device.squat.depth_features import COUNT, FRAME_SIZE, FRAMES, GLOBAL, PER_FRAME, features_of
from device.squat.perspective import Optics
from device.squat.pose import KEYPOINTS

RECIPE = Recipe(
    Output(seed=3, fps=15), People(bodies=(7, 14)),
    Motion(reps=(1, 1), thigh_deg=(95, 110), fault_share=0, walk_out_share=0, fail_share=0, holds={"bodyweight": 1}),
    View(view_deg=(40, 70), height_m=(0.9, 1.2), away_m=(3, 4), hfov_deg=(60, 70), roll_deg=(0, 0), barrel=(0, 0)),
)  # fmt: skip


@pytest.fixture(scope="module")
def entries() -> list[Entry]:
    found = []
    for clip in range(2):
        truth = clip_truth(RECIPE, clip)
        found += list(of_clip(truth, perfect(truth), f"set/{clip}", np.random.default_rng(0)))
    return found


def test_a_pose_model_without_errors_gives_entries_without_errors(entries: list[Entry]) -> None:
    assert sum(e.lowest for e in entries) == 2
    for entry in entries:
        error_px, error_m, _ = errors_of(entry, False)
        assert np.nanmax(np.abs(error_px[:-1, :17])) < 0.12  # what smoothing lags
        assert np.nanmax(np.abs(error_m[-1, :17])) < 0.02
    truth = clip_truth(RECIPE, 0)
    lowest = next(e for e in entries if e.lowest)
    assert lowest.margins * lowest.thigh_m * 100 == pytest.approx(truth.reps[0]["margins_cm"], abs=0.01)
    other = [e for e in entries if not e.lowest and e.name == "set/0"]
    assert all((e.margins <= lowest.margins + 1e-3).all() for e in other)


def test_someone_else_who_was_followed_lends_nothing() -> None:
    truth = clip_truth(RECIPE, 0)
    aside = [(at_s, replace(p, keypoints=p.keypoints + 150)) for at_s, p in perfect(truth) if p is not None]
    assert list(of_clip(truth, aside, "set/0", np.random.default_rng(0))) == []


def test_drawn_rows_hold_the_truth_of_their_movement(entries: list[Entry]) -> None:
    move = next(iter(movements(RECIPE, range(1))))
    found = list(rows([move], Lenders(entries), RECIPE, 6, np.random.default_rng(1)))
    truth = clip_truth(RECIPE, 0)
    lowest = [r for r in found if r.lowest]
    assert 3 <= len(lowest) < len(found)
    for row in lowest:
        assert 100 * row.margins * row.thigh_m == pytest.approx(truth.reps[0]["margins_cm"], abs=0.3)
        told = features_of(row.seen, row.view.size, Optics(), None)
        assert told is not None
        assert told.shape == (COUNT,)
    for row in found:
        assert (row.margins <= lowest[0].margins + 0.02).all()
        assert row.view.pitch_deg == pytest.approx(row.learnt_deg, abs=12)


def test_lenders_come_from_the_same_side_mirrored_where_needed(entries: list[Entry]) -> None:
    lenders = Lenders(entries)
    entry = entries[0]
    _, straight = lenders.lend(entry.view, entry.world, True, np.random.default_rng(0))
    other = replace(entry.view, view_deg=-entry.view.view_deg)
    _, mirrored = lenders.lend(other, entry.world, True, np.random.default_rng(0))
    assert (straight, mirrored) == (False, True)
    left, right = (KEYPOINTS.index(f"{side}_knee") for side in ("left", "right"))
    there = errors_of(entry, True)[1]
    assert there[:, left, 0] == pytest.approx(-errors_of(entry, False)[1][:, right, 0])


def test_calibration_figures_tell_honest_from_boasting() -> None:
    rng = np.random.default_rng(0)
    truth = rng.uniform(-0.2, 0.2, 20000)
    said = truth + rng.normal(0, 0.1, truth.shape)
    deep = truth > 0
    honest = figures.ece(figures.p_below(said, np.full(truth.shape, 0.1)), deep)
    boasting = figures.ece(figures.p_below(said, np.full(truth.shape, 0.03)), deep)
    assert honest < 0.03 < 0.06 < boasting
    assert figures.sigma_scale(said, np.full(truth.shape, 0.05), truth) == pytest.approx(2, abs=0.05)
    assert figures.brier(deep.astype(float), deep) == 0
    counts = figures.calibration(figures.p_below(said, np.full(truth.shape, 0.1)), deep)[:, 2]
    assert counts.tolist() == [2000] * 10
    cm = rng.normal(0, 5, 5000)
    picked = cm[figures.even(cm, rng)]
    assert np.ptp(np.histogram(picked, 8, (-8, 8))[0]) == 0


def test_sigmas_are_fitted_to_what_comes_true_near_parallel() -> None:
    rng = np.random.default_rng(0)
    truth = rng.uniform(-0.2, 0.2, 20000)
    found, said = truth + rng.normal(0, 0.12, truth.shape), np.full(truth.shape, 0.08)
    fit = figures.fit_sigma(found, said, truth > 0)
    before, after = (
        figures.ece(figures.p_below(found, sigmas), truth > 0) for sigmas in (said, np.sqrt(fit.variance(said**2)))
    )
    assert before > 0.05
    assert after < 0.015
    assert SigmaFit(2.0).variance(0.01) == pytest.approx(0.04)
    assert SigmaFit(1.0, 25.0).variance(0.04) == pytest.approx(0.08)  # as doubtful as lifts are scattered: twice


def test_calibration_is_fitted_where_there_are_reps_enough_and_ships_in_the_graph(
    prepared: Prepared, monkeypatch: pytest.MonkeyPatch
) -> None:
    net = TASK.net(DepthNetKind(2, 8, 16), prepared).eval()
    assert isinstance(net, DepthNet)
    TASK.calibrate(net, prepared)
    assert net.sigma == SigmaFit()  # 20 reps are too few
    monkeypatch.setattr("convert.tasks.depth.FITTED", 5)
    monkeypatch.setattr("convert.tasks.depth_figures.STEP_CM", 8.0)
    x = torch.from_numpy(np.array(prepared.arrays["guessed"][:5]))
    before = Deployed(net)(x)
    TASK.calibrate(net, prepared)
    assert net.sigma != SigmaFit()
    after = Deployed(net)(x)
    torch.testing.assert_close(after[0], before[0])
    torch.testing.assert_close(after[1], torch.sqrt(net.sigma.variance(before[1] ** 2)))


def test_no_member_learns_from_its_own_fold(prepared: Prepared) -> None:
    net = TASK.net(DepthNetKind(4, 8, 16), prepared)
    rows = np.flatnonzero(prepared.arrays["fold"] == 1)
    batch = {k: torch.from_numpy(v) for k, v in TASK.batch(prepared, rows, None).items()}
    TASK.loss(net, batch).backward()
    assert isinstance(net, DepthNet)
    learnt = [bool(member.frame[0].weight.grad.any()) for member in net.members]  # type: ignore[union-attr]
    assert learnt == [True, False, True, True]
    folds = fold_of_body()
    assert [sum(f == fold for f in folds.values()) for fold in range(4)] == [12] * 4
    assert all(_split(np.array(body)) == 0 for body in folds)


def test_each_margin_counts_as_much_as_any_other() -> None:
    margins = np.concatenate([np.full(300, -0.21), np.full(100, 0.11), np.full(100, 0.21)])
    arrays = {
        "margins": np.stack([margins, margins], 1), "thigh_m": np.full(500, 0.4), "kind": np.full(500, 2),
        "nearer": np.zeros(500, np.uint8),
    }  # fmt: skip
    weight = weights(arrays, np.full(500, True))
    sums = [weight[margins == m].sum() for m in (-0.21, 0.11, 0.21)]
    assert sums == pytest.approx([sums[0]] * 3, rel=0.01)
    arrays["kind"][0] = 0
    assert weights(arrays, np.full(500, True))[0] > 2.9 * weight[1]


def test_the_set_whose_seed_the_recipe_names_lends_to_what_tests_alone(entries: list[Entry], tmp_path: Path) -> None:
    data = read(Path(recipe.__file__).with_name("recipes") / "depth-short.toml").data
    assert data.test_seed >= 0
    for seed in (data.test_seed - 1, data.test_seed, data.test_seed + 1):
        (tmp_path / "recipe.json").write_text(json.dumps({"output": {"seed": seed}}))
        assert _apart(tmp_path, data.test_seed) == (seed == data.test_seed)
        assert not _apart(tmp_path, DepthData().test_seed)
    train, test = (replace(entries[0], body=body, name="apart/clip000000") for body in (0, 7))
    of_split = _lenders([train, test], {"apart"})
    assert of_split == {2: [train, test]}
    assert _lenders([train, test], set()) == {0: [train], 2: [test]}
    women = [[int(b) for b in range(64) if _split(np.array(b)) == split and b % 2 == 0] for split in (0, 1)]
    assert [len(each) for each in women] == [28, 4]


def test_bodies_and_errors_between_two_are_between_them(entries: list[Entry]) -> None:
    one, other = load(0), load(1)
    half = bodies_between(one, other, 0.5)
    assert half.thigh_m == pytest.approx((one.thigh_m + other.thigh_m) / 2, rel=0.01)
    assert half.rest == pytest.approx((one.rest + other.rest) / 2, abs=1e-6)
    moves = list(movements(RECIPE, range(2), between=True))
    assert {m.body for m in moves} <= {7, 14}
    assert moves[0].stature_m not in {load(b).stature_m for b in (7, 14)}
    found = list(rows(moves[:1], Lenders(entries, between=True), RECIPE, 3, np.random.default_rng(1)))
    assert found
    assert all(r.seen.scores.min() >= 0 and r.seen.scores.max() <= 1 for r in found)


def test_augmented_rows_swap_the_sides_of_what_they_should_give() -> None:
    rng = np.random.default_rng(0)
    features = rng.normal(size=(64, COUNT)).astype(np.float32)
    margins = np.tile(np.array([0.1, -0.1], np.float32), (64, 1))
    out = augmented(features.copy(), margins.copy(), rng)
    hips = COUNT - len(GLOBAL) + GLOBAL.index("hips_x")
    flipped = out["margins"][:, 0] < 0
    assert 10 < flipped.sum() < 54
    assert np.sign(out["features"][:, hips]) == pytest.approx(np.sign(features[:, hips]) * np.where(flipped, -1, 1))
    for name in ("camera_height", "height"):
        has, value = (COUNT - len(GLOBAL) + GLOBAL.index(n) for n in (f"has_{name}", name))
        hidden = out["features"][:, has] == 0
        assert 5 < hidden.sum() < 60
        assert not out["features"][hidden, value].any()


def test_augmented_rows_are_in_the_mean_what_the_device_will_show() -> None:
    out = augmented(np.ones((4000, COUNT), np.float32), np.zeros((4000, 2), np.float32), np.random.default_rng(0))
    frames = np.abs(out["features"][:, : FRAMES * FRAME_SIZE]).reshape(-1, FRAMES, FRAME_SIZE).mean((0, 1))
    start = 0
    for name, shape in PER_FRAME.items():
        size = int(np.prod(shape))
        shown = 0.7 if name.startswith("surface") else 1  # the others are hidden, which is told by their score
        assert frames[start : start + size] == pytest.approx(shown, rel=0.03), name
        start += size


@pytest.fixture
def prepared(tmp_path: Path) -> Prepared:
    rng, count = np.random.default_rng(0), 60
    margins = rng.uniform(-0.3, 0.3, (count, 2)).astype(np.float32)
    arrays: dict[str, Any] = {
        "guessed": rng.normal(size=(count, COUNT)).astype(np.float32), "margins": margins,
        "kind": np.full(count, 2, np.uint8), "nearer": rng.integers(0, 2, count).astype(np.uint8),
        "body": np.arange(count).astype(np.uint16), "view_deg": rng.uniform(-180, 180, count).astype(np.float32),
        "thigh_m": np.full(count, 0.42, np.float32), "pitch_deg": np.zeros(count, np.float32),
        "height_m": np.ones(count, np.float32), "weight": np.ones(count, np.float32),
        "fold": (np.arange(count) // 3 % 4).astype(np.uint8),
    }  # fmt: skip
    arrays["known"] = arrays["guessed"]
    split = (np.arange(count) % 3).astype(np.uint8)
    return write(tmp_path / "data", arrays, split, {"task": "depth", "layout": layout(), "sources": []})


class Graph:
    """Stands for a TFLite graph: the margin is the first feature, times what it is told."""

    def __init__(self, gain: float, sigma: float) -> None:
        self.gain, self.sigma = gain, sigma

    def __call__(self, values: np.ndarray) -> dict[str, np.ndarray]:
        margin = np.float32(values.ravel()[0] * self.gain)
        return {"margins": np.full((1, 2), margin), "sigmas": np.full((1, 2), self.sigma, np.float32)}


def test_the_gate_fails_where_a_clear_verdict_turns_and_only_there(prepared: Prepared) -> None:
    assert TASK.compare(Graph(1, 0.1), Graph(1.01, 0.1), prepared, False).passed  # type: ignore[arg-type]
    turned = TASK.compare(Graph(1, 0.1), Graph(-1, 0.1), prepared, False)  # type: ignore[arg-type]
    assert not turned.passed
    assert turned.figures["other_verdict_outside_the_band"] > 0
    doubtful = TASK.compare(Graph(0.001, 0.1), Graph(-0.001, 0.1), prepared, False)  # type: ignore[arg-type]
    assert doubtful.passed
    assert doubtful.figures["other_verdict"] == doubtful.figures["reps"] == 40


def test_the_deployed_network_gives_a_mirrored_rep_the_mirrored_depth(prepared: Prepared) -> None:
    from device.squat.depth_features import mirroring

    torch.manual_seed(0)
    net = TASK.net(DepthNetKind(2, 8, 16), prepared).eval()
    graph = Deployed(net)
    assert isinstance(net, DepthNet)
    order, sign = mirroring()
    x = np.array(prepared.arrays["guessed"][:5])
    (margins, sigmas), (there, doubt) = (tuple(a.detach().numpy() for a in graph(torch.from_numpy(v)))
                                         for v in (x, x[:, order] * sign))  # fmt: skip
    assert there == pytest.approx(margins[:, ::-1], abs=1e-5)
    assert doubt == pytest.approx(sigmas[:, ::-1], abs=1e-5)
    assert (sigmas > 0).all()


def test_a_source_without_reps_is_named(monkeypatch: pytest.MonkeyPatch, entries: list[Entry], tmp_path: Path) -> None:
    found = [replace(e, name="one/clip000000") for e in entries]
    monkeypatch.setattr("convert.tasks.depth_data.entries", lambda *_: found)
    with pytest.raises(InputError, match="two: the device finds no rep in it"):
        TASK.prepare(DepthData(clips=1, views=1), [tmp_path / "one", tmp_path / "two"], tmp_path / "data", 1)
    found.clear()
    with pytest.raises(InputError, match="one: the device finds no rep in it"):
        TASK.prepare(DepthData(clips=1, views=1), [tmp_path / "one"], tmp_path / "data", 1)


def test_the_reliability_diagram_is_drawn(tmp_path: Path) -> None:
    p = np.linspace(0.01, 0.99, 100)
    depth_card.draw([("known", p, p > 0.5)], tmp_path / "depth-reliability.png")
    assert (tmp_path / "depth-reliability.png").read_bytes()[:4] == b"\x89PNG"

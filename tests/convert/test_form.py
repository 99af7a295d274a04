"""Form: what counts as bad, the data, the figures, and the tables beside the paper's."""

import json
from dataclasses import replace

import numpy as np
import pytest

pytest.importorskip("torch", reason="training needs torch: pip install 'squatlight[convert]'")
pytest.importorskip("scipy", reason="the generator needs scipy: pip install 'squatlight[synth]'")

import torch

from convert.datasets import posture_classes
from convert.nets.form import FaultNet, Member, PaperNet
from convert.nets.form_geometry import Geometry
from convert.posture_report import level, macro_f1, named
from convert.prepared import Prepared
from convert.synth.found import SHARES, Donor, Finder, px_per_leg
from convert.synth.keypoint_reps import keypoint_reps
from convert.tasks import form, form_paper, form_reps, form_shown
from convert.tasks.depth_entries import View
from convert.tasks.form_figures import Said, balanced, figures, same_verdicts, unasked
from convert.tasks.form_figures import partial as partial_sentence
from convert.tasks.form_reps import DISPUTED, FAULT_NAMES, LIMITS, FormData, is_bad, is_clear
from convert.tasks.form_tables import beside_paper
from device.errors import InputError
from device.squat.form_input import (
    CAMERA,
    CHANNELS,
    DOWN,
    PER_JOINT,
    PLACE,
    POINTS,
    REFINED,
    REFINED_CHANNELS,
    STEPS,
    mirrored,
    refined_input,
)
from device.squat.perspective import Optics
from device.squat.pose import JOINTS
from device.squat.pose_image import FRAMES, HEIGHT, WIDTH


@pytest.fixture(scope="module")
def prepared(tmp_path_factory) -> Prepared:
    """Some hundred drawn reps, without a pose model's errors."""
    data = form.FaultData(clips=12, good_clips=20, partial_clips=24, reps=(2, 3), found=0, workers=1)
    return form.TASK.prepare(data, [], tmp_path_factory.mktemp("form"), 3)


def test_a_rep_is_bad_by_any_fault_that_counts_and_clear_away_from_where_it_begins_to():
    sizes = np.tile(LIMITS - 20, (4, 1))
    knees = FAULT_NAMES.index("knees_in")
    sizes[1, knees] = LIMITS[knees] + 1
    sizes[2, knees] = LIMITS[knees] - 1
    sizes[3, knees] = LIMITS[knees] + DISPUTED["knees_in"] + 1
    assert is_bad(sizes).tolist() == [False, True, False, True]
    assert is_clear(sizes).tolist() == [True, False, False, True]


def test_reps_are_split_by_body_and_hold_what_they_were_drawn_with(prepared):
    body, split = np.array(prepared.arrays["body"]), prepared.split
    assert set(body[split == 2] % 8) == {7}
    assert set(body[split == 1] % 8) == {6}
    assert not set(body[split == 0] % 8) & {6, 7}
    shown = prepared.arrays["shown"]
    assert shown.shape[1:] == (1, STEPS, REFINED_CHANNELS)
    lowest = shown[:, 0, DOWN, :].reshape(len(shown), -1)
    assert np.isfinite(lowest).all()
    assert prepared.arrays["points"].shape[1:] == (1, FRAMES, 17, 2)


def test_a_bottom_alone_is_the_bottom(prepared):
    shown, alone = (np.array(prepared.arrays[name][:, 0], np.float32) for name in ("shown", "alone"))
    ankle = JOINTS.index("left_ankle") * PER_JOINT + 4  # below the hips in the picture
    assert np.abs(alone[:, ankle] - shown[:, DOWN, ankle]).max() < 0.15
    assert (shown[:, 0, ankle] - alone[:, ankle]).min() > 0.15


def test_partial_squats_end_higher_and_are_judged_apart(prepared):
    partial, shallow = np.array(prepared.arrays["partial"]), prepared.arrays["sizes"][:, FAULT_NAMES.index("shallow")]
    assert np.median(shallow[partial]) > np.median(shallow[~partial]) + 8
    for split in ("train", "tune", "test"):
        rows, apart = form_shown.judged(prepared, split), form_shown.judged(prepared, split, partial=True)
        assert len(rows)
        assert len(apart)
        assert not partial[rows].any()
        assert partial[apart].all()
        assert sorted([*rows, *apart]) == prepared.rows(split).tolist()
    net = form.TASK.net(FaultNet(width=16, hidden=16), prepared).eval()
    sizes = np.array(prepared.arrays["sizes"])
    sizes[form_shown.judged(prepared, "test", partial=True)] = 1e3
    wrong = replace(prepared, arrays={**prepared.arrays, "sizes": sizes})
    with torch.no_grad():
        assert form.TASK.measure(net, wrong, "test") == form.TASK.measure(net, prepared, "test")


def test_errors_are_lent_among_partial_squats_and_among_the_others(prepared):
    partial, rng = np.array(prepared.arrays["partial"]), np.random.default_rng(2)
    rows = np.arange(len(partial))
    assert (partial[form_shown.neighbours(prepared, rows, rng)] == partial).all()


def two_versions(prepared: Prepared) -> Prepared:
    """The data with each rep also as found: all joints off by a tenth."""
    arrays = dict(prepared.arrays)
    for name in ("shown", "alone", "shown_known", "alone_known"):
        true = np.array(prepared.arrays[name], np.float32)
        arrays[name] = np.concatenate([true, true + 0.1], 1)
    return replace(prepared, arrays=arrays)


def test_a_known_camera_shows_the_trunks_lean_as_it_is(prepared):
    """From true joints, as well as a person measured the pitch: the most that the trunk leans at any step."""
    bent = np.array(prepared.arrays["sizes"])[:, FAULT_NAMES.index("bent_over")]
    off = {}
    for name in ("shown", "shown_known"):
        shown = np.array(prepared.arrays[name][:, 0], np.float32)
        room = shown[..., : len(JOINTS) * PER_JOINT].reshape(len(shown), STEPS, len(JOINTS), PER_JOINT)[..., :3]
        ends = [room[:, :, [JOINTS.index(f"{s}_{n}") for s in ("left", "right")]].mean(2) for n in ("shoulder", "hip")]
        trunk = ends[0] - ends[1]
        lean = np.degrees(np.arccos(-trunk[..., 1] / np.linalg.norm(trunk, axis=-1))).max(1)
        off[name] = np.median(np.abs(lean - bent))
        known = shown[..., PLACE.start]
        assert (known == float(name == "shown_known")).all()
    assert off["shown_known"] < 0.8 * off["shown"], "unknown, it is guessed by how the lifter balances"


@pytest.mark.parametrize(("share", "known"), [(0.0, 0.0), (1.0, 1.0)])
def test_training_batches_are_seen_by_known_cameras_as_often_as_told(prepared, monkeypatch, share, known):
    monkeypatch.setattr(form_shown, "KNOWN_SHARE", share)
    monkeypatch.setattr(form_shown, "BOTTOM_SHARE", 0.0)
    batch = form.TASK.batch(prepared, np.arange(12), np.random.default_rng(1))
    assert (batch["shown"][..., PLACE.start] == known).all()
    assert (form.TASK.batch(prepared, np.arange(12), None)["shown"][..., PLACE.start] == 0).all()


def test_extremes_tell_what_happens_at_one_step_alone():
    torch.manual_seed(1)
    shown = np.zeros((2, STEPS, CHANNELS), np.float32)
    told = {"width": 8, "hidden": 8}
    for extremes in (0, 4):
        member = Member(FaultNet(**told, extremes=extremes), CHANNELS, 3).eval()
        steps = torch.as_tensor(shown)
        steps[1, 5] = 3.0
        assert member(steps).shape == (2, 3)
        assert (member.extremes is not None) == bool(extremes)
    moved = torch.zeros(1, STEPS, CHANNELS)
    moved[0, 5, 7] = 3.0
    elsewhere = torch.zeros(1, STEPS, CHANNELS)
    elsewhere[0, 17, 7] = 3.0
    with torch.no_grad():
        member.judging[1].weight[:, : 8 * (STEPS // 4)] = 0  # all but the extremes
        assert torch.equal(member(moved), member(elsewhere))
        assert not torch.equal(member(moved), member(torch.zeros(1, STEPS, CHANNELS)))


def test_only_reps_whose_legs_were_seen_teach_and_are_measured(prepared):
    rows = form_shown.judged(prepared, "test")
    hidden = dict(prepared.arrays)
    shown = np.array(prepared.arrays["shown"], np.float32)
    first = rows[: len(rows) // 2]
    for side in ("left", "right"):
        score = (JOINTS.index(f"{side}_hip") + 1) * PER_JOINT - 1
        shown[first, :, DOWN, score] = 0.49
        if side == "left":
            one_side = form_shown.asked(shown[rows, -1])
    assert one_side.all(), "a leg is enough"
    assert form_shown.asked(shown[rows, -1]).tolist() == [False] * len(first) + [True] * (len(rows) - len(first))
    sizes = np.array(prepared.arrays["sizes"])
    sizes[first] = 1e3
    hidden |= {"shown": shown, "sizes": sizes}
    net = form.TASK.net(FaultNet(width=16, hidden=16), prepared).eval()
    few = replace(prepared, arrays=hidden)
    with torch.no_grad():
        assert form.TASK.measure(net, few, "test")["accuracy"] == pytest.approx(
            form.TASK.measure(net, replace(few, arrays={**hidden, "sizes": prepared.arrays["sizes"]}), "test")[
                "accuracy"
            ]
        )
        batch = {k: torch.as_tensor(v) for k, v in form.TASK.batch(few, rows, None).items()}
        assert batch["weight"].tolist() == [0.0] * len(first) + [1.0] * (len(rows) - len(first))
        before = float(form.TASK.loss(net, batch))
        batch["good"][: len(first)] = ~batch["good"][: len(first)]
        assert float(form.TASK.loss(net, batch)) == before
        batch["good"][-1] = ~batch["good"][-1]
        assert float(form.TASK.loss(net, batch)) != before


def test_reps_that_are_not_asked_about_have_a_sentence_of_their_own():
    sizes = np.tile(LIMITS - 20, (4, 1))
    sizes[:2] = LIMITS + 20
    told = unasked(Said(np.array([0.1, 0.9, 0.9, 0.9])), sizes, np.array([True, False, True, True]))
    assert "75% of 4" in told
    assert "About all 4 the network would be right in 75.0% (75.0% of the undisputed)" in told


@pytest.mark.parametrize("share", [0.0, 1.0])
def test_some_reps_are_shown_without_refined_points(prepared, monkeypatch, share):
    monkeypatch.setattr(form_shown, "UNREFINED_SHARE", share)
    monkeypatch.setattr(form_shown, "UNREFINED_BOTTOMS", share)
    batch = form.TASK.batch(prepared, np.arange(12), np.random.default_rng(1))
    assert batch["shown"][:, DOWN, :CHANNELS].any(-1).all()
    assert batch["shown"][:, DOWN, POINTS].any(-1).all() == (share == 0)
    assert form.TASK.batch(prepared, np.arange(12), None)["shown"][:, DOWN, POINTS].any(-1).all()


def test_a_step_at_which_a_lender_has_no_refined_points_lends_none(prepared, monkeypatch):
    monkeypatch.setattr(form_shown, "EXCHANGED", 1.0)
    monkeypatch.setattr(form_shown, "TRUE_SHARE", 0.0)
    found = two_versions(prepared)
    for name in ("shown", "shown_known"):
        found.arrays[name][:, 1, 3, POINTS] = 0
    shown = form_shown.disturbed(found, "shown", np.arange(12), np.random.default_rng(1))
    assert not shown[:, 3, POINTS].any()
    assert shown[:, 2, POINTS].any(-1).all()


def test_a_bottom_alone_is_shown_with_the_rest_of_its_row(prepared, monkeypatch):
    monkeypatch.setattr(form_shown, "UNREFINED_BOTTOMS", 0.0)
    monkeypatch.setattr(form_shown, "BOTTOM_SHARE", 1.0)
    monkeypatch.setattr(form_shown, "TRUE_SHARE", 1.0)
    found = two_versions(prepared)
    rows = np.arange(12)
    batch = form.TASK.batch(found, rows, np.random.default_rng(1))
    alone = np.array(found.arrays["alone"][rows, 0], np.float32)
    for row, shown in zip(alone, batch["shown"], strict=True):
        as_is = any(np.allclose(shown[DOWN], one, atol=1e-3) for one in (row, mirrored(np.tile(row, (STEPS, 1)))[0]))
        assert as_is
        assert (shown[:, CAMERA] == shown[DOWN, CAMERA]).all()
        steps = np.flatnonzero(np.delete(shown, CAMERA, 1).any(1))
        assert steps.tolist() == [DOWN - 1, DOWN, DOWN + 1]
    sizes = np.array(prepared.arrays["sizes"][rows])
    assert (batch["good"][:, 0] == ~is_bad(sizes)).all()


def test_errors_are_exchanged_whole_and_true_reps_stay_true(prepared, monkeypatch):
    found, rows, rng = two_versions(prepared), np.arange(20), np.random.default_rng(1)
    true = np.array(prepared.arrays["alone"][rows, 0], np.float32)
    monkeypatch.setattr(form_shown, "EXCHANGED", 1.0)
    monkeypatch.setattr(form_shown, "TRUE_SHARE", 0.0)
    joints = np.r_[0:5, 6:11]  # without scores, which are the lender's
    off = form_shown.disturbed(found, "alone", rows, rng)[:, joints] - true[:, joints]
    assert off.mean() == pytest.approx(0.1, abs=0.02)
    assert off.std(1).max() < 2e-3  # one factor for each rep
    assert off.std() > 0.005
    monkeypatch.setattr(form_shown, "TRUE_SHARE", 1.0)
    np.testing.assert_allclose(form_shown.disturbed(found, "alone", rows, rng), true, atol=1e-3)


def test_data_prepared_before_bottoms_were_kept_are_refused_in_one_line(prepared):
    old = replace(prepared, arrays={name: a for name, a in prepared.arrays.items() if name != "alone"})
    with pytest.raises(InputError, match=r"without alone\.npy; prepare it anew"):
        form.TASK.net(FaultNet(width=16, hidden=16), old)


def test_partial_squats_have_a_sentence_of_their_own():
    sizes = np.tile(LIMITS - 20, (4, 1))
    shallow = FAULT_NAMES.index("shallow")
    sizes[:3, shallow] = 10, 12, 14
    said = Said(np.array([0.1, 0.1, 0.9, 0.9]), None, np.zeros_like(sizes))
    told = partial_sentence(said, sizes)
    assert "4 quarter and half squats" in told
    assert "75% of them bad: right 75.0%" in told
    assert "end 11.0 cm above parallel" in told
    assert "told to 13.0 cm (one in ten 18.2 or more)" in told


def test_a_networks_view_of_a_mirrored_rep_has_the_sides_swapped(prepared):
    shown = np.array(prepared.arrays["shown"][:4, 0], np.float32)
    seen, other = (Geometry()(torch.as_tensor(part)) for part in (shown, mirrored(shown)))
    left, right = slice(15, 28), slice(28, 41)
    assert torch.allclose(other[..., left], seen[..., right], atol=1e-5)
    assert torch.allclose(other[..., right], seen[..., left], atol=1e-5)


def test_parts_of_the_body_are_told_against_how_they_stood(prepared):
    shown = torch.as_tensor(np.array(prepared.arrays["shown"][:4, 0], np.float32))
    parts = Geometry()(shown)[..., 41 : 41 + 130]
    longer, turned, aside = parts[..., 70:80], parts[..., 90:100], parts[..., 100:110]
    assert not longer[:, 0].any()
    assert torch.allclose(turned[:, 0], torch.ones(4, 10), atol=0.05)
    trunk, shank = 0, 3
    lean = torch.rad2deg(torch.atan2(aside, turned))[:, DOWN]
    assert (lean[:, trunk].abs() > 15).all()  # both tip over between standing and the bottom, the shank less
    assert (lean[:, shank].abs() > 5).all()


def test_refined_points_tell_how_the_trunk_leans_in_the_picture(prepared):
    shown = np.array(prepared.arrays["shown"][:4, 0], np.float32)
    seen, without = (Geometry()(torch.as_tensor(part)) for part in (shown, shown[..., :CHANNELS]))
    assert torch.equal(seen[..., : without.shape[-1]], without)
    refined = seen[..., without.shape[-1] :].numpy()
    points = shown[..., POINTS].reshape(4, STEPS, REFINED, 2)
    middle = {
        n: points[:, :, [JOINTS.index(f"{s}_{n}") for s in ("left", "right")]].mean(2) for n in ("hip", "shoulder")
    }
    trunk = middle["shoulder"] - middle["hip"]
    assert refined[..., :2] == pytest.approx(trunk / np.sqrt((trunk**2).sum(-1, keepdims=True) + 1e-4), abs=1e-3)
    left_knee_top, left_crease = points[..., len(JOINTS) + 2, :], points[..., len(JOINTS), :]
    assert refined[..., -6:-4] == pytest.approx(left_knee_top - left_crease, abs=1e-4)


@pytest.mark.parametrize(
    ("task", "told"), [(form.TASK, FaultNet(width=16, hidden=16)), (form_paper.TASK, PaperNet(2, shrink=4))]
)
def test_both_networks_learn_from_a_batch_and_give_what_the_device_asks(prepared, task, told):
    torch.manual_seed(1)
    net = task.net(told, prepared)
    rows = np.arange(12)
    batch = {k: torch.as_tensor(np.asarray(v)) for k, v in task.batch(prepared, rows, np.random.default_rng(1)).items()}
    first = float(task.loss(net, batch).detach())
    optimizer = torch.optim.Adam(net.parameters(), 3e-3)
    for _ in range(25):
        optimizer.zero_grad()
        task.loss(net, batch).backward()
        optimizer.step()
    net.eval()
    assert float(task.loss(net, batch).detach()) < 0.8 * first
    example = torch.as_tensor(task.calibration(prepared, 2, 1)[:1])
    outputs = task.deployed(net)(example)
    assert len(outputs) == len(task.outputs)
    assert 0 <= float(outputs[0].detach()[0, 0]) <= 1
    if task is form_paper.TASK:
        assert example.shape == (1, HEIGHT, WIDTH, 3)
        assert float(net.penalty().detach()) > 0


def test_the_papers_network_tells_pictures_apart_from_the_first_step_on():
    torch.manual_seed(1)
    net = form_paper.TASK.net(PaperNet(blocks=4, shrink=6), None).eval()
    weights = [layer for layer in net.modules() if isinstance(layer, (torch.nn.Conv2d, torch.nn.Linear))]
    assert not any(layer.bias.any() for layer in weights)
    drawn = form_paper.images(np.random.default_rng(0).uniform(20, 90, (8, 17, 2)).astype(np.float32))
    with torch.no_grad():
        assert net(torch.as_tensor(drawn).float() / 255)[:, 0].std() > 2e-4  # 1e-5 as PyTorch begins


def test_training_pictures_are_made_smaller_as_often_as_the_recipe_says(prepared):
    rows, sizes = np.arange(len(prepared.split)), {}
    for zoomed in (0.0, 1.0):
        told = replace(prepared, about={**prepared.about, "told": {"zoomed": zoomed}})
        drawn = form_paper.TASK.batch(told, rows, np.random.default_rng(0))["images"]
        sizes[zoomed] = np.ptp(np.nonzero(drawn.any((0, 2, 3)))[0])
    assert sizes[1.0] < 0.6 * sizes[0.0]
    drawn = form_paper.TASK.batch(prepared, rows, None)["images"]
    assert np.ptp(np.nonzero(drawn.any((0, 2, 3)))[0]) > 0.9 * sizes[0.0]


def test_lent_errors_move_the_joints_as_the_donor_says(prepared):
    (rep, *_) = keypoint_reps(form_reps.recipe_of(FormData(), 3), range(2), (10.0, 11.0))
    world = np.zeros((len(SHARES), 17, 3), np.float32)
    world[:, 0, 1] = -0.5  # the nose half a leg too high
    scores = np.full((len(SHARES), 17), 0.8, np.float32)
    refined = np.zeros((len(SHARES), REFINED, 2), np.float32)
    refined[:, 20, 0] = 0.3  # the right knee's top too far to the right
    donor = Donor(0.0, 0.0, 0, world, np.zeros((len(SHARES), 17, 2), np.float32), scores, refined)
    true = Finder([]).poses(rep, None)
    lent = Finder([donor]).poses(rep, np.random.default_rng(0))
    moved = np.array([b.world[0, 1] - a.world[0, 1] for a, b in zip(true, lent, strict=True)])
    assert -0.7 < moved.mean() < -0.2
    assert max(float(pose.scores[5]) for pose in lent) <= 0.8 + 1e-6
    px = px_per_leg(rep)
    aside = (
        np.array([b.keypoints[19:21, 0] - a.keypoints[19:21, 0] for a, b in zip(true, lent, strict=True)]) / px[:, None]
    )
    left, right = aside.mean(0)
    assert 0.1 < right - left < 0.5, "the donor as it is, or its mirror image"
    assert min(abs(left), abs(right)) < 0.01
    still = np.array([b.refined - a.refined for a, b in zip(true, lent, strict=True)]) / px[:, None, None]
    assert np.abs(still).max() < 0.03, "their errors are zero but for the shiver"
    other = donor.mirrored()
    assert other.refined[:, 19, 0] == pytest.approx(-0.3), "the left one's, to the left"


def test_a_donor_whom_the_head_did_not_look_at_lends_no_refined_joints():
    (rep, *_) = keypoint_reps(form_reps.recipe_of(FormData(), 3), range(2), (10.0, 11.0))
    nothing = np.zeros((len(SHARES), 17, 3), np.float32)
    unknown = np.full((len(SHARES), REFINED, 2), np.nan, np.float32)
    unknown[len(SHARES) // 2 :] = 0  # from the bottom on it looked
    donor = Donor(0.0, 0.0, 0, nothing, nothing[..., :2], nothing[..., 0], unknown)
    poses = Finder([donor]).poses(rep, np.random.default_rng(0))
    there = [pose.refined is not None for pose in poses]
    assert not there[0]
    assert there[-1]
    for pose in poses:
        assert np.isfinite(pose.keypoints[:17]).all()
        assert np.isfinite(pose.keypoints[17:21]).all() == (pose.refined is not None)
    shown = refined_input(form_reps.device_rep(rep, poses, np.random.default_rng(1)), Optics())
    assert np.isfinite(shown).all()
    assert not shown[0, POINTS].any()
    assert shown[-1, POINTS].any()


def test_a_known_camera_is_one_that_a_person_measured():
    camera = View(40.0, 12.0, 70.0, 1.1, 900.0, (640, 480))
    drawn = [form_reps.measured(camera, np.random.default_rng(k)) for k in range(400)]
    pitch, fov = (np.array([getattr(optics, name) for optics in drawn]) for name in ("pitch_deg", "fov_deg"))
    assert all(optics.known for optics in drawn)
    assert (pitch.mean(), pitch.std()) == pytest.approx((12.0, form_reps.PITCH_OFF_DEG), abs=0.2)
    assert (fov.mean(), fov.std()) == pytest.approx((70.0, 70.0 * form_reps.FOV_OFF), abs=0.3)


def test_data_of_another_version_of_the_input_is_refused(prepared):
    old = replace(prepared, about={**prepared.about, "refined_input": 1})
    with pytest.raises(InputError, match="prepared with another refined_input; prepare it anew"):
        form.TASK.net(FaultNet(width=16, hidden=16), old)


def test_no_error_that_trained_a_network_tests_it():
    def donor(body):
        nothing = np.zeros((len(SHARES), 17, 3), np.float32)
        return Donor(0.0, 0.0, body, nothing, nothing[..., :2], nothing[..., 0], nothing[..., :2])

    train, tune, test = form_reps.lenders_of([donor(body) for body in range(8)])
    assert [[lender.body for lender in part] for part in (train, tune, test)] == [[0, 1, 2, 3, 4, 5], [6], [7]]
    assert form_reps.lenders_of([donor(3)])[2][0].body == 3  # nobody else was rendered


def test_figures_of_a_perfect_and_of_an_always_bad_judge():
    sizes = np.tile(LIMITS - 20, (10, 1))
    sizes[:8, 0] = LIMITS[0] + 30
    perfect, always = (figures(Said(p), sizes) for p in (np.where(is_bad(sizes), 0.1, 0.9), np.full(10, 0.2)))
    assert (perfect["accuracy"], perfect["balanced"], perfect["auc"]) == (1.0, 1.0, 1.0)
    assert (always["accuracy"], always["balanced"], always["auc"]) == (0.8, 0.5, 0.5)
    assert np.isnan(balanced(np.array([True]), np.array([True])))


def test_a_quantized_graph_passes_where_it_wavers_inside_the_band_and_fails_where_it_is_sure_of_the_contrary():
    floating = Said(np.array([0.45, 0.9]))
    assert same_verdicts(floating, Said(np.array([0.55, 0.85]))).passed
    assert not same_verdicts(floating, Said(np.array([0.85, 0.9]))).passed
    assert not same_verdicts(Said(np.array([0.9]), np.zeros((1, 10))), Said(np.array([0.9]), np.ones((1, 10)))).passed


def test_a_class_is_named_by_the_likeliest_fault_and_others_where_none_is_likely():
    faults = np.zeros((3, len(FAULT_NAMES)))
    faults[1, FAULT_NAMES.index("bent_over")] = 0.9
    found = named(Said(np.array([0.9, 0.1, 0.1]), faults))
    assert [posture_classes.CLASSES[k] for k in found] == ["acc", "bo", "others"]
    assert macro_f1(np.array([0, 2]), np.array([0, 2]), False) == pytest.approx(2 / 6)


def test_a_level_parts_good_from_bad_as_well_as_any():
    good, bad = np.array([0.05, 0.1, 0.2, 0.3, 0.3, 0.9]), np.array([True, True, False, True, False, False])
    at = level(good, bad)
    assert 0.1 < at < 0.2
    faults = np.zeros((1, len(FAULT_NAMES)))
    faults[0, FAULT_NAMES.index("shallow")] = 0.9
    said = Said(np.array([0.17]), faults)
    assert [posture_classes.CLASSES[named(said, good_from=p)[0]] for p in (0.5, at)] == ["hs", "acc"]


def test_the_papers_numbers_stand_beside_ours(tmp_path):
    line = {"values": {"net.blocks": 1, "net.l2": 0.01}, "tune": {"loss": 3.25}, "test": {"accuracy": 0.75},
            "epochs": 2, "minutes": 1.0}  # fmt: skip
    (tmp_path / "sweep.json").write_text(json.dumps([line]))
    (tmp_path / "blocks=1_l2=0.01").mkdir()
    history = [{"loss": 2.5, "tune": {"score": 0.7}}, {"loss": 2.25, "tune": {"score": 0.6}}]
    (tmp_path / "blocks=1_l2=0.01" / "history.json").write_text(json.dumps(history))
    told = "\n".join(beside_paper(tmp_path))
    assert "2.25 / 3.25 \\| 2.21 / 3.54; 75%" in told
    with pytest.raises(InputError, match="no sweep"):
        list(beside_paper(tmp_path / "nowhere"))


def test_errors_can_only_be_lent_where_there_are_rendered_sets(tmp_path):
    with pytest.raises(InputError, match=r"data\.found"):
        form.TASK.prepare(form.FaultData(clips=1), [], tmp_path, 1)

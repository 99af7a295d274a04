"""The posture classes are read with the depth of MediaPipe's world, and bottoms alone shown as the device sees them."""

import csv
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch", reason="training needs torch: pip install 'squatlight[convert]'")
pytest.importorskip("scipy", reason="the generator needs scipy: pip install 'squatlight[synth]'")

from convert import posture_report
from convert.datasets import mediapipe, posture_classes
from convert.datasets.posture_classes import CLASSES
from convert.metrics import auc
from convert.posture_report import GOOD, OTHERS, by_class, inputs, thighs_deg
from convert.synth.found import Finder
from convert.synth.keypoint_reps import keypoint_reps
from convert.tasks import form, form_shown
from convert.tasks.form_figures import Said
from convert.tasks.form_reps import FAULT_NAMES, FormData, lone, recipe_of
from device.errors import InputError
from device.inference.models import shipped_folder
from device.inference.tflite import Model
from device.squat.form_input import CAMERA, DOWN, PER_JOINT, REFINED_CHANNELS, STEPS, refined_input
from device.squat.perspective import Optics
from device.squat.pose import JOINTS, index
from device.squat.rep import Rep, Tempo

DATA = Path(__file__).parents[2].parent / "shared" / "data" / "posture_classes"
REAL = pytest.mark.skipif(not DATA.is_dir(), reason="needs ../shared/data")
LANDMARK_OF = dict(zip(JOINTS, (0, 11, 12, 13, 14, 15, 16, 23, 24, 25, 26, 27, 28, 29, 30, 31, 32), strict=True))
SIZE = (1280, 720)


def squatter() -> np.ndarray:
    """(33, 3) metres of MediaPipe's axes: somebody deep in a squat, seen half from the side, legs 0.8 m."""
    at = np.random.default_rng(5).normal(0, 0.05, (33, 3))
    for name, (x, y, z) in {
        "hip": (0.1, 0, 0), "knee": (0.25, -0.02, -0.3), "ankle": (0.12, 0.4, -0.2), "shoulder": (0.18, -0.4, -0.2),
    }.items():  # fmt: skip
        for side, sign in (("left", 1), ("right", -1)):
            at[LANDMARK_OF[f"{side}_{name}"]] = sign * x, y, z
    return at


def write(folder: Path, rows: dict[str, list[np.ndarray]]) -> None:
    """The folders of the classes, each with the same rows (33, 3) pixels in both splits."""
    head = ["frame_width", "frame_height", *(f"{c}_{k}" for k in range(33) for c in ("x", "y", "z", "visibility"))]
    for name in CLASSES:
        (folder / name).mkdir(parents=True)
        for split in ("train", "test"):
            with (folder / name / f"{name}-{split}.csv").open("w", newline="") as file:
                writer = csv.writer(file)
                writer.writerow(head)
                for points in rows.get(name, []):
                    shares = points / [SIZE[0], SIZE[1], SIZE[0]]
                    writer.writerow([*SIZE, *np.insert(shares, 3, 0.9, 1).ravel().tolist()])


def test_a_bottom_has_the_depth_of_mediapipes_world_not_of_its_picture(tmp_path: Path) -> None:
    world = squatter()
    picture = world * [1, 1, 1 / mediapipe.WORLD_PER_PICTURE] * 250 + [600, 400, 0]
    write(tmp_path, {"bo": [picture]})
    bottoms = posture_classes.read(tmp_path, "train")
    assert bottoms.label.tolist() == [CLASSES.index("bo")]
    found = bottoms.pose(0).world
    hips, knees, ankles = (index(f"left_{n}", f"right_{n}") for n in ("hip", "knee", "ankle"))
    legs = np.linalg.norm(found[hips] - found[knees], axis=-1) + np.linalg.norm(found[knees] - found[ankles], axis=-1)
    assert legs.mean() == pytest.approx(mediapipe.LEG_M, abs=1e-3)
    true = np.array([world[LANDMARK_OF[name]] for name in JOINTS])
    scale = legs.mean() / (np.linalg.norm(true[hips] - true[knees], axis=-1).mean()
                           + np.linalg.norm(true[knees] - true[ankles], axis=-1).mean())  # fmt: skip
    np.testing.assert_allclose(found[: len(JOINTS)], (true - true[hips].mean(0)) * scale, atol=2e-3)


def test_each_class_is_told_with_its_depth_and_what_it_is_taken_for(tmp_path: Path) -> None:
    deep = squatter() * [1, 1, 1 / mediapipe.WORLD_PER_PICTURE] * 250 + [600, 400, 0]
    upright = deep.copy()
    upright[[25, 26]] = upright[[23, 24]] + [0, 80, 0]
    write(tmp_path, {"acc": [deep, deep], **{name: [upright] for name in CLASSES[1:]}})
    bottoms = posture_classes.read(tmp_path, "test")
    assert thighs_deg(bottoms)[:3] == pytest.approx([93.8, 93.8, 0], abs=0.2)
    faults = np.tile(np.eye(len(FAULT_NAMES))[FAULT_NAMES.index("bent_over")], (len(bottoms.label), 1))
    told = list(by_class(bottoms, Said(np.where(bottoms.label == GOOD, 0.75, 0.25), faults)))
    assert told[2] == "| acc | 2 | 94 | 0.75 | acc, 100% |"
    assert told[3] == "| ak | 1 | 0 | 0.25 | bo, 100% |"


@pytest.mark.parametrize(
    ("mend", "said"),
    [
        (lambda path: path.unlink(), "no bo-train.csv"),
        (lambda path: path.write_text(path.read_text().replace("0.9", "nan")), "bo-train.csv, line 2: NaN"),
        (lambda path: path.write_text(path.read_text().replace("0.9", "much")), "bo-train.csv, line 2: not a row"),
        (lambda path: path.write_text(path.read_text().replace("x_7", "u_7")), "bo-train.csv, line 2: not a row"),
    ],
)
def test_what_cannot_be_read_is_told_in_one_line(tmp_path: Path, mend, said: str) -> None:
    write(tmp_path, {"bo": [squatter() * 250 + [600, 400, 0]]})
    mend(tmp_path / "bo" / "bo-train.csv")
    with pytest.raises(InputError, match=said) as told:
        posture_classes.read(tmp_path, "train")
    assert "\n" not in str(told.value)


def test_a_bottom_alone_is_shown_as_seen_by_a_level_camera() -> None:
    (rep, *_) = keypoint_reps(recipe_of(FormData(), 3), range(4), (10.0, 11.0))
    poses = Finder([]).poses(rep, None)
    at = int(np.argmin([abs(pose.captured_s - rep.bottom_s) for pose in poses]))
    whole = refined_input(Rep(1, tuple(poses), poses[0].captured_s, rep.bottom_s, poses[-1].captured_s, at,
                           Tempo(1.0, 0.0, 1.0), True, 0), Optics())  # fmt: skip
    alone = lone(poses[at], Optics())
    assert whole is not None
    assert abs(whole[DOWN, CAMERA][-1]) > 0.1  # the camera looks up or down, as who stands tells
    assert alone[CAMERA][-1] == 0
    joints = len(JOINTS) * PER_JOINT
    assert not np.allclose(whole[DOWN, :joints], alone[:joints], atol=0.02)
    shown = form_shown.bottom_alone(alone[None])
    assert shown.shape == (1, STEPS, REFINED_CHANNELS)
    assert not shown[0, : DOWN - 1, :joints].any()
    assert not shown[0, DOWN + 2 :, :joints].any()
    np.testing.assert_array_equal(shown[0, DOWN], alone)


def test_the_level_comes_from_the_train_rows_and_others_are_left_out(tmp_path: Path, monkeypatch) -> None:
    turned = [squatter() * [1, 1, 1 / mediapipe.WORLD_PER_PICTURE] * 250 + [600, 400, 0] for _ in range(2)]
    turned[1][[25, 26]] = turned[1][[23, 24]] + [0, 80, 0]  # upright
    write(tmp_path, {name: [turned[name != "acc"]] * 2 for name in CLASSES})
    p_good = {"train": 0.2, "test": 0.3}  # of what is good; all else 0.1, others 0.4

    def said_by(_: object, shown: np.ndarray) -> Said:
        split = next(splits)
        label = posture_classes.read(tmp_path, split).label
        good = np.where(label == GOOD, p_good[split], np.where(label == OTHERS, 0.4, 0.1))
        return Said(good, np.zeros((len(label), len(FAULT_NAMES))))

    splits = iter(("test", "train"))
    monkeypatch.setattr(posture_report, "said_by", said_by)
    monkeypatch.setattr(posture_report, "fit", lambda _, label, shown: np.eye(len(CLASSES))[label])
    told = [[cell.strip() for cell in line.split("|")[1:-1]] for line in posture_report.lines(None, tmp_path) if line]
    rows = {cells[0]: cells[1:] for cells in told}
    assert rows["never trained on it, with others"][:3] == ["14", "50.0%", "0.833"]
    assert rows["never trained on it, without others"][:3] == ["12", "50.0%", "1.000"]
    assert rows["the same, good from p = 0.15 on, without others"][1] == "100.0%"
    assert rows["fitted on its train rows, with others"][1:] == ["100.0%", "1.000", "85.7% / 50.0%", "1.000"]
    (thighs,) = (
        cells for words, cells in rows.items() if words.startswith("no network") and words.endswith("with others")
    )
    assert thighs[1:] == ["100.0%", "1.000", "85.7% / 50.0%", ""]
    assert rows["acc"] == ["2", "94", "0.20", "others, 100%"]


@REAL
def test_thighs_are_more_alike_at_the_depth_that_other_clips_told_than_far_from_it() -> None:
    points = posture_classes.read(DATA, "train").points[..., :3].astype(float)
    left, right = (points[:, hip] - points[:, hip + 2] for hip in (23, 24))  # MediaPipe's hips and knees

    def apart(share: float) -> float:
        lengths = [np.linalg.norm(part * [1, 1, share], axis=-1) for part in (left, right)]
        return float(np.median(np.abs(np.log(lengths[0] / lengths[1]))))

    committed = apart(mediapipe.WORLD_PER_PICTURE)
    assert committed < 0.9 * apart(mediapipe.WORLD_PER_PICTURE / 2)
    assert committed < 0.75 * apart(mediapipe.WORLD_PER_PICTURE * 2)
    assert committed < 0.5 * apart(1.0)


@REAL
def test_the_network_that_ships_tells_good_bottoms_of_real_people_from_bad_ones() -> None:
    test = posture_classes.read(DATA, "test")
    with Model(shipped_folder() / "form.tflite") as model:
        said = form.said_by(model, inputs(test))
    named = test.label != OTHERS
    assert auc(1 - said.good[named], test.label[named] != GOOD) > 0.8

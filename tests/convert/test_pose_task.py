import json
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

pytest.importorskip("torch", reason="training needs PyTorch: pip install 'squatlight[convert]'")

import torch

from convert import pose_gate
from convert.datasets import pose_rows
from convert.datasets.pose_rows import Data, example
from convert.datasets.synthetic import SyntheticClip
from convert.nets.pose import POINTS, Deployed, Net
from convert.pose_errors import figures, found_in
from convert.pose_gate import _Judged, compare, differs, match_reps
from convert.prepared import Prepared
from convert.recipe import read
from convert.synth.truth import Truth
from convert.tasks.pose import TASK
from convert.train import train
from device.errors import InputError
from device.inference.squatlight_pose import FINE, OUTPUTS
from device.squat.pose import BAR_ENDS, KEYPOINTS, MIRRORED, index

RECIPES = Path(pose_rows.__file__).parents[1] / "recipes"
SIDE, FRAMES, FPS = 200, 4, 12
SMALL = Data(fps=6, picture=160)
BAR = index(*BAR_ENDS)
COLOURS = np.random.default_rng(8).integers(90, 255, (POINTS, 3))


def rendered(folder: Path, name: str, body: int, seed: int) -> None:
    """A clip as `convert synth` writes it: each keypoint is a dot of its own colour in a black room."""
    rng = np.random.default_rng(seed)
    world = np.stack([rng.uniform(-0.5, 0.5, POINTS), np.zeros(POINTS), rng.uniform(0.1, 1.2, POINTS)], -1)
    matrix = np.array([[SIDE, 0, SIDE / 2], [0, SIDE, SIDE / 2], [0, 0, 1.0]])
    view = np.array([[1, 0, 0, 0], [0, 0, 1, -0.7], [0, -1, 0, -2.0], [0, 0, 0, 1.0]])
    points = np.repeat(world[None], FRAMES, 0) + rng.normal(0, 0.01, (FRAMES, 1, 3))
    points[:, BAR[1]] = np.nan
    camera = points @ view[:3, :3].T + view[:3, 3]
    px = camera[..., :2] * [1, -1] / -camera[..., 2:] * SIDE + SIDE / 2
    about = {"fps": FPS, "body": body, "view_deg": 30.0 * seed, "size": [SIDE, SIDE], "reps": []}
    pairs, flags = np.zeros((FRAMES, 2), np.float32), np.zeros((FRAMES, 2), bool)
    visible = np.where(np.isfinite(px).all(-1), 2, 0).astype(np.uint8)
    visible[:, 4] = 1
    Truth(
        px.astype(np.float32), points.astype(np.float32), visible, pairs, pairs, pairs,
        np.zeros((FRAMES, 2, 3), np.float32), flags, np.zeros(FRAMES, np.uint8), np.zeros((FRAMES, 10), np.float32),
        matrix, view, about,
    ).write(folder / f"{name}.npz")  # fmt: skip
    video = cv2.VideoWriter(str(folder / f"{name}.avi"), cv2.VideoWriter_fourcc(*"MJPG"), FPS, (SIDE, SIDE))
    for frame in range(FRAMES):
        image = np.zeros((SIDE, SIDE, 3), np.uint8)
        for k in np.flatnonzero(visible[frame]):
            cv2.circle(image, tuple((px[frame, k]).astype(int).tolist()), 3, COLOURS[k].tolist()[::-1], -1)
        video.write(image)
    video.release()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("set")
    for number, body in enumerate((0, 1, 6, 7)):
        rendered(made, f"clip{number:06d}", body, number)
    return made


@pytest.fixture(scope="module")
def prepared(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Prepared:
    return TASK.prepare(SMALL, [folder], tmp_path_factory.mktemp("rows"), 1)


def test_every_second_frame_is_taken_and_bodies_are_held_out_whole(prepared: Prepared) -> None:
    assert prepared.split.tolist() == [0] * 4 + [1] * 2 + [2] * 2
    assert prepared.about["sources"][0]["rows"] == 8


def test_no_hash_of_a_held_out_picture_is_in_training(prepared: Prepared) -> None:
    hashes = prepared.arrays["hash"]
    train, held_out = (set(hashes[rows].tolist()) for rows in (prepared.rows("train"), prepared.split > 0))
    assert len(train) == 4
    assert not train & held_out


def test_a_test_picture_that_also_trains_stops_the_preparation(folder: Path, tmp_path: Path) -> None:
    for name, body in (("clip000000", 7), ("clip000001", 8)):  # the same seed: the same pictures
        rendered(tmp_path, name, body, 5)
    with pytest.raises(InputError, match="the same picture is in the test split and in another"):
        TASK.prepare(SMALL, [tmp_path], tmp_path / "rows", 1)


def test_a_video_shorter_than_its_truth_is_named(folder: Path, tmp_path: Path) -> None:
    rendered(tmp_path, "clip000000", 0, 1)
    truth = Truth.read(tmp_path / "clip000000.npz")
    longer = {k: np.repeat(getattr(truth, k), 2, 0) for k in ("keypoints_px", "keypoints_m", "visible")}
    replace(truth, **longer).write(tmp_path / "clip000000.npz")
    with pytest.raises(InputError, match=r"clip000000.avi: 4 frames, its truth tells of 8"):
        TASK.prepare(SMALL, [tmp_path], tmp_path / "rows", 1)
    with pytest.raises(InputError, match=r"clip000000.avi: 4 frames, its truth tells of 8"):  # whoever reads it
        list(SyntheticClip.all_in(tmp_path)[0].frames())


def test_without_sources_it_says_what_to_name(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="name folders"):
        TASK.prepare(SMALL, [], tmp_path, 1)


def test_a_mirror_swaps_left_and_right() -> None:
    assert [KEYPOINTS[k] for k in MIRRORED[index("nose", "left_hip", "right_knee_top", "left_bar_end")]] == [
        "nose", "right_hip", "left_knee_top", "right_bar_end",
    ]  # fmt: skip
    assert (MIRRORED[MIRRORED] == np.arange(POINTS)).all()


def test_points_stay_on_their_dots_however_the_crop_lies(prepared: Prepared, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pose_rows, "varied", lambda image, rng: image)
    monkeypatch.setattr(pose_rows, "covered", lambda image, rng: (image, np.zeros(image.shape[:2], bool)))
    rng, near, mirrored = np.random.default_rng(2), [], 0
    for turn in range(40):
        shown = example(prepared, turn % 8, rng)
        mirrored += bool(shown["world"][1, 0] * prepared.arrays["world"][turn % 8][1, 0] < 0)
        for k in np.flatnonzero(shown["placed"]):
            x, y = np.minimum((shown["points"][k] * 256).astype(int), 255)
            area = shown["image"][max(y - 2, 0) : y + 3, max(x - 2, 0) : x + 3].astype(float)
            colours = [COLOURS[k], COLOURS[MIRRORED[k]]]
            near.append(min(np.abs(area - colour).mean(-1).min() for colour in colours))
    assert np.median(near) < 20
    assert np.mean(np.array(near) < 60) > 0.8  # dots lie over one another
    assert mirrored > 3


def test_world_points_are_metres_from_the_hips_in_the_cameras_axes(prepared: Prepared) -> None:
    shown = example(prepared, 0, None)
    hips = index("left_hip", "right_hip")
    assert np.abs(shown["world"][hips].mean(0)).max() < 1e-5
    known = shown["world_known"] > 0
    assert not known[BAR[1]]
    rise = np.corrcoef(shown["world"][known, 1], shown["points"][known, 1])[0, 1]
    right = np.corrcoef(shown["world"][known, 0], shown["points"][known, 0])[0, 1]
    assert min(rise, right) > 0.99


def test_a_bar_that_is_not_there_is_wanted_nowhere_and_hidden_points_unseen(prepared: Prepared) -> None:
    shown = example(prepared, 0, None)
    assert shown["there"][0] == 1
    assert shown["there"][1 + BAR].tolist() == [1, 0]
    assert shown["there_known"].all()
    assert (shown["placed"][4], shown["sight"][4], shown["sight"][5]) == (1, 0, 1)


def test_an_empty_crop_asks_for_nobody(prepared: Prepared) -> None:
    empty = replace(prepared, about={**prepared.about, "shares": {"whole": 0, "empty": 1, "hidden": 0}})
    shown = [example(empty, row, np.random.default_rng(row)) for row in range(8)]
    nobody = [each for each in shown if not each["there"][0]]
    assert nobody
    assert all(not each["there"].any() and not each["placed"].any() and each["sight_known"].all() for each in nobody)


def test_what_hides_a_point_takes_it_out_of_sight() -> None:
    hidden = np.zeros((256, 256), bool)
    hidden[:128] = True
    visible, unit = np.array([2, 2, 1, 0], np.uint8), np.array([[0.5, 0.2], [0.5, 0.8], [0.1, 0.1], [np.nan, 0.1]])
    assert pose_rows._hide(visible, unit, hidden).tolist() == [1, 2, 1, 0]


def test_training_lowers_the_loss_and_small_pictures_come_first(prepared: Prepared) -> None:
    torch.manual_seed(0)
    net = TASK.net(Net(widths=(8, 8, 16, 16, 16), blocks=(0, 0, 0, 0), head=16, small_steps=20), prepared)
    batch = {k: torch.as_tensor(v) for k, v in TASK.batch(prepared, prepared.rows("train"), None).items()}
    optimizer, losses = torch.optim.Adam(net.parameters(), 0.01), []
    sizes = []
    net.at4.register_forward_pre_hook(lambda _, given: sizes.append(given[0].shape[-1]))
    for _ in range(24):
        loss = TASK.loss(net, batch)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(float(loss.detach()))
    assert sizes == [128] * 20 + [256] * 4
    assert losses[19] < 0.7 * losses[0]


def test_perfect_maps_have_no_error(prepared: Prepared) -> None:
    rows = np.arange(4)
    shown = [example(prepared, int(row), None) for row in rows]
    cells = OUTPUTS["heat"][1]

    def perfect(images):
        wanted = [s for s in shown if np.array_equal(s["image"], np.rint(np.asarray(images[0]) * 255).astype(np.uint8))]
        grid = (np.arange(cells * FINE) + 0.5) / (cells * FINE)
        points = wanted[0]["points"]
        far = (grid[None, :, None] - points[:, 0]) ** 2 + (grid[:, None, None] - points[:, 1]) ** 2
        heat = (-far * 2000).reshape(cells, FINE, cells, FINE, -1).transpose(0, 2, 4, 1, 3).reshape(cells, cells, -1)
        world = np.broadcast_to(wanted[0]["world"].reshape(-1), (cells, cells, POINTS * 3))
        sight = np.broadcast_to(20 * wanted[0]["sight"] - 10, (cells, cells, POINTS))
        return [each[None].astype(np.float32) for each in (heat, world, sight, wanted[0]["there"])]

    found = figures(found_in(perfect, prepared, rows, batch=1), prepared, rows)
    assert found["score"] < 0.02
    assert found["world_m"] < 0.01
    assert (found["lifter"], found["sight"]) == (1, 1)


@pytest.mark.parametrize("name", ["pose-start.toml", "pose-short.toml", "pose-full.toml"])
def test_the_recipes_train_a_step_and_their_graphs_fit_the_device(
    name: str, prepared: Prepared, tmp_path: Path
) -> None:
    recipe = read(RECIPES / name)
    shorter = replace(recipe.train, epochs=1, batch=4, workers=0)
    (epoch,) = train(replace(recipe, train=shorter), prepared, tmp_path / "run")
    assert np.isfinite(epoch["loss"])
    net = TASK.net(recipe.net, prepared).eval()
    with torch.no_grad():
        out = Deployed(net)(torch.zeros(1, 256, 256, 3))
    assert {name: tuple(each.shape) for name, each in zip(TASK.outputs, out, strict=True)} == OUTPUTS


def test_verdicts_differ_only_outside_the_abstain_band() -> None:
    sure, doubtful = _Judged(1.0, 0.95, "GOOD_LIFT"), _Judged(1.0, 0.45, "NO_LIFT")
    assert not differs(sure, doubtful)
    assert not differs(sure, sure)
    assert differs(sure, _Judged(1.0, 0.05, "NO_LIFT"))
    assert differs(sure, _Judged(1.0, None, "NO_LIFT"))


def test_reps_match_by_their_bottoms_once_each() -> None:
    ours = [_Judged(1.0, None, ""), _Judged(1.4, None, ""), _Judged(9.0, None, "")]
    theirs = [_Judged(1.5, None, ""), _Judged(5.0, None, "")]
    assert [(a.bottom_s, b.bottom_s) for a, b in match_reps(ours, theirs)] == [(1.0, 1.5)]


class Blank:
    """A graph that finds nobody."""

    input_shape, output_shapes, runtime = (1, 256, 256, 3), OUTPUTS, "none"

    def __call__(self, images: np.ndarray) -> dict[str, np.ndarray]:
        return {name: np.zeros(shape, np.float32) for name, shape in OUTPUTS.items()}


def test_a_graph_passes_only_where_reps_were_judged(prepared: Prepared, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pose_gate, "CLIPS", Path("nowhere/manifest.json"))
    found = compare(Blank(), Blank(), prepared, False)  # type: ignore[arg-type]
    assert (found.figures["videos"], found.figures["reps"], found.passed) == (4, 0, False)
    good, bad = _Judged(1.0, 0.95, "GOOD_LIFT"), _Judged(1.0, 0.05, "NO_LIFT")
    for ours, theirs, passes in (([good], [good], True), ([good], [bad], False), ([good], [], False)):
        monkeypatch.setattr(pose_gate, "_judge", lambda *_, both=(ours, theirs): both)
        assert compare(Blank(), Blank(), prepared, False).passed == passes  # type: ignore[arg-type]


def test_a_gate_without_clips_names_where_they_should_be(prepared: Prepared, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pose_gate, "CLIPS", Path("nowhere/manifest.json"))
    moved = replace(prepared, about={**prepared.about, "folders": ["moved/away"]})
    with pytest.raises(InputError, match=r"nothing to judge, expected clips in nowhere/manifest\.json, moved/away"):
        compare(Blank(), Blank(), moved, False)  # type: ignore[arg-type]


def test_calibration_shows_pictures_as_the_device_gives_them(prepared: Prepared) -> None:
    values = TASK.calibration(prepared, 3, 0)
    assert values.shape == (3, 256, 256, 3)
    assert values.dtype == np.float32
    assert 0 <= values.min() <= values.max() <= 1
    assert json.dumps(TASK.manifest(Net(), prepared))

"""The head on BlazePose's features: what prepares its data, its loss, and what the device reads of it."""

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from convert.datasets import feature_rows
from convert.datasets.growing import GrowingArray

torch = pytest.importorskip("torch")

from convert import graphs  # noqa: E402
from convert.metrics import auc  # noqa: E402
from convert.nets.heat import places  # noqa: E402
from convert.nets.surface import POINTS, SEEN, Head, SurfaceNet  # noqa: E402
from convert.prepared import SPLITS, Prepared, write  # noqa: E402
from convert.recipe import read  # noqa: E402
from convert.start import begin  # noqa: E402
from convert.surface_report import card, near_errors, with_offset  # noqa: E402
from convert.tasks.surface import TASK, SurfaceData, features_of  # noqa: E402
from convert.train import train  # noqa: E402
from device.errors import InputError  # noqa: E402
from device.inference import surface  # noqa: E402
from device.squat.pose import JOINTS, KEYPOINTS, SIDES, index  # noqa: E402

ROWS = 12
CREASES, KNEE_TOPS = (index(*(f"{side}_{name}" for side in SIDES)) for name in ("hip_crease", "knee_top"))


@pytest.fixture
def prepared(tmp_path: Path) -> Prepared:
    """Rows whose points lie where a channel of the features has its peak."""
    rng = np.random.default_rng(1)
    points = rng.uniform(0.2, 0.8, (ROWS, 23, 2)).astype(np.float32)
    at = (np.arange(64) + 0.5) / 64
    features = np.zeros((ROWS, 64, 64, 48), np.float32)
    for channel, point in enumerate((*CREASES, *KNEE_TOPS)):
        x, y = points[:, point, 0, None, None], points[:, point, 1, None, None]
        features[..., channel] = np.exp(-((at[None, None] - x) ** 2 + (at[None, :, None] - y) ** 2) / 2 / 0.03**2)
    arrays = {
        "features": np.rint(features * 255).astype(np.uint8),
        "features_scale": np.full((ROWS, 48), 1 / 255, np.float32),
        "points": points,
        "visible": np.full((ROWS, 23), 2, np.uint8),
        "found": points[:, :17] + np.float32(0.01),
        "found_scores": np.ones((ROWS, 17), np.float32),
        "torso": np.full(ROWS, 0.2, np.float32),
        "torso_whole": np.full(ROWS, 0.25, np.float32),
        "near": np.arange(ROWS).astype(np.uint8) % 2,
        "view_deg": np.zeros(ROWS, np.float32),
        "low": np.ones(ROWS, np.bool_),
        "body": np.zeros(ROWS, np.int32),
    }
    backbone = {"name": "blazepose_full", "sha256": "f", "source": {"sha256": "s"}}
    about = {"task": "surface", "gaps": ["points"], "sources": [], "told": {}, "backbone": backbone}
    return write(tmp_path / "rows", arrays, np.array([0] * 8 + [1] * 2 + [2] * 2, np.uint8), about)


def test_an_array_grows_and_tells_its_length(tmp_path: Path) -> None:
    with GrowingArray(tmp_path / "a.npy", (2, 3), np.uint8) as array:
        for row in range(1000):
            array.append(np.full((2, 3), row % 256))
        found = array.close()
    assert found.shape == (1000, 2, 3)
    assert (found[:, 1, 2] == np.arange(1000) % 256).all()


def test_a_row_of_another_shape_is_refused(tmp_path: Path) -> None:
    with GrowingArray(tmp_path / "a.npy", (3,), np.uint8) as array, pytest.raises(ValueError, match="row of shape"):
        array.append(np.zeros(4))


def test_held_out_bodies_are_never_disturbed_and_give_frames_of_their_own_number(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    taken = {}

    def tracked(clip, model, choice, rng):
        taken[clip.truth().about["body"]] = choice
        image = np.zeros((4, 4, 3), np.uint8)
        features = np.full((1, 64, 64, 48), clip.truth().about["body"], np.float32)
        crop = SimpleNamespace(centre=(0, 0), side_px=1, turn_rad=0)
        seen = SimpleNamespace(
            features=features, points=np.zeros((17, 2)), scores=np.ones(17), world=np.zeros((17, 3)), crop=crop
        )
        points, visible = np.zeros((23, 2)), np.ones(23)
        margins_m = np.array([0.1, -0.1], np.float32)
        yield feature_rows.TrackedFrame(seen, image, points, visible, 1, 1, 0, 0, True, 0, False, margins_m, 0.4)

    truth_file = tmp_path / "clip.npz"
    truth_file.write_bytes(b"")
    clips = [
        SimpleNamespace(truth=lambda b=b: SimpleNamespace(about={"body": b, "seed": [1]}), truth_file=truth_file)
        for b in (5, 6, 7)
    ]
    manifest = SimpleNamespace(path=None, sha256="f", more={"source": {"sha256": "s"}})
    monkeypatch.setattr(feature_rows, "tracked", tracked)
    monkeypatch.setattr(feature_rows.fetch, "find", lambda name: manifest)
    monkeypatch.setattr(feature_rows, "LandmarkModel", lambda path: SimpleNamespace(close=lambda: None))
    monkeypatch.setattr(feature_rows.SyntheticClip, "all_in", lambda folder: clips)
    rows = TASK.prepare(SurfaceData(frames=20, held_frames=10, views=2), [tmp_path], tmp_path / "rows", 1)
    assert (rows.arrays["clip"].tolist(), rows.arrays["body"].tolist()) == ([0, 1, 2], [5, 6, 7])
    assert [SPLITS[part] for part in rows.split] == ["train", "tune", "test"]
    assert (taken[5].frames, taken[5].views, taken[5].disturbed) == (20, 2, True)
    assert all((taken[b].frames, taken[b].views, taken[b].disturbed) == (10, 1, False) for b in (6, 7))
    TASK.prepare(SurfaceData(frames=20), [tmp_path], tmp_path / "again", 1)
    assert taken[6].frames == 20


def test_a_few_steps_bring_the_points_nearer(prepared: Prepared) -> None:
    torch.manual_seed(0)
    net = TASK.net(SurfaceNet(width=16, blocks=1, deep=1), prepared)
    before = TASK.measure(net.eval(), prepared, "train")["score"]
    optimizer = torch.optim.AdamW(net.parameters(), 5e-3)
    net.train()
    for _ in range(25):
        batch = {k: torch.as_tensor(v) for k, v in TASK.batch(prepared, prepared.rows("train"), None).items()}
        optimizer.zero_grad()
        TASK.loss(net, batch).backward()
        optimizer.step()
    after = TASK.measure(net.eval(), prepared, "train")["score"]
    assert after < 0.5 * before


def test_a_training_goes_on_with_a_deeper_head_and_says_so(prepared: Prepared, tmp_path: Path, capsys) -> None:
    """The one that grew computes what its graph did; exporting that graph anew asks for a head of its own shape."""
    pytest.importorskip("litert_torch", reason="exporting needs litert-torch: pip install 'squatlight[convert]'")
    told = 'task = "surface"\n[net]\nwidth = 8\nblocks = 2\ndeep = 3\nmix = "full"\n[train]\nepochs = 1\nbatch = 4\n'
    (tmp_path / "deeper.toml").write_text(told + "rate = 1e-9\nweight_decay = 0\nema = 0\n")
    torch.manual_seed(0)
    small = TASK.net(SurfaceNet(width=8, blocks=1, deep=1, mix="full"), prepared).eval()
    examples = TASK.calibration(prepared, 8, 1)
    path = tmp_path / "small.tflite"
    graphs.export(TASK.deployed(small), examples, TASK.outputs, path)
    recipe = read(tmp_path / "deeper.toml")
    grown = TASK.net(recipe.net, prepared)
    with pytest.raises(InputError, match=r"small.tflite: no weights of this network"):
        begin(grown, path, TASK, prepared, 1)
    begin(grown, path, TASK, prepared, 1, grow=True)
    with torch.no_grad():
        wanted, found = (net.eval()(features(prepared))[0] for net in (small, grown))
    torch.testing.assert_close(found, wanted, atol=1e-4, rtol=1e-3)
    train(recipe, prepared, tmp_path / "run", start=path)
    assert "small.tflite: has 3 residual blocks less than the recipe" in capsys.readouterr().out


def features(prepared: Prepared) -> torch.Tensor:
    return features_of({name: prepared.arrays[name][:4] for name in ("features", "features_scale")})


def test_a_training_row_is_moved_with_its_points_and_what_leaves_the_crop_counts_no_more(prepared: Prepared) -> None:
    arrays = {name: np.array(array) for name, array in prepared.arrays.items()}
    arrays["points"][:, CREASES[0]], arrays["points"][:, KNEE_TOPS[0]] = 0.99, 0.01  # near the corners
    arrays["features"][:, 0] = 7
    prepared = Prepared(prepared.folder, arrays, prepared.split, prepared.about)
    rows, rng = np.tile(prepared.rows("train"), 20), np.random.default_rng(1)
    plain, moved = TASK.batch(prepared, rows, None), TASK.batch(prepared, rows, rng)
    by = (moved["points"] - plain["points"])[:, 0] * 64
    assert {*by.ravel().round(3).tolist()} == {*range(-4, 5)}
    channel, point = 1, POINTS.index(KEYPOINTS[CREASES[1]])
    x, y = (moved["points"][:, point] * 64).astype(int).T
    assert (moved["features"][np.arange(len(rows)), y, x, channel] > 200).all()
    for corner, left in ((CREASES[0], (by > 0).any(-1)), (KNEE_TOPS[0], (by < 0).any(-1))):
        place = POINTS.index(KEYPOINTS[corner])
        assert {*left.tolist()} == {True, False}
        for kept, at in ((moved["weight"] / plain["weight"], place), (moved["seen"], corner)):
            assert (kept[:, at] == ~left).all()
    others = [i for i in range(len(POINTS)) if POINTS[i] not in (KEYPOINTS[CREASES[0]], KEYPOINTS[KNEE_TOPS[0]])]
    assert (moved["weight"][:, others] == plain["weight"][:, others]).all()
    down = by.round()[:, 1] == 2  # what moves in from above is the border again
    assert (moved["features"][down, :3] == 7).all()
    assert moved["weight"].dtype == moved["seen"].dtype == moved["points"].dtype == np.float32


def test_points_that_are_not_there_do_not_count(prepared: Prepared) -> None:
    net = TASK.net(SurfaceNet(width=16, blocks=1, deep=0), prepared).eval()
    rows = prepared.rows("train")
    whole = {k: np.array(v) for k, v in TASK.batch(prepared, rows, None).items()}
    points, visible = np.array(prepared.arrays["points"]), np.array(prepared.arrays["visible"])
    points[:, 19], visible[:, 19] = np.nan, 0
    broken = Prepared(
        prepared.folder, {**prepared.arrays, "points": points, "visible": visible}, prepared.split, prepared.about
    )
    lacking = TASK.batch(broken, rows, None)
    assert (lacking["weight"][:, POINTS.index(KEYPOINTS[19])] == 0).all()
    for batch in (whole, lacking):
        loss = TASK.loss(net, {k: torch.as_tensor(v) for k, v in batch.items()})
        assert torch.isfinite(loss)


@pytest.mark.parametrize("fine", [0, 8])
def test_the_device_reads_what_training_meant(prepared: Prepared, fine: int) -> None:
    torch.manual_seed(0)
    net = TASK.net(SurfaceNet(width=16, blocks=1, deep=1, fine=fine), prepared).eval()
    assert isinstance(net, Head)
    row = TASK.calibration(prepared, 1, 0)
    with torch.no_grad():
        heat, _ = net(torch.as_tensor(row).permute(0, 3, 1, 2))
        wanted = places(heat)[0][0].numpy()
        out = TASK.deployed(net)(torch.as_tensor(row))
    assert out[0].shape == (1, 64 if fine else 32, 64 if fine else 32, len(POINTS))
    assert out[1].shape == (1, 32, 32, SEEN)
    found = surface.read(dict(zip(TASK.outputs, (o.numpy() for o in out), strict=True)))
    assert np.concatenate([found.points, found.joints]) == pytest.approx(wanted, abs=1e-4)
    assert found.scores.shape == (4,)
    assert ((found.scores > 0) & (found.scores < 1)).all()


def test_a_peak_is_read_at_its_place_and_its_sight_there() -> None:
    heat, sight = np.full((1, 32, 32, 21), -20, np.float32), np.full((1, 32, 32, SEEN), -5, np.float32)
    heat[0, 10, 20, 2] = 20
    sight[0, 10, 20, 19] = 5
    heat[0, 4, 4, [0, 1, 3]] = 20
    heat[0, 30, 6, 4 + JOINTS.index("left_ankle")] = 20
    found = surface.read({"heat": heat, "sight": sight})
    assert found.points[2] == pytest.approx([20.5 / 32, 10.5 / 32])
    assert found.joints[JOINTS.index("left_ankle")] == pytest.approx([6.5 / 32, 30.5 / 32])
    assert found.scores[2] > 0.99
    assert (found.scores[[0, 1, 3]] < 0.01).all()


@pytest.mark.parametrize(("joint", "off", "passes"), [("left_ankle", 0.0, True), ("left_ankle", 0.2, False)])
def test_a_graph_whose_joints_move_does_not_pass(prepared: Prepared, monkeypatch, joint, off, passes) -> None:
    def read(out: float) -> surface.Found:
        joints = np.zeros((17, 2), np.float32)
        joints[JOINTS.index(joint), 0] = out
        return surface.Found(np.zeros((4, 2), np.float32), np.ones(4, np.float32), joints)

    monkeypatch.setattr(surface, "read", read)
    found = TASK.compare(lambda _: 0.0, lambda _: off, prepared, whole=True)
    assert found.passed == passes
    assert (found.figures["all_p99"] > 0.03) != passes
    assert found.figures["shift_p99"] == 0


def test_errors_are_of_the_nearer_leg_in_torso_lengths(prepared: Prepared) -> None:
    rows = np.arange(ROWS)
    points = np.array(prepared.arrays["points"][:, [*CREASES, *KNEE_TOPS]])
    for row, near in enumerate(prepared.arrays["near"]):
        points[row, near, 0] += 0.02  # of the near crease: a tenth of the torso
        points[row, 2 + (1 - near)] += 0.5  # of the far knee top: does not matter
    errors = near_errors(points, prepared, rows)
    assert errors["crease_median"] == pytest.approx(0.1, abs=1e-4)
    assert errors["knee_top_p90"] == pytest.approx(0, abs=1e-6)


def test_the_best_offset_finds_points_that_lie_at_one(prepared: Prepared) -> None:
    points = np.array(prepared.arrays["points"])
    found = np.array(prepared.arrays["found"])
    for side in SIDES:
        hip, knee = (found[:, index(f"{side}_{name}")[0]] for name in ("hip", "knee"))
        along = (knee - hip) / np.linalg.norm(knee - hip, axis=-1, keepdims=True)
        torso = np.linalg.norm(
            found[:, index("left_shoulder", "right_shoulder")].mean(1)
            - found[:, index("left_hip", "right_hip")].mean(1),
            axis=-1,
        )[:, None]
        points[:, index(f"{side}_hip_crease")[0]] = hip + 0.3 * along * torso
        points[:, index(f"{side}_knee_top")[0]] = knee - 0.1 * along * torso
    told = Prepared(prepared.folder, {**prepared.arrays, "points": points}, prepared.split, prepared.about)
    errors = near_errors(with_offset(told, np.arange(ROWS)), told, np.arange(ROWS))
    assert max(errors.values()) < 1e-4


def test_the_card_sets_the_head_beside_blazepose(prepared: Prepared) -> None:
    rows = prepared.rows("test")
    points = prepared.arrays["points"][rows][:, [*CREASES, *KNEE_TOPS]] + np.float32([0.01, 0])
    joints = prepared.arrays["points"][rows][:, :17] + np.float32([0, 0.005])
    text = card(surface.Found(points, np.full((len(rows), 4), 0.5), joints), prepared, rows)
    assert "| this head | 5.0% / 5.0% | 5.0% / 5.0% |" in text
    assert "| this head, of the torso not foreshortened | 4.0% / 4.0% | 4.0% / 4.0% |" in text
    assert "| BlazePose's hip and knee |" in text
    assert next(line for line in text.splitlines() if line.startswith("| ankle |")).endswith("| 2.0% / 2.0% |")
    trunk = next(line for line in text.splitlines() if line.startswith("| direction of the trunk"))
    assert trunk.endswith("| 0.0 / 0.0 deg |"), "moved as a whole it points as before"


def test_the_area_under_the_curve() -> None:
    assert auc(np.array([0.1, 0.4, 0.35, 0.8]), np.array([False, False, True, True])) == pytest.approx(0.75)
    assert auc(np.ones(4), np.array([True, False, True, False])) == pytest.approx(0.5)
    assert np.isnan(auc(np.ones(2), np.array([True, True])))


def test_the_manifest_names_the_file_that_the_backbone_is_folded_from(prepared: Prepared) -> None:
    assert TASK.manifest(SurfaceNet(), prepared)["requires"] == ["s"]

from pathlib import Path

import numpy as np
import pytest

from device.camera.frames import Frame
from device.errors import ModelError
from device.inference.pose_model import NAMES
from device.inference.squatlight_pose import FINE, KEEP_S, OUTPUTS, SIZE, STRIDE, SquatlightPose, crop_around, decode
from device.squat.pose import BAR_ENDS, KEYPOINTS, index

CELLS = SIZE // STRIDE
WIDTH, HEIGHT = 640, 480
HIPS, BAR = index("left_hip", "right_hip"), index(*BAR_ENDS)


def lifter(x: float, y: float, size: float) -> np.ndarray:
    """(23, 2) points spread over a box of `size` pixels around x, y."""
    spread = np.random.default_rng(3).uniform(-0.5, 0.5, (len(KEYPOINTS), 2))
    spread[0], spread[1] = [-0.5, -0.5], [0.5, 0.5]
    return np.array([x, y]) + spread * size


def picture() -> np.ndarray:
    """A picture whose colours tell where each pixel is; blue tells that it is of the picture."""
    image = np.full((HEIGHT, WIDTH, 3), 255, np.uint8)
    image[..., 0] = np.linspace(0, 255, WIDTH)[None]
    image[..., 1] = np.linspace(0, 255, HEIGHT)[:, None]
    return image


class Seer:
    """Stands for the network: knows where the points are, and sees from the colours what a crop shows."""

    path, runtime = Path("seer.tflite"), "none"
    input_shape, output_shapes = (1, SIZE, SIZE, 3), OUTPUTS

    def __init__(self, points: np.ndarray) -> None:
        self.points, self.there, self.bar, self.looks = points, True, True, 0

    def __call__(self, values: np.ndarray) -> dict[str, np.ndarray]:
        self.looks += 1
        image = values[0]
        fine = image.reshape(CELLS * FINE, SIZE // CELLS // FINE, CELLS * FINE, -1, 3).mean((1, 3))
        at = fine[..., :2] * [WIDTH, HEIGHT]
        far = ((at[:, :, None] - self.points) ** 2).sum(-1) + 1e6 * (fine[..., 2:] < 0.99)
        heat = -far / 50
        heat = heat.reshape(CELLS, FINE, CELLS, FINE, len(KEYPOINTS)).transpose(0, 2, 4, 1, 3)
        inside = (far.min((0, 1)) < 200).astype(float)
        inside[BAR] *= self.bar
        shown = self.there and inside[HIPS].all()
        world = np.broadcast_to(np.arange(len(KEYPOINTS) * 3.0), (1, CELLS, CELLS, len(KEYPOINTS) * 3))
        return {
            "heat": heat.reshape(1, CELLS, CELLS, -1).astype(np.float32),
            "world": world.astype(np.float32),
            "seen": np.full((1, CELLS, CELLS, len(KEYPOINTS)), 3.0, np.float32),
            "there": np.concatenate([[shown], inside])[None].astype(np.float32),
        }


def frame(at_s: float) -> Frame:
    return Frame(picture(), at_s, round(at_s * 30))


def test_the_lifter_is_found_in_the_whole_picture_and_the_crop_drawn_around_him() -> None:
    seer = Seer(lifter(380, 260, 150))
    pose = SquatlightPose(seer, {}).estimate(frame(0))
    assert pose is not None
    assert np.abs(pose.keypoints - seer.points).max() < 2.5
    assert seer.looks == 3  # the whole picture, and twice more closely
    assert pose.size == (WIDTH, HEIGHT)


def test_it_follows_with_one_look_a_frame_also_who_grows() -> None:
    seer = Seer(lifter(380, 260, 150))
    model = SquatlightPose(seer, {})
    model.estimate(frame(0))
    for step in range(1, 12):
        seer.points, seer.looks = lifter(380 - 6 * step, 260, 150 + 6 * step), 0
        pose = model.estimate(frame(step / 30))
        assert seer.looks == 1
        assert np.abs(pose.keypoints - seer.points).max() < 4


def test_who_is_lost_is_none_and_found_again_elsewhere() -> None:
    seer = Seer(lifter(120, 200, 140))
    model = SquatlightPose(seer, {})
    assert model.estimate(frame(0)) is not None
    seer.there = False
    assert model.estimate(frame(0.1)) is None
    seer.there, seer.points = True, lifter(500, 250, 160)
    pose = model.estimate(frame(0.2))
    assert np.abs(pose.keypoints - seer.points).max() < 2.5


def test_where_he_was_is_looked_at_first_but_not_for_long() -> None:
    seer = Seer(lifter(120, 200, 140))
    model = SquatlightPose(seer, {})
    model.estimate(frame(0))
    seer.looks = 0
    model.estimate(frame(KEEP_S - 0.1))
    assert seer.looks == 1
    seer.looks = 0
    model.estimate(frame(2 * KEEP_S))
    assert seer.looks == 3


def test_a_bar_that_is_not_there_is_nan_with_score_0_and_never_0() -> None:
    seer = Seer(lifter(320, 240, 200))
    seer.bar = False
    pose = SquatlightPose(seer, {}).estimate(frame(0))
    assert np.isnan(pose.keypoints[BAR]).all()
    assert np.isnan(pose.world[BAR]).all()
    assert (pose.scores[BAR] == 0).all()
    rest = np.setdiff1d(np.arange(len(KEYPOINTS)), BAR)
    assert np.isfinite(pose.keypoints[rest]).all()
    assert ((pose.scores[rest] > 0.9) & (pose.scores <= 1).all()).all()


def test_a_pose_has_the_types_that_it_promises_and_its_origin_between_the_hips() -> None:
    pose = SquatlightPose(Seer(lifter(320, 240, 200)), {}).estimate(frame(0))
    assert pose.keypoints.dtype == pose.scores.dtype == pose.world.dtype == np.float32
    assert (pose.keypoints.shape, pose.world.shape) == ((23, 2), (23, 3))
    assert np.abs(pose.world[HIPS].mean(0)).max() < 1e-5


def test_a_point_is_read_between_the_cells() -> None:
    rng = np.random.default_rng(1)
    wanted = rng.uniform(0.02, 0.98, (len(KEYPOINTS), 2))
    grid = (np.arange(CELLS * FINE) + 0.5) / (CELLS * FINE)
    far = (grid[None, :, None] - wanted[:, 0]) ** 2 + (grid[:, None, None] - wanted[:, 1]) ** 2
    heat = (-far * (CELLS * FINE) ** 2 / 3).reshape(CELLS, FINE, CELLS, FINE, -1).transpose(0, 2, 4, 1, 3)
    world = np.zeros((CELLS, CELLS, len(KEYPOINTS), 3))
    world[..., 0] = np.arange(len(KEYPOINTS))
    points, scores, metres = decode(
        heat.reshape(CELLS, CELLS, -1), world.reshape(CELLS, CELLS, -1), np.zeros((CELLS, CELLS, len(KEYPOINTS)))
    )
    middle = ((wanted > 0.06) & (wanted < 0.94)).all(-1)
    assert np.abs(points - wanted)[middle].max() * SIZE < 0.3
    assert np.abs(points - wanted).max() * SIZE < 4
    assert scores == pytest.approx(0.5)
    assert metres[:, 0] == pytest.approx(np.arange(len(KEYPOINTS)) - HIPS.mean())


def test_the_crop_leaves_out_points_that_are_not_there() -> None:
    points = lifter(300, 200, 100)
    points[BAR] = np.nan
    crop = crop_around(points)
    assert crop.centre == pytest.approx((300, 200))
    assert crop.side_px == pytest.approx(125)


def test_a_graph_with_other_outputs_is_refused_by_its_name() -> None:
    seer = Seer(lifter(320, 240, 200))
    seer.output_shapes = {**OUTPUTS, "heat": (1, 8, 8, 92)}
    with pytest.raises(ModelError, match=r"seer.tflite: not a pose model of this version"):
        SquatlightPose(seer, {})


def test_it_can_be_chosen_by_its_name() -> None:
    assert "squatlight" in NAMES

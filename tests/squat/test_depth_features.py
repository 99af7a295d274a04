"""The vector that a depth network sees: what changes it, and what does not."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from figure import Shot, reps, squat, stand

from device.squat.depth import MEAN_HEIGHT_CM, NETWORK, estimate_by_network
from device.squat.depth_features import (
    COUNT,
    FRAME_SIZE,
    FRAMES,
    GLOBAL,
    PER_FRAME,
    at_moments,
    depth_features,
    mirroring,
    moments,
)
from device.squat.judge import Judge, JudgeSettings
from device.squat.perspective import Optics
from device.squat.pose import JOINTS, KEYPOINTS, Array, Pose, index

OPTICS = Optics()
SHOT = Shot(view_deg=50, fps=30)
MOVEMENT = [*stand(0.5), *squat(-10.0), *stand(0.5)]
LOWEST_S = 0.5 + 1.2 + 0.05


def seen(shot: Shot = SHOT, change: Callable[[Pose], Pose] = lambda p: p) -> Array:
    found = depth_features([change(p) for p in shot.film(MOVEMENT)], LOWEST_S, OPTICS, None)
    assert found is not None
    return found


def block(vector: Array, name: str) -> Array:
    start = sum(int(np.prod(s)) for n, s in PER_FRAME.items() if list(PER_FRAME).index(n) < list(PER_FRAME).index(name))
    frames = vector[: FRAMES * FRAME_SIZE].reshape(FRAMES, FRAME_SIZE)
    return frames[:, start : start + int(np.prod(PER_FRAME[name]))]


def test_size_of_the_vector_and_the_lowest_frame() -> None:
    vector = seen()
    assert vector.shape == (COUNT,)
    assert vector.dtype == np.float32
    assert np.isfinite(vector).all()
    over = block(vector, "over_hip")
    assert over.argmax(0).tolist() == [3, 3]  # the knee stands highest over the hip at the lowest pose
    assert over[-1] == pytest.approx([-0.5, -0.5], abs=0.05)  # and half a leg below it while he stands


def test_the_frame_rate_changes_next_to_nothing() -> None:
    slow, fast = (seen(replace(SHOT, fps=fps))[:-1] for fps in (15, 60))
    assert np.abs(slow - fast).max() < 0.04
    assert seen(replace(SHOT, fps=15))[-1] == pytest.approx(10 / 15, abs=1e-3)


def test_size_and_resolution_change_nothing() -> None:
    def larger(p: Pose) -> Pose:
        return replace(p, keypoints=p.keypoints * 2, size=(p.size[0] * 2, p.size[1] * 2))

    def taller(p: Pose) -> Pose:  # the same picture of a model that thinks in other metres
        assert p.world is not None
        return replace(p, world=p.world * 1.3)

    assert seen(change=larger) == pytest.approx(seen(), abs=1e-4)
    assert seen(change=taller) == pytest.approx(seen(), abs=1e-4)


def test_a_mirrored_lifter_gives_the_mirrored_vector() -> None:
    swap = [0]  # the nose; then pairs, left and right
    for left in range(1, len(KEYPOINTS), 2):
        swap += [left + 1, left]
    surfaces = index("left_hip_crease", "right_knee_top")

    def dressed(p: Pose) -> Pose:
        keypoints, scores = p.keypoints.copy(), p.scores.copy()
        keypoints[surfaces], scores[surfaces] = p.keypoints[index("left_hip", "right_knee")] + 5, (0.6, 0.7)
        return replace(p, keypoints=keypoints, scores=scores)

    def mirrored(p: Pose) -> Pose:
        p = dressed(p)
        assert p.world is not None
        return replace(
            p, keypoints=(p.keypoints * [-1, 1] + [p.size[0], 0])[swap].astype(np.float32),
            world=(p.world * [-1, 1, 1])[swap].astype(np.float32), scores=p.scores[swap],
        )  # fmt: skip

    order, sign = mirroring()
    straight, there = seen(change=dressed), seen(change=mirrored)
    assert there == pytest.approx(straight[order] * sign, abs=1e-4)
    assert np.abs(there - straight).max() > 0.1
    assert (order[order] == np.arange(COUNT)).all()


def test_surface_points_come_with_their_presence() -> None:
    assert not block(seen(), "surfaces").any()
    assert not block(seen(), "surface_scores").any()

    def with_crease(p: Pose) -> Pose:
        keypoints, scores = p.keypoints.copy(), p.scores.copy()
        row = KEYPOINTS.index("left_hip_crease")
        keypoints[row], scores[row] = keypoints[JOINTS.index("left_hip")], 0.8
        return replace(p, keypoints=keypoints, scores=scores)

    vector = seen(change=with_crease)
    assert block(vector, "surface_scores") == pytest.approx(np.tile([0.8, 0, 0, 0], (FRAMES, 1)))
    assert block(vector, "surfaces")[:, :2] == pytest.approx(block(vector, "picture")[:, 6:8], abs=1e-3)


def test_what_is_known_of_camera_and_lifter_is_told() -> None:
    poses = SHOT.film(MOVEMENT)
    told = depth_features(poses, LOWEST_S, Optics(65.0, 6.0, True, 1.5), 182.0)
    assert told is not None
    about = dict(zip(GLOBAL, told[-len(GLOBAL) :].tolist(), strict=True))
    assert about["camera_known"] == about["has_camera_height"] == about["has_height"] == 1
    assert (about["pitch"], about["camera_height"], about["height"]) == pytest.approx((0.2, 0.3, 1.0))
    unknown = dict(zip(GLOBAL, seen()[-len(GLOBAL) :].tolist(), strict=True))
    assert unknown["camera_known"] == unknown["has_camera_height"] == unknown["has_height"] == unknown["height"] == 0


def test_poses_without_world_points_give_nothing() -> None:
    poses = [replace(p, world=None) for p in SHOT.film(MOVEMENT)]
    assert depth_features(poses, LOWEST_S, OPTICS, None) is None
    assert estimate_by_network(lambda _: (np.zeros(2), np.ones(2)), poses, LOWEST_S, OPTICS) is None


@pytest.mark.parametrize("known", [False, True])
def test_the_network_is_told_heights_of_a_camera_that_is_known_alone(known: bool) -> None:
    told: list[Array] = []

    def network(features: Array) -> tuple[Array, Array]:
        told.append(features)
        return np.array([0.3, 0.3], np.float32), np.array([0.1, 0.1], np.float32)

    depth = estimate_by_network(network, SHOT.film(MOVEMENT), LOWEST_S, Optics(65.0, 6.0, known, 1.5), 182.0)
    about = dict(zip(GLOBAL, told[0][-len(GLOBAL) :].tolist(), strict=True))
    assert {about[name] for name in ("camera_known", "has_camera_height", "has_height")} == {float(known)}
    assert (about["height"], about["camera_height"]) == pytest.approx((1.0, 0.3) if known else (0, 0))
    assert depth is not None
    assert depth.margin_cm == pytest.approx(0.3 * 0.245 * 182), "the centimetres are his in either case"


@pytest.mark.parametrize(("view_deg", "side"), [(60, "left"), (-60, "right")])
def test_the_nearer_leg_counts(view_deg: float, side: str) -> None:
    network = lambda _: (np.array([0.1, -0.2], np.float32), np.array([0.05, 0.2], np.float32))  # noqa: E731
    poses = Shot(view_deg=view_deg).film(MOVEMENT)
    depth = estimate_by_network(network, poses, LOWEST_S, OPTICS, None)
    assert depth is not None
    assert depth.side == side
    assert depth.method == NETWORK
    assert depth.margin == pytest.approx(0.1 if side == "left" else -0.2)
    assert depth.p_below == pytest.approx(0.977 if side == "left" else 0.159, abs=0.001)
    assert depth.margin_cm == pytest.approx(depth.margin * 0.245 * MEAN_HEIGHT_CM)


def test_the_judge_asks_the_network_about_the_lowest_pose() -> None:
    told: list[Array] = []

    def network(features: Array) -> tuple[Array, Array]:
        told.append(features)
        return np.array([0.3, 0.3], np.float32), np.array([0.1, 0.1], np.float32)

    judge = Judge(JudgeSettings(method=NETWORK), network)
    poses = SHOT.film([*stand(), *squat(-10.0), *stand()])
    events = [e for p in poses for e in judge.see(p, p.captured_s)]
    (rep,) = [e for e in events if hasattr(e, "depth")]
    assert rep.depth.method == NETWORK
    assert rep.depth.margin == pytest.approx(0.3)
    over = block(told[-1], "over_hip")
    assert over.argmax(0).tolist() == [3, 3]
    assert len(reps(poses)) == 1
    with pytest.raises(ValueError, match="network"):
        Judge(JudgeSettings(method=NETWORK))


@pytest.mark.parametrize("seed", range(30))
def test_moments_are_those_of_the_whole_rep_though_few_of_its_poses_are_asked(seed: int) -> None:
    rng = np.random.default_rng(seed)
    at_s = np.sort(3 * rng.random(rng.integers(1, 60)))
    poses = [Pose(rng.random((23, 2)), rng.random(23), rng.random((23, 3)), float(t), k) for k, t in enumerate(at_s)]
    lowest_s = float(rng.uniform(-0.5, 3.5))
    found = moments(poses, lowest_s)
    assert found is not None
    for name in ("keypoints", "world", "scores"):
        whole = at_moments(np.array([getattr(p, name) for p in poses]), at_s, lowest_s)
        np.testing.assert_array_equal(getattr(found, name), whole.astype(np.float32))

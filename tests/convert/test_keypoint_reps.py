"""Reps that nobody rendered hold the truth of those that are."""

from dataclasses import replace

import numpy as np
import pytest

from convert.synth import draw, keypoint_reps, surface, truth
from convert.synth.recipe import Motion, Output, Recipe
from convert.synth.skin import bend
from device.squat.pose import KEYPOINTS, index

RECIPE = Recipe(Output(seed=5, clips=4, fps=15), motion=Motion(reps=(1, 2), kinds={"squat": 1.0}))


@pytest.mark.parametrize("clip", [0, 1])
def test_points_are_those_of_the_rendered_clip(clip: int) -> None:
    performance = draw.settings(RECIPE, clip)["performance"]
    points = keypoint_reps.keypoints(performance)
    for t in (0, len(performance) // 2, len(performance) - 1):
        skin = bend(performance.body, performance.bones, t)
        found = surface.find(skin, performance.bones, t)
        np.testing.assert_allclose(points[t], truth.keypoints(performance, skin, found, t), atol=2e-6)


def test_camera_axes_agree_with_the_picture() -> None:
    seen = keypoint_reps.clip_truth(replace(RECIPE, camera=replace(RECIPE.camera, barrel=(0, 0))), 0)
    at = keypoint_reps.in_camera(seen)
    hips = index("left_hip", "right_hip")
    assert np.abs(at[:, hips].mean(1)).max() < 1e-6
    room = np.concatenate([seen.keypoints_m[:, hips].mean(1), np.ones((len(at), 1))], 1) @ seen.view.T
    whole = at + (room[:, :3] * [1, -1, -1])[:, None]
    pixels = whole[..., :2] / whole[..., 2:] * seen.matrix[0, 0] + seen.matrix[:2, 2]
    np.testing.assert_allclose(pixels, seen.keypoints_px, atol=0.01)


def test_reps_hold_their_bottoms_and_margins() -> None:
    reps = list(keypoint_reps.keypoint_reps(RECIPE, range(3)))
    assert {r.clip for r in reps} == {0, 1, 2}
    for rep in reps:
        assert rep.time_s[0] < rep.bottom_s < rep.time_s[-1]
        assert 15 <= rep.about["fps"] <= 60
        now = int(np.argmin(np.abs(rep.time_s - rep.bottom_s)))
        rows = [KEYPOINTS.index(f"{side}_{part}") for part in ("knee_top", "hip_crease") for side in ("left", "right")]
        whole = keypoint_reps.clip_truth(keypoint_reps.varied(RECIPE, rep.clip), rep.clip)
        frame = round(rep.time_s[now] * rep.about["fps"])
        heights = whole.keypoints_m[frame, rows, 2]
        np.testing.assert_allclose(100 * (heights[:2] - heights[2:]), rep.margins_cm, atol=0.02)
        assert rep.keypoints_px.shape == (len(rep.time_s), len(KEYPOINTS), 2)
    assert len({r.about["fps"] for r in reps}) == 3

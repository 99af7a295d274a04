"""Hip crease against knee top, from points whose place in space is known."""

import numpy as np
import pytest

from device.squat.depth import ESTIMATORS, SURFACE, estimate
from device.squat.perspective import Optics
from device.squat.pose import KEYPOINTS, SIDES, Pose
from device.squat.surface import surface

SIZE, OPTICS = (640, 480), Optics(fov_deg=65.0, pitch_deg=0.0)
AWAY_M, THIGH_M = 3.0, 0.42
FOCAL_PX = OPTICS.focal_px(SIZE)


def lifter(margin_m: float, nearer_m: float, up_m: float) -> Pose:
    """Knees `nearer_m` before the hips, knee tops `margin_m` over the creases, all `up_m` over the camera's axis."""
    keypoints = np.full((len(KEYPOINTS), 2), np.nan, np.float32)
    world = np.full((len(KEYPOINTS), 3), np.nan, np.float32)
    places = {"hip": (0.0, 0.0), "knee": (-nearer_m, 0.0), "hip_crease": (0.0, 0.0), "knee_top": (-nearer_m, margin_m)}
    for side, across in zip(SIDES, (0.15, -0.15), strict=True):
        for name, (further, up) in places.items():
            row, away = KEYPOINTS.index(f"{side}_{name}"), AWAY_M + further
            keypoints[row] = FOCAL_PX * np.array([across, -(up_m + up)]) / away + np.array(SIZE) / 2
            if name in ("hip", "knee"):
                world[row] = across, -up, further
    return Pose(keypoints, np.ones(len(KEYPOINTS), np.float32), world, 0.0, 0, 0, SIZE)


@pytest.mark.parametrize("margin_m", [-0.1, 0.0, 0.05])
@pytest.mark.parametrize("nearer_m", [0.0, 0.35])
@pytest.mark.parametrize("up_m", [-0.8, 0.0, 0.6])
def test_the_height_between_the_points_is_found_wherever_the_camera_stands(
    margin_m: float, nearer_m: float, up_m: float
) -> None:
    found = surface(lifter(margin_m, nearer_m, up_m), THIGH_M, FOCAL_PX / AWAY_M, OPTICS)
    assert found == pytest.approx([margin_m / THIGH_M] * 2, abs=1e-3)


def test_without_surface_points_there_is_no_depth() -> None:
    pose = lifter(0.05, 0.2, 0.0)
    assert estimate([pose], [pose], SURFACE, OPTICS).margin > ESTIMATORS[SURFACE].offset
    pose.keypoints[[KEYPOINTS.index(f"{side}_hip_crease") for side in SIDES]] = np.nan
    assert estimate([pose], [pose], SURFACE, OPTICS) is None

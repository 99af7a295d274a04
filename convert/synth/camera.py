"""Where the camera stands, what its lens does, and where points of the room appear in its picture."""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from convert.synth.rotation import unit

Array = NDArray[np.float64]


def view_matrix(eye: Array, target: Array, roll_deg: float = 0.0) -> Array:
    """(4, 4) from the room to the camera: x right, y up, the camera looks along -z (OpenGL)."""
    z = unit(eye - target)
    x = unit(np.cross([0, 0, 1.0], z))
    y = np.cross(z, x)
    c, s = np.cos(np.radians(roll_deg)), np.sin(np.radians(roll_deg))
    m = np.eye(4)
    m[:3, :3] = c * x + s * y, -s * x + c * y, z
    m[:3, 3] = -m[:3, :3] @ eye
    return m


@dataclass(frozen=True)
class Camera:
    """A camera that stands still.

    Attributes:
        width, height: pixels.
        focal_px: of square pixels.
        centre_px: (2,) of the optical axis.
        view: (4, 4) from room to camera (OpenGL axes).
        eye: (3,) metres.
        k1, k2: radial distortion (Brown): r' = r (1 + k1 r^2 + k2 r^4), r in focal lengths; k1 < 0 = barrel.
        view_deg: 0 = the lifter faces the camera, + = shows the left side, +-180 = from behind.
    """

    width: int
    height: int
    focal_px: float
    centre_px: Array
    view: Array
    eye: Array
    k1: float
    k2: float
    view_deg: float

    def matrix(self) -> Array:
        """(3, 3) intrinsics in the axes of pictures (x right, y down)."""
        return np.array([[self.focal_px, 0, self.centre_px[0]], [0, self.focal_px, self.centre_px[1]], [0, 0, 1.0]])

    def distorted(self, ideal: Array) -> Array:
        """Directions (..., 2) in focal lengths as the lens bends them."""
        r2 = np.minimum((ideal**2).sum(-1, keepdims=True), 4.0)
        return np.asarray(ideal * (1 + self.k1 * r2 + self.k2 * r2 * r2))

    def project(self, points: Array, lens: bool = True) -> tuple[Array, Array]:
        """Pixels (..., 2), x right and y down, and distance along the axis in metres (...,) of points (..., 3)."""
        at = points @ self.view[:3, :3].T + self.view[:3, 3]
        z = -at[..., 2]
        ideal = np.stack([at[..., 0], -at[..., 1]], -1) / np.where(np.abs(z) < 1e-6, 1e-6, z)[..., None]
        return np.asarray((self.distorted(ideal) if lens else ideal) * self.focal_px + self.centre_px), np.asarray(z)

    def resized(self, scale: float) -> "Camera":
        """The same camera with other pixels."""
        return replace(
            self,
            width=round(self.width * scale),
            height=round(self.height * scale),
            focal_px=self.focal_px * scale,
            centre_px=self.centre_px * scale,
        )


def stand(
    width: int,
    height: int,
    hfov_deg: float,
    view_deg: float,
    away_m: float,
    height_m: float,
    aim: Array,
    roll_deg: float = 0.0,
    k1: float = 0.0,
    k2: float = 0.0,
) -> Camera:
    """A camera `away_m` from the lifter at the origin, aimed at a point; `hfov_deg` spans the picture's longer side."""
    a = np.radians(view_deg)
    eye = np.array([np.sin(a) * away_m, -np.cos(a) * away_m, height_m])
    focal = max(width, height) / 2 / np.tan(np.radians(hfov_deg) / 2)
    centre = np.array([width / 2, height / 2])
    return Camera(width, height, focal, centre, view_matrix(eye, aim, roll_deg), eye, k1, k2, view_deg)

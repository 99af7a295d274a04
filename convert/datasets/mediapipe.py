"""Landmarks as MediaPipe's Python Pose gives them in the picture, where its world landmarks were not kept.

`python -m convert.datasets.mediapipe FOLDER MANIFEST` prints what `WORLD_PER_PICTURE` is.
"""

import re
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from convert.clips import read_manifest
from device.errors import InputError
from device.inference.landmarks import LANDMARKS
from device.squat.pose import JOINTS, KEYPOINTS, Pose, index

WORLD_PER_PICTURE = 0.28
"""MediaPipe's z in the picture is said to be "roughly on the scale of x", but is nearly four times as deep as the z of
its own world landmarks: median over the 33 clips of the `tune` split, of which all but four lie between 0.24 and 0.33;
within a clip the two follow each other (r = 0.98 to 1)."""
ALL = 33  # MediaPipe's landmarks
LEG_M = 0.80  # thigh and shank in the metres of MediaPipe's world, about
_HIPS, _KNEES, _ANKLES = (index(f"left_{name}", f"right_{name}") for name in ("hip", "knee", "ankle"))


def sorted_in(folder: Path, pattern: str) -> list[Path]:
    """Files at any depth, 10 after 9.

    Raises:
        InputError: there is no such folder.
    """
    if not folder.is_dir():
        raise InputError(f"{folder}: no such folder")
    return sorted(
        folder.rglob(pattern), key=lambda f: [int(n) if n.isdigit() else n for n in re.split(r"(\d+)", str(f))]
    )


def poses_of(
    landmarks: NDArray[np.floating], size: tuple[int, int], at_s: NDArray[np.floating]
) -> Iterator[tuple[float, Pose | None]]:
    """Time and pose of each frame, as a pose model would have given them; see `pose_of_picture`.

    Args:
        landmarks: (T, 33, 4) x and y in picture widths and heights, z in widths, visibility. NaN where a landmark was
            not kept; without hips nobody was found.
        size: width and height of the picture.
        at_s: (T,) when the frames were seen.
    """
    points = landmarks[..., :3] * [size[0], size[1], size[0]]
    joints = points[:, LANDMARKS]
    hips, ankles = (joints[:, index(f"left_{name}", f"right_{name}"), 1].mean(1) for name in ("hip", "ankle"))
    leg_px = float(np.nanpercentile(np.abs(ankles - hips), 90))
    for number, (time_s, one, scores) in enumerate(zip(at_s.tolist(), points, landmarks[..., 3], strict=True)):
        there = np.isfinite(hips[number])
        yield time_s, pose_of_picture(one, np.nan_to_num(scores), leg_px, time_s, number, size) if there else None


def pose_of_picture(
    points: NDArray[np.floating], scores: NDArray[np.floating], leg_px: float, at_s: float, number: int,
    size: tuple[int, int],
) -> Pose:  # fmt: skip
    """A pose whose world points are made of the picture's: a weak perspective.

    Args:
        points: (33, 3) pixels: x right, y down, z away from between the hips, all in one unit.
        scores: (33,) visibility; 0 where there is no such landmark.
        leg_px: length of the leg: hips over ankles as the picture shows them standing, else `legs_px`.
        at_s: when it was seen.
        number: of the frame.
        size: width and height of the picture.
    """
    keypoints, world = (np.full((len(KEYPOINTS), n), np.nan, np.float32) for n in (2, 3))
    found = np.zeros(len(KEYPOINTS), np.float32)
    joints = np.asarray(points, float)[LANDMARKS]
    keypoints[: len(JOINTS)], found[: len(JOINTS)] = joints[:, :2], scores[LANDMARKS]
    world[: len(JOINTS)] = (joints - joints[_HIPS].mean(0)) * [1, 1, WORLD_PER_PICTURE] * LEG_M / leg_px
    return Pose(keypoints, found, world, at_s, number, 0, size)


def legs_px(points: NDArray[np.floating]) -> float:
    """Thigh and shank in the world's depth, the mean of both legs: where nobody was seen standing.

    Args:
        points: (33, 3) pixels, z as MediaPipe's picture has it.
    """
    joints = np.asarray(points, float)[LANDMARKS] * [1, 1, WORLD_PER_PICTURE]
    thighs, shanks = joints[_HIPS] - joints[_KNEES], joints[_KNEES] - joints[_ANKLES]
    return float((np.linalg.norm(thighs, axis=-1) + np.linalg.norm(shanks, axis=-1)).mean())


def world_per_picture(picture: NDArray[np.floating], world: NDArray[np.floating]) -> tuple[float, float]:
    """How much shallower the world is than the picture, by least squares, and how well the two follow each other (r).

    Args:
        picture: (T, 33, 3) pixels; frames with NaN are left out.
        world: (T, 33, 3) metres.

    Raises:
        InputError: no frame has both.
    """
    there = np.isfinite(picture).all((1, 2)) & np.isfinite(world).all((1, 2))
    if not there.any():
        raise InputError("nobody was found in any frame")
    seen, known = (
        a[there][:, LANDMARKS] - a[there][:, LANDMARKS][:, _HIPS].mean(1, keepdims=True) for a in (picture, world)
    )
    flat, metres = (a[..., :2] - a[..., :2].mean(1, keepdims=True) for a in (seen, known))
    scale = (flat * metres).sum((1, 2)) / (metres**2).sum((1, 2))
    z, z_m = (seen[..., 2] / scale[:, None]).ravel(), known[..., 2].ravel()
    return float((z * z_m).sum() / (z * z).sum()), float(np.corrcoef(z, z_m)[0, 1])


def main(folder: Path, manifest: Path) -> None:
    """Prints the share of each clip of the tune split, and their median."""
    shares = []
    for clip in read_manifest(manifest, "tune"):
        if (stored := folder / f"{clip.id}.npz").is_file():
            with np.load(stored) as data:
                share, follows = world_per_picture(data["lm"][..., :3], data["w"])
            shares.append(share)
            print(f"{clip.id}  {share:.2f}  r {follows:.3f}")
    print(f"median of {len(shares)}: {np.median(shares):.3f}")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))

"""Contact sheets: frames of many clips on one picture, with the truth drawn in."""

from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from convert.datasets.synthetic import SyntheticClip
from convert.synth.truth import Truth
from device.squat.pose import KEYPOINTS, LIMBS

CREASE, TOP, BAR = (255, 0, 255), (0, 255, 255), (255, 220, 0)


def mark(image: NDArray[np.uint8], truth: Truth, t: int) -> NDArray[np.uint8]:
    """The frame with skeleton, crease (pink), knee top (cyan), bar ends (yellow); hidden points hollow."""
    out = np.ascontiguousarray(image)
    px = truth.keypoints_px[t]
    for a, b in LIMBS:
        ends = px[[KEYPOINTS.index(a), KEYPOINTS.index(b)]]
        if np.isfinite(ends).all():
            cv2.line(
                out,
                *(tuple(int(v) for v in e) for e in ends),
                (0, 230, 0) if a.startswith("left") else (255, 60, 60),
                1,
                cv2.LINE_AA,
            )
    for name, at, seen in zip(KEYPOINTS, px, truth.visible[t], strict=True):
        if not np.isfinite(at).all():
            continue
        colour = CREASE if "crease" in name else TOP if "top" in name else BAR if "bar" in name else (255, 255, 255)
        cv2.circle(
            out,
            tuple(int(v) for v in at),
            3 if colour != (255, 255, 255) else 2,
            colour,
            -1 if seen == 2 else 1,
            cv2.LINE_AA,
        )
    return out


def row_frames(truth: Truth, columns: int) -> list[int]:
    """Frames to show: standing, the reps' bottoms, and evenly spread ones."""
    last = len(truth.visible) - 1
    bottoms = [min(round(r["bottom_s"] * truth.about["fps"]), last) for r in truth.reps][: columns - 2]
    spread = np.linspace(0, last, columns - len(bottoms)).astype(int).tolist()
    return sorted([*bottoms, *spread])


def sheet(folder: Path, out: Path, rows: int = 8, columns: int = 6, width: int = 300, plain: bool = False) -> None:
    """Writes a sheet of `rows` clips spread over a set as PNG or JPEG by the suffix of `out`."""
    clips = SyntheticClip.all_in(folder)
    chosen = [clips[i] for i in np.unique(np.linspace(0, len(clips) - 1, min(rows, len(clips))).astype(int))]
    strips = []
    for clip in chosen:
        truth = clip.truth()
        wanted = row_frames(truth, columns)
        kept = {t: f for t, f in enumerate(clip.frames()) if t in set(wanted)}
        tiles = []
        for t in wanted:
            tile = kept[t] if plain else mark(kept[t], truth, t)
            if not plain:
                margin = 100 * (truth.knee_top_m[t] - truth.crease_m[t])
                label = f"{truth.about['kind']} {truth.about['view_deg']:.0f} deg  {margin[0]:+.0f} {margin[1]:+.0f} cm"
                cv2.putText(tile, label, (6, 18), cv2.FONT_HERSHEY_SIMPLEX, 0.5, (255, 255, 0), 1, cv2.LINE_AA)
            tiles.append(
                cv2.resize(tile, (width, round(width * tile.shape[0] / tile.shape[1])), interpolation=cv2.INTER_AREA)
            )
        strips.append(np.concatenate(tiles, 1))
    out.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(out), np.concatenate(strips, 0)[..., ::-1])

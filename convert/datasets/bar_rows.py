"""Wide crops around the wrists of rendered lifters, with the truth about the bar's ends, as prepared data.

| array | row | holds |
| --- | --- | --- |
| picture | (128, 128, 3) uint8 | RGB |
| points | (2, 2) float32 | the end further left in the picture, then the other, 0 to 1 across the crop; NaN: no bar |
| visible | (2,) uint8 | 0 outside the crop or absent, 1 hidden, 2 in sight |
| view_deg | float32 | of the camera |
| body | int32 | number of the body |
"""

from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from convert.datasets.feature_rows import source_of
from convert.datasets.growing import GrowingArray
from convert.datasets.synthetic import SyntheticClip
from convert.datasets.tracked import px_per_m, unit_from_frame
from convert.prepared import Prepared, split_of, write
from device.inference.bar_end import SIZE, crop_around
from device.squat.pose import BAR_ENDS, index

WRIST_M, SCALE = 0.05, 0.12  # how far BlazePose's wrists are off, and the log of its scale (standard deviations)
_WRISTS, _ENDS = index("left_wrist", "right_wrist"), index(*BAR_ENDS)
ROWS: dict[str, tuple[tuple[int, ...], Any]] = {
    "picture": ((SIZE, SIZE, 3), np.uint8),
    "points": ((2, 2), np.float32),
    "visible": ((2,), np.uint8),
    "view_deg": ((), np.float32),
    "body": ((), np.int32),
}


def prepare_bars(
    task: str, sources: Sequence[Path], out: Path, frames: int, limit: int, seed: int, told: dict[str, Any]
) -> Prepared:
    """Cuts the crops out.

    Args:
        task: whose data it becomes.
        sources: folders that `python -m convert synth` wrote.
        out: where to.
        frames: of each clip at most.
        limit: at most so many clips, 0 = all.
        seed: of all random numbers; each clip has its own.
        told: the recipe's data, to be kept beside.

    Raises:
        InputError: no clips.
    """
    clips = [clip for folder in sources for clip in SyntheticClip.all_in(folder)][: limit or None]
    split: list[int] = []
    numbers: list[int] = []
    with ExitStack() as stack:
        arrays = {
            name: stack.enter_context(GrowingArray(out / f"{name}.npy", shape, dtype))
            for name, (shape, dtype) in ROWS.items()
        }
        for number, clip in enumerate(tqdm(clips, unit="clip", disable=None)):
            for row in _rows(clip, frames, seed):
                for name, value in row.items():
                    arrays[name].append(np.asarray(value))
                split.append(split_of(row["body"]))
                numbers.append(number)
        maps = {name: array.close() for name, array in arrays.items()}
    told_of = [source_of(folder, clips, np.array(numbers)) for folder in sources]
    about = {"task": task, "told": told, "gaps": ["points"], "sources": told_of}
    return write(out, maps, np.array(split, np.uint8), about)


def _rows(clip: SyntheticClip, frames: int, seed: int) -> list[dict[str, Any]]:
    truth = clip.truth()
    rng = np.random.default_rng([seed, *truth.about["seed"]])
    wanted = set(rng.permutation(len(truth.phase))[:frames].tolist())
    rows = []
    for frame, image in enumerate(clip.frames()):
        if frame not in wanted:
            continue
        pixels, scale = truth.keypoints_px[frame].astype(np.float64), px_per_m(truth, frame)
        wrists = pixels[_WRISTS] + rng.normal(0, WRIST_M, (2, 2)) * scale
        crop = crop_around(wrists, scale * float(np.exp(rng.normal(0, SCALE))))
        ends = _ENDS[np.argsort(pixels[_ENDS, 0])]
        points = unit_from_frame(crop, pixels[ends])
        inside = (points >= 0).all(-1) & (points < 1).all(-1)
        rows.append(
            {
                "picture": crop.cut(image, SIZE),
                "points": points,
                "visible": np.where(inside, truth.visible[frame, ends], 0),
                "view_deg": truth.about["view_deg"],
                "body": int(truth.about["body"]),
            }
        )
    return rows

"""COCO keypoints of a whole set in one JSON file, for tools that read that format."""

import json
import os
from pathlib import Path
from typing import Any

import numpy as np

from convert.datasets.synthetic import SyntheticClip
from device.squat.pose import KEYPOINTS, LIMBS


def write_coco(out: Path, every: int = 5) -> int:
    """Writes coco_keypoints.json: every n-th frame of every clip as an image named CLIP:FRAME.

    Returns:
        How many images it lists.
    """
    images: list[dict[str, Any]] = []
    annotations: list[dict[str, Any]] = []
    for clip in SyntheticClip.all_in(out):
        truth = clip.truth()
        width, height = truth.about["size"]
        for t in range(0, len(truth.visible), every):
            number = len(images) + 1
            px, seen = truth.keypoints_px[t], truth.visible[t]
            inside = seen > 0
            images.append({"id": number, "file_name": f"{clip.truth_file.stem}:{t}", "width": width, "height": height})
            flat = np.where(inside[:, None], np.nan_to_num(px), 0)
            low, high = (px[inside].min(0), px[inside].max(0)) if inside.any() else (np.zeros(2), np.zeros(2))
            annotations.append(
                {
                    "id": number,
                    "image_id": number,
                    "category_id": 1,
                    "iscrowd": 0,
                    "num_keypoints": int(inside.sum()),
                    "keypoints": [
                        round(float(v), 1) for (x, y), s in zip(flat, seen, strict=True) for v in (x, y, int(s))
                    ],
                    "bbox": [round(float(v), 1) for v in (*low, *(high - low))],
                    "area": round(float(np.prod(high - low)), 1),
                }
            )
    category = {
        "id": 1,
        "name": "person",
        "keypoints": list(KEYPOINTS),
        "skeleton": [[KEYPOINTS.index(a) + 1, KEYPOINTS.index(b) + 1] for a, b in LIMBS],
    }
    half = out / "coco_keypoints.partial"
    half.write_text(json.dumps({"images": images, "annotations": annotations, "categories": [category]}))
    os.replace(half, out / "coco_keypoints.json")
    return len(images)

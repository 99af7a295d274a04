"""Reads people with keypoints from a COCO file, for users' own pictures.

Layout (https://cocodataset.org/#format-data): `images` (id, file_name, width, height), `annotations` (image_id,
category_id, keypoints [x, y, v]*K, iscrowd), `categories` (keypoints: K names), and `licenses`. Points are taken by
name: of COCO's 17 those that we have, and any other of our 23. What a category does not name, or v = 0 leaves out, is
not known. Pictures lie beside the file, or in `images/` there.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from zlib import crc32

import cv2
import numpy as np
from numpy.typing import NDArray

from convert.datasets.pictures import UNKNOWN, Picture
from convert.prepared import split_of
from device.errors import InputError
from device.squat.pose import KEYPOINTS, index

MIN_POINTS = 6  # who shows fewer teaches nothing of a body
_SHOULDERS, _HIPS = index("left_shoulder", "right_shoulder"), index("left_hip", "right_hip")


@dataclass(frozen=True)
class Person:
    """An annotated person.

    Attributes:
        picture: file of the picture.
        number: id of the annotation.
        points: (23, 2) pixels, NaN: not known.
        visible: (23,) uint8: 1 hidden, 2 in sight, `UNKNOWN`.
    """

    picture: Path
    number: int
    points: NDArray[np.float32]
    visible: NDArray[np.uint8]


@dataclass(frozen=True)
class CocoFile:
    """The people of one annotation file, and the licences its pictures name."""

    path: Path
    people: tuple[Person, ...]
    licences: tuple[str, ...]

    @classmethod
    def read(cls, path: Path) -> "CocoFile":
        """Reads and checks a file; people in crowds and with few known points are left out.

        Raises:
            InputError: one line that names the file, and the annotation where one is wrong.
        """
        try:
            data = json.loads(path.read_text("utf-8"))
            images = {image["id"]: str(image["file_name"]) for image in data["images"]}
            places = {category["id"]: _places(path, category) for category in data["categories"]}
            annotations = list(data["annotations"])
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise InputError(f"{path}: not a COCO keypoint file ({error!r})") from None
        people = []
        for annotation in annotations:
            person = _person(path, annotation, images, places)
            if person is not None:
                people.append(person)
        if not people:
            raise InputError(f"{path}: no person with at least {MIN_POINTS} known keypoints")
        names = sorted({str(row.get("name", "not named")) for row in data.get("licenses", [])})
        return cls(path, tuple(people), tuple(names) or ("not named in the file",))

    def pictures(self) -> Iterator[Picture]:
        """Each person in his picture; pictures are held out whole, by their name.

        Raises:
            InputError: a picture is missing or cannot be read.
        """
        for person in self.people:
            image = cv2.imread(str(person.picture), cv2.IMREAD_COLOR)
            if image is None:
                raise InputError(f"{person.picture}: missing or no picture (annotation {person.number} of {self.path})")
            trunk = person.points[_SHOULDERS].mean(0) - person.points[_HIPS].mean(0)
            split = split_of(crc32(person.picture.name.encode()))
            world = np.full((len(KEYPOINTS), 3), np.nan, np.float32)
            rgb = np.asarray(image[..., ::-1], np.uint8)
            yield Picture(
                rgb, person.points, person.visible, world, float(np.hypot(*trunk)), float("nan"), split
            )  # fmt: skip


def _places(path: Path, category: Mapping[str, Any]) -> dict[int, int]:
    """Our rows by theirs."""
    names = list(category.get("keypoints", ()))
    found = {theirs: KEYPOINTS.index(name) for theirs, name in enumerate(names) if name in KEYPOINTS}
    if len(found) < MIN_POINTS:
        raise InputError(f"{path}: category {category['id']} names {len(found)} of our keypoints: {', '.join(names)}")
    return found


def _person(
    path: Path, annotation: Any, images: Mapping[Any, str], places: Mapping[Any, Mapping[int, int]]
) -> Person | None:
    number = annotation.get("id", "without id") if isinstance(annotation, dict) else "that is no table"
    where = f"{path}: annotation {number}"
    try:
        if annotation.get("iscrowd") or not annotation.get("keypoints"):
            return None
        rows = np.array(annotation["keypoints"], np.float64).reshape(-1, 3)
        picture, kept = images[annotation["image_id"]], places[annotation["category_id"]]
    except (KeyError, ValueError, TypeError, AttributeError) as error:
        raise InputError(f"{where}: {error!r}") from None
    if max(kept) >= len(rows):
        raise InputError(f"{where}: {len(rows)} keypoints, its category names at least {max(kept) + 1}")
    if not np.isfinite(rows).all() or not np.isin(rows[:, 2], (0, 1, 2)).all():
        raise InputError(f"{where}: a keypoint that is not x, y, v with v one of 0, 1, 2")
    points = np.full((len(KEYPOINTS), 2), np.nan, np.float32)
    visible = np.full(len(KEYPOINTS), UNKNOWN, np.uint8)
    for theirs, ours in kept.items():
        if rows[theirs, 2]:
            points[ours], visible[ours] = rows[theirs, :2], int(rows[theirs, 2])
    if (visible != UNKNOWN).sum() < MIN_POINTS:
        return None
    file = path.parent / picture
    return Person(file if file.is_file() else path.parent / "images" / picture, number, points, visible)

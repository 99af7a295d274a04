import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from convert.datasets.coco import CocoFile
from convert.datasets.pictures import UNKNOWN
from device.errors import InputError
from device.squat.pose import KEYPOINTS, index

COCO = (
    "nose", "left_eye", "right_eye", "left_ear", "right_ear", "left_shoulder", "right_shoulder", "left_elbow",
    "right_elbow", "left_wrist", "right_wrist", "left_hip", "right_hip", "left_knee", "right_knee", "left_ankle",
    "right_ankle",
)  # fmt: skip


def made(folder: Path, names=COCO, **changed) -> Path:
    keypoints = [value for k in range(len(names)) for value in (10 + k, 20 + 2 * k, 2 - (k % 2))]
    annotation = {"id": 41, "image_id": 7, "category_id": 1, "iscrowd": 0, "keypoints": keypoints, **changed}
    data = {
        "images": [{"id": 7, "file_name": "man.png", "width": 80, "height": 60}],
        "annotations": [annotation],
        "categories": [{"id": 1, "name": "person", "keypoints": list(names)}],
        "licenses": [{"id": 1, "name": "CC BY 4.0"}],
    }
    cv2.imwrite(str(folder / "man.png"), np.full((60, 80, 3), (0, 0, 255), np.uint8))
    path = folder / "people.json"
    path.write_text(json.dumps(data))
    return path


def test_cocos_points_become_ours_by_name_and_the_others_are_not_known(tmp_path: Path) -> None:
    coco = CocoFile.read(made(tmp_path))
    (picture,) = coco.pictures()
    for name in set(COCO) & set(KEYPOINTS):
        k, row = COCO.index(name), index(name)[0]
        assert picture.points[row].tolist() == [10 + k, 20 + 2 * k]
        assert picture.visible[row] == 2 - (k % 2)
    others = index("left_heel", "right_toe", "left_hip_crease", "right_knee_top", "left_bar_end")
    assert np.isnan(picture.points[others]).all()
    assert (picture.visible[others] == UNKNOWN).all()
    assert np.isnan(picture.world).all()
    assert picture.image[0, 0].tolist() == [255, 0, 0]  # RGB
    assert coco.licences == ("CC BY 4.0",)


def test_what_is_marked_as_not_labelled_is_not_known(tmp_path: Path) -> None:
    keypoints = [value for k in range(17) for value in ((0, 0, 0) if k == 11 else (10 + k, 20, 2))]
    (picture,) = CocoFile.read(made(tmp_path, keypoints=keypoints)).pictures()
    hip = index("left_hip")[0]
    assert picture.visible[hip] == UNKNOWN
    assert np.isnan(picture.points[hip]).all()


def test_our_own_23_names_are_read_too(tmp_path: Path) -> None:
    (picture,) = CocoFile.read(made(tmp_path, names=KEYPOINTS)).pictures()
    assert (picture.visible != UNKNOWN).all()


def test_crowds_and_people_with_few_points_are_left_out(tmp_path: Path) -> None:
    few = [value for k in range(17) for value in (10 + k, 20, 2 * (k in (0, 5, 6)))]
    for changed in ({"iscrowd": 1}, {"keypoints": few}, {"keypoints": []}):
        with pytest.raises(InputError, match=r"people.json: no person with at least 6 known keypoints"):
            CocoFile.read(made(tmp_path, **changed))


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"keypoints": [1, 2]}, "annotation 41: "),
        ({"keypoints": [1.0, 2.0, 2.0] * 5}, "annotation 41: 5 keypoints, its category names at least 17"),
        ({"keypoints": [1.0, float("nan"), 2.0] * 17}, "annotation 41: a keypoint that is not x, y, v"),
        ({"keypoints": [1.0, 2.0, 3.0] * 17}, "annotation 41: a keypoint that is not x, y, v"),
        ({"image_id": 8}, "annotation 41: KeyError"),
        ({"category_id": 3}, "annotation 41: KeyError"),
    ],
)
def test_a_wrong_annotation_is_named_with_its_file(tmp_path: Path, changed: dict, words: str) -> None:
    with pytest.raises(InputError, match=rf"people\.json: {words}"):
        CocoFile.read(made(tmp_path, **changed))


@pytest.mark.parametrize("text", ["", "[]", '{"images": []}', '{"images": [{}], "annotations": [], "categories": []}'])
def test_a_file_that_is_no_coco_file_is_named(tmp_path: Path, text: str) -> None:
    path = tmp_path / "wrong.json"
    path.write_text(text)
    with pytest.raises(InputError, match=r"wrong\.json: not a COCO keypoint file"):
        CocoFile.read(path)


def test_a_category_of_other_things_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"category 1 names 0 of our keypoints"):
        CocoFile.read(made(tmp_path, names=("beak", "tail")))


def test_a_missing_picture_is_named_with_its_annotation(tmp_path: Path) -> None:
    coco = CocoFile.read(made(tmp_path))
    (tmp_path / "man.png").unlink()
    with pytest.raises(InputError, match=r"man\.png: missing or no picture \(annotation 41 of"):
        list(coco.pictures())

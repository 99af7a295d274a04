from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch", reason="training needs PyTorch: pip install 'squatlight[convert]'")

from convert import bench_pose, pose_clips
from convert.evaluate import summary
from convert.metrics import VIEWS, views
from convert.pose_card import by_keypoint, by_view
from convert.pose_errors import Errors
from device.squat.pose import KEYPOINTS, index


def found(torsos: np.ndarray) -> Errors:
    count = len(torsos)
    sight = np.ones((count, len(KEYPOINTS)))
    return Errors(
        100 * torsos, torsos, torsos / 10, np.ones((count, 24)), sight * 0.9, sight, np.isfinite(torsos)
    )  # fmt: skip


def row(lines: list[str], name: str) -> list[str]:
    (line,) = (line for line in lines if line.startswith(f"| {name} |"))
    return [cell.strip() for cell in line.split("|")[2:-1]]


def test_a_keypoints_row_holds_both_sides_and_leaves_out_what_is_not_known() -> None:
    torsos = np.full((4, len(KEYPOINTS)), 0.02)
    torsos[:, index("left_knee")] = 0.04
    torsos[:, index("left_bar_end")] = np.nan
    torsos[:, index("right_bar_end")] = np.nan
    lines = by_keypoint(found(torsos))
    assert row(lines, "knee") == ["0.030", "0.040", "0.030", "0.3"]
    assert row(lines, "hip crease")[0] == "0.020"
    assert row(lines, "bar end") == ["-", "-", "-", "-"]


def test_views_are_told_apart_left_and_right_alike() -> None:
    assert [VIEWS[k] for k in views(np.array([0, -22, 23, -68, 112, 113, -157, 158, 180]))] == [
        "front", "front", "front oblique", "side", "side", "back oblique", "back oblique", "back", "back",
    ]  # fmt: skip
    torsos = np.full((3, len(KEYPOINTS)), 0.02)
    torsos[2] = 0.08
    lines = by_view(found(torsos), np.array([0.0, np.nan, -90.0]))
    assert row(lines, "pictures") == ["1", "0", "1", "0", "0"]
    assert row(lines, "joints") == ["0.020", "-", "0.080", "-", "-"]


def test_the_section_on_clips_takes_the_place_of_an_older_one(tmp_path: Path) -> None:
    card = tmp_path / "pose.md"
    card.write_text(f"# pose\n\nwhat it is\n\n{pose_clips.CLIPS_HEADING}\n\nold\n")
    pose_clips.into_card(card, [pose_clips.CLIPS_HEADING, "", "new", ""])
    assert card.read_text() == f"# pose\n\nwhat it is\n\n{pose_clips.CLIPS_HEADING}\n\nnew\n"


@pytest.mark.parametrize(("ours", "words"), [(3, "BlazePose is believed"), (9, "measures as well")])
def test_the_default_is_the_one_that_counts_better(ours: int, words: str) -> None:
    empty = summary([])
    tables = {"squatlight, tune": {**empty, "exact": ours}, "blazepose, tune": {**empty, "exact": 9}}
    text = "\n".join(pose_clips.section(tables, "0" * 64))
    assert words in text
    assert f"{ours} against BlazePose's 9" in text


def test_too_slow_a_network_misses_the_bar(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    graph = {"median_ms": 1.0, "quick_ms": 1.0, "mflop": 1.0}
    result = {"graphs": {"squatlight": graph, "blazepose": graph}, "decode_ms": 1.0, "runtime": "", "machine": ""}
    for ratio, code in ((1.9, 1), (2.1, 0)):
        monkeypatch.setattr(bench_pose, "measured", lambda *_, ratio=ratio: {**result, "ratio": ratio})
        monkeypatch.setattr(bench_pose.fetch, "find", lambda name: type("M", (), {"path": tmp_path})())
        assert bench_pose.main(["--graph", str(tmp_path)]) == code

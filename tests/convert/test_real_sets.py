"""FiT-AI, up/down and OpenCap are read as they are, and the device's words on them are counted rightly."""

import csv
import json
from pathlib import Path

import numpy as np
import pytest

from convert import real_sets
from convert.__main__ import main
from convert.clips import Judged
from convert.datasets import fitai, opencap, updown
from convert.datasets.mediapipe import poses_of
from convert.real_sets import judged, squats_of
from device.errors import InputError
from device.squat.phases import Phase
from device.squat.pose import KEYPOINTS, index

DATA = Path(__file__).parents[2].parent / "shared" / "data"
HEAD = ["label", *(f"{name}_{key}" for name in updown.KEPT for key in "xyzv")]


def standing(drop: float = 0.0, width: float = 0.28) -> np.ndarray:
    """(33, 4) somebody seen from in front whose hips are lower by `drop`; shoulders so wide."""
    at = np.zeros((33, 4), np.float32)
    for row, (x, y, falls) in {
        0: (0, 0.2, 1), 11: (0.5, 0.3, 1), 12: (-0.5, 0.3, 1), 23: (0.3, 0.5, 1), 24: (-0.3, 0.5, 1),
        25: (0.35, 0.68, 0.2), 26: (-0.35, 0.68, 0.2), 27: (0.3, 0.86, 0), 28: (-0.3, 0.86, 0),
        29: (0.3, 0.88, 0), 30: (-0.3, 0.88, 0), 31: (0.4, 0.9, 0), 32: (-0.4, 0.9, 0),
    }.items():  # fmt: skip
        at[row] = 0.5 + x * width, y + falls * drop, 0.0, 0.99
    at[25:27, 2] = -drop * 0.9
    return at


def write_updown(path: Path, downs: list[bool]) -> None:
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(HEAD)
        for down in downs:
            kept = standing(0.2 if down else 0.0)[list(updown.KEPT.values())]
            writer.writerow(["down" if down else "up", *kept.ravel().tolist()])


def write_fitai(path: Path, frames: int = 30, moving: int = 30) -> np.ndarray:
    kept = np.stack([standing(0.2 * min(k, moving - 1) / 29, 0.5)[list(fitai.KEPT)] for k in range(frames)])
    path.write_text(json.dumps({"sequence": kept.reshape(frames, 48).tolist()}))
    return kept


def write_mot(path: Path, names: list[str], rows: np.ndarray, degrees: str = "yes") -> None:
    head = ["Coordinates", f"nRows={len(rows)}", f"inDegrees={degrees}", "", "endheader", "\t".join(names)]
    path.write_text("\n".join([*head, *("\t".join(f"{x:.6f}" for x in row) for row in rows), ""]))


def squats(depth_deg: float, count: int = 2) -> np.ndarray:
    """(T, len(NEEDED)) joint angles at 30 Hz: thighs go down to `depth_deg`, three seconds each, after one of rest."""
    at_s = np.arange(0, 1 + 3 * count, 1 / 30)
    share = np.where(at_s < 1, 0, (1 - np.cos((at_s - 1) / 3 * 2 * np.pi)) / 2)
    thigh, shank, tilt = share * depth_deg, share * 25, -share * 25
    return np.stack([at_s, tilt, -share * 10, thigh - tilt, thigh - tilt, thigh + shank, thigh + shank], 1)


def test_fitai_keeps_its_landmarks_under_mediapipes_numbers_and_drops_repeated_frames(tmp_path: Path) -> None:
    kept = write_fitai(tmp_path / "squat_correct_10.json")
    write_fitai(tmp_path / "squat_correct_9.json", moving=12)
    write_fitai(tmp_path / "squat_incorrect_1.json")
    found = fitai.read(tmp_path)
    assert [(s.name, s.correct) for s in found] == [
        ("squat_correct_9", True), ("squat_correct_10", True), ("squat_incorrect_1", False)
    ]  # fmt: skip
    assert [len(s.landmarks) for s in found] == [12, 30, 30]
    np.testing.assert_allclose(found[1].landmarks[:, 23], kept[:, 0])
    np.testing.assert_allclose(found[1].landmarks[:, 32], kept[:, 11])
    assert np.isnan(found[1].landmarks[:, [0, 13, 15]]).all()
    pose = next(poses_of(found[1].landmarks, fitai.SIZE, np.arange(30) / 30))[1]
    assert pose is not None
    missing = [not np.isfinite(point).all() for point in pose.keypoints[:17]]
    assert missing == ["elbow" in name or "wrist" in name or name == "nose" for name in KEYPOINTS[:17]]
    assert not pose.scores[index("left_wrist")].any()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("no", "no sequence of landmarks"),
        ('{"frames": []}', "no sequence of landmarks"),
        ('{"sequence": [[1, 2, 3]]}', "expected .frames, 48. numbers, got .1, 3."),
        (json.dumps({"sequence": [[float("nan")] * 48]}), "NaN or infinite"),
        (json.dumps({"sequence": [[0.0] * 48]}), "nobody was found"),
    ],
)
def test_a_broken_sequence_is_named(tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "squat_correct_1.json").write_text(text)
    with pytest.raises(InputError, match=rf"squat_correct_1\.json: .*{said}"):
        fitai.read(tmp_path)


def test_sequences_of_one_kind_alone_and_no_folder_are_refused(tmp_path: Path) -> None:
    write_fitai(tmp_path / "squat_correct_1.json")
    with pytest.raises(InputError, match=r"no squat_incorrect_N\.json"):
        fitai.read(tmp_path)
    with pytest.raises(InputError, match="no such folder"):
        fitai.read(tmp_path / "nowhere")


def test_the_judges_phases_agree_with_the_stages_of_frames_whose_way_between_was_left_out(tmp_path: Path) -> None:
    downs = [False] * 40 + [True] * 30 + [False] * 40
    write_updown(tmp_path / "train.csv", downs)
    frames = updown.read(tmp_path, "train")
    assert frames.down.tolist() == downs
    assert [(run.start, run.stop) for run in frames.stretches] == [(0, 40), (40, 70), (70, 110)]
    gaps = np.diff(frames.at_s)
    assert gaps[[39, 69]] == pytest.approx(1 / 30 + updown.LEFT_OUT_S)
    assert np.delete(gaps, [39, 69]) == pytest.approx(1 / 30)
    phases, reps = judged(list(poses_of(frames.landmarks, updown.SIZE, frames.at_s)))
    assert len(reps) == 1
    assert set(phases[:40]) == {Phase.STANDING}
    assert set(phases[42:70]) <= {Phase.ECCENTRIC, Phase.BOTTOM, Phase.CONCENTRIC}


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda rows: rows[0].__setitem__(1, "nase_x"), "train.csv: other columns than expected, without nose_x"),
        (lambda rows: rows[2].__setitem__(0, "middle"), "line 3: stage 'middle', expected up or down"),
        (lambda rows: rows[3].__setitem__(5, "nan"), "line 4: expected 36 finite numbers"),
        (lambda rows: rows[3].pop(), "line 4: expected 36 finite numbers"),
        (lambda rows: rows[1].__setitem__(5, "left"), "line 2: not a row of landmarks"),
        (lambda rows: rows.__delitem__(slice(5, None)), "no frame is down"),
    ],
)
def test_a_broken_table_of_stages_is_named(tmp_path: Path, change, said: str) -> None:
    path = tmp_path / "train.csv"
    write_updown(path, [False] * 4 + [True] * 4)
    rows = list(csv.reader(path.open(newline="")))
    change(rows)
    with path.open("w", newline="") as file:
        csv.writer(file).writerows(rows)
    with pytest.raises(InputError, match=said):
        updown.read(tmp_path, "train")
    with pytest.raises(InputError, match=r"no test\.csv"):
        updown.read(tmp_path, "test")


def test_a_table_of_stages_that_is_no_text_or_a_folder_is_named(tmp_path: Path) -> None:
    (tmp_path / "train.csv").write_bytes(b"\xff\xfe\x00")
    (tmp_path / "test.csv").mkdir()
    for split in ("train", "test"):
        with pytest.raises(InputError, match=rf"{split}\.csv"):
            updown.read(tmp_path, split)


@pytest.mark.parametrize(("view", "at"), [(0.0, 0.0), (90.0, 90.0), (-45.0, -45.0)])
def test_a_figure_of_joint_angles_is_counted_and_seen_from_where_the_camera_stands(tmp_path, view, at) -> None:
    write_mot(tmp_path / "a.mot", list(opencap.NEEDED), squats(105))
    motion = opencap.read(tmp_path / "a.mot")
    assert motion.thigh_deg.max() == pytest.approx(105, abs=0.1)
    assert motion.shank_deg.max() == pytest.approx(25, abs=0.1)
    assert motion.lean_deg.max() == pytest.approx(35, abs=0.1)
    assert len(squats_of(motion)) == 2
    _, reps = judged(list(opencap.poses(motion, view)))
    assert len(reps) == 2
    assert reps[0].view_deg == pytest.approx(at, abs=3)
    assert all(rep.depth is not None and rep.depth.p_below > 0.5 for rep in reps)


def test_what_the_device_takes_for_no_squat_is_not_counted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(real_sets, "squat_network", lambda: lambda rep: 0.0)
    write_mot(tmp_path / "a.mot", list(opencap.NEEDED), squats(105))
    assert not judged(list(opencap.poses(opencap.read(tmp_path / "a.mot"), 90.0)))[1]


def test_a_figure_that_stays_high_is_no_good_lift(tmp_path: Path, capsys) -> None:
    write_mot(tmp_path / "a.mot", list(opencap.NEEDED), squats(75))
    assert main(["real-sets", "--opencap", str(tmp_path / "a.mot")]) == 0
    said = capsys.readouterr().out
    assert "2 squats whose thighs reach 75 degrees" in said
    assert "| 90 | 2 | 2 no_lift |" in said


def test_a_broken_file_of_angles_is_named(tmp_path: Path) -> None:
    path, names, rows = tmp_path / "a.mot", list(opencap.NEEDED), squats(75)
    for said, (named, values, degrees) in {
        "no column knee_angle_r": ([*names[:-1], "knee"], rows, "yes"),
        "NaN or infinite": (names, np.where(rows == rows.max(), np.nan, rows), "yes"),
        "expected a line inDegrees=yes": (names, rows, "no"),
        "no rows": (names, rows[:0], "yes"),
        "times do not rise": (names, rows[::-1], "yes"),
        "no table of joint angles": (names[:-1], rows, "yes"),
    }.items():
        write_mot(path, named, values, degrees)
        with pytest.raises(InputError, match=rf"a\.mot: {said}"):
            opencap.read(path)
    with pytest.raises(InputError, match=r"nowhere\.mot: no table"):
        opencap.read(tmp_path / "nowhere.mot")


def test_deepsquats_labels_are_told_with_what_is_odd_and_its_videos_judged_where_they_are(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys
) -> None:
    squat = "  - start: '{}:00'\n    mid: '{}:15'\n    end: '{}:30'\n    label: {}\n"
    path = tmp_path / "raw_data_params.yml"
    path.write_text(
        "a.mp4:\n" + squat.format(1, 2, 3, 1) + squat.format(5, 6, 7, 0) + "b.mp4:\n" + squat.format(1, 2, 3, 0)
    )
    assert main(["real-sets", "--deepsquat", str(path)]) == 0
    said = capsys.readouterr().out
    assert "3 squats in 2 videos, 1 called good; 3 oddities" in said
    assert "- line 2: a.mp4: end '3:30' counts 30 thirtieths" in said
    assert "Videos beside the labels: 0 of 2." in said
    (tmp_path / "b.mp4").touch()
    monkeypatch.setattr(real_sets, "judge_clip", lambda clip, chosen: Judged((), 30, 1.0))
    assert main(["real-sets", "--deepsquat", str(path)]) == 0
    assert "| b.mp4 | 1 | 0 | 1 | 0 |" in capsys.readouterr().out


def test_without_data_the_command_says_what_it_wants(capsys) -> None:
    assert main(["real-sets"]) == 2
    assert "expected at least one of --fitai, --updown, --opencap, --deepsquat" in capsys.readouterr().err


@pytest.mark.skipif(not (DATA / "updown").is_dir(), reason="needs ../shared/data")
def test_the_real_sets_are_as_large_as_their_makers_left_them_and_the_judge_follows_the_stages() -> None:
    sequences = fitai.read(DATA / "fitai")
    assert [sum(s.correct == kind for s in sequences) for kind in (True, False)] == [9, 6]
    frames = updown.read(DATA / "updown", "test")
    assert (len(frames.down), int(frames.down.sum()), len(frames.stretches)) == (853, 430, 10)
    phases, _ = judged(list(poses_of(frames.landmarks, updown.SIZE, frames.at_s)))
    up = np.array([p in (Phase.STANDING, Phase.LOCKOUT) for p in phases])
    assert (up != frames.down).mean() > 0.95
    assert len(squats_of(opencap.read(next((DATA / "opencap").glob("*.mot"))))) == 5

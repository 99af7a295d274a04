"""FrontSquat is read as it is, and the rows of its table are what they say."""

from pathlib import Path

import numpy as np
import pytest

from convert.datasets import frontsquat
from convert.frontsquat import device_says, fitted, travel_and_recovery
from convert.nets import depth_paper
from device.errors import InputError
from device.squat.pose import Array


def squatter(drop: float, up: float, frames: int = 60) -> np.ndarray:
    """(T, 33, 4) a stick figure from in front whose hips sink by `drop` of the leg and rise by `up` of that."""
    at = np.zeros((frames, 33, 4), np.float32)
    down = np.interp(np.arange(frames), [15, 30, 35, 50], [0, drop, drop, drop * (1 - up)]) * 0.36
    for row, (x, y) in {11: (0.6, 0.3), 12: (0.4, 0.3), 23: (0.57, 0.5), 24: (0.43, 0.5)}.items():
        at[:, row, 0], at[:, row, 1] = x, y + down
    for row, (x, y) in {25: (0.6, 0.68), 26: (0.4, 0.68), 27: (0.6, 0.86), 28: (0.4, 0.86)}.items():
        at[:, row, 0], at[:, row, 1] = x, y + down * (row < 27) * 0.2
    at[:, 25:27, 2] = -down[:, None] * 0.9
    for row, source, dy in ((0, 11, -0.1), (29, 27, 0.02), (30, 28, 0.02), (31, 27, 0.03), (32, 28, 0.03)):
        at[:, row] = at[:, source] + [0, dy, 0, 0]
    at[:, 13:17] = at[:, [11, 12, 11, 12]]
    at[..., 3] = 0.99
    at[0] = 0
    return at


@pytest.fixture
def stored(tmp_path: Path) -> Path:
    rng, arrays = np.random.default_rng(0), {}
    for k in range(20):
        arrays[f"Valid_{k:03d}"] = squatter(rng.uniform(0.6, 0.8), 1.0)
        kind = squatter(0.7, 0.2) if k < 10 else squatter(rng.uniform(0.1, 0.4), 1.0)
        arrays[f"Invalid_{k:03d}"] = kind
        arrays[f"Invalid_{k:03d}_idx"] = np.arange(60)
    path = tmp_path / "set.npz"
    np.savez(path, **arrays)
    return path


def test_zero_rows_are_missing_and_failed_lifts_are_a_class_of_their_own(stored: Path) -> None:
    clips = frontsquat.read(stored)
    assert [c.name for c in clips[:2]] == ["Valid_000", "Valid_001"]
    assert np.isnan(clips[0].landmarks[0]).all()
    assert not np.isnan(clips[0].landmarks[1:]).any()
    assert sum(c.failed for c in clips) == frontsquat.NOT_STOOD_UP
    assert not any(c.failed and c.valid for c in clips)
    assert next(iter(frontsquat.poses(clips[0])))[1] is None


def test_folders_of_frames_give_the_same(stored: Path, tmp_path: Path) -> None:
    clips = frontsquat.read(stored)
    for clip in clips:
        kind, number = clip.name.split("_")
        folder = tmp_path / "kaggle" / kind.lower() / number
        folder.mkdir(parents=True)
        for t, frame in enumerate(np.nan_to_num(clip.landmarks)):
            np.save(folder / f"{t}.npy", frame.ravel())  # 10.npy comes after 9.npy
    again = frontsquat.read(tmp_path / "kaggle")
    assert [c.name for c in again] == [c.name for c in clips]
    np.testing.assert_array_equal(again[3].landmarks, clips[3].landmarks)


def test_other_files_are_refused_in_one_line(tmp_path: Path) -> None:
    np.savez(tmp_path / "other.npz", Valid_000=np.zeros((5, 17, 3)))
    with pytest.raises(InputError, match=r"expected .frames, 33, 4. landmarks, got"):
        frontsquat.read(tmp_path / "other.npz")
    (tmp_path / "text.npz").write_text("no")
    with pytest.raises(InputError, match=r"text\.npz: not FrontSquat landmarks"):
        frontsquat.read(tmp_path / "text.npz")


def test_broken_folders_are_refused_in_one_line(tmp_path: Path) -> None:
    frame = squatter(0.7, 1.0)[5]
    for kind, number in (("valid", "0"), ("valid", "1")):
        (tmp_path / "one" / kind / number).mkdir(parents=True)
        np.save(tmp_path / "one" / kind / number / "0.npy", frame)
    with pytest.raises(InputError, match="found 2 clips of one kind"):
        frontsquat.read(tmp_path / "one")
    (tmp_path / "one" / "invalid" / "7").mkdir(parents=True)
    np.save(tmp_path / "one" / "invalid" / "7" / "0.npy", frame[:, :3])
    with pytest.raises(InputError, match=r"7, Invalid_007: expected .frames, 33, 4. landmarks, got .1, 33, 3."):
        frontsquat.read(tmp_path / "one")
    (tmp_path / "one" / "invalid" / "7" / "0.npy").write_bytes(b"no")
    with pytest.raises(InputError, match=r"7: not one \.npy of 33 landmarks per frame"):
        frontsquat.read(tmp_path / "one")
    np.save(tmp_path / "one" / "invalid" / "7" / "0.npy", np.zeros(132))
    with pytest.raises(InputError, match="nobody was found in any frame"):
        frontsquat.read(tmp_path / "one")
    (tmp_path / "two" / "good").mkdir(parents=True)
    np.save(tmp_path / "two" / "good" / "0.npy", frame)
    with pytest.raises(InputError, match="neither in a folder named valid nor in one named invalid"):
        frontsquat.read(tmp_path / "two")


def test_blocks_keep_neighbours_together(stored: Path) -> None:
    clips = frontsquat.read(stored)
    fold = frontsquat.blocks(clips)
    for valid in (True, False):
        own = [f for f, c in zip(fold, clips, strict=True) if c.valid == valid]
        assert own == sorted(own)
        assert np.bincount(own).tolist() == [4] * 5


def test_the_papers_network_is_as_large_as_published(stored: Path) -> None:
    net = depth_paper.PaperNetwork()
    assert sum(p.numel() for p in net.parameters()) == 407_713
    x = depth_paper.flattened(frontsquat.read(stored))
    assert x.shape == (40, 192 * 33 * 2)
    assert not x[:, 60 * 66 :].any()
    assert np.isfinite(x).all()


def test_travel_and_recovery_tell_failed_lifts_and_half_squats(stored: Path) -> None:
    clips = frontsquat.read(stored)
    deep, failed, half = (
        np.mean([travel_and_recovery(c) for c in part], 0)
        for part in (clips[:20], [c for c in clips if c.failed and c.number < 10], clips[-2:])
    )
    assert deep[0] > 0.5 > half[0]
    assert failed[1] < 0.4 < 0.9 < min(deep[1], half[1])
    assert (fitted(clips) == [c.valid for c in clips]).mean() >= 0.95


def test_the_device_calls_valid_only_what_is_deep_and_stood_up(stored: Path) -> None:
    def deep(_: Array) -> tuple[Array, Array]:
        return np.array([0.3, 0.3], np.float32), np.array([0.1, 0.1], np.float32)

    def high(_: Array) -> tuple[Array, Array]:
        return np.array([-0.3, -0.3], np.float32), np.array([0.1, 0.1], np.float32)

    clips = frontsquat.read(stored)
    assert device_says(clips[0], deep, None) == "valid"
    assert device_says(clips[0], high, None) == "invalid"
    assert device_says(clips[0], deep, lambda rep: 0.0) != "valid", "no squat, says the network"
    assert device_says(next(c for c in clips if c.failed), deep, None) == "failed"
    assert device_says(clips[-1], deep, None) == "invalid"  # too small a dip to be a rep

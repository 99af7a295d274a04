"""What soaks and latencies are judged by."""

import numpy as np
import pytest

from convert import latency, soak
from convert.soak import Samples, judged_by, slope_mb_h, table
from device.errors import PartFailed


def samples(growth_mb_h: float = 0.0, minutes: float = 60.0, **more: list[float]) -> Samples:
    """An hour of a process that takes 60 MB more in its first four minutes, and then grows as told."""
    at_s = np.arange(0, 60 * minutes, 2.0)
    memory = 80 + 60 * np.minimum(at_s / 240, 1) + growth_mb_h * at_s / 3600
    flat = np.ones(len(at_s), int)
    given = {"handles": 12 * flat, "threads": 5 * flat, "store_mb": 0.001 * flat, "journal_mb": 4.1 * flat, **more}
    return Samples(at_s.tolist(), memory.tolist(), **{name: list(values) for name, values in given.items()})


def judged(samples: Samples, heard: tuple[str, ...] = ("a", "b"), code: int = 0, log: str = "") -> dict:
    return judged_by(samples, code, ["a", "b"], list(heard), 86400, log)


def test_memory_is_measured_after_it_has_settled():
    assert slope_mb_h([0, 1800, 3600], [1, 2, 3]) == pytest.approx(2)
    fine = judged_by(samples(0.9), 0, ["a"], ["a"], 3600, "")
    assert fine["missed"] == []
    assert fine["slope_mb_h"] == pytest.approx(0.9, abs=0.01)
    missed = judged_by(samples(1.2), 0, ["a"], ["a"], 3600, "")["missed"]
    assert missed == ["memory grows by 1.20 MB an hour"]


def test_memory_is_judged_by_the_hour_of_the_clock_and_told_by_that_of_lifting_too():
    fine, leaks = judged(samples(0.9)), judged(samples(1.2))  # a day in an hour: by lifting both are small
    assert fine["missed"] == []
    assert leaks["missed"] == ["memory grows by 1.20 MB an hour"]
    [line] = [line for line in table("day", fine) if "slope" in line]
    assert line.split("  ")[-1].strip() == "+0.90 (+0.037 MB/h of lifting, at 24 times the pace)"


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"samples": samples(handles=np.linspace(12, 40, 1800).astype(int))}, "handles from"),
        ({"samples": samples(threads=np.linspace(5, 7, 1800).astype(int))}, "threads from"),
        ({"samples": samples(journal_mb=np.linspace(0, 30, 1800))}, "journal of 30.0 MB"),
        ({"samples": samples(store_mb=np.linspace(0, 30, 1800))}, "store of 30.0 MB"),
        ({"heard": ("a",)}, "2 reps kept, 1 heard"),
        ({"heard": ("b", "a")}, "2 reps kept, 2 heard"),
        ({"code": 1}, "exit 1"),
        ({"log": "Traceback"}, "no traceback"),
    ],
)
def test_every_bar_can_be_missed(given, words):
    [missed] = judged(**{"samples": samples(), **given})["missed"]
    assert missed.startswith(words)


def test_a_device_that_was_closing_is_not_looked_at():
    threads = [5] * 1799 + [2]
    assert judged(samples(threads=threads))["missed"] == ["threads from 2 to 5"]
    assert judged(soak.before_closing(samples(threads=threads)))["missed"] == []
    assert judged(soak.before_closing(samples(threads=[5] * 1797 + [2] * 3)))["missed"] == ["threads from 2 to 5"]


def test_a_repeated_rep_is_counted_and_forgiven():
    part = judged(samples(), heard=("a", "b", "b"))
    assert part["missed"] == []
    assert "2, 2, 1" in table("day", part)[1]


def test_a_device_that_ends_at_once_is_told_with_its_last_words():
    with pytest.raises(PartFailed, match="no such camera"):
        judged_by(Samples(), 1, [], [], 1, "squatlight: no such camera\n")


def test_what_has_been_stored_for_the_soak_ends_with_nobody_in_view(monkeypatch, tmp_path, demo_clip, pose_files):
    from device.inference.recorded import load

    monkeypatch.setattr(soak, "AWAY_S", 1.0)
    monkeypatch.setattr(soak, "Clip", lambda path: Short(path))
    soak.store_keypoints(tmp_path / "k.npz")
    found = list(load(tmp_path / "k.npz"))
    assert [pose is not None for _, pose in found] == [True] * 5 + [False] * 30
    assert np.all(np.diff([at_s for at_s, _ in found]) > 0)


class Short(soak.Clip):
    def frames(self):
        for frame, _ in zip(super().frames(), range(5), strict=False):
            yield frame


def run(p99_ms: float, reps: int = 3) -> dict:
    return {
        "stages": {"pose": [9.0, 12.0]}, "every_frame_ms": [11.0, p99_ms, 40.0], "frames": 1800,
        "frame_to_pin_ms": [12.0] * reps, "dwell_s": [0.2] * reps,
    }  # fmt: skip


def test_a_picture_has_one_frame_to_get_to_the_lamp():
    assert latency.missed({"alone": run(33.0), "hanging": run(33.0)}) == []
    assert [w.split(":")[0] for w in latency.missed({"alone": run(33.4), "hanging": run(30.0)})] == [
        "frame to pin, alone"
    ]
    assert len(latency.missed({"alone": run(20.0), "hanging": run(20.0, reps=0)})) == 1
    assert any("standing still" in line for line in latency.table({"alone": run(20.0), "hanging": run(20.0)}))

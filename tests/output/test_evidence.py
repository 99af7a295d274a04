import os
import threading
import time
import uuid
from dataclasses import replace
from pathlib import Path
from time import monotonic, sleep

import cv2
import numpy as np
import pytest
from reps import judged, record_of

from device.errors import PartFailed
from device.output.drawing import Overlay
from device.output.evidence import MAX_SIDE_PX, REMEMBERED_S, Evidence, shrunk
from device.output.retention import Limits, tidy
from device.output.video import VideoWriter
from device.squat.events import LifterLost, PhaseChanged
from device.squat.phases import Phase
from device.squat.pose import KEYPOINTS, Pose
from device.squat.rulebook import Decision

LIMITS = Limits(megabytes=100, days=30)
FRAMES = 12


def pose(index: int) -> Pose:
    rng = np.random.default_rng(index)
    points = rng.uniform(50, 400, (len(KEYPOINTS), 2)).astype(np.float32)
    points[17:] = np.nan
    scores = np.where(np.isfinite(points[:, 0]), 0.9, 0).astype(np.float32)
    return Pose(points, scores, None, index / 30, index, size=(1280, 720))


def event():
    told = judged()
    rep = replace(told.rep, poses=tuple(pose(i) for i in range(FRAMES)), bottom=5)
    return replace(told, rep=rep, verdict=replace(told.verdict, evidence_index=5))


def picture(path: Path) -> np.ndarray:
    image = cv2.imread(str(path))
    assert image is not None, path
    return image


def wait_for(there, seconds: float = 10.0) -> None:
    end = time.monotonic() + seconds
    while not there():
        assert time.monotonic() < end, "in vain"
        time.sleep(0.01)


def show(tmp_path: Path, how: str, clips: bool = False) -> tuple[Path, list[bytes]]:
    """The still's path and what was published, for a rep before a camera that shows a bright red room."""
    sent: list[bytes] = []
    told = event()
    record = record_of(told)
    with Evidence(how, tmp_path / "kept", clips, LIMITS, sent.append) as evidence:
        for i in range(FRAMES):
            evidence.remember(np.full((720, 1280, 3), (200, 0, 0), np.uint8), i, i / 30)
        evidence.handle(told, record)
        wait_for(lambda: len(list((tmp_path / "kept").glob("[!.]*"))) == 1 + clips)
    return tmp_path / "kept" / f"{record['id']}.jpg", sent


def test_by_default_a_still_shows_a_skeleton_on_black_and_nothing_of_the_room(tmp_path: Path) -> None:
    path, sent = show(tmp_path, "skeleton")
    image = picture(path)
    assert max(image.shape[:2]) == MAX_SIDE_PX
    dark = (image < 30).all(-1).mean()
    assert 0.5 < dark < 0.999, "mostly black, and something is drawn"
    assert sent == [path.read_bytes()]


def test_a_picture_shows_the_room_where_people_want_it(tmp_path: Path) -> None:
    path, _ = show(tmp_path, "picture")
    red = picture(path)[..., 2] > 150
    assert red.mean() > 0.5


@pytest.mark.parametrize("how", ["skeleton", "picture"])
def test_a_clip_shows_all_frames_of_the_rep_and_no_more_than_the_still(tmp_path: Path, how: str) -> None:
    path, _ = show(tmp_path, how, clips=True)
    video = cv2.VideoCapture(str(path.with_suffix(".webm")))
    frames = []
    while (read := video.read())[0]:
        frames.append(read[1])
    assert len(frames) == FRAMES
    reddish = np.mean([(f[..., 2] > 120).mean() for f in frames])
    assert (reddish > 0.5) == (how == "picture")


def test_only_what_a_rep_can_need_is_remembered(tmp_path: Path) -> None:
    with Evidence("picture", None, False, LIMITS, None) as evidence:
        for second in range(60):
            evidence.remember(np.zeros((48, 64, 3), np.uint8), second, float(second))
        assert len(evidence._recent) <= REMEMBERED_S + 1
    with Evidence("skeleton", None, False, LIMITS, None) as evidence:
        evidence.remember(np.zeros((48, 64, 3), np.uint8), 0, 0.0)
        assert not evidence._recent, "nobody's picture is kept where none is shown"


def test_judging_waits_for_no_picture(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    stuck = threading.Event()
    with Evidence("skeleton", None, False, LIMITS, lambda jpeg: stuck.wait(20) and None) as evidence:
        told = event()
        began = time.monotonic()
        for _ in range(50):
            evidence.handle(told, record_of(told))
        assert time.monotonic() - began < 1.0
        assert "busy" in caplog.text
        stuck.set()


def test_a_folder_that_cannot_be_written_is_told_once_and_stills_go_on(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "kept").write_text("a file where the folder should be")
    sent: list[bytes] = []
    with Evidence("skeleton", tmp_path / "kept", False, LIMITS, sent.append) as evidence:
        for number in range(3):
            told = event()
            evidence.handle(told, record_of(told))
            wait_for(lambda number=number: len(sent) == number + 1)
    assert sum("evidence:" in line for line in caplog.text.splitlines()) == 1
    assert (tmp_path / "kept").read_text() == "a file where the folder should be"


def test_what_a_crash_left_half_written_goes_away(tmp_path: Path) -> None:
    left = tmp_path / f".part-{uuid.uuid4()}.webm"
    left.write_bytes(b"half")
    with Evidence("skeleton", tmp_path, False, LIMITS, None):
        wait_for(lambda: not left.exists())


def test_what_this_process_is_still_writing_outlives_a_change_of_the_settings(tmp_path: Path) -> None:
    """The station is opened anew while a clip of the one before is under way."""
    told, sent = event(), []
    with Evidence("skeleton", tmp_path, False, LIMITS, sent.append) as evidence:
        evidence.handle(told, record_of(told))
        wait_for(lambda: sent)
    clip = tmp_path / f".part-{uuid.uuid4()}.webm"
    clip.write_bytes(b"half")
    with Evidence("skeleton", tmp_path, False, LIMITS, sent.append) as evidence:
        evidence.handle(told, record_of(told))
        wait_for(lambda: len(sent) == 2)
    assert clip.exists()


def test_it_ends_once_its_pictures_are_done_also_where_many_waited_as_it_was_closed() -> None:
    stuck = threading.Event()
    evidence = Evidence("skeleton", None, False, LIMITS, lambda jpeg: stuck.wait(20) and None)
    for _ in range(10):
        evidence.handle(event(), record_of(event()))
    evidence.close()
    assert evidence._thread.is_alive()
    stuck.set()
    evidence._thread.join(10)
    assert not evidence._thread.is_alive()


def test_a_clip_that_the_disk_did_not_take_is_none(small_disk: Path) -> None:
    noise, video = np.random.default_rng(0), VideoWriter(small_disk / "x.webm", (640, 480), 30)
    for _ in range(60):
        video.write(noise.integers(0, 255, (480, 640, 3), np.uint8))
    with pytest.raises(PartFailed, match="is the disk full"), video:
        pass
    assert list(small_disk.iterdir()) == []


def test_a_video_keeps_the_time_of_its_pictures_but_for_long_pauses(tmp_path: Path) -> None:
    image = np.zeros((48, 64, 3), np.uint8)
    with VideoWriter(tmp_path / "x.webm", (64, 48), 30) as video:
        times = []
        for at_s in (0.0, 1 / 30, 0.05, 0.2, 7200.0, 7200.1):
            times.append(video.due(at_s))
            video.write(image, times[-1])
    assert times == [1, 1, 1, 4, 30, 3]
    with VideoWriter(tmp_path / "y.webm", (64, 48), 1000) as video:
        assert video.due(1.0) == 60, "a rate that nobody told"
        video.write(image)


def test_the_reason_of_a_verdict_stands_beside_a_depth_that_says_otherwise(monkeypatch: pytest.MonkeyPatch) -> None:
    lines: list[str] = []
    monkeypatch.setattr("device.output.drawing._text", lambda image, words, *_: lines.append(words))
    told = judged(decision=Decision.NO_LIFT)
    told = replace(told, verdict=replace(told.verdict, reasons=("did not stand up with the knees locked",)))
    overlay = Overlay()
    overlay.handle(PhaseChanged(1.0, Phase.STANDING))
    overlay.handle(told)
    overlay.draw(np.zeros((480, 640, 3), np.uint8), None, told.at_s)
    assert "did not stand up with the knees locked" in lines
    assert any("parallel" in line for line in lines)
    assert lines[0].startswith("standing")
    lines.clear()
    overlay.handle(LifterLost(told.at_s + 1))
    overlay.draw(np.zeros((480, 640, 3), np.uint8), None, told.at_s + 1)
    assert "standing" not in lines[0], "he has left"


def kept(folder: Path, days_ago: float, kilobytes: int, now_s: float, suffix: str = ".jpg") -> Path:
    path = folder / f"{uuid.uuid4()}{suffix}"
    begun = path.with_suffix(".begun")  # its age is set before its name is one that may be tidied away
    begun.write_bytes(b"x" * kilobytes * 1000)
    os.utime(begun, (now_s - days_ago * 86400,) * 2)
    return begun.rename(path)


def test_the_oldest_go_where_there_are_too_many_and_all_that_are_too_old(tmp_path: Path) -> None:
    now_s = 1.8e9
    ages = (0, 1, 2, 3, 40)
    files = [kept(tmp_path, days, 100, now_s) for days in ages]
    tidy(tmp_path, Limits(megabytes=0.35, days=30), now_s)
    assert [path.exists() for path in files] == [True, True, True, False, False]


def test_nothing_of_the_persons_own_is_removed_nor_the_newest_rep(tmp_path: Path) -> None:
    now_s = 1.8e9
    own = [tmp_path / name for name in ("holiday.jpg", "labels.jsonl", "reps.db")]
    for path in own:
        path.write_bytes(b"x" * 1000)
        os.utime(path, (0, 0))
    link = tmp_path / f"{uuid.uuid4()}.jpg"
    link.symlink_to(own[0])
    newest = kept(tmp_path, 50, 500, now_s)
    tidy(tmp_path, Limits(megabytes=0.001, days=60), now_s)
    assert all(path.exists() for path in (*own, link, newest))
    assert tidy(tmp_path, Limits(megabytes=0.001, days=49), now_s) == [newest], "but for its age"


def test_what_becomes_too_old_goes_where_nobody_lifts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("device.output.evidence.TIDY_S", 0.01)
    days = [0.0]
    with Evidence("skeleton", tmp_path, False, LIMITS, None, clock=lambda: 1.8e9 + days[0] * 86400):
        picture, until_s = kept(tmp_path, 0, 1, 1.8e9), monotonic() + 10
        days[0] = 31.0
        while picture.exists():
            assert monotonic() < until_s
            sleep(0.01)


def test_a_clock_set_back_removes_nothing(tmp_path: Path) -> None:
    files = [kept(tmp_path, days, 1, 1.8e9) for days in (0, 1, 2)]
    assert tidy(tmp_path, LIMITS, 1.0e9) == []
    assert all(path.exists() for path in files)


def test_pictures_are_made_no_longer_than_they_may_be() -> None:
    assert shrunk(np.zeros((1080, 1920, 3), np.uint8)).shape == (360, 640, 3)
    assert shrunk(np.zeros((64, 48, 3), np.uint8)).shape == (64, 48, 3)

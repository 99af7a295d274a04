"""The clip source against what ffprobe and ffmpeg say of the same file."""

import logging
import subprocess
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from device.camera.clip import Clip
from device.camera.frames import Frame
from device.camera.paced import Paced
from device.errors import InputError
from device.station import DEMO_CLIP

Ffmpeg = Callable[..., None]

PICTURE = "testsrc=size=160x120:rate=30"  # a number and a bar that change with every frame
UNEVEN = "setpts=(N+0.4*mod(N*7\\,5)+if(gt(N\\,40)\\,N-40\\,0))/30/TB"  # jitters, then half the rate
FORMATS = {
    "h264.mp4": ("-c:v", "libx264", "-bf", "2"),  # frames stored out of order
    "mpeg4.mp4": ("-c:v", "mpeg4"),
    "h264.mov": ("-c:v", "libx264", "-bf", "2"),
    "h264.mkv": ("-c:v", "libx264", "-bf", "2"),
    "vp8.webm": ("-c:v", "libvpx", "-deadline", "realtime", "-cpu-used", "8"),
    "vp9.webm": ("-c:v", "libvpx-vp9", "-deadline", "realtime", "-cpu-used", "8"),
}


def shown(path: Path) -> np.ndarray:
    """Times of the frames in seconds since the first, by ffprobe."""
    entries = ("-select_streams", "v", "-show_entries", "frame=pts_time", "-of", "csv=p=0")
    out = subprocess.run(["ffprobe", "-v", "error", *entries, path], capture_output=True, text=True, check=True).stdout
    times = np.array([float(line.strip(",")) for line in out.split()])
    return times - times[0]


def pictures(path: Path, width: int, height: int) -> np.ndarray:
    """(N, H, W, 3) frames, by ffmpeg, turned as the container says."""
    arguments = ("-fps_mode", "passthrough", "-f", "rawvideo", "-pix_fmt", "rgb24", "-")
    raw = subprocess.run(["ffmpeg", "-v", "error", "-i", path, *arguments], capture_output=True, check=True).stdout
    return np.frombuffer(raw, np.uint8).reshape(-1, height, width, 3)


def read(path: Path) -> list[Frame]:
    with Clip(path) as clip:
        return list(clip.frames())


@pytest.mark.parametrize("name", FORMATS)
def test_a_constant_rate_is_read_frame_by_frame_at_the_containers_times(
    ffmpeg: Ffmpeg, tmp_path: Path, name: str
) -> None:
    path = tmp_path / name
    ffmpeg("-f", "lavfi", "-i", PICTURE, "-t", 2, *FORMATS[name], path)
    frames = read(path)
    assert len(frames) == 60
    assert [f.captured_s for f in frames] == pytest.approx(shown(path), abs=1e-5)
    assert [f.index for f in frames] == list(range(60))
    assert all(f.dropped == 0 for f in frames)


@pytest.mark.parametrize("name", FORMATS)
def test_a_variable_rate_is_read_at_the_containers_times_and_not_at_index_over_rate(
    ffmpeg: Ffmpeg, tmp_path: Path, name: str
) -> None:
    if name == "mpeg4.mp4":
        pytest.skip("MPEG-4 part 2 stores one rate")
    path = tmp_path / name
    rate = ("-fps_mode", "vfr") if name.endswith(("webm", "mkv")) else ("-fps_mode", "vfr", "-enc_time_base", "1/1000")
    ffmpeg("-f", "lavfi", "-i", PICTURE, "-t", 3, "-vf", UNEVEN, *rate, *FORMATS[name], path)
    seen, expected = [f.captured_s for f in read(path)], shown(path)
    assert np.ptp(np.diff(expected)) > 0.02  # the clip is what it should be
    assert seen == pytest.approx(expected, abs=1e-5)


@pytest.mark.parametrize(("name", "codec"), [("raw.h264", "libx264"), ("raw.mjpeg", "mjpeg")])
def test_a_raw_stream_is_taken_at_the_rate_that_is_assumed(
    ffmpeg: Ffmpeg, tmp_path: Path, name: str, codec: str, caplog: pytest.LogCaptureFixture
) -> None:
    """What `rpicam-vid -o x.h264` writes: no container, so no times."""
    path = tmp_path / name
    ffmpeg("-f", "lavfi", "-i", "testsrc=size=160x120:rate=25", "-t", 2, "-c:v", codec, path)
    times = [frame.captured_s for frame in read(path)]
    assert times == pytest.approx(np.arange(50) / 25)
    assert [entry.getMessage() for entry in caplog.records] == [f"{path}: holds no times; taken for 25 frames a second"]


def test_two_rates_one_after_the_other_keep_their_times(ffmpeg: Ffmpeg, tmp_path: Path) -> None:
    path = tmp_path / "two.mp4"
    slow = "testsrc=size=160x120:rate=12"
    ffmpeg("-f", "lavfi", "-t", 1, "-i", PICTURE, "-f", "lavfi", "-t", 1, "-i", slow, "-filter_complex", "concat",
           "-fps_mode", "vfr", "-c:v", "libx264", path)  # fmt: skip
    seen, expected = [f.captured_s for f in read(path)], shown(path)
    assert seen == pytest.approx(expected, abs=1e-5)
    assert np.diff(seen).max() > 2 * np.diff(seen).min()


def test_a_clip_whose_stamps_run_back_still_gives_times_that_run_on(ffmpeg: Ffmpeg, tmp_path: Path) -> None:
    parts, joined, names = [tmp_path / "a.mp4", tmp_path / "b.mp4"], tmp_path / "joined.mp4", tmp_path / "names"
    ffmpeg("-f", "lavfi", "-i", PICTURE, "-t", 3, "-vf", UNEVEN, "-fps_mode", "vfr", "-enc_time_base", "1/1000",
           "-c:v", "libx264", parts[0])  # fmt: skip
    ffmpeg("-f", "lavfi", "-i", PICTURE, "-t", 2, "-c:v", "libx264", parts[1])
    names.write_text("".join(f"file {part}\n" for part in parts))
    ffmpeg("-f", "concat", "-safe", 0, "-i", names, "-c", "copy", joined)
    times = [f.captured_s for f in read(joined)]
    assert len(times) == len(shown(joined))
    assert all(after > before for before, after in pairwise(times))


@pytest.mark.parametrize("turn", [90, 180, 270])
def test_the_rotation_of_the_container_is_applied(ffmpeg: Ffmpeg, tmp_path: Path, turn: int) -> None:
    flat, turned = tmp_path / "flat.mp4", tmp_path / "turned.mp4"
    ffmpeg("-f", "lavfi", "-i", PICTURE, "-t", 0.3, "-c:v", "libx264", "-crf", 10, flat)
    ffmpeg("-i", flat, "-c", "copy", "-metadata:s:v", f"rotate={turn}", turned)
    probe = ("ffprobe", "-v", "error", "-show_entries", "side_data=rotation", "-of", "csv=p=0", turned)
    if not subprocess.run(probe, capture_output=True, text=True, check=True).stdout.strip():
        pytest.skip("this ffmpeg writes rotation in another way")
    size = (160, 120) if turn == 180 else (120, 160)
    with Clip(turned) as clip:
        assert clip.size == size
        frames = list(clip.frames())
    expected = pictures(turned, *size)
    assert frames[0].image.shape == expected[0].shape
    assert np.abs(frames[5].image.astype(int) - expected[5]).mean() < 3
    assert np.abs(frames[5].image[::-1, ::-1].astype(int) - expected[5]).mean() > 20  # and not the other way round


def test_no_frame_is_lost_doubled_or_changed(ffmpeg: Ffmpeg, tmp_path: Path) -> None:
    """Tolerance: 3 of 255 on the mean, for two libraries' ways from YUV to RGB."""
    path = tmp_path / "clip.mp4"
    ffmpeg("-f", "lavfi", "-i", PICTURE, "-t", 4, "-c:v", "libx264", "-crf", 10, "-bf", 3, path)
    frames, expected = read(path), pictures(path, 160, 120)
    assert len(frames) == len(expected) == 120
    for frame, picture in zip(frames, expected, strict=True):
        assert np.abs(frame.image.astype(int) - picture).mean() < 3
    red = frames[0].image[20, 70:75].mean(0) - expected[0][20, 70:75].mean(0)
    assert np.abs(red).max() < 12  # RGB, not BGR
    assert frames[0].image.dtype == np.uint8


def test_a_slow_reader_gets_every_frame(ffmpeg: Ffmpeg, tmp_path: Path, demo_clip: Path) -> None:
    with Clip(demo_clip) as clip:
        frames = clip.frames()
        first = [next(frames) for _ in range(3)]
        clip._thread.join(0.5)  # the decoder fills what it may and then waits
        rest = list(frames)
    assert [f.index for f in (*first, *rest)] == list(range(len(shown(demo_clip))))


def test_two_readings_are_identical(demo_clip: Path) -> None:
    with Clip(demo_clip) as one, Clip(demo_clip) as other:
        for a, b in zip(one.frames(), other.frames(), strict=True):
            assert (a.captured_s, a.index) == (b.captured_s, b.index)
            assert np.array_equal(a.image, b.image)


def test_a_clip_may_be_closed_in_the_middle_and_twice(demo_clip: Path) -> None:
    clip = Clip(demo_clip)
    next(clip.frames())
    clip.close()
    clip.close()
    assert not clip._thread.is_alive()


@pytest.mark.parametrize("name", ["h264.mp4", "vp9.webm"])
def test_a_whole_clip_of_variable_rate_gives_no_warning(
    ffmpeg: Ffmpeg, tmp_path: Path, name: str, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / name
    ffmpeg("-f", "lavfi", "-i", PICTURE, "-t", 3, "-vf", UNEVEN, "-fps_mode", "vfr", *FORMATS[name], path)
    with caplog.at_level(logging.WARNING):
        read(path)
    assert caplog.messages == []


def test_a_clip_trimmed_without_coding_it_anew_starts_where_players_start_and_is_not_called_cut(
    ffmpeg: Ffmpeg, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Phones trim so: the frames before the cut stay in the file, and an edit list hides them."""
    whole, trimmed = tmp_path / "whole.mp4", tmp_path / "trimmed.mp4"
    ffmpeg("-f", "lavfi", "-i", PICTURE, "-t", 2, "-c:v", "libx264", whole)
    ffmpeg("-ss", 0.55, "-i", whole, "-c", "copy", trimmed)
    with caplog.at_level(logging.WARNING):
        frames = read(trimmed)
    assert [f.captured_s for f in frames] == pytest.approx(shown(trimmed), abs=1e-5)
    assert caplog.messages == []


def test_what_cannot_be_a_clip_is_an_input_error(tmp_path: Path) -> None:
    words = tmp_path / "words.mp4"
    words.write_text("not a video")
    for path, said in ((tmp_path / "none.mp4", "no such file"), (tmp_path, "not a file"), (words, "video")):
        with pytest.raises(InputError, match=said):
            Clip(path)


def test_a_paced_clip_waits_for_each_frames_time(
    ffmpeg: Ffmpeg, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, clock = tmp_path / "clip.mp4", [100.0]
    ffmpeg("-f", "lavfi", "-i", PICTURE, "-t", 1, "-c:v", "libx264", path)
    waits: list[float] = []

    def sleep(seconds: float) -> None:
        waits.append(seconds)
        clock[0] += seconds

    monkeypatch.setattr("device.camera.paced.time.sleep", sleep)
    monkeypatch.setattr("device.camera.paced.time.monotonic", lambda: clock[0])
    with Paced(Clip(path)) as paced:
        frames = list(paced.frames())
    assert len(frames) == 30
    assert clock[0] - 100.0 == pytest.approx(frames[-1].captured_s)
    assert waits == pytest.approx(np.diff([f.captured_s for f in frames]))


def test_a_clip_that_is_closed_between_two_frames_ends() -> None:
    """As a signal does it, in the thread that waits for frames; it used to hang."""
    clip = Clip(DEMO_CLIP)
    frames = clip.frames()
    seen = [next(frames).index for _ in range(5)]
    clip.close()
    assert seen == [0, 1, 2, 3, 4]
    assert list(frames) == []


def test_a_clip_that_is_closed_at_its_very_end_does_not_hang() -> None:
    clip = Clip(DEMO_CLIP)
    frames = clip.frames()
    for _ in range(round(clip.promised) - 1):
        next(frames)
    clip.close()

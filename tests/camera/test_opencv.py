import os
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

from device.camera import opencv
from device.camera.cameras import open_camera
from device.camera.capture import Asked, CameraLost
from device.camera.mounting import Mounting
from device.errors import PartFailed, SettingsError

GSTREAMER = cv2.videoio_registry.hasBackend(cv2.CAP_GSTREAMER)


class FakeVideo:
    """What is used of cv2.VideoCapture; notes the order of calls."""

    def __init__(self, pictures: list[np.ndarray | None], position_s: float = 0.0) -> None:
        self.pictures, self.position_s = pictures, position_s
        self.calls: list[str] = []

    def isOpened(self) -> bool:
        return True

    def grab(self) -> bool:
        self.calls.append("grab")
        return bool(self.pictures)

    def get(self, _: int) -> float:
        return 1000 * self.position_s

    def retrieve(self) -> tuple[bool, np.ndarray | None]:
        self.calls.append("retrieve")
        image = self.pictures.pop(0)
        return image is not None, image

    def release(self) -> None:
        self.calls.append("release")


def test_a_picture_is_stamped_before_it_is_decoded_and_comes_as_rgb() -> None:
    video = FakeVideo([np.full((4, 4, 3), (1, 2, 3), np.uint8)], position_s=7.5)

    def clock() -> float:
        video.calls.append("clock")
        return 9.0

    capture = opencv.OpenCvCapture(video, lambda position_s, now_s: position_s + now_s, clock)
    shot = capture.read()
    capture.close()
    assert video.calls == ["grab", "clock", "retrieve", "release"]
    assert (tuple(shot.image[0, 0]), shot.captured_s) == ((3, 2, 1), 16.5)


@pytest.mark.parametrize(("has", "takes"), [({"MJPG", "YUYV"}, "MJPG"), ({"YUYV"}, "YUYV"), (set(), "BGR3")])
def test_a_usb_camera_without_jpegs_is_asked_for_yuyv(
    has: set[str], takes: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """OpenCV takes BGR3 where a driver has not what it is asked for."""

    class Usb(FakeVideo):
        format = "BGR3"

        def set(self, key: int, value: float) -> bool:
            if key == cv2.CAP_PROP_FOURCC:
                name = int(value).to_bytes(4, "little").decode()
                self.format = name if name in has else "BGR3"
            self.calls.append("format" if key == cv2.CAP_PROP_FOURCC else "size or rate")
            return True

        def get(self, _: int) -> float:
            return float(cv2.VideoWriter.fourcc(*self.format))

    video = Usb([])
    monkeypatch.setattr(cv2, "VideoCapture", lambda *_: video)
    opencv.open_usb("0", Asked(640, 480, 30.0))
    assert video.format == takes
    assert video.calls[-3:] == ["size or rate"] * 3


def test_a_picture_without_a_time_is_passed_over_and_not_even_decoded() -> None:
    video = FakeVideo([np.zeros((4, 4, 3), np.uint8)])
    times = iter([None, None, 5.0])
    assert opencv.OpenCvCapture(video, lambda *_: next(times)).read().captured_s == 5.0
    assert video.calls == ["grab", "grab", "grab", "retrieve"]


def test_one_broken_picture_is_passed_over_and_ten_are_a_fault() -> None:
    video = FakeVideo([None, np.zeros((4, 4, 3), np.uint8)] + [None] * 10)
    capture = opencv.OpenCvCapture(video, lambda _, now_s: now_s)
    capture.read()
    with pytest.raises(CameraLost, match=r"^10 pictures in a row cannot be decoded$"):
        capture.read()
    with pytest.raises(CameraLost, match=r"^it gives no pictures$"):
        capture.read()


def test_a_usb_camera_that_is_not_there_is_lost_for_now(capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(CameraLost, match=r"^cannot be opened$"):
        opencv.open_usb("63", Asked(640, 480, 30.0))
    assert capfd.readouterr().err == "", "an outage is told by us, and once"


def test_a_stream_that_is_not_there_is_lost_for_now(capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(CameraLost, match=r"^cannot be opened$"):
        opencv.open_stream("rtsp://me:secret@127.0.0.1:9/a")
    assert capfd.readouterr().err == ""


@pytest.mark.skipif(GSTREAMER, reason="this OpenCV has GStreamer")
@pytest.mark.parametrize("source", ["csi", "csi:1", "videotestsrc ! videoconvert ! appsink"])
def test_a_missing_gstreamer_is_told_in_one_line(source: str) -> None:
    with pytest.raises(
        PartFailed, match=r"^camera: this OpenCV \(.*\) is built without GStreamer.*python3-opencv"
    ) as told:
        open_camera(source, Asked(), Mounting())
    assert "\n" not in str(told.value)


def test_a_jetsons_pipeline_asks_for_size_and_rate() -> None:
    whole = opencv.jetson_pipeline(1, Asked(1280, 720, 30.0))
    assert whole.startswith(
        "nvarguscamerasrc sensor-id=1"
        " ! video/x-raw(memory:NVMM), format=NV12, width=1280, height=720, framerate=30/1 ! nvvidconv ! "
    )
    assert whole.endswith("video/x-raw, format=BGR ! appsink drop=true max-buffers=1 sync=false")
    assert "(memory:NVMM), format=NV12 ! nvvidconv" in opencv.jetson_pipeline(0, Asked())


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("rtsp://me:secret@cam.local:554/live?token=secret", "rtsp://cam.local:554/live"),
        ("http://[fe80::1]:80/v", "http://[fe80::1]:80/v"),
        ("rtsps://cam/live", "rtsps://cam/live"),
        ("rtsp://cam/live@720p", "rtsp://cam/live@720p"),
        ("rtsp://[fe80::1]:554/x@1", "rtsp://[fe80::1]:554/x@1"),
        ("http://10.0.0.5?u=a@b", "http://10.0.0.5"),
    ],
)
def test_a_password_never_stands_in_a_name(url: str, shown: str) -> None:
    assert opencv.without_password(url) == shown


@pytest.mark.parametrize("sign", ["/", "#", "?", "/1", "[", "\u2100"])
def test_a_password_that_breaks_its_address_is_told_without_it(sign: str) -> None:
    with pytest.raises(SettingsError, match=r"^camera\.source: no address") as raised:
        open_camera(f"rtsp://me:12{sign}secret@cam:554/live", Asked(), Mounting())
    assert "secret" not in str(raised.value)


@pytest.mark.parametrize(
    ("source", "name"),
    [
        ("0", "/dev/video0"),
        ("usb:2", "/dev/video2"),
        ("/dev/video1", "/dev/video1"),
        ("/dev/v4l/by-id/usb-cam-index0", "/dev/v4l/by-id/usb-cam-index0"),
        ("rtsp://me:secret@cam/live", "rtsp://cam/live"),
        ("demo", None),
        ("clips/squat.mp4", None),
        ("pier.mp4", None),
        ("usb:cam.mp4", None),
    ],
)
def test_a_source_names_a_camera_or_a_clip(source: str, name: str | None) -> None:
    camera = open_camera(source, Asked(), Mounting())
    assert (camera.name if camera else None) == name


def test_a_pi_camera_needs_its_library(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "picamera2", None)
    with pytest.raises(PartFailed, match="picamera2 is missing"):
        open_camera("pi:1", Asked(), Mounting())


def test_a_stream_that_is_not_there_is_quiet_also_where_a_video_was_written_before(tmp_path: Path) -> None:
    """FFmpeg asks once in a process how much to say: whoever is first decides."""
    code = (
        "import sys, pathlib; from device.output.video import VideoWriter; from device.camera import opencv\n"
        "from device.camera.capture import CameraLost; import numpy\n"
        "with VideoWriter(pathlib.Path(sys.argv[1]), (64, 64), 30.0) as video: "
        "video.write(numpy.zeros((64, 64, 3), numpy.uint8))\n"
        "print('written', file=sys.stderr)\n"
        "try: opencv.open_stream('rtsp://127.0.0.1:9/a')\n"
        "except CameraLost: print('lost', file=sys.stderr)\n"
    )
    given = {key: value for key, value in os.environ.items() if key != "OPENCV_FFMPEG_LOGLEVEL"}
    ran = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "a.webm")], capture_output=True, text=True, check=True,
        env={**given, "PYTHONPATH": str(Path(__file__).parents[2])},
    )  # fmt: skip
    assert ran.stderr.split("written\n")[1] == "lost\n"

"""One suite over every kind of camera that this machine has."""

import shutil
from collections.abc import Callable, Iterator
from functools import partial
from itertools import count, pairwise
from pathlib import Path
from time import monotonic

import cv2
import numpy as np
import pytest
from network_cameras import BLUE, HEIGHT, RATE_HZ, RED, WIDTH, MjpegCamera, RtspCamera, scene

from device.camera import opencv
from device.camera.cameras import open_camera
from device.camera.capture import Asked
from device.camera.fake_picamera2 import FakePi
from device.camera.frames import Frame
from device.camera.live import LiveCamera
from device.camera.mounting import Mounting
from device.camera.pi import PiCapture
from device.camera.state import CameraState, NoFrame

PATIENCE_S = 15.0
ASKED = Asked(WIDTH, HEIGHT, RATE_HZ)
REAL = Path("/dev/video0")
Make = Callable[[Mounting], LiveCamera]


def _fake_pi(_: Path, request: pytest.FixtureRequest) -> Make:
    pi = FakePi.playing(Frame(scene(i), i / RATE_HZ, i) for i in count())
    request.addfinalizer(pi.assert_used_well)
    return lambda mounting: LiveCamera("fake", partial(PiCapture, pi, 0, ASKED), ASKED, mounting)


def _named(source: str) -> Make:
    def make(mounting: Mounting) -> LiveCamera:
        camera = open_camera(source, ASKED, mounting)
        assert camera is not None
        return camera

    return make


def _mjpeg(_: Path, request: pytest.FixtureRequest) -> Make:
    camera = MjpegCamera()
    request.addfinalizer(camera.close)
    return _named(camera.url)


def _rtsp(place: Path, request: pytest.FixtureRequest) -> Make:
    if not shutil.which("ffmpeg"):
        pytest.skip("ffmpeg is not installed")
    camera = RtspCamera(place)

    def end() -> None:
        camera.close()
        assert camera.transports[0].startswith("RTP/AVP/TCP"), "by UDP, pictures smear"

    request.addfinalizer(end)
    return _named(camera.url)


def _v4l2(_: Path, __: pytest.FixtureRequest) -> Make:
    if not REAL.exists():
        pytest.skip(f"no {REAL} on this machine")
    return _named(str(REAL))


def _gstreamer(_: Path, __: pytest.FixtureRequest) -> Make:
    if not cv2.videoio_registry.hasBackend(cv2.CAP_GSTREAMER):
        pytest.skip("this OpenCV is built without GStreamer")
    caps = f"video/x-raw,format=BGRx,width={WIDTH // 2},height={HEIGHT},framerate=30/1"
    side = "videotestsrc is-live=true pattern=solid-color foreground-color={} ! " + caps
    return _named(
        f"compositor name=both sink_1::xpos={WIDTH // 2} ! videoconvert ! video/x-raw,format=BGR"
        f" ! appsink drop=true max-buffers=1 {side.format('0xffc81414')} ! both. {side.format('0xff1414c8')} ! both."
    )


def _jetson(_: Path, __: pytest.FixtureRequest) -> Make:
    if not Path("/dev/nvhost-vi").exists() and not Path("/etc/nv_tegra_release").exists():
        pytest.skip("this machine is no Jetson")
    return _named("csi")


def _real_pi(_: Path, __: pytest.FixtureRequest) -> Make:
    pytest.importorskip("picamera2", reason="picamera2 is not installed: this machine is no Raspberry Pi")
    return _named("pi")


COLOURED = {"fake pi": _fake_pi, "mjpeg": _mjpeg, "rtsp": _rtsp, "gstreamer": _gstreamer}
SOURCES = {**COLOURED, "v4l2": _v4l2, "jetson": _jetson, "pi": _real_pi}


@pytest.fixture
def make(request: pytest.FixtureRequest, tmp_path: Path) -> Make:
    return SOURCES[request.param](tmp_path, request)


def some(camera: LiveCamera, number: int) -> list[Frame]:
    """So many frames, however long the camera takes for the first one."""
    found: list[Frame] = []
    until_s = monotonic() + PATIENCE_S
    for turn in camera.frames():
        if isinstance(turn, Frame):
            found.append(turn)
        if len(found) == number:
            return found
        assert monotonic() < until_s, f"{camera.name}: {camera.words}"
    raise AssertionError("the frames ended")


@pytest.mark.parametrize("make", SOURCES, indirect=True)
def test_every_camera_gives_frames_with_their_times_and_ends_when_closed(make: Make) -> None:
    began_s = monotonic()
    with make(Mounting()) as camera:
        frames = some(camera, 15)
        now_s = monotonic()
        turns = camera.frames()
    assert not list(turns)
    camera.close()
    times = [frame.captured_s for frame in frames]
    assert all(later > earlier for earlier, later in pairwise(times))
    assert began_s - 1 < times[0]
    assert times[-1] <= now_s
    for before, after in pairwise(frames):
        assert after.index - before.index == 1 + after.dropped
    assert {(f.image.dtype, f.image.shape[2], f.image.flags["C_CONTIGUOUS"]) for f in frames} == {
        (np.dtype(np.uint8), 3, True)
    }


@pytest.mark.parametrize("mounting", [Mounting(), Mounting(90, True)], ids=["upright", "turned and mirrored"])
@pytest.mark.parametrize("make", COLOURED, indirect=True)
def test_every_camera_gives_rgb_and_is_stood_upright(make: Make, mounting: Mounting) -> None:
    with make(mounting) as camera:
        image = some(camera, 1)[0].image.astype(int)
    red, blue = (image[100, 40], image[100, -40]) if not mounting.turn_deg else (image[40, 100], image[-40, 100])
    assert image.shape == ((HEIGHT, WIDTH, 3) if not mounting.turn_deg else (WIDTH, HEIGHT, 3))
    assert red == pytest.approx(RED, abs=30)
    assert blue == pytest.approx(BLUE, abs=30)


@pytest.fixture
def network_camera() -> Iterator[MjpegCamera]:
    camera = MjpegCamera()
    yield camera
    camera.close()


def watched(network_camera: MjpegCamera) -> LiveCamera:
    opens = partial(opencv.open_stream, network_camera.url)
    return LiveCamera("net", opens, ASKED, timeout_s=0.2, retry_s=(0.02, 0.1), frozen_after=10)


def until(camera: LiveCamera, state: CameraState) -> Frame | NoFrame:
    until_s = monotonic() + PATIENCE_S
    for turn in camera.frames():
        if camera.state is state:
            return turn
        assert monotonic() < until_s, f"{camera.state}: {camera.words}; expected {state}"
    raise AssertionError("the frames ended")


@pytest.mark.parametrize(
    ("fault", "state"), [("unplugged", CameraState.LOST), ("frozen", CameraState.FROZEN), ("black", CameraState.DARK)]
)
def test_a_network_camera_comes_back_from_every_fault(
    network_camera: MjpegCamera, fault: str, state: CameraState, caplog: pytest.LogCaptureFixture
) -> None:
    with watched(network_camera) as camera:
        until(camera, CameraState.LIVE)
        caplog.clear()  # a busy machine may have stalled while it opened
        if fault == "unplugged":
            network_camera.unplug()
        else:
            network_camera.shows = fault
        assert isinstance(until(camera, state), NoFrame)
        if fault == "unplugged":
            network_camera.plug()
        network_camera.shows = "live"
        frame = until(camera, CameraState.LIVE)
        assert isinstance(frame, Frame)
        assert monotonic() - frame.captured_s < PATIENCE_S
    assert len([entry for entry in caplog.records if entry.levelname == "WARNING"]) <= 1

"""Cameras by OpenCV: USB (V4L2), streams by RTSP or HTTP, and GStreamer pipelines, such as a Jetson's CSI camera."""

import os
from collections.abc import Callable
from time import monotonic
from urllib.parse import urlsplit

import cv2

from device.camera.capture import Asked, CameraLost, Shot
from device.camera.stamps import StreamClock, at_exposure
from device.errors import PartFailed, SettingsError

STREAMS = ("rtsp", "rtsps", "http", "https", "tcp", "udp")
READ_S = 2  # a camera that gives nothing for so long is opened again; OpenCV's own limits are 10 to 30 s
OPEN_S = 5  # streams: for the connection and the first picture
# Asked for in this order. USB 2 carries 1280x720 at 30 Hz only as JPEGs; a camera without them has the other. Left to
# itself OpenCV takes BGR where a driver offers it, of which 4.11 makes a picture that is one long row.
FORMATS = ("MJPG", "YUYV")
BROKEN = 10  # so many pictures in a row that cannot be decoded are a fault; one is a hiccup on the cable

_STREAM_LIMITS = [cv2.CAP_PROP_OPEN_TIMEOUT_MSEC, 1000 * OPEN_S, cv2.CAP_PROP_READ_TIMEOUT_MSEC, 1000 * READ_S]


class OpenCvCapture:
    """An open `cv2.VideoCapture`.

    Args:
        capture: it.
        time_of: (position in seconds as OpenCV gives it, monotonic seconds now) -> monotonic seconds at exposure; None
            for a picture that is to be passed over.
        clock: monotonic seconds.

    Raises:
        CameraLost: it is not open.
    """

    def __init__(
        self,
        capture: cv2.VideoCapture,
        time_of: Callable[[float, float], float | None],
        clock: Callable[[], float] = monotonic,
    ) -> None:
        if not capture.isOpened():
            capture.release()
            raise CameraLost("cannot be opened")
        self._capture, self._time_of, self._clock = capture, time_of, clock

    def read(self) -> Shot:
        """The next picture, stamped before it is decoded.

        Raises:
            CameraLost: none within `READ_S`, or none that can be decoded.
        """
        for _ in range(BROKEN):
            at_s = None
            while at_s is None:
                if not self._capture.grab():
                    raise CameraLost("it gives no pictures")
                at_s = self._time_of(self._capture.get(cv2.CAP_PROP_POS_MSEC) / 1000, self._clock())
            ok, image = self._capture.retrieve()
            if ok and image is not None and image.size:
                return Shot(cv2.cvtColor(image, cv2.COLOR_BGR2RGB), at_s)
        raise CameraLost(f"{BROKEN} pictures in a row cannot be decoded")

    def close(self) -> None:
        """Frees the camera."""
        self._capture.release()


def open_usb(device: str, asked: Asked) -> OpenCvCapture:
    """A V4L2 camera, by its number or as /dev/videoN.

    The driver stamps the exposure with the monotonic clock, and OpenCV passes that on as the position.
    """
    _quiet()
    os.environ.setdefault("OPENCV_VIDEOIO_V4L_SELECT_TIMEOUT", str(READ_S))
    capture = cv2.VideoCapture(int(device) if device.isdigit() else device, cv2.CAP_V4L2)
    _ask_for_format(capture)  # before the size: the order is that of V4L2
    for key, value in (
        (cv2.CAP_PROP_FRAME_WIDTH, asked.width),
        (cv2.CAP_PROP_FRAME_HEIGHT, asked.height),
        (cv2.CAP_PROP_FPS, asked.rate_hz),
    ):
        if value:
            capture.set(key, value)
    return OpenCvCapture(capture, at_exposure)


def _ask_for_format(capture: cv2.VideoCapture) -> None:
    for name in FORMATS:
        wanted = cv2.VideoWriter.fourcc(*name)
        capture.set(cv2.CAP_PROP_FOURCC, wanted)
        if int(capture.get(cv2.CAP_PROP_FOURCC)) == wanted:
            return


def open_stream(url: str) -> OpenCvCapture:
    """A camera in the network; its size and rate are set on the camera.

    RTSP goes over TCP: by UDP, which FFmpeg tries first, a lost packet is a smeared picture.
    """
    _quiet()
    os.environ.setdefault("OPENCV_FFMPEG_CAPTURE_OPTIONS", "rtsp_transport;tcp")
    capture = cv2.VideoCapture(url, cv2.CAP_FFMPEG, _STREAM_LIMITS)
    return OpenCvCapture(capture, StreamClock().captured_s)


def open_pipeline(pipeline: str) -> OpenCvCapture:
    """A GStreamer pipeline that ends in `appsink` with BGR pictures; stamped on arrival."""
    _quiet()
    return OpenCvCapture(cv2.VideoCapture(pipeline, cv2.CAP_GSTREAMER), lambda _, now_s: now_s)


def jetson_pipeline(sensor: int, asked: Asked) -> str:
    """The pipeline of a Jetson's CSI camera: the ISP's pictures, only ever the newest."""
    caps = "video/x-raw(memory:NVMM), format=NV12"
    for key, value in (("width", asked.width), ("height", asked.height)):
        caps += f", {key}={value}" if value else ""
    caps += f", framerate={round(asked.rate_hz)}/1" if asked.rate_hz else ""
    return (
        f"nvarguscamerasrc sensor-id={sensor} ! {caps} ! nvvidconv ! video/x-raw, format=BGRx ! videoconvert"
        " ! video/x-raw, format=BGR ! appsink drop=true max-buffers=1 sync=false"
    )


def require_gstreamer() -> None:
    """Tells at the start what no later attempt can mend.

    Raises:
        PartFailed: this OpenCV was built without GStreamer.
    """
    if not cv2.videoio_registry.hasBackend(cv2.CAP_GSTREAMER):
        raise PartFailed(
            f"camera: this OpenCV ({cv2.__version__}) is built without GStreamer, as all of pip's are; take the one of"
            " JetPack or Debian (python3-opencv): uninstall opencv-python-headless and make the virtual environment"
            " with --system-site-packages"
        )


def usb_name(device: str) -> str:
    """The device file."""
    return f"/dev/video{device}" if device.isdigit() else device


def without_password(url: str) -> str:
    """The address as it may stand in a log.

    Raises:
        SettingsError: there are signs in its password that end it there.
    """
    wrong = "camera.source: no address; in a password write / # ? [ ] as %2F %23 %3F %5B %5D, and @ elsewhere as %40"
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", f":{parts.port}" if parts.port else ""
    except ValueError:  # its words hold the password
        raise SettingsError(wrong) from None
    ends_early = parts.username is None and ":" in parts.netloc and not parts.netloc.startswith("[")
    if ends_early and "@" in url.partition(parts.netloc)[2]:  # user:pass/word@host reads as the host user
        raise SettingsError(wrong)
    if ":" in host:
        host = f"[{host}]"
    return parts._replace(netloc=host + port, query="", fragment="").geturl()


def _quiet() -> None:
    """OpenCV's and FFmpeg's own lines on stderr: an outage is told once, and by us."""
    os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", "-8")
    cv2.setLogLevel(0)

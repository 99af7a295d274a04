"""A Raspberry Pi's camera without a Pi: the part of picamera2's interface that `pi.py` uses, and a check of its use.

`FakePi` stands for the class `Picamera2`. What it shows comes from a function or from recorded frames:

    pi = FakePi.playing(Clip("squat.webm").frames())
    with LiveCamera("fake", lambda: PiCapture(pi)) as camera: ...
    pi.assert_used_well()
"""

import time
from collections.abc import Callable, Iterable
from time import monotonic
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from device.camera.frames import Frame

Exposure = tuple[NDArray[np.uint8], int]  # (H, W, 3) RGB and SensorTimestamp in ns
PAD_PX = 64  # rows of YUV pictures are padded to this


class Misuse(AssertionError):
    """Used as picamera2 must not be used."""


class FakePi:
    """Makes fake cameras, one after the other, and remembers how they were used.

    Args:
        expose: gives the next picture; raises TimeoutError where the camera gives none.
        yuv_only: as up to the Raspberry Pi 4, whose small stream knows no RGB.
        cameras: how many are connected; may be changed.

    Attributes:
        history: what was called, in order.
        misuses: what must not be done, and was.
        held: requests that were not released yet.
    """

    def __init__(self, expose: Callable[[], Exposure], yuv_only: bool = False, cameras: int = 1) -> None:
        self.expose, self.yuv_only, self.cameras = expose, yuv_only, cameras
        self.history: list[str] = []
        self.misuses: list[str] = []
        self.held = 0
        self.opened = 0

    @classmethod
    def playing(
        cls,
        frames: Iterable[Frame],
        clock: Callable[[], float] = monotonic,
        sleep: Callable[[float], object] = time.sleep,
    ) -> "FakePi":
        """Shows recorded frames at their own speed; at their end the camera gives no more."""
        still, start_s = iter(frames), None

        def expose() -> Exposure:
            nonlocal start_s
            frame = next(still, None)
            if frame is None:
                raise TimeoutError
            start_s = clock() - frame.captured_s if start_s is None else start_s
            sleep(max(0.0, start_s + frame.captured_s - clock()))
            return frame.image, round(1e9 * (start_s + frame.captured_s))

        return cls(expose)

    def __call__(self, camera_num: int = 0) -> "FakePicamera2":
        """Opens a camera, as `Picamera2(camera_num)` does.

        Raises:
            IndexError: no such camera.
            RuntimeError: one is open already.
        """
        if camera_num >= self.cameras:
            raise IndexError("list index out of range")
        if self.opened:
            raise RuntimeError("Camera __init__ sequence did not complete.")
        self.opened += 1
        return FakePicamera2(self)

    def misuse(self, words: str) -> Misuse:
        """Takes note of it."""
        self.misuses.append(words)
        return Misuse(words)

    def assert_used_well(self) -> None:
        """Every request was released, every camera closed, and nothing done that must not be.

        Raises:
            Misuse: not so.
        """
        if self.held:
            self.misuse(f"{self.held} requests were never released")
        if self.opened:
            self.misuse("a camera was never closed")
        if self.misuses:
            raise Misuse("; ".join(self.misuses))


class FakePicamera2:
    """One open camera; made by `FakePi`. The names are picamera2's."""

    def __init__(self, pi: FakePi) -> None:
        self._pi, self._state = pi, "open"
        self._config: dict[str, Any] | None = None

    def create_video_configuration(
        self, main: dict[str, Any], lores: dict[str, Any], buffer_count: int = 6, controls: dict[str, Any] | None = None
    ) -> dict[str, Any]:
        """Sizes are made even, as picamera2 makes them."""
        streams: dict[str, Any] = {"main": {"format": "XBGR8888", **main}, "lores": {"format": "YUV420", **lores}}
        for stream in streams.values():
            stream["size"] = tuple(side - side % 2 for side in stream["size"])
        return {**streams, "buffer_count": buffer_count, "controls": controls or {}}

    def configure(self, config: dict[str, Any]) -> None:
        """Takes a configuration; not while running."""
        self._call("configure", "open", "configured", "stopped")
        if self._pi.yuv_only and config["lores"]["format"] != "YUV420":
            raise RuntimeError("lores stream must be YUV")
        if any(a > b for a, b in zip(config["lores"]["size"], config["main"]["size"], strict=True)):
            raise RuntimeError("lores stream dimensions may not exceed main stream")
        self._config, self._state = config, "configured"

    def camera_configuration(self) -> dict[str, Any]:
        """What was configured."""
        if self._config is None:
            raise self._pi.misuse("camera_configuration before configure")
        return self._config

    def start(self) -> None:
        """Starts to expose."""
        self._call("start", "configured", "stopped")
        self._state = "running"

    def capture_request(self, wait: float) -> "FakeRequest":
        """The next picture; it must be released."""
        self._call("capture_request", "running")
        config = self.camera_configuration()
        if self._pi.held >= config["buffer_count"]:
            raise self._pi.misuse("all buffers are held: picamera2 would wait for ever")
        image, stamp_ns = self._pi.expose()
        return FakeRequest(self._pi, image, stamp_ns, config)

    def stop(self) -> None:
        """Stops exposing; may be called at any time."""
        self._call("stop", "open", "configured", "running", "stopped")
        self._state = "stopped"

    def close(self) -> None:
        """Frees the camera; may be called again."""
        if self._state == "closed":
            return
        if self._state == "running":
            self._pi.misuse("close while running")
        self._call("close", self._state)
        self._state = "closed"
        self._pi.opened -= 1

    def _call(self, name: str, *allowed: str) -> None:
        self._pi.history.append(name)
        if self._state not in allowed:
            raise self._pi.misuse(f"{name} while {self._state}")


class FakeRequest:
    """One picture with its metadata."""

    def __init__(self, pi: FakePi, image: NDArray[np.uint8], stamp_ns: int, config: dict[str, Any]) -> None:
        self._pi, self._image, self._stamp_ns, self._config = pi, image, stamp_ns, config
        self._released = False
        pi.held += 1

    def make_array(self, name: str) -> NDArray[np.uint8]:
        """A copy of the picture in the stream's size and format."""
        self._check("make_array")
        stream = self._config[name]
        image: NDArray[np.uint8] = cv2.resize(self._image, stream["size"])
        form = stream["format"]
        if form == "BGR888":
            return image
        if form == "RGB888":
            return np.ascontiguousarray(image[..., ::-1])
        if form != "YUV420":
            raise self._pi.misuse(f"{form} is nothing that this fake can make")
        padding = -image.shape[1] % PAD_PX
        image = cv2.copyMakeBorder(image, 0, 0, 0, padding, cv2.BORDER_CONSTANT)
        image = cv2.cvtColor(image, cv2.COLOR_RGB2YUV_I420)
        return image

    def get_metadata(self) -> dict[str, Any]:
        """SensorTimestamp in ns."""
        self._check("get_metadata")
        return {"SensorTimestamp": self._stamp_ns}

    def release(self) -> None:
        """Gives the buffer back; once."""
        self._check("release")
        self._released = True
        self._pi.held -= 1

    def _check(self, name: str) -> None:
        if self._released:
            raise self._pi.misuse(f"{name} of a released request")

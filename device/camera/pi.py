"""A Raspberry Pi's camera by picamera2: the small (lores) stream, one request a picture."""

import time
from collections.abc import Callable
from concurrent.futures import TimeoutError as NotInTime
from importlib import import_module
from time import monotonic
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from device.camera.capture import Asked, CameraLost, Shot
from device.camera.stamps import at_exposure
from device.errors import PartFailed

READ_S = 2.0  # a camera whose cable came loose gives nothing, for ever
SIZE = (1280, 720)  # where no size is asked for
BUFFERS = 4  # one with us, one being filled, one waiting, one to spare
RGB, YUV = "BGR888", "YUV420"  # libcamera names bytes from the last to the first: BGR888 lies in memory as R, G, B


def require_picamera2() -> Callable[[int], Any]:
    """The class `Picamera2`; imported here and nowhere else.

    Raises:
        PartFailed: it or libcamera is missing, or was built for another numpy.
    """
    try:
        return import_module("picamera2").Picamera2  # type: ignore[no-any-return]
    except ImportError as error:
        missing = error.name or str(error)
        raise PartFailed(
            f"camera: {missing} is missing; on Raspberry Pi OS: sudo apt install python3-picamera2, and make the"
            " virtual environment with --system-site-packages"
        ) from error
    except ValueError as error:  # "numpy.dtype size changed": compiled parts of it meet a numpy from pip
        raise PartFailed(
            f"camera: picamera2 cannot be loaded ({error}); it was built for the system's numpy: remove the one in the"
            " virtual environment, or install one of the same major version"
        ) from error


class PiCapture:
    """An open camera of a Raspberry Pi.

    Args:
        picamera2: the class, or what stands for it.
        number: which camera.
        asked: size and rate.
        clock: monotonic seconds.
        boot_clock: seconds since boot, by which libcamera says it stamps; the Pi's drivers stamp by the monotonic one,
            and the two differ after a suspend.

    Raises:
        CameraLost: there is no such camera, or it is in use.
    """

    def __init__(
        self,
        picamera2: Callable[[int], Any],
        number: int = 0,
        asked: Asked | None = None,
        clock: Callable[[], float] = monotonic,
        boot_clock: Callable[[], float] = lambda: time.clock_gettime(time.CLOCK_BOOTTIME),
    ) -> None:
        self._clock, self._boot_clock = clock, boot_clock
        try:
            self._camera = picamera2(number)
        except (IndexError, RuntimeError) as error:  # none connected; in use by another program
            raise CameraLost(f"camera {number} of the Pi cannot be opened ({error}); is its cable in?") from error
        try:
            self._width, self._format = self._configure(asked or Asked())
            self._camera.start()
        except BaseException:
            self._camera.close()
            raise

    def _configure(self, asked: Asked) -> tuple[int, str]:
        """Sets the camera up.

        Returns:
            width of the pictures, which may be padded in memory, and their format: up to the Pi 4 the small stream is
            YUV only.
        """
        size = (asked.width or SIZE[0], asked.height or SIZE[1])
        controls = {}
        if asked.rate_hz:
            controls["FrameDurationLimits"] = (round(1e6 / asked.rate_hz),) * 2  # microseconds, shortest and longest
        for form in (RGB, YUV):
            config = self._camera.create_video_configuration(
                main={"size": size}, lores={"size": size, "format": form}, buffer_count=BUFFERS, controls=controls
            )
            try:
                self._camera.configure(config)
                break
            except RuntimeError as error:
                if form == YUV or "YUV" not in str(error):
                    raise
        return int(self._camera.camera_configuration()["lores"]["size"][0]), form

    def read(self) -> Shot:
        """The next picture, with the time of that very picture.

        Raises:
            CameraLost: none within `READ_S`.
        """
        try:
            request = self._camera.capture_request(wait=READ_S)
        except (NotInTime, TimeoutError) as error:  # one and the same from Python 3.11 on
            raise CameraLost(f"no picture for {READ_S:g} s; is the camera's cable in?") from error
        try:
            image = request.make_array("lores")  # a copy: the request's memory goes back
            stamp_ns = request.get_metadata().get("SensorTimestamp")
        finally:
            request.release()
        now_s, boot_s = self._clock(), self._boot_clock()
        at_s = now_s if stamp_ns is None else at_exposure(stamp_ns / 1e9, now_s, boot_s)
        return Shot(self._rgb(image), at_s)

    def _rgb(self, image: NDArray[np.uint8]) -> NDArray[np.uint8]:
        if self._format == YUV:  # rows are padded: picamera2 leaves it to us to cut that off
            image = np.ascontiguousarray(cv2.cvtColor(image, cv2.COLOR_YUV2RGB_I420)[:, : self._width])
        return image

    def close(self) -> None:
        """Stops and frees the camera."""
        try:
            self._camera.stop()
        finally:
            self._camera.close()

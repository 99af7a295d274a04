"""What `camera.source` means."""

from functools import partial
from pathlib import Path

from device.camera.capture import Asked
from device.camera.live import LiveCamera
from device.camera.mounting import Mounting

STREAM_FROZEN = 900  # pictures: encoders repeat a still scene to the bit, until their next key frame some seconds later


def open_camera(source: str, asked: Asked, mounting: Mounting) -> LiveCamera | None:
    """The live camera that a source names.

    Args:
        source: `pi` or `pi:N` (Raspberry Pi, picamera2), `csi` or `csi:N` (Jetson), `usb:N`, `N` or /dev/…
            (V4L2), an address (rtsp://…, http://…), or a GStreamer pipeline, which has a `!` in it.
        asked: size and rate.
        mounting: how it hangs.

    Returns:
        the camera, not opened yet: that happens in its own thread, again and again; None where the source is none of
        these, but a clip.

    Raises:
        PartFailed: the software that this kind of camera needs is missing.
        SettingsError: it is an address that is none.
    """
    kind, _, rest = source.partition(":")
    number = int(rest) if rest.isdigit() else 0
    if kind == "pi" and (not rest or rest.isdigit()):
        from device.camera.pi import PiCapture, require_picamera2

        return LiveCamera(source, partial(PiCapture, require_picamera2(), number, asked), asked, mounting)
    from device.camera import opencv

    if "!" in source or (kind == "csi" and (not rest or rest.isdigit())):
        opencv.require_gstreamer()
        pipeline = source if "!" in source else opencv.jetson_pipeline(number, asked)
        return LiveCamera(source, partial(opencv.open_pipeline, pipeline), asked, mounting)
    if kind in opencv.STREAMS and rest.startswith("//"):
        name = opencv.without_password(source)
        return LiveCamera(name, partial(opencv.open_stream, source), asked, mounting, frozen_after=STREAM_FROZEN)
    device = rest if kind == "usb" and rest.isdigit() else source
    if device.isdigit() or (device.startswith("/dev/") and not Path(device).is_file()):
        return LiveCamera(opencv.usb_name(device), partial(opencv.open_usb, device, asked), asked, mounting)
    return None

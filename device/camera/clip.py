"""Recorded clips, read by OpenCV's FFmpeg: every frame once, in order, with the container's own time stamps."""

import logging
import os
import queue
import threading
from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from types import TracebackType

import cv2
import numpy as np

from device.camera.container import ends_early
from device.camera.frames import Frame
from device.errors import InputError

log = logging.getLogger(__name__)

MIN_SIDE_PX = 32  # nothing smaller can show a lifter
AHEAD = 2  # frames decoded in advance while the models work; each holds 6 MB at 1920x1080
DECODERS = 1  # threads of the decoder: it is faster than the models on one, and FFmpeg holds a frame more for each


class Clip:
    """A video file as a source of frames.

    Time 0 is the first decoded frame. Rotation in the container's metadata is applied. A file that ends before its
    container does is read up to the cut, with one warning.

    Args:
        path: the file.

    Raises:
        InputError: no such file, not a video, no frames, or too small.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = Path(path)
        self.name = str(path)
        if not self.path.exists():
            raise InputError(f"{path}: no such file")
        if not self.path.is_file():
            raise InputError(f"{path}: not a file; expected a video")
        os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", "-8")  # its own lines on stderr say nothing a person can use
        cv2.setLogLevel(0)
        self._capture = cv2.VideoCapture(str(path), cv2.CAP_FFMPEG, [cv2.CAP_PROP_N_THREADS, DECODERS])
        if not self._capture.isOpened():
            self._capture.release()
            raise InputError(f"{path}: cannot be read as a video")
        self._capture.set(cv2.CAP_PROP_ORIENTATION_AUTO, 1)  # off where it is not asked for: phones' clips would lie
        self.promised = int(self._capture.get(cv2.CAP_PROP_FRAME_COUNT))
        width, height = (int(self._capture.get(p)) for p in (cv2.CAP_PROP_FRAME_WIDTH, cv2.CAP_PROP_FRAME_HEIGHT))
        if min(width, height) < MIN_SIDE_PX:
            self._capture.release()
            raise InputError(f"{path}: {width}x{height} pixels; expected at least {MIN_SIDE_PX} a side")
        self.size = (width, height)
        self.fps = self._capture.get(cv2.CAP_PROP_FPS) or 30.0  # the container's mean, for writing a video of it
        self._stop = threading.Event()
        self._ending = False
        self._thread: threading.Thread | None = None

    def frames(self) -> Iterator[Frame]:
        """Yields every frame once, decoded ahead in a thread of its own.

        Raises:
            InputError: the container holds no frame that can be decoded.
        """
        ahead: queue.Queue[tuple[np.ndarray, float] | None] = queue.Queue(AHEAD)
        self._thread = threading.Thread(target=self._decode, args=(ahead,), daemon=True)
        self._thread.start()
        count = 0
        while (item := self._next(ahead)) is not None:
            yield Frame(item[0], item[1], count)
            count += 1
        if self._stop.is_set() or self._ending:
            return
        self._thread.join()
        if count == 0:
            raise InputError(f"{self.name}: holds no frame that can be decoded")
        if ends_early(self.path):
            log.warning("%s: the file was cut off; judged up to there, %d frames", self.name, count)

    def _next(self, ahead: "queue.Queue[tuple[np.ndarray, float] | None]") -> tuple[np.ndarray, float] | None:
        """What was decoded next; None at the end, and once the clip was closed (by a signal, say)."""
        while not (self._stop.is_set() or self._ending):
            try:
                return ahead.get(timeout=0.2)
            except queue.Empty:
                continue
        return None

    def _decode(self, ahead: "queue.Queue[tuple[np.ndarray, float] | None]") -> None:
        try:
            for item in self._stamped():
                self._hand_over(ahead, item)
        except Exception as error:  # whatever a decoder raises, the loop must not wait for it for ever
            log.error("%s: %s", self.name, error)
        finally:
            self._hand_over(ahead, None)

    def _hand_over(
        self, ahead: "queue.Queue[tuple[np.ndarray, float] | None]", item: tuple[np.ndarray, float] | None
    ) -> None:
        """Waits for a place in the queue, as long as somebody may still take from it."""
        while not self._stop.is_set():
            try:
                ahead.put(item, timeout=0.2)
                return
            except queue.Full:
                continue

    def _stamped(self) -> Iterator[tuple[np.ndarray, float]]:
        """RGB frames with seconds since the first.

        OpenCV reads the first frame while it opens the file, before edit lists are applied, and so may give it the
        time stamp of a frame that is not shown: the first is taken to lie one interval before the second. Raw streams
        (.h264, .mjpeg) hold no stamps: their frames are taken to come at the rate that FFmpeg assumes.
        """
        opening: list[tuple[np.ndarray, float]] = [item for item in (self._read() for _ in range(3)) if item]
        timeless = len(opening) > 2 and opening[1][1] >= opening[2][1]
        if timeless:
            log.warning("%s: holds no times; taken for %g frames a second", self.name, self.fps)
        if len(opening) > 1 and opening[0][1] >= opening[1][1]:
            interval_s = opening[-1][1] - opening[-2][1] if len(opening) > 2 else 1 / 30
            opening[0] = (opening[0][0], opening[1][1] - interval_s)
        first_s, last_s = (opening[0][1] if opening else 0.0), -np.inf
        opened = (opening.pop(0) for _ in range(len(opening)))  # a list would hold them to the end of the clip
        for count, (image, at_s) in enumerate(chain(opened, iter(self._read, None))):
            # a container's stamps may repeat; time never stands still
            at_s = count / self.fps if timeless else max(at_s - first_s, last_s + 1e-3)
            yield image, at_s
            last_s = at_s

    def _read(self) -> tuple[np.ndarray, float] | None:
        ok, image = self._capture.read()
        if not ok:
            return None
        return cv2.cvtColor(image, cv2.COLOR_BGR2RGB), self._capture.get(cv2.CAP_PROP_POS_MSEC) / 1000

    def stop(self) -> None:
        """Ends the frames soon. A plain flag and no lock: a signal handler may call it."""
        self._ending = True

    def close(self) -> None:
        """Stops decoding and frees the file."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join()
        self._capture.release()

    def __enter__(self) -> "Clip":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

"""What a rep looked like: a still of its bottom, on request a clip. By default a skeleton on black, nobody's picture.

All drawing, writing and tidying is done in a thread of its own: judging waits for none of it, and a full disk costs a
picture, never a rep.
"""

import logging
import queue
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from threading import Thread
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from device.output.drawing import Overlay
from device.output.retention import Limits, clear_unfinished, tidy
from device.output.video import VideoWriter
from device.squat.events import Event, RepJudged
from device.squat.pose import Pose

log = logging.getLogger(__name__)

SHOWS = ("skeleton", "picture", "off")
"""What a still shows: a skeleton on black, the camera's picture with the skeleton in it, or there is none."""

MAX_SIDE_PX = 640
QUALITY = 80  # of the JPEG
REMEMBERED_S = 16.0  # pictures of so long are kept in memory where they are shown: the longest rep and its lockout
TIDY_S = 3600.0  # what has become too old is removed so often where no rep comes
WAITING = 4  # reps whose pictures are not done yet; a machine that falls further behind leaves some out
_cleared: set[Path] = set()  # folders that this process has seen: what is half-written there is its own work

Image = NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class _Job:
    event: RepJudged
    id: str
    pictures: Mapping[int, bytes]


class Evidence:
    """Draws, keeps and publishes what a rep looked like.

    Args:
        show: one of `SHOWS` less off.
        folder: where stills and clips are kept, ID.jpg and ID.webm; None = nowhere, stills are published alone.
        clips: whether a clip of each rep is kept, showing no more than the still does.
        limits: of the folder.
        publish: takes the JPEG of the newest still; None = nobody.
        clock: the wall clock, seconds since 1970.
    """

    name = "evidence"

    def __init__(
        self,
        show: str,
        folder: Path | None,
        clips: bool,
        limits: Limits,
        publish: Callable[[bytes], None] | None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._with_picture = show == "picture"
        self._folder, self._clips, self._limits, self._publish, self._clock = folder, clips, limits, publish, clock
        self._recent: deque[tuple[float, int, bytes]] = deque()
        self._jobs: queue.Queue[_Job | None] = queue.Queue()
        self._failing = ""
        self._thread = Thread(target=self._work, name="evidence", daemon=True)
        self._thread.start()

    def __enter__(self) -> "Evidence":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def remember(self, image: Image, index: int, captured_s: float) -> None:
        """Takes every frame (H, W, 3) RGB with its number and time; keeps the newest where pictures are shown."""
        if not self._with_picture:
            return
        self._recent.append((captured_s, index, _jpeg(shrunk(image))))
        while self._recent[-1][0] - self._recent[0][0] > REMEMBERED_S:
            self._recent.popleft()

    def handle(self, event: Event, record: Mapping[str, Any] | None) -> None:
        """Takes a judged rep; returns at once."""
        if not isinstance(event, RepJudged) or record is None:
            return
        indices = {pose.index for pose in event.rep.poses}
        pictures = {index: jpeg for _, index, jpeg in self._recent if index in indices}
        if self._jobs.qsize() < WAITING:
            self._jobs.put(_Job(event, str(record["id"]), pictures))
        else:
            log.warning("evidence: busy, no picture of rep %s", record["id"])

    def tick(self, now_s: float) -> None:
        """Nothing here ends by itself."""

    def close(self) -> None:
        """Waits 1 s for what is not done yet; the thread then goes on by itself, where the process does, and ends."""
        self._jobs.put(None)
        self._thread.join(1.0)

    def _work(self) -> None:
        if self._folder is not None:
            self._try(self._prepare)
        while True:
            try:
                job = self._jobs.get(timeout=TIDY_S)
            except queue.Empty:
                self._try(self._tidy)
                continue
            if job is None:
                return
            self._try(lambda job=job: self._show(job))  # type: ignore[misc]

    def _try(self, do: Callable[[], None]) -> None:
        try:
            do()
        except Exception as error:  # one rep's picture, not the thread
            if str(error) != self._failing:
                log.error("evidence: %s", error)
            self._failing = str(error)
        else:
            if self._failing:
                log.info("evidence: works again")
            self._failing = ""

    def _prepare(self) -> None:
        assert self._folder is not None
        self._folder.mkdir(parents=True, exist_ok=True)
        if self._folder not in _cleared:  # not after a change of the settings: clips may be under way
            clear_unfinished(self._folder)
            _cleared.add(self._folder)
        self._tidy()

    def _tidy(self) -> None:
        if self._folder is not None:
            tidy(self._folder, self._limits, self._clock())

    def _show(self, job: _Job) -> None:
        jpeg = _jpeg(still(job.event, job.pictures))
        if self._publish is not None:
            self._publish(jpeg)
        if self._folder is None:
            return
        self._folder.mkdir(parents=True, exist_ok=True)
        try:
            _write(self._folder / f"{job.id}.jpg", jpeg)
            if self._clips:
                write_clip(self._folder / f"{job.id}.webm", job.event, job.pictures)
        finally:
            self._tidy()


def shrunk(image: Image) -> Image:
    """An image (H, W, 3), made no longer than `MAX_SIDE_PX`."""
    scale = min(1.0, MAX_SIDE_PX / max(image.shape[:2]))
    if scale == 1.0:
        return image
    size = (round(image.shape[1] * scale), round(image.shape[0] * scale))
    return np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), np.uint8)


def still(event: RepJudged, pictures: Mapping[int, bytes]) -> Image:
    """The bottom of a rep with its verdict drawn in.

    Args:
        event: the judged rep.
        pictures: JPEG by frame index; where the bottom's is missing, the skeleton stands on black.

    Returns:
        (H, W, 3) uint8 RGB, at most `MAX_SIDE_PX` long.
    """
    rep = event.rep
    pose = next((p for p in rep.poses if p.index == event.verdict.evidence_index), rep.poses[rep.bottom])
    overlay = Overlay()
    overlay.handle(event)
    return overlay.draw(*_scene(pose, pictures), event.at_s)


def write_clip(path: Path, event: RepJudged, pictures: Mapping[int, bytes]) -> None:
    """Writes a rep as a video, in its own time as nearly as a constant rate allows.

    Raises:
        PartFailed: it cannot be written.
    """
    poses: Sequence[Pose] = event.rep.poses
    seconds = poses[-1].captured_s - poses[0].captured_s
    overlay = Overlay()
    overlay.handle(event)
    height, width = _scene(poses[0], pictures)[0].shape[:2]
    with VideoWriter(path, (width, height), max(1.0, (len(poses) - 1) / seconds) if seconds > 0 else 30.0) as video:
        for pose in poses:
            video.write(overlay.draw(*_scene(pose, pictures), event.at_s))


def _scene(pose: Pose, pictures: Mapping[int, bytes]) -> tuple[Image, Pose]:
    """What a pose is drawn on, and the pose in its pixels."""
    width, height = pose.size if min(pose.size) > 0 else _reach(pose)
    scale = min(1.0, MAX_SIDE_PX / max(width, height))
    image = None
    if pose.index in pictures:
        image = cv2.imdecode(np.frombuffer(pictures[pose.index], np.uint8), cv2.IMREAD_COLOR)
    if image is None:
        ground = np.zeros((max(1, round(height * scale)), max(1, round(width * scale)), 3), np.uint8)
    else:
        ground = np.asarray(cv2.cvtColor(image, cv2.COLOR_BGR2RGB), np.uint8)
    return ground, replace(pose, keypoints=np.asarray(pose.keypoints * scale, np.float32), refined=None)


def _reach(pose: Pose) -> tuple[int, int]:
    """Width and height that hold all points, for poses that do not tell of their frame."""
    width, height = np.nanmax(pose.keypoints, axis=0)
    return max(64, round(float(width) * 1.1)), max(64, round(float(height) * 1.1))


def _jpeg(image: Image) -> bytes:
    done, data = cv2.imencode(".jpg", cv2.cvtColor(image, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, QUALITY])
    if not done:
        raise ValueError("a picture could not be encoded")
    return data.tobytes()


def _write(path: Path, data: bytes) -> None:
    part = path.with_name(f".part-{path.name}")
    try:
        part.write_bytes(data)
        part.replace(path)
    except OSError as error:
        with suppress(OSError):
            part.unlink(missing_ok=True)
        raise OSError(f"{path}: {error.strerror or error}") from error

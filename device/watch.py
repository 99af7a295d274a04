"""The one loop that all of squatlight runs on."""

from collections.abc import Iterable, Iterator
from typing import NamedTuple, Protocol

from device.camera.frames import Frame, FrameSource
from device.idle import Idle
from device.inference.pose_model import PoseModel
from device.squat.events import Event
from device.squat.pose import Pose


class Turn(NamedTuple):
    """One turn of the loop.

    Attributes:
        now_s: its time, on the clock of the frames.
        frame: the picture; None where a live camera had none in time, and in the last turn.
        pose: the lifter as the pose model found him.
        events: what follows.
        skipped: whether the picture was not looked at, because nobody is in view.
    """

    now_s: float
    frame: Frame | None
    pose: Pose | None
    events: list[Event]
    skipped: bool = False


class Judging(Protocol):
    """What the loop asks of a judge, see `device.squat.judge.Judge`."""

    def see(self, pose: Pose | None, now_s: float) -> Iterable[Event]:
        """Takes the next pose."""

    def finish(self, now_s: float) -> Iterable[Event]:
        """Judges what is under way."""


def watch(source: FrameSource, model: PoseModel, judge: Judging, idle: Idle | None = None) -> Iterator[Turn]:
    """Every frame with its pose and what follows from it. Live and replay run on this loop.

    Args:
        source: of the frames.
        model: finds the lifter in them.
        judge: of his reps.
        idle: which frames to leave out while nobody is in view; None looks at all.
    """
    now_s = None
    for seen in source.frames():
        frame = seen if isinstance(seen, Frame) else None
        now_s = seen.captured_s if isinstance(seen, Frame) else seen.at_s
        skipped = frame is not None and idle is not None and idle.skips(now_s)
        pose = model.estimate(frame) if frame is not None and not skipped else None
        if pose is not None and idle is not None:
            idle.found(now_s)
        yield Turn(now_s, frame, pose, list(judge.see(pose, now_s)), skipped)
        if frame is not None and not skipped:
            model.look_around(frame)  # what follows from the frame has been told, and its lamp is lit
    if now_s is not None:
        yield Turn(now_s, None, None, list(judge.finish(now_s)))

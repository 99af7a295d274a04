"""The one loop that all of squatlight runs on."""

from collections.abc import Iterator
from typing import NamedTuple

from device.camera.frames import Frame, FrameSource
from device.inference.pose_model import PoseModel
from device.squat.events import Event
from device.squat.judge import Judge
from device.squat.pose import Pose


class Turn(NamedTuple):
    """One turn of the loop.

    Attributes:
        now_s: its time, on the clock of the frames.
        frame: the picture; None where a live camera had none in time, and in the last turn.
        pose: the lifter as the pose model found him.
        events: what follows.
    """

    now_s: float
    frame: Frame | None
    pose: Pose | None
    events: list[Event]


def watch(source: FrameSource, model: PoseModel, judge: Judge) -> Iterator[Turn]:
    """Every frame with its pose and what follows from it. Live and replay run on this loop."""
    now_s = None
    for seen in source.frames():
        frame = seen if isinstance(seen, Frame) else None
        now_s = seen.captured_s if isinstance(seen, Frame) else seen.at_s
        pose = model.estimate(frame) if frame is not None else None
        yield Turn(now_s, frame, pose, list(judge.see(pose, now_s)))
    if now_s is not None:
        yield Turn(now_s, None, None, list(judge.finish(now_s)))

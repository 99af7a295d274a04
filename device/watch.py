"""The one loop that all of squatlight runs on."""

from collections.abc import Iterator

from device.camera.frames import Frame, FrameSource
from device.inference.pose_model import PoseModel
from device.squat.events import Event
from device.squat.judge import Judge
from device.squat.pose import Pose


def watch(source: FrameSource, model: PoseModel, judge: Judge) -> Iterator[tuple[Frame, Pose | None, list[Event]]]:
    """Every frame with its pose and what follows from it. Live and replay run on this loop."""
    frame = None
    for frame in source.frames():
        pose = model.estimate(frame)
        yield frame, pose, list(judge.see(pose, frame.captured_s))
    if frame is not None:
        yield frame, None, list(judge.finish(frame.captured_s))

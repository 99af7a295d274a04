"""What `bench` times, each in a process of its own: the device, mediapipe's own Pose, the device stage by stage.

`python -m convert.contestants NAME CLIP STARTED_S` prints one JSON object as its last line. STARTED_S is what
`time.monotonic` said before the process was made. mediapipe's half runs in another virtual environment, so nothing of
ours but the clip source is imported there, and that reads and decodes frames for both in the same way.
"""

import json
import sys
import threading
import time
from collections import defaultdict
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from statistics import median
from typing import Any

ASKED = ("bar ends",)
"""Stages that run only where the settings ask for them."""


class Notes:
    """Times of the frames of one run.

    Args:
        started_s: monotonic time when the process was made.
    """

    def __init__(self, started_s: float) -> None:
        self.started_s = started_s
        self.frames = 0
        self.first_pose_s: float | None = None
        self._ends_s: list[float] = []
        self._first_cpu_s = 0.0

    def frame(self, found: bool) -> None:
        """Takes the end of a frame, and whether it showed a pose."""
        now_s = time.monotonic()
        if found and self.first_pose_s is None:
            self.first_pose_s = now_s - self.started_s
        if self.frames == 0:
            self._first_cpu_s = time.process_time()
        self.frames += 1
        self._ends_s.append(now_s)

    def result(self) -> dict[str, float | None]:
        """What the run was; speed from the second frame on, start-up apart.

        `quick_ms` is the time within which the fastest tenth of the frames was done: what other work on the machine
        disturbs least. `cpu_ms` counts all threads.
        """
        counted = self.frames - 1
        each_s = sorted(after - before for before, after in pairwise(self._ends_s))
        return {
            "frames": self.frames,
            "fps": counted / (time.monotonic() - self._ends_s[0]),
            "quick_ms": 1e3 * each_s[len(each_s) // 10],
            "cpu_ms": 1e3 * (time.process_time() - self._first_cpu_s) / counted,
            "first_pose_s": self.first_pose_s,
            "peak_mb": peak_mb(),
        }


def peak_mb() -> float:
    """Most memory this process has held, in MB of 10^6 bytes; unlike `getrusage` it leaves out the parent's."""
    status = Path("/proc/self/status").read_text("utf-8")
    return int(status.split("VmHWM:")[1].split()[0]) * 1024 / 1e6


def device(clip: str, notes: Notes) -> dict[str, float | None]:
    """`squatlight replay CLIP --json -`, as a person would call it."""
    from device import replay
    from device.__main__ import main

    opened = replay.open_poses

    def noting(*arguments: Any) -> Any:
        model = opened(*arguments)
        estimate = model.estimate

        def noted(frame: Any) -> Any:
            pose = estimate(frame)
            notes.frame(pose is not None)
            return pose

        model.estimate = noted
        return model

    replay.open_poses = noting
    if code := main(["replay", clip, "--json", "-"]):
        sys.exit(code)
    return notes.result()


def mediapipe(clip: str, notes: Notes) -> dict[str, float | None]:
    """Pose of the mediapipe package on video, complexity 1, frame after frame."""
    import mediapipe

    from device.camera.clip import Clip

    with mediapipe.solutions.pose.Pose(static_image_mode=False, model_complexity=1) as pose, Clip(clip) as source:
        for frame in source.frames():
            notes.frame(pose.process(frame.image).pose_landmarks is not None)
    return notes.result()


def stages(clip: str, notes: Notes) -> dict[str, dict[str, float]]:
    """CPU time of the device's stages on one thread each, last of what runs only where the settings ask for it."""
    import cv2

    from device.camera.clip import Clip
    from device.inference.bar_end import SIZE, BarEndModel
    from device.inference.letterbox import Crop
    from device.inference.pose_model import open_pose_model
    from device.inference.surface import SurfaceHead
    from device.inference.tflite import Model
    from device.squat.judge import Judge
    from device.watch import watch

    cv2.setNumThreads(1)
    spent: dict[str, list[float]] = defaultdict(list)

    beside_ms = [0.0]  # of our network, where it ran in a thread of its own

    def timed(inner: Callable[..., Any], name: Callable[..., str]) -> Callable[..., Any]:
        def outer(self: Any, *arguments: Any) -> Any:
            start_s = time.thread_time()
            result = inner(self, *arguments)
            took_ms = 1e3 * (time.thread_time() - start_s)
            spent[name(self, *arguments)].append(took_ms)
            if isinstance(self, Model | Crop) and threading.current_thread() is not threading.main_thread():
                beside_ms[0] += took_ms
            return result

        return outer

    see = Judge.see
    graphs = {"blazepose_detector": "detector", "blazepose_full": "landmarks", "pose": "landmarks"}
    Clip._read = timed(Clip._read, lambda *_: "decode")  # type: ignore[method-assign]
    Crop.cut = timed(Crop.cut, lambda _, image, size: f"crop of {size}" if size == SIZE else "crop")  # type: ignore[method-assign]
    Model.__call__ = timed(  # type: ignore[method-assign]
        Model.__call__, lambda model, _: graphs.get(model.path.stem, model.path.stem)
    )
    SurfaceHead.find = timed(SurfaceHead.find, lambda *_: "surface head")  # type: ignore[method-assign]
    BarEndModel.find = timed(BarEndModel.find, lambda *_: ASKED[0])  # type: ignore[method-assign]
    Judge.see = timed(lambda *given: list(see(*given)), lambda *_: "judge")  # type: ignore[method-assign]
    model = open_pose_model(threads=1, surfaces=True, bar_ends=True)
    type(model).estimate = timed(type(model).estimate, lambda *_: "estimate")  # type: ignore[method-assign]
    type(model).look_around = timed(type(model).look_around, lambda *_: "look_around")  # type: ignore[method-assign]
    with Clip(clip) as source:
        for _ in watch(source, model, Judge()):
            pass
    frames = len(spent["estimate"])
    table = {
        name: {"run_ms": median(spent[name]), "runs": len(spent[name]) / frames, "frame_ms": sum(spent[name]) / frames}
        for name in ("decode", "crop", "detector", "landmarks", "surface head", "judge", *ASKED)
    }
    inner_ms = sum(table[name]["frame_ms"] for name in ("crop", "detector", "landmarks", "surface head", *ASKED))
    whole_ms = (sum(spent["estimate"] + spent["look_around"]) + beside_ms[0]) / frames
    around_ms = whole_ms - inner_ms  # scaling to floats, refining, placing the next crop
    return {**table, "around": {"run_ms": around_ms, "runs": 1.0, "frame_ms": around_ms}}


def latency(clip: str, notes: Notes) -> dict[str, Any]:
    """How long a picture takes to the lamp, paced, see `convert.latency`."""
    from convert.latency import measure

    return measure(clip, seconds=60.0)


if __name__ == "__main__":
    name, clip, started_s = sys.argv[1:]
    measure = {"device": device, "mediapipe": mediapipe, "stages": stages, "latency": latency}[name]
    result = measure(clip, Notes(float(started_s)))
    print(json.dumps(result), flush=True)

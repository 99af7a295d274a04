"""How long a picture takes to the lamp, as live.

The bundled clip at its own pace through capture thread, model, judge and pins, with no broker, and with one that takes
connections and never answers. `python -m convert latency` prints it alone; it is part of `bench`.
"""

import argparse
import json
import socket
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

import device
from convert.outputs import new_file
from device import settings, station
from device.camera.capture import CameraLost, Shot
from device.camera.clip import Clip
from device.camera.frames import FrameSource
from device.camera.live import LiveCamera
from device.squat.events import RepJudged

DEMO = Path(device.__file__).with_name("demo") / "squat.webm"
RATE_HZ = 30.0
BAR_MS = 1000 / RATE_HZ  # one frame
STAGES = ("capture", "pose", "judge", "pin")


class PacedClip:
    """A clip in memory, shown at 30 frames a second again and again as a camera's driver would, for so many seconds."""

    def __init__(self, clip: str, seconds: float) -> None:
        with Clip(clip) as source:
            self._images = [frame.image for frame in source.frames()]
        self._count, self._until = 0, round(seconds * RATE_HZ)
        self._began_s: float | None = None

    @property
    def over(self) -> bool:
        """Whether all has been shown."""
        return self._count >= self._until

    def read(self) -> Shot:
        """The next picture, at its time."""
        if self.over:
            time.sleep(0.1)
            raise CameraLost("the clip is over")
        self._began_s = time.monotonic() if self._began_s is None else self._began_s
        at_s = self._began_s + self._count / RATE_HZ
        time.sleep(max(0.0, at_s - time.monotonic()))
        image = self._images[self._count % len(self._images)]
        self._count += 1
        return Shot(image.copy(), at_s)

    def close(self) -> None:
        """Nothing to free."""


@contextmanager
def hanging() -> Iterator[int]:
    """A broker that takes connections and never says a word; its port."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        yield silent.getsockname()[1]


def measure(clip: str, seconds: float) -> dict[str, Any]:
    """Both runs.

    Args:
        clip: the video.
        seconds: of each run.
    """
    alone = run(clip, seconds, None)
    with hanging() as port:
        return {"alone": alone, "hanging": run(clip, seconds, port)}


def run(clip: str, seconds: float, port: int | None) -> dict[str, Any]:
    """One run of the station on that clip.

    Returns:
        p50 and p99 of each stage in milliseconds; `every_frame_ms`, from a picture's exposure until the lamp has been
        told of it: p50, p99 and the most; `frame_to_pin_ms` and `dwell_s` of each rep.
    """
    shown = PacedClip(clip, seconds)
    camera = LiveCamera("clip", lambda: shown)
    found = settings.load(settings.DEFAULT_FILE)
    mqtt = replace(found.mqtt, host="" if port is None else "127.0.0.1", port=port or 0)
    opened = station.open_source
    station.open_source = lambda *_: camera
    try:
        with station.Station(replace(found, mqtt=mqtt)) as judging:
            return observe(judging, camera, shown)
    finally:
        station.open_source = opened


def observe(judging: station.Station, camera: FrameSource, shown: PacedClip) -> dict[str, Any]:
    """Judges until the clip is over."""
    every_ms: list[float] = []
    tick, frames = judging.light.tick, judging.model.estimate
    seen: list[float] = []

    def estimate(frame: Any) -> Any:
        seen.append(frame.captured_s)
        return frames(frame)

    def ticked(now_s: float) -> None:
        tick(now_s)
        if seen and seen[-1] == now_s:  # a turn without a picture is none
            every_ms.append(1000 * (time.monotonic() - now_s))
        if shown.over:
            camera.stop()

    judging.model.estimate, judging.light.tick = estimate, ticked
    dwell_s = [event.at_s - event.rep.lockout_s for event, _ in judging.run() if isinstance(event, RepJudged)]
    meter = judging.model.meter
    every_ms = every_ms[int(RATE_HZ) :]  # the first second loads and warms
    latency = meter.latency()
    return {
        "stages": {name: [latency[name].p50_ms, latency[name].p99_ms] for name in STAGES if name in latency},
        "every_frame_ms": [float(np.percentile(every_ms, q)) for q in (50, 99, 100)],
        "frames": len(every_ms),
        "frame_to_pin_ms": meter.taken_ms("frame_to_pin"),
        "dwell_s": dwell_s,
    }


def missed(result: dict[str, Any]) -> list[str]:
    """The bars that were not reached."""
    wrong = []
    for name, of in result.items():
        if not of["every_frame_ms"][1] < BAR_MS:
            wrong.append(f"frame to pin, {name}: p99 {of['every_frame_ms'][1]:.1f} ms, expected under {BAR_MS:.0f}")
        if not of["frame_to_pin_ms"]:
            wrong.append(f"frame to pin, {name}: no rep was judged")
    return wrong


def table(result: dict[str, Any]) -> list[str]:
    """The result in lines for people."""
    alone, hung = result["alone"], result["hanging"]
    lines = [f"{'live at 30 frames a second, ms':32s}{'p50':>10s}{'p99':>11s}"]
    for name, (p50, p99) in alone["stages"].items():
        lines.append(f"  {name:30s}{p50:10.2f}{p99:11.2f}")
    for words, of in (("exposure to lamp", alone), ("  with a broker that hangs", hung)):
        lines.append(f"  {words:30s}{of['every_frame_ms'][0]:10.2f}{of['every_frame_ms'][1]:11.2f}")
    for words, of in (("of the frames that end a rep", alone), ("  with a broker that hangs", hung)):
        if of["frame_to_pin_ms"]:
            pins = of["frame_to_pin_ms"]
            lines.append(f"  {words:30s}{median(pins):10.2f}{max(pins):11.2f}  ({len(pins)} reps; median and most)")
    dwell_s = alone["dwell_s"] + hung["dwell_s"]
    if dwell_s:
        lines.append(f"apart from it, standing still until the rep is over: median {median(dwell_s):.2f} s")
    return lines


def main(arguments: Sequence[str]) -> int:
    """Measures and prints; returns 1 where a bar is missed."""
    parser = argparse.ArgumentParser(prog="python -m convert latency", description=__doc__)
    parser.add_argument("--clip", default=str(DEMO), metavar="FILE", help="default: the bundled clip")
    parser.add_argument("--seconds", type=float, default=60.0, metavar="N", help="of each run (default 60)")
    parser.add_argument("--json", type=new_file, metavar="OUT")
    asked = parser.parse_args(arguments)
    result = measure(asked.clip, asked.seconds)
    print("\n".join([*table(result), *(f"MISSED {words}" for words in missed(result))]), flush=True)
    if asked.json:
        asked.json.write_text(json.dumps(result, indent=1), "utf-8")
    return 1 if missed(result) else 0

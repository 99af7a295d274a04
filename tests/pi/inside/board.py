"""Inside QEMU's own board: a V4L2 camera by the kernel's vivid, networks, and the pauses of a newer systemd."""

import logging
import subprocess
from itertools import takewhile
from pathlib import Path
from time import monotonic

import numpy as np
from scenario import run, systemctl, tell, wait

from device.camera.cameras import open_camera
from device.camera.capture import Asked
from device.camera.frames import Frame
from device.camera.mounting import Mounting
from device.inference import models
from device.inference.tflite import Model

CAMERA = "/dev/video0"
ASKED = {"camera": Asked(640, 360, 15.0), "other camera": Asked(300, 200, 17.0)}  # what vivid has, and what it has not
LOOK_S = 15.0
STARTS = 6
FAILING = """\
[Service]
ExecStart=
ExecStart=/bin/sh -c 'cut -d" " -f1 /proc/uptime >>/var/lib/squatlight/starts; exit 1'
ExecStopPost=
"""


class Words(logging.Handler):
    """What the camera adapter logs."""

    def __init__(self) -> None:
        super().__init__()
        self.heard: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.heard.append(record.getMessage())


def camera() -> None:
    ran = subprocess.run(["modprobe", "vivid", "n_devs=1"], capture_output=True, text=True, check=False)
    if ran.returncode:
        raise RuntimeError(ran.stderr)
    wait(Path(CAMERA).exists)
    for name, asked in ASKED.items():
        tell(**{name: look(asked)})


def look(asked: Asked) -> dict[str, object]:
    words = Words()
    logging.getLogger("device").addHandler(words)
    source = open_camera(CAMERA, asked, Mounting())
    assert source is not None
    begin_s, frames, faults = monotonic(), [], []
    with source:
        for seen in takewhile(lambda _: monotonic() - begin_s < LOOK_S, source.frames()):
            if isinstance(seen, Frame):
                frames.append((seen.image.shape, seen.captured_s, seen.dropped, monotonic() - seen.captured_s))
            elif seen.state.fault:
                faults.append(seen.words)
        rate_hz = source.rate_hz
    logging.getLogger("device").removeHandler(words)
    return {
        "asked": [asked.width, asked.height, asked.rate_hz],
        "sizes": sorted({(shape[1], shape[0]) for shape, *_ in frames}),
        "rate_hz": rate_hz, "frames": len(frames), "dropped": sum(dropped for _, _, dropped, _ in frames),
        "age_s": float(np.median([age_s for *_, age_s in frames])) if frames else 0.0,
        "faults": faults, "told": words.heard,
    }  # fmt: skip


def networks() -> None:
    """Each network on an input whose outputs another machine has found, too."""
    found = {}
    for path in sorted(Path("/opt/pi/networks").iterdir()):
        with np.load(path) as stored, Model(models.find(path.stem).path) as model:
            begin_s = monotonic()
            out = model(stored["input"])
            found[path.stem] = {
                "runtime": model.runtime,
                "took_s": monotonic() - begin_s,
                "off": max(float(np.abs(out[name] - stored[f"out {name}"]).max()) for name in out),
                "span": max(float(np.ptp(stored[f"out {name}"])) for name in out),
            }
    tell(networks=found)


def failing() -> None:
    """The service with a program that fails at once: when it is started."""
    folder = Path("/run/systemd/system/squatlight.service.d")
    folder.mkdir(parents=True)
    (folder / "failing.conf").write_text(FAILING)
    systemctl("daemon-reload")
    systemctl("start", "--no-block", "squatlight")
    starts = Path("/var/lib/squatlight/starts")
    wait(lambda: starts.exists() and len(starts.read_text().split()) >= STARTS)
    version = systemctl("--version").split()[1]
    tell(starts_s=[float(at_s) for at_s in starts.read_text().split()], systemd=version)


if __name__ == "__main__":
    run(camera, networks, failing)

"""Whether the device keeps its memory, its files and its handles over a day.

Two runs of the real `squatlight run`, each a process that is looked at from outside: a day of stored keypoints through
judge, lamp, store and broker as fast as the machine goes, and half an hour of the pose model on a camera in the
network, at its own pace. Somebody listens at the broker and counts.

The slope of memory is judged by the hour of the clock, as its bar is written, however many hours of lifting that hour
held; the slope per hour of lifting, which a device on a wall lives through, is printed beside it. What fills up to a
bound has a slope while it does so, and what leaks goes on: more `--hours` tell them apart.
"""

import argparse
import json
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

import device
from convert.outputs import new_file
from convert.soak_parts import Broker, Listener, MjpegServer
from device.camera.clip import Clip
from device.errors import PartFailed
from device.inference.pose_model import open_pose_model
from device.inference.recorded import save
from device.squat.judge import Judge
from device.watch import watch

DEMO = Path(device.__file__).with_name("demo") / "squat.webm"
AWAY_S = 28.0  # nobody in view after each set
SETTLED_S = 300.0  # the slope of memory is taken after so long
SLOPE_MB_H = 1.0
CLOSING = 2  # looks, one each 2 s: a device that ends by itself closes its parts within 2 s
HANDLES = 2  # a connection that is being made holds one, its name's look-up another
JOURNAL_MB = 8.0  # SQLite takes it over into the file at 1000 pages of 4 kB
REP_KB = 4.0  # a rep in the store, with its pages' slack
SETTINGS = """
[station]
name = "soak"
[camera]
source = "{source}"
width = 0
height = 0
[models]
pose = "{pose}"
[mqtt]
host = "127.0.0.1"
port = {port}
[store]
path = "{folder}/soak.db"
"""


@dataclass
class Samples:
    """What was seen of the process, one of each every few seconds; memory and files in MB of 10^6 bytes."""

    at_s: list[float] = field(default_factory=list)
    memory_mb: list[float] = field(default_factory=list)
    handles: list[int] = field(default_factory=list)
    threads: list[int] = field(default_factory=list)
    store_mb: list[float] = field(default_factory=list)
    journal_mb: list[float] = field(default_factory=list)


def main(arguments: Sequence[str]) -> int:
    """Runs both parts and prints a table; returns 1 where a bar is missed."""
    parser = argparse.ArgumentParser(prog="python -m convert soak", description=__doc__)
    parser.add_argument("--hours", type=float, default=24.0, metavar="N", help="of stored keypoints (default 24)")
    parser.add_argument("--pose-minutes", type=float, default=30.0, metavar="N", help="of the pose model (default 30)")
    parser.add_argument("--json", type=new_file, metavar="OUT", help="all samples")
    asked = parser.parse_args(arguments)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that the device and the broker end, too
    parts = {}
    if asked.hours > 0:
        parts[f"{asked.hours:g} h of keypoints"] = keypoints(asked.hours)
    if asked.pose_minutes > 0:
        parts[f"{asked.pose_minutes:g} min of pictures"] = pictures(asked.pose_minutes)
    print("\n".join(line for name, part in parts.items() for line in table(name, part)), flush=True)
    if asked.json:
        asked.json.write_text(json.dumps(parts, indent=1), "utf-8")
    return 1 if any(part["missed"] for part in parts.values()) else 0


def keypoints(hours: float) -> dict[str, Any]:
    """A day of the bundled clip's keypoints, with nobody in view between the sets, as fast as the machine goes."""
    with tempfile.TemporaryDirectory() as place:
        stored = Path(place) / "keypoints.npz"
        store_keypoints(stored)
        source = f"recorded:{stored}?speed=0&hours={hours:g}"
        return observe(Path(place), source, f"recorded:{stored}", None, hours * 3600)


def pictures(minutes: float) -> dict[str, Any]:
    """The bundled clip again and again from a camera in the network, with the pose model."""
    with tempfile.TemporaryDirectory() as place, MjpegServer(DEMO) as camera:
        return observe(Path(place), camera.url, "blazepose", 60 * minutes, 60 * minutes)


def store_keypoints(path: Path) -> None:
    """What the pose model finds in the bundled clip, and then nobody for `AWAY_S`."""
    model = open_pose_model()
    with Clip(DEMO) as clip:
        poses = [(turn.now_s, turn.pose) for turn in watch(clip, model, Judge()) if turn.frame is not None]
        size, gap_s = clip.size, 1 / clip.fps
    model.close()
    poses += [(poses[-1][0] + gap_s * (1 + n), None) for n in range(round(AWAY_S / gap_s))]
    save(path, poses, size)


def observe(place: Path, source: str, pose: str, until_s: float | None, lifted_s: float) -> dict[str, Any]:
    """Runs the device and looks at it until it ends, or the time is over.

    Args:
        place: a folder for its files.
        source: `camera.source`.
        pose: `models.pose`.
        until_s: seconds; None waits for its end.
        lifted_s: seconds of lifting that it will have seen.
    """
    settings, every_s = place / "settings.toml", 2.0
    with Broker(place) as broker, Listener(broker.port, "soak") as listener:
        settings.write_text(SETTINGS.format(source=source, pose=pose, port=broker.port, folder=place), "utf-8")
        settings.chmod(0o600)
        began_s, samples = time.monotonic(), Samples()
        with open(place / "log", "w", encoding="utf-8") as log:
            command = [sys.executable, "-m", "device", "run", "-c", str(settings)]
            process = subprocess.Popen(command, stderr=log, stdout=log)
        try:
            progress = tqdm(desc=source.split("?")[0], unit=" reps", disable=not sys.stderr.isatty(), leave=False)
            while process.poll() is None and (until_s is None or time.monotonic() - began_s < until_s):
                take(samples, process.pid, place / "soak.db", time.monotonic() - began_s)
                progress.update(len(listener.ids) - progress.n)
                time.sleep(every_s)
            progress.close()
            process.terminate()
            code = process.wait(30)
        finally:
            process.kill()
        if until_s is None:
            samples = before_closing(samples)
        kept = ids_in(place / "soak.db")
        listener.wait(len(kept))
        return judged_by(samples, code, kept, listener.ids, lifted_s, (place / "log").read_text("utf-8"))


def take(samples: Samples, pid: int, store: Path, at_s: float) -> None:
    """Looks at a process once; one that has just ended is left out."""
    try:
        status = Path(f"/proc/{pid}/status").read_text("utf-8")
        handles = len(list(Path(f"/proc/{pid}/fd").iterdir()))
        found = {name: int(status.split(f"{name}:")[1].split()[0]) for name in ("VmRSS", "Threads")}
    except (OSError, IndexError):
        return
    samples.at_s.append(at_s)
    samples.memory_mb.append(found["VmRSS"] * 1024 / 1e6)
    samples.threads.append(found["Threads"])
    samples.handles.append(handles)
    samples.store_mb.append(size_mb(store))
    samples.journal_mb.append(size_mb(store.with_name(store.name + "-wal")))


def before_closing(samples: Samples) -> Samples:
    """Less the looks at a device that may have been closing already: threads and handles go then."""
    return Samples(**{name: values[:-CLOSING] for name, values in samples.__dict__.items()})


def size_mb(path: Path) -> float:
    """Size of a file; 0 where there is none."""
    return path.stat().st_size / 1e6 if path.exists() else 0.0


def ids_in(store: Path) -> list[str]:
    """Ids of all reps in a store, in order."""
    base = sqlite3.connect(store)
    try:
        return [id for (id,) in base.execute("SELECT id FROM reps ORDER BY rowid")]
    finally:
        base.close()


def slope_mb_h(at_s: Sequence[float], memory_mb: Sequence[float]) -> float:
    """Least squares, MB per hour of the wall clock."""
    return float(np.polyfit(np.array(at_s) / 3600, np.array(memory_mb), 1)[0])


def judged_by(
    samples: Samples, code: int, kept: list[str], heard: list[str], lifted_s: float, log: str
) -> dict[str, Any]:
    """Figures, and which bars were missed."""
    if len(samples.at_s) < 10:
        raise PartFailed(f"soak: the device ended after {len(samples.at_s)} looks: {log.strip()[-400:]}")
    settled_s = min(SETTLED_S, samples.at_s[-1] / 2)
    first = next(n for n, at_s in enumerate(samples.at_s) if at_s >= settled_s)
    handles = samples.handles[first:]
    slope = slope_mb_h(samples.at_s[first:], samples.memory_mb[first:])
    lifted_slope = slope * samples.at_s[-1] / lifted_s
    bars = {
        f"memory grows by {slope:.2f} MB an hour": slope <= SLOPE_MB_H,
        f"handles from {min(handles)} to {max(handles)}": max(handles) - min(handles) <= HANDLES,
        f"threads from {min(samples.threads[first:])} to {max(samples.threads[first:])}": len(
            set(samples.threads[first:])
        )
        == 1,
        f"journal of {max(samples.journal_mb):.1f} MB": max(samples.journal_mb) <= JOURNAL_MB,
        f"store of {samples.store_mb[-1]:.1f} MB": samples.store_mb[-1] <= 1 + REP_KB * len(kept) / 1000,
        f"{len(kept)} reps kept, {len(dict.fromkeys(heard))} heard": bool(kept) and list(dict.fromkeys(heard)) == kept,
        f"exit {code}": code == 0,
        "no traceback": "Traceback" not in log,
    }
    return {
        "lifted_h": lifted_s / 3600, "took_min": samples.at_s[-1] / 60, "settled_min": settled_s / 60,
        "reps": len(kept), "heard": len(heard),
        "memory_mb": [samples.memory_mb[first], samples.memory_mb[-1], max(samples.memory_mb)],
        "slope_mb_h": slope, "slope_mb_lifted_h": lifted_slope,
        "handles": [min(handles), max(handles)], "threads": samples.threads[-1],
        "store_mb": samples.store_mb[-1], "journal_mb": max(samples.journal_mb),
        "missed": [words for words, held in bars.items() if not held],
        "samples": samples.__dict__,
    }  # fmt: skip


def table(name: str, part: dict[str, Any]) -> list[str]:
    """A part in lines for people."""
    settled, last, most = part["memory_mb"]
    pace = 60 * part["lifted_h"] / part["took_min"]
    lines = [
        f"{name}, in {part['took_min']:.0f} min",
        f"  reps judged, heard, heard twice    {part['reps']}, {part['reps']}, {part['heard'] - part['reps']}",
        f"  resident MB at minute {part['settled_min']:.0f}, end, most {settled:.1f}, {last:.1f}, {most:.1f}",
        f"  slope from there, MB/h             {part['slope_mb_h']:+.2f}"
        f" ({part['slope_mb_lifted_h']:+.3f} MB/h of lifting, at {pace:.0f} times the pace)",
        f"  handles, threads                   {part['handles'][0]} to {part['handles'][1]}, {part['threads']}",
        f"  store, journal MB                  {part['store_mb']:.1f}, {part['journal_mb']:.1f}",
    ]
    return [*lines, *(f"  MISSED {words}" for words in part["missed"]), ""]

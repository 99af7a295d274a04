"""What this machine makes of the same things: keypoints, networks."""

import sys
from pathlib import Path
from typing import Any

import numpy as np

from device import settings, strict_toml
from device.camera.recorded import period_s
from device.inference import models
from device.inference.recorded import save
from device.inference.tflite import Model
from device.station import Station

sys.path.append(str(Path(__file__).parents[1] / "squat"))

from figure import Shot, squat, stand

NETWORKS = ("depth", "form", "pose", "squat")
SIZE = (72, 128)
THIGHS_DEG = (12, -10, 15)  # at the bottom; + is below parallel


def store_squats(path: Path) -> None:
    """Keypoints of some squats, not all of them deep; the end goes with the beginning."""
    parts = stand(1.5)
    for thigh_deg in THIGHS_DEG:
        parts += squat(thigh_deg) + stand(1.5)
    save(path, [(pose.captured_s, pose) for pose in Shot(fps=15, size=SIZE).film(parts)], SIZE)


def reps(config: Path, keypoints: Path, rounds: int) -> list[dict[str, Any]]:
    """The records of all reps of some rounds, by the settings of the Pi but for pins and files."""
    tables = strict_toml.parse(config.read_bytes(), str(config))
    with np.load(keypoints) as stored:
        hours = rounds * period_s(stored["time_s"].tolist()) / 3600
    tables["camera"]["source"] = f"recorded:{keypoints}?speed=0&hours={hours}"
    tables["models"]["pose"] = f"recorded:{keypoints}"
    tables["light"]["pins"] = "mock"
    tables["store"]["path"] = ""
    wanted = settings.changed(settings.load(settings.DEFAULT_FILE), tables)
    with Station(wanted, live=False) as station:
        return [dict(record) for _, record in station.run() if record is not None]


def store_networks(folder: Path) -> list[Path]:
    """An input for each network, and what comes out here."""
    folder.mkdir(exist_ok=True)
    paths = []
    for name in NETWORKS:
        with Model(models.find(name).path) as model:
            shown = np.random.default_rng(1).uniform(0, 1, model.input_shape).astype(np.float32)
            out = {f"out {key}": values for key, values in model(shown).items()}
        paths.append(folder / f"{name}.npz")
        np.savez(paths[-1], input=shown, **out)
    return paths

"""`squatlight check`: tries every part, a line each."""

import time
from collections.abc import Callable
from pathlib import Path

from device.camera.frames import Frame
from device.camera.state import CameraState
from device.errors import PartFailed, SquatlightError
from device.inference.pose_model import open_pose_model
from device.output.broker import EmbeddedBroker
from device.output.round_trip import check_round_trip
from device.output.store import Store
from device.settings import Settings
from device.station import open_light, open_source, read_password

ANSWER_S = 5.0  # a broker has so long
PICTURE_S = 10.0  # a camera has so long


def check(settings: Settings) -> int:
    """Tries camera, lamp, broker, models and store.

    Returns:
        0, or the exit code of the first part that failed.
    """
    parts: dict[str, Callable[[Settings], str]] = {
        "camera": _camera, "lamp": _lamp, "broker": _broker, "models": _models, "store": _store,
    }  # fmt: skip
    code = 0
    for name, attempt in parts.items():
        try:
            print(f"{name:8s} ok    {attempt(settings)}", flush=True)
        except SquatlightError as error:
            print(f"{name:8s} FAIL  {error}", flush=True)
            code = code or error.exit_code
    return code


def _camera(settings: Settings) -> str:
    with open_source(settings, live=False) as source:
        words, begin_s = "no picture", time.monotonic()
        for seen in source.frames():
            if isinstance(seen, Frame):
                return f"{source.name}: {seen.image.shape[1]}x{seen.image.shape[0]}"
            if seen.state is CameraState.DARK:
                return f"{source.name}: dark"
            words = seen.words
            if time.monotonic() - begin_s > PICTURE_S:
                break
        raise PartFailed(f"{source.name}: {words}")


def _lamp(settings: Settings) -> str:
    with open_light(settings):
        pins = settings.light
        return f"{pins.pins}: red on {pins.red_pin}, white on {pins.white_pin}"


def _broker(settings: Settings) -> str:
    m = settings.mqtt
    if not m.host:
        return "none asked for"
    if m.host == "embedded":
        with EmbeddedBroker(m.port) as broker:
            check_round_trip(ANSWER_S, "127.0.0.1", broker.port, settings.station.name)
            return "embedded: a message went out and came back"
    port = m.port or (8883 if m.tls or m.ca_file else 1883)
    password = read_password(settings)
    check_round_trip(
        ANSWER_S, m.host, port, settings.station.name, m.username or None, password, m.ca_file or None, m.tls
    )  # fmt: skip
    return f"{m.host}:{port}: a message went out and came back"


def _models(settings: Settings) -> str:
    model = open_pose_model(settings.models.pose, settings.models.threads, settings.models.runtime or None)
    model.close()
    return f"{settings.models.pose}: {', '.join(f'{role} {value[:19]}' for role, value in model.hashes.items())}"


def _store(settings: Settings) -> str:
    if not settings.store.path:
        return "none asked for: results are kept in memory"
    with Store(Path(settings.store.path)) as store:
        return f"{settings.store.path}: {len(store.reps())} reps"

"""`squatlight check`: tries every part, a line each."""

import os
import time
from collections.abc import Callable
from pathlib import Path

from device import machine
from device.camera.frames import Frame
from device.camera.state import CameraState
from device.errors import PartFailed, SquatlightError
from device.judging import open_judge, open_poses
from device.output.broker import EmbeddedBroker
from device.output.lamp import Lamp
from device.output.light import TEST_S
from device.output.round_trip import check_round_trip
from device.output.store import Store
from device.settings import Settings
from device.station import open_light, open_source, read_password

ANSWER_S = 5.0  # a broker has so long
PICTURE_S = 10.0  # a camera has so long
SHOWN_S = 0.4  # each lamp is lit for so long


def check(settings: Settings) -> int:
    """Tries camera, lamps, broker, models, store, disk, clock and temperature.

    Returns:
        0, or the exit code of the first part that failed.
    """
    parts: dict[str, Callable[[Settings], str]] = {
        "camera": _camera, "lamp": _lamp, "broker": _broker, "models": _models, "store": _store,
        "disk": _disk, "clock": _clock, "heat": _heat,
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
    """Each lamp in turn, so that a person sees which is which."""
    with open_light(settings.light) as light:
        light.test()
        step, now_s = TEST_S + 0.001, 0.0
        light.tick(now_s)
        while light.shown is not Lamp.OFF:
            time.sleep(SHOWN_S)
            now_s += step
            light.tick(now_s)
        shown = [change.lamp.value for change in light.history]
    pins = {"red": settings.light.red_pin, "white": settings.light.white_pin, "amber": settings.light.amber_pin}
    lamps = [name for name, pin in pins.items() if pin >= 0]
    if shown != ["off", *lamps, "off"]:
        raise PartFailed(f"lamp: expected {', '.join(lamps)} one after the other, the pins were {', '.join(shown)}")
    return f"{settings.light.pins}: lit in turn: {', '.join(f'{name} on {pins[name]}' for name in lamps)}"


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
    """Every network that the settings ask for, also those that are asked once a rep."""
    model = open_poses(settings)
    model.close()
    with open_judge(settings) as (_, hashes):
        found = model.hashes | hashes
    return f"{settings.models.pose}: {', '.join(f'{role} {value[:19]}' for role, value in found.items())}"


def _store(settings: Settings) -> str:
    if not settings.store.path:
        return "none asked for: results are kept in memory"
    path = Path(settings.store.path)
    try:
        there = path.exists()
    except OSError as error:
        raise PartFailed(f"store: {path}: {error.strerror}; it is for the service's user alone") from error
    if not there:  # the service makes it, and not whoever checks: it has to belong to the service's user
        folder = next(parent for parent in path.absolute().parents if parent.exists())
        if not folder.is_dir() or not os.access(folder, os.W_OK):
            raise PartFailed(f"store: {path}: cannot be made in {folder}")
        return f"{path}: not there yet, made at the first start"
    with Store(path) as store:
        return f"{settings.store.path}: {len(store.reps())} reps"


def _disk(settings: Settings) -> str:
    """Where results are kept, and pictures: that may be another disk."""
    results, pictures = settings.store.path, settings.evidence.folder
    folders = [Path(results).parent] if results else []
    folders += [Path(pictures)] if pictures and settings.evidence.show != "off" else []
    return ", ".join(dict.fromkeys(machine.room(folder) for folder in folders or [Path.cwd()]))


def _clock(settings: Settings) -> str:
    return machine.clock(time.time(), Path(__file__).stat().st_mtime)


def _heat(settings: Settings) -> str:
    return machine.heat()

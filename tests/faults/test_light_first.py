"""The light comes before the network: a broker that hangs holds up neither the lamp nor the frames."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import pairwise
from statistics import median
from time import monotonic
from typing import Any

import pytest
from brokers import Mosquitto, free_port
from rack import Rack
from world import Running

from device import station as station_module
from device.camera.live import LiveCamera

REPS = 4


@contextmanager
def hanging() -> Iterator[int]:
    """Takes connections, reads what comes, and never says a word."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        lines = []

        def take() -> None:
            while True:
                try:
                    lines.append(silent.accept()[0])
                except OSError:
                    return

        threading.Thread(target=take, daemon=True).start()
        yield silent.getsockname()[1]
        silent.shutdown(socket.SHUT_RDWR)


def run(port: int, wanted: Any, monkeypatch: pytest.MonkeyPatch) -> tuple[list[float], list[float]]:
    """Milliseconds from the exposure of the frame on which a rep is judged to its pin, and between two frames."""
    camera = LiveCamera("rack", Rack())
    monkeypatch.setattr(station_module, "open_source", lambda *_: camera)
    with Running(wanted(port, store={"path": ""}), monkeypatch) as device:
        light, pins, turns = device.station.light, [], []
        tick = light.tick

        def turned(now_s: float) -> None:
            turns.append(monotonic())
            tick(now_s)

        monkeypatch.setattr(light, "tick", turned)
        device.more(REPS)
        device.stop()
        pins = device.station.model.meter.taken_ms("frame_to_pin")
        assert len(pins) == len(device.judged)
        assert {"capture", "pose", "judge", "pin", "frame_to_pin"} <= device.station.model.meter.latency().keys()
    return pins, [1000 * (b - a) for a, b in pairwise(turns)]


def test_the_light_is_as_fast_with_a_broker_that_hangs(
    tmp_path: Any, wanted: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Loose bounds, for a machine with much else to do; `make bench` measures it paced and alone."""
    with Mosquitto(tmp_path) as broker:
        there, _ = run(broker.port, wanted, monkeypatch)
    with hanging() as port:
        hung, between = run(port, wanted, monkeypatch)
    assert median(hung) < 2 * median(there) + 5
    assert max(between) < 1000, "a wait for the network takes 5 s"


def test_the_light_is_told_before_the_network_and_the_disk(wanted: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    with Running(wanted(free_port()), monkeypatch) as device:
        names = [output.name for output in device.station.outputs]
        assert names[0] == "light"
        assert {"mqtt", "store"} <= set(names[1:])

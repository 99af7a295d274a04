"""The camera is unplugged, freezes, goes dark, slows down, hangs: the station waits for it, and judges on."""

import json
import threading
from pathlib import Path
from time import monotonic
from typing import Any

import pytest
from brokers import Mosquitto
from rack import Rack
from world import Running, Witness, until

from device import station as station_module
from device.camera.live import LiveCamera
from device.camera.state import CameraState
from device.output.lamp import Lamp

HOLD_S = 0.6
SLACK_S = 0.35  # of a machine with much else to do; the guard itself takes milliseconds


class LampWatch:
    """Looks at the lamp all the time, as a person would: how long is it lit after the newest verdict?"""

    def __init__(self, device: Running) -> None:
        self.oldest_s, self._off = 0.0, threading.Event()
        self._device = device
        self._thread = threading.Thread(target=self._look, daemon=True)
        self._thread.start()

    def _look(self) -> None:
        while not self._off.wait(0.01):
            newest_s, lamp = self._device.newest_s, self._device.station.light.shown
            if lamp is not Lamp.OFF:
                self.oldest_s = max(self.oldest_s, monotonic() - newest_s)

    def close(self) -> None:
        self._off.set()
        self._thread.join()


def states(listener: Witness) -> list[tuple[str, bool]]:
    told = [json.loads(text) for text in listener.texts("state")]
    return [(state["camera"], state["camera_fault"]) for state in told]


@pytest.mark.parametrize(
    ("fault", "state"),
    [
        ("unplugged", (CameraState.LOST, True)),
        ("frozen", (CameraState.FROZEN, True)),
        ("black", (CameraState.DARK, False)),
        ("half rate", None),
        ("hanging", (CameraState.LOST, True)),
    ],
)
def test_it_judges_on_after_a_fault_of_the_camera(
    fault: str, state: tuple[CameraState, bool] | None, tmp_path: Path, wanted: Any, tally: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    rack = Rack()
    camera = LiveCamera("rack", rack, timeout_s=0.3, retry_s=(0.1, 0.2), steady_s=0.0, frozen_after=30)
    monkeypatch.setattr(station_module, "open_source", lambda *_: camera)
    with Mosquitto(tmp_path) as broker, Witness(broker.port) as listener:
        listener.back()
        with Running(wanted(broker.port, light={"hold_s": HOLD_S}), monkeypatch) as device:
            watch = LampWatch(device)
            device.more(1)
            rack.fault = fault
            if state is None:
                device.more(2)
            else:
                until(lambda: (state[0].value, state[1]) in states(listener), f"told of {state}")
                until(lambda: device.station.light.shown is Lamp.OFF, "dark")
            rack.fault, faulty_s = "none", monotonic()
            until(lambda: states(listener)[-1] == ("live", False), "told of its return")
            back_s = monotonic() - faulty_s
            device.more(2)
            device.stop()
            watch.close()
            device.delivered()
            listener.received(device.judged)
            words = f"back in {back_s:.1f} s, oldest light {watch.oldest_s:.2f} of {HOLD_S} s"
            tally(f"camera {fault}").count(device.judged, listener, words)
            assert watch.oldest_s <= HOLD_S + SLACK_S


def test_a_light_ends_although_the_model_hangs(
    tmp_path: Path, wanted: Any, tally: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Mosquitto(tmp_path) as broker, Witness(broker.port) as listener:
        listener.back()
        with Running(wanted(broker.port, speed=1, light={"hold_s": HOLD_S}), monkeypatch) as device:
            device.more(1)
            lit_s = monotonic()
            device.hold()  # as if a model or a disk took for ever
            assert device.station.light.shown is not Lamp.OFF
            until(lambda: device.station.light.shown is Lamp.OFF, "dark without a turn of the loop")
            dark_s = monotonic() - lit_s
            device.go()
            device.more(1)
            device.stop()
            device.delivered()
            listener.received(device.judged)
            tally("loop hangs").count(device.judged, listener, f"dark after {dark_s:.2f} of {HOLD_S} s")
            assert dark_s <= HOLD_S + SLACK_S

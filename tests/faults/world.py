"""What tests of faults need: a station that runs in a thread, the daemon as a process, somebody who listens."""

import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable
from dataclasses import asdict
from itertools import pairwise
from pathlib import Path
from time import monotonic
from typing import Any

import pytest
from brokers import Subscriber
from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion

from device import station as station_module
from device.output import light as light_module
from device.output.lamp import Lamp
from device.output.light import LampChange
from device.output.mqtt import Mqtt
from device.settings import Settings
from device.squat.events import RepJudged
from device.station import Station

ROOT = Path(__file__).parents[2]
PATIENCE_S = 120.0  # bound on every wait, for a machine with much else to do
RETRY_S = (0.05, 0.5)  # a station waits longer; what is tested is the same


def until(condition: Callable[[], Any], what: str, patience_s: float = PATIENCE_S) -> None:
    """Waits for something that tells nobody when it happens."""
    end_s = monotonic() + patience_s
    while not condition():
        assert monotonic() < end_s, f"waited in vain: {what}"
        threading.Event().wait(0.01)


class Running:
    """A station that judges in a thread of its own, with short pauses between attempts to connect.

    Attributes:
        judged: ids of the reps, in order.
        events: the verdicts.
        changes: of the lamp.
        newest_s: time of the verdict that the light was told of last.
    """

    def __init__(self, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(station_module, "Mqtt", impatient)
        self.judged: list[str] = []
        self.events: list[RepJudged] = []
        self.changes: list[LampChange] = []
        self.newest_s = 0.0
        self.station = Station(settings)
        handle = self.station.light.handle

        def noted(event: Any, record: Any) -> None:
            self.newest_s = event.at_s if isinstance(event, RepJudged) else self.newest_s
            handle(event, record)

        monkeypatch.setattr(self.station.light, "handle", noted)
        self.failed: BaseException | None = None
        self._pause = threading.Event()
        self._pause.set()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> "Running":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()
        self.station.close()

    def stop(self) -> None:
        """Ends the frames; what was judged can still be delivered until the end."""
        self.station.source.stop()
        self._pause.set()
        self._thread.join(PATIENCE_S)
        assert not self._thread.is_alive(), "the loop hangs"
        assert self.failed is None, self.failed

    def hold(self) -> None:
        """Nothing is judged until `go`."""
        self._pause.clear()

    def go(self) -> None:
        self._pause.set()

    def more(self, reps: int) -> None:
        """Waits until so many more have been judged."""
        wanted = len(self.judged) + reps
        until(lambda: len(self.judged) >= wanted or self.failed, f"{reps} more reps", PATIENCE_S + 2 * reps)
        assert self.failed is None, self.failed

    def delivered(self) -> None:
        """Waits until the outbox is empty."""
        store = next(each for each in self.station.outputs if each.name == "store")
        until(lambda: not store.pending(1), "the outbox to be empty")

    def _run(self) -> None:
        light = self.station.light
        try:
            for event, record in self.station.run():
                known = self.changes[-len(light.history) :]
                self.changes += [change for change in list(light.history) if change not in known]
                if record is not None and isinstance(event, RepJudged):
                    self.judged.append(record["id"])
                    self.events.append(event)
                self._pause.wait(PATIENCE_S)
        except BaseException as error:
            self.failed = error

    def assert_no_old_light(self, hold_s: float, slack_s: float) -> None:
        """No lamp was lit longer after a verdict than the hold time, give or take a frame.

        A lamp test shows each lamp for its own second, and never in one go with a verdict before it.
        """
        verdicts_s = [event.at_s for event in self.events]
        for lit, dark in pairwise(self.changes):
            if lit.test:
                assert dark.at_s - lit.at_s <= light_module.TEST_S + slack_s, (lit, dark)
            elif lit.lamp is not Lamp.OFF:
                assert not dark.test, (lit, dark)
                newest_s = max(at_s for at_s in verdicts_s if at_s <= dark.at_s)
                assert dark.at_s - newest_s <= hold_s + slack_s, (lit, dark)


def impatient(*arguments: Any, **settings: Any) -> Mqtt:
    return Mqtt(*arguments, **settings, retry_s=RETRY_S, will_delay_s=0)


class Witness(Subscriber):
    """Somebody who listens through every fault of the broker: back by himself, and at QoS 0, so that nothing waits."""

    def __init__(self, port: int, username: str | None = None, password: str | None = None) -> None:
        self.heard: list[Any] = []
        self._news = threading.Condition()
        self.listening = threading.Event()
        self._client = Client(CallbackAPIVersion.VERSION2)
        self._client.on_connect = lambda client, *_: client.subscribe("squatlight/#", 0)
        self._client.on_subscribe = lambda *_: self.listening.set()
        self._client.on_disconnect = lambda *_: self.listening.clear()
        self._client.on_message = self._hear
        self._client.username_pw_set(username, password)
        self._client.reconnect_delay_set(1, 1)
        self._client.connect_async("127.0.0.1", port, keepalive=5)
        self._client.loop_start()

    def back(self) -> None:
        assert self.listening.wait(PATIENCE_S), "the witness cannot connect"

    def gone(self) -> None:
        """Waits until the broken connection was noticed: only then does `back` speak of the next one."""
        until(lambda: not self.listening.is_set(), "the witness to notice that the broker is gone")

    def reps(self) -> list[dict[str, Any]]:
        return [json.loads(text) for text in self.texts("rep")]

    def received(self, ids: list[str]) -> None:
        """Waits until all of these have come."""
        until(lambda: set(ids) <= {rep["id"] for rep in self.reps()}, "all reps at the subscriber")


class Process:
    """The daemon, as a process."""

    def __init__(self, settings: Settings, folder: Path) -> None:
        self.file = folder / "settings.toml"
        self.file.write_text(toml(settings))
        self.file.chmod(0o600)
        self.lines: list[str] = []
        self._process: subprocess.Popen[str] | None = None
        self._begun = threading.Event()

    def start(self) -> None:
        self._begun = threading.Event()
        self._process = subprocess.Popen(
            [sys.executable, "-m", "device", "run", "-c", str(self.file)], stderr=subprocess.PIPE, text=True,
            env=os.environ | {"PYTHONPATH": str(ROOT)}, cwd=self.file.parent,
        )  # fmt: skip
        threading.Thread(target=self._read, args=(self._process, self._begun), daemon=True).start()

    def judging(self) -> None:
        """Waits until it judges."""
        assert self._begun.wait(PATIENCE_S), self.lines

    def kill(self) -> None:
        self._process.kill()
        self._process.wait()

    def end(self) -> int:
        """SIGTERM."""
        self._process.terminate()
        return self._process.wait(PATIENCE_S)

    def command(self, name: str) -> None:
        """Another command of the device with the same settings."""
        command = [sys.executable, "-m", "device", name, "-c", str(self.file)]
        ran = subprocess.run(command, env=os.environ | {"PYTHONPATH": str(ROOT)}, capture_output=True, text=True)
        assert ran.returncode == 0, ran.stderr

    def _read(self, process: "subprocess.Popen[str]", begun: threading.Event) -> None:
        for line in process.stderr:
            self.lines.append(line)
            if "judging recorded" in line:
                begun.set()


def toml(settings: Settings) -> str:
    """A settings file."""
    lines = []
    for table, values in asdict(settings).items():
        lines.append(f"[{table}]")
        lines += [f"{key} = {json.dumps(value, ensure_ascii=False)}" for key, value in values.items()]
    return "\n".join(lines) + "\n"

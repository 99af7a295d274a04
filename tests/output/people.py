"""What tests of commands need: somebody at a broker who asks and hears, and the device's log."""

import json
import logging
import threading
from typing import Any

from brokers import PATIENCE_S, Subscriber

from device.output.commands import Command
from device.output.mqtt import Mqtt

EVERYTHING = ("squatlight/#", "homeassistant/#", "phone/#")
QUIET = ("squatlight/rack1/rep", "squatlight/rack1/state")  # for one who would not hear a flood
CONFIG = "homeassistant/device/squatlight_rack1/config"


class Clock:
    now_s = 0.0

    def __call__(self) -> float:
        return self.now_s


class Logged(logging.Handler):
    """The lines about commands, and a wait for one of them."""

    def __init__(self) -> None:
        super().__init__()
        self.lines: list[str] = []
        self._news = threading.Condition()
        logging.getLogger("device.output").addHandler(self)

    def __enter__(self) -> "Logged":
        return self

    def __exit__(self, *_: object) -> None:
        logging.getLogger("device.output").removeHandler(self)

    def emit(self, record: logging.LogRecord) -> None:
        with self._news:
            self.lines.append(record.getMessage())
            self._news.notify_all()

    def wait(self, words: str) -> None:
        with self._news:
            assert self._news.wait_for(lambda: any(words in line for line in self.lines), PATIENCE_S), self.lines


def mqtt(place: Any, **settings: Any) -> Mqtt:
    return Mqtt(place.host, place.port, "rack1", **{"retry_s": (0.02, 0.1), "will_delay_s": 0, **settings})


def texts(listener: Subscriber, topic: str) -> list[str]:
    return [message.payload.decode() for message in listener.heard if message.topic == topic]


def states(listener: Subscriber) -> list[dict[str, Any]]:
    return [json.loads(text) for text in listener.texts("state")]


def answers(listener: Subscriber) -> dict[bytes, dict[str, Any]]:
    """What came back, by what was sent along."""
    heard = [message for message in listener.heard if message.topic == "phone/answers"]
    return {message.properties.CorrelationData: json.loads(message.payload) for message in heard}


def ask(listener: Subscriber, name: str, payload: bytes, number: bytes) -> None:
    listener.command(name, payload, ResponseTopic="phone/answers", CorrelationData=number)


def taken(device: Mqtt, listener: Subscriber, barrier: bytes = b"barrier") -> list[Command]:
    """The commands that have come in before this one, told by the answer to it (MQTT 5)."""
    ask(listener, "judging", b"?", barrier)
    listener.wait(lambda: barrier in answers(listener), "answer")
    return device.commands()


def connected(listener: Subscriber) -> None:
    listener.wait(lambda: listener.on("state"), "connected")

"""The messages of a station: pure, from what the judge tells to topics and payloads."""

import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from device.errors import SettingsError
from device.output.lamp import Lamp
from device.output.outbox import Letter
from device.squat.phases import Phase

SCHEMA = "1"  # version of the payloads, sent as a user property


@dataclass(frozen=True, slots=True)
class Message:
    """One message to a broker.

    Attributes:
        topic: where to.
        payload: what.
        qos: 0 or 1.
        retain: whether the broker keeps it for those who come later.
        expires_s: after which time it is no longer delivered, whole seconds, MQTT 5 only; None = never.
        properties: user properties, MQTT 5 only.
    """

    topic: str
    payload: str
    qos: int = 0
    retain: bool = False
    expires_s: int | None = None
    properties: Mapping[str, str] = field(default_factory=dict)


class Messages:
    """Writes the messages of one station, under `squatlight/<station>/`.

    Args:
        station: its name, of letters, digits, _ and -.

    Raises:
        SettingsError: the name would not make a topic that other programs take.
    """

    def __init__(self, station: str) -> None:
        if not re.fullmatch(r"[a-zA-Z0-9_-]+", station):  # what Home Assistant takes as an id
            raise SettingsError(f"mqtt: station: expected letters, digits, _ and -, got {station!r}")
        self._prefix = f"squatlight/{station}"

    def availability(self, online: bool) -> Message:
        """The birth, the last will and the good-bye."""
        return Message(self._topic("availability"), "online" if online else "offline", qos=1, retain=True)

    def letter(self, record: Mapping[str, Any]) -> Letter:
        """The result of a rep, as it goes into the outbox."""
        payload = json.dumps({**record, "event_type": record["decision"]}, ensure_ascii=False)
        models = {f"model_{role}": digest for role, digest in record["model"].items()}
        return Letter(record["id"], self._topic("rep"), payload, {"schema": SCHEMA, **models})

    def last_rep(self, payload: str) -> Message:
        """The newest result, kept by the broker for sensors: an `event` entity takes no retained message."""
        return Message(self._topic("last_rep"), payload, qos=1, retain=True, properties={"schema": SCHEMA})

    def set(self, record: Mapping[str, Any]) -> Message:
        """The running set: its number and the reps in it."""
        return self._state("set", {"set": record["set"], "reps": record["set_rep"]})

    def state(self, phase: Phase | None) -> Message:
        """What is going on: the phase of a lifter, or nobody."""
        return self._state("state", {"phase": None if phase is None else phase.value, "lifter": phase is not None})

    def light(self, lamp: Lamp, hold_s: float) -> Message:
        """The lamp, as a trigger: sent once, kept nowhere, so that an old light is never taken for a new one."""
        return Message(self._topic("light"), lamp.value, expires_s=max(1, math.ceil(hold_s)))

    def trial(self, token: str) -> Message:
        """A message to oneself, on a topic that nobody else uses."""
        return Message(self._topic(f"check/{token}"), token, qos=1)

    def _state(self, name: str, values: Mapping[str, Any]) -> Message:
        return Message(self._topic(name), json.dumps(values), retain=True)

    def _topic(self, name: str) -> str:
        return f"{self._prefix}/{name}"


def letter_message(letter: Letter, late: bool) -> Message:
    """The message of a letter, marked where it comes later than it should have."""
    payload = letter.payload
    if late:
        payload = json.dumps({**json.loads(payload), "late": True}, ensure_ascii=False)
    return Message(letter.topic, payload, qos=1, properties=letter.properties)

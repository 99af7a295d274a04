"""The messages of a station: pure, from what the judge and the station tell to topics and payloads."""

import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from device.errors import SettingsError
from device.output.lamp import Lamp
from device.output.outbox import Letter
from device.output.stats import Stats
from device.squat.phases import Phase

STATION = r"[a-zA-Z0-9_-]+"  # what Home Assistant takes as an id
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
        correlation: by which the one who asked knows an answer, MQTT 5 only.
    """

    topic: str
    payload: str | bytes
    qos: int = 0
    retain: bool = False
    expires_s: int | None = None
    properties: Mapping[str, str] = field(default_factory=dict)
    correlation: bytes | None = None


@dataclass(frozen=True, slots=True)
class Heard:
    """One message from a broker; nothing in it can be trusted.

    Attributes:
        topic: where it was sent to.
        payload: what.
        retained: whether the broker had kept it, so that nobody says how old it is.
        response_topic: where an answer is wanted, MQTT 5 only.
        correlation: what the answer has to carry.
    """

    topic: str
    payload: bytes
    retained: bool = False
    response_topic: str | None = None
    correlation: bytes | None = None


@dataclass(frozen=True, slots=True)
class State:
    """What is going on.

    Attributes:
        phase: of the lifter; None = nobody there.
        camera: how it fares, in a word.
        camera_fault: whether a person should look after it.
        judging: whether reps are judged.
        height_cm: the lifter's; None = not known.
        idle: whether nobody has been in view for a while, and fewer pictures are looked at.
    """

    phase: Phase | None = None
    camera: str = "opening"
    camera_fault: bool = False
    judging: bool = True
    height_cm: float | None = None
    idle: bool = False


class Messages:
    """Writes the messages of one station, under `squatlight/<station>/`.

    Args:
        station: its name, of letters, digits, _ and -.

    Raises:
        SettingsError: the name would not make a topic that other programs take.
    """

    def __init__(self, station: str) -> None:
        if not re.fullmatch(STATION, station):
            raise SettingsError(f"mqtt: station: expected letters, digits, _ and -, got {station!r}")
        self._prefix = f"squatlight/{station}"

    def topic(self, name: str) -> str:
        """The topic of a name, such as `last_rep`."""
        return f"{self._prefix}/{name}"

    def command(self, name: str) -> str:
        """The topic of a command."""
        return self.topic(f"{name}/set")

    def command_name(self, topic: str) -> str | None:
        """The command of a topic; None where the topic is none of a command."""
        found = re.fullmatch(rf"{self._prefix}/([^/]*)/set", topic)
        return None if found is None else found[1]

    def availability(self, online: bool) -> Message:
        """The birth, the last will and the good-bye."""
        return Message(self.topic("availability"), "online" if online else "offline", qos=1, retain=True)

    def camera_availability(self, online: bool) -> Message:
        """Whether the camera gives what can be judged."""
        return Message(self.topic("camera/availability"), "online" if online else "offline", qos=1, retain=True)

    def letter(self, record: Mapping[str, Any]) -> Letter:
        """The result of a rep, as it goes into the outbox."""
        payload = json.dumps({**record, "event_type": record["decision"]}, ensure_ascii=False)
        return Letter(record["id"], self.topic("rep"), payload, _provenance(record))

    def last_rep(self, payload: str) -> Message:
        """The newest result, kept by the broker for sensors: an `event` entity takes no retained message."""
        properties = _provenance(json.loads(payload))
        return Message(self.topic("last_rep"), payload, qos=1, retain=True, properties=properties)

    def set(self, number: int, reps: int, velocity_loss: float | None = None) -> Message:
        """The running set: its number, its reps, and how much slower the last one was than the fastest (0 to 1)."""
        loss = None if velocity_loss is None else round(velocity_loss, 3)
        return self._json("set", {"set": number, "reps": reps, "velocity_loss": loss})

    def state(self, state: State) -> Message:
        """What is going on: the phase of a lifter or nobody, the camera, and what people have set."""
        return self._json(
            "state",
            {
                "phase": None if state.phase is None else state.phase.value,
                "lifter": state.phase is not None,
                "camera": state.camera,
                "camera_fault": state.camera_fault,
                "judging": state.judging,
                "height_cm": state.height_cm,
                "idle": state.idle,
            },
        )

    def stats(self, stats: Stats) -> Message:
        """How the device does."""
        return self._json("stats", stats.record())

    def evidence(self, jpeg: bytes | None) -> Message:
        """A still of the last rep; None forgets it."""
        return Message(self.topic("evidence"), jpeg or b"", qos=1, retain=True, properties={"schema": SCHEMA})

    def light(self, lamp: Lamp, hold_s: float) -> Message:
        """The lamp, as a trigger: sent once, kept nowhere, so that an old light is never taken for a new one."""
        return Message(self.topic("light"), lamp.value, expires_s=max(1, math.ceil(hold_s)))

    def trial(self, token: str) -> Message:
        """A message to oneself, on a topic that nobody else uses."""
        return Message(self.topic(f"check/{token}"), token, qos=1)

    def _json(self, name: str, values: Mapping[str, Any]) -> Message:
        return Message(self.topic(name), json.dumps(values), retain=True, properties={"schema": SCHEMA})


def _provenance(record: Mapping[str, Any]) -> dict[str, str]:
    return {"schema": SCHEMA, **{f"model_{role}": digest for role, digest in record["model"].items()}}


def letter_message(letter: Letter, late: bool) -> Message:
    """The message of a letter, marked where it comes later than it should have."""
    payload = letter.payload
    if late:
        payload = json.dumps({**json.loads(payload), "late": True}, ensure_ascii=False)
    return Message(letter.topic, payload, qos=1, properties=letter.properties)

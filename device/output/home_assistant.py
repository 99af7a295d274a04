"""What Home Assistant is told of a station: pure, from settings to one retained discovery message.

Follows Home Assistant's MQTT discovery of devices: one message for the device, with all its entities as components.
Entities whose results this station does not measure (the bar's velocity, stills) are taken away.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from device import __version__
from device.errors import SettingsError
from device.output.messages import Message, Messages
from device.output.record import DEPTHS
from device.output.stats import EVERY_S
from device.squat.rulebook import Decision

DEFAULT_PREFIX = "homeassistant"
PREFIX = r"[^$/+#\0]([^+#\0]*[^/+#\0])?"  # how a topic may begin
Component = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Discovery:
    """How to be found.

    Attributes:
        station: name of this device in the topics; also its id.
        prefix: under which Home Assistant looks for devices, and tells its own status.
        name: shown to people; empty = by the station.
        web_url: address of this device's page; empty = there is none.
        evidence: whether stills of reps are published.
        velocity: whether the bar's velocity is measured.
        corrections: whether a person's word on a rep is kept.

    Raises:
        SettingsError: the prefix would not make a topic.
    """

    station: str
    prefix: str = DEFAULT_PREFIX
    name: str = ""
    web_url: str = ""
    evidence: bool = False
    velocity: bool = False
    corrections: bool = False

    def __post_init__(self) -> None:
        if not re.fullmatch(PREFIX, self.prefix):
            raise SettingsError(f"mqtt: discovery: expected the beginning of a topic, got {self.prefix!r}")


def discovery_message(about: Discovery, messages: Messages) -> Message:
    """The message by which Home Assistant finds the station and all its entities.

    Args:
        about: how to be found.
        messages: knows the station's topics.
    """
    id = f"squatlight_{about.station}"
    device = {
        "identifiers": [id],
        "name": about.name or f"squatlight {about.station}",
        "manufacturer": "squatlight",
        "model": "Squat judge",
        "sw_version": __version__,
    }
    if about.web_url:
        device["configuration_url"] = about.web_url
    payload = {
        "device": device,
        "origin": {"name": "squatlight", "sw_version": __version__},
        "availability": [{"topic": messages.topic(name)} for name in ("availability", "camera/availability")],
        "availability_mode": "all",
        "components": _components(id, about, messages),
    }
    return Message(_topic(about), json.dumps(payload, ensure_ascii=False), qos=1, retain=True)


def removal_message(about: Discovery) -> Message:
    """The message by which Home Assistant forgets the station and all its entities."""
    return Message(_topic(about), "", qos=1, retain=True)


def _topic(about: Discovery) -> str:
    return f"{about.prefix}/device/squatlight_{about.station}/config"


def _components(id: str, about: Discovery, messages: Messages) -> dict[str, Component]:
    entities = {
        **_results(messages),
        **_states(messages),
        **_controls(messages),
        **_diagnostics(messages),
    }
    if about.velocity:
        entities |= _velocity(messages)
    if about.corrections:  # without a state: a word on one rep is none on the next
        entities["correct"] = _entity(
            "select", "Correct the last rep", command_topic=messages.command("correct"), options=list(DEPTHS),
            entity_category="config", **_station_alone(messages),
        )  # fmt: skip
    if about.evidence:
        topic = messages.topic("evidence")
        entities["evidence"] = _entity("image", "Evidence", image_topic=topic, content_type="image/jpeg")
    slug = re.sub(r"[^a-z0-9]+", "_", about.station.lower()).strip("_") or "squatlight"
    for key, entity in entities.items():
        entity["unique_id"] = f"{id}_{key}"
        entity["default_entity_id"] = f"{entity['platform']}.{slug}_{key}"
    # A component reduced to its platform goes away: it may have been there before.
    gone: dict[str, Component] = {} if about.evidence else {"evidence": {"platform": "image"}}
    if not about.corrections:
        gone["correct"] = {"platform": "select"}
    if not about.velocity:
        gone |= {key: {"platform": "sensor"} for key in _velocity(messages)}
    return {**entities, **gone, **_triggers(messages)}


def _results(messages: Messages) -> dict[str, Component]:
    """What comes with a rep."""
    rep, set = messages.topic("last_rep"), messages.topic("set")
    seconds: Component = {"unit_of_measurement": "s", "device_class": "duration", "suggested_display_precision": 1}
    return {
        "rep": _entity(
            "event", "Rep", state_topic=messages.topic("rep"), event_types=[decision.value for decision in Decision]
        ),
        "reps_in_set": _sensor("Reps in set", set, "reps", unit_of_measurement="reps"),
        "set_number": _sensor("Set number", set, "set"),
        "last_depth": _sensor(
            "Last depth", rep, "depth_cm",
            unit_of_measurement="cm", device_class="distance", suggested_display_precision=1,
        ),
        "last_p_below": _sensor(
            "Last chance of depth", rep, "p_below",
            template="{{ none if value_json.p_below is none else (100 * value_json.p_below) | round(1) }}",
            unit_of_measurement="%",
        ),
        "last_eccentric": _sensor("Last way down", rep, "tempo.eccentric_s", **seconds),
        "last_pause": _sensor("Last pause", rep, "tempo.pause_s", **seconds),
        "last_concentric": _sensor("Last way up", rep, "tempo.concentric_s", **seconds),
    }  # fmt: skip


def _velocity(messages: Messages) -> dict[str, Component]:
    """What is known of a rep only where the ends of the bar are found."""
    set = messages.topic("set")

    def speed(name: str, key: str) -> Component:
        return _sensor(
            name, messages.topic("last_rep"), "",
            template=f"{{{{ none if value_json.velocity is none else value_json.velocity.{key} }}}}",
            unit_of_measurement="m/s", device_class="speed", suggested_display_precision=2,
        )  # fmt: skip

    return {
        "last_mean_velocity": speed("Last mean velocity", "mean_m_s"),
        "last_peak_velocity": speed("Last peak velocity", "peak_m_s"),
        "velocity_loss": _sensor(
            "Velocity loss", set, "velocity_loss",
            template="{{ none if value_json.velocity_loss is none else (100 * value_json.velocity_loss) | round(1) }}",
            unit_of_measurement="%",
        ),
    }  # fmt: skip


def _states(messages: Messages) -> dict[str, Component]:
    """What is going on."""
    state = messages.topic("state")
    return {
        "lifter": _entity(
            "binary_sensor", "Lifter", state_topic=state, value_template=_on_off("lifter"), device_class="occupancy"
        ),
        # Told by the station alone: where the camera fails, this is what has to be seen.
        "camera_fault": _entity(
            "binary_sensor", "Camera", state_topic=state, value_template=_on_off("camera_fault"),
            device_class="problem", entity_category="diagnostic", **_station_alone(messages),
        ),
    }  # fmt: skip


def _controls(messages: Messages) -> dict[str, Component]:
    """What people can ask for; the words and bounds are those of `commands`."""
    state, alone = messages.topic("state"), _station_alone(messages)
    return {
        "judging": _entity(
            "switch", "Judging", state_topic=state, value_template=_on_off("judging"),
            command_topic=messages.command("judging"), payload_on="ON", payload_off="OFF", **alone,
        ),
        "reset_set": _entity(
            "button", "Reset set", command_topic=messages.command("reset_set"), payload_press="PRESS", **alone
        ),
        "lamp_test": _entity(
            "button", "Lamp test", command_topic=messages.command("lamp_test"), payload_press="PRESS",
            entity_category="config", **alone,
        ),
        "height": _entity(
            "number", "Lifter height", state_topic=state, value_template="{{ value_json.height_cm }}",
            command_topic=messages.command("height"), min=100, max=250, step=0.5, mode="box",
            unit_of_measurement="cm", device_class="distance", entity_category="config", **alone,
        ),
    }  # fmt: skip


def _diagnostics(messages: Messages) -> dict[str, Component]:
    """How the device does, camera or not; three minutes without a word and it is not known any more."""
    common = {"entity_category": "diagnostic", "expire_after": int(3 * EVERY_S), **_station_alone(messages)}
    stats = messages.topic("stats")
    return {
        "frames": _sensor("Frames per second", stats, "frames_hz", unit_of_measurement="fps", **common),
        "inference": _sensor(
            "Inference", stats, "inference_ms", unit_of_measurement="ms", device_class="duration", **common
        ),
        "cpu_temperature": _sensor(
            "CPU temperature", stats, "cpu_celsius", unit_of_measurement="°C", device_class="temperature", **common
        ),
        "dropped_frames": _sensor(
            "Dropped frames", stats, "dropped", state_class="total_increasing", unit_of_measurement="frames", **common
        ),
    }


def _triggers(messages: Messages) -> dict[str, Component]:
    """The lamps, as triggers of automations; they are no entities."""
    return {
        f"{lamp}_light": {
            "platform": "device_automation", "automation_type": "trigger", "topic": messages.topic("light"),
            "type": "lit", "subtype": f"{lamp}_light", "payload": lamp,
        }
        for lamp in ("red", "white")
    }  # fmt: skip


def _entity(platform: str, name: str, **fields: Any) -> Component:
    return {"platform": platform, "name": name, **fields}


def _sensor(name: str, topic: str, value: str, template: str = "", **fields: Any) -> Component:
    found = template or f"{{{{ value_json.{value} }}}}"  # null becomes "None", which Home Assistant takes as unknown
    return _entity(
        "sensor", name, **{"state_topic": topic, "value_template": found, "state_class": "measurement", **fields}
    )


def _on_off(key: str) -> str:
    return f"{{{{ 'ON' if value_json.{key} else 'OFF' }}}}"


def _station_alone(messages: Messages) -> Mapping[str, Any]:
    return {"availability": [{"topic": messages.topic("availability")}]}

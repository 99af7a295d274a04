"""Checks a discovery message against the fields that Home Assistant takes (its MQTT schemas, 2025 and 2026)."""

import json
import re
from typing import Any

ID = re.compile(r"[a-zA-Z0-9_-]+")
ENTITY_ID = re.compile(r"(?!.+__)([a-z_]+)\.(?!_)[a-z0-9_]+(?<!_)")
AVAILABILITY = {"availability", "availability_mode", "availability_topic", "payload_available", "payload_not_available"}
INHERITED = {*AVAILABILITY, "state_topic", "command_topic", "qos", "encoding"}
DEVICE = {
    "identifiers", "connections", "name", "manufacturer", "model", "model_id", "hw_version", "sw_version",
    "serial_number", "suggested_area", "configuration_url", "via_device",
}  # fmt: skip
ENTITY = {
    "platform", "unique_id", "default_entity_id", "name", "device_class", "entity_category", "icon",
    "enabled_by_default",
}  # fmt: skip
# By platform: what has to be there, and what may be.
PLATFORMS: dict[str, tuple[set[str], set[str]]] = {
    "event": ({"state_topic", "event_types"}, {"value_template"}),
    "sensor": (
        {"state_topic", "value_template"},
        {"state_class", "unit_of_measurement", "suggested_display_precision", "expire_after", "force_update"},
    ),
    "binary_sensor": ({"state_topic", "value_template"}, {"payload_on", "payload_off", "expire_after"}),
    "image": ({"image_topic"}, {"content_type", "image_encoding"}),
    "switch": (
        {"command_topic", "state_topic"},
        {"value_template", "payload_on", "payload_off", "state_on", "state_off", "optimistic"},
    ),
    "select": ({"command_topic", "options"}, {"state_topic", "value_template", "optimistic"}),
    "button": ({"command_topic"}, {"payload_press", "retain"}),
    "number": (
        {"command_topic", "state_topic", "min", "max"},
        {"value_template", "step", "mode", "unit_of_measurement", "payload_reset"},
    ),
}
TRIGGER = {"platform", "automation_type", "topic", "type", "subtype", "payload", "qos", "value_template"}
CLASSES = {  # device classes in use, with the units that they allow
    "sensor": {
        "distance": {"cm", "m", "mm"}, "duration": {"s", "ms", "min"}, "temperature": {"°C", "°F", "K"},
        "speed": {"m/s", "km/h", "mph", "ft/s", "kn"}, None: None,
    },
    "number": {"distance": {"cm", "m", "mm"}},
    "binary_sensor": {"occupancy": None, "problem": None},
}  # fmt: skip
STATE_CLASSES = {"measurement", "total", "total_increasing"}


def check_discovery(topic: str, payload: str, retained: bool) -> dict[str, Any]:
    """Asserts that Home Assistant would take the message whole; returns its components."""
    prefix, kind, id, last = topic.rsplit("/", 3)
    assert prefix, topic
    assert (kind, last) == ("device", "config"), topic
    assert ID.fullmatch(id), f"{id}: not an id"
    assert retained, "lost when Home Assistant starts later"
    assert "~" not in payload, "no base topics"
    message = json.loads(payload)
    _only(message, {"device", "origin", "components", *INHERITED}, "the message")
    _only(message["device"], DEVICE, "device")
    assert message["device"].get("identifiers") or message["device"].get("connections"), "device: nothing tells which"
    assert message["origin"]["name"], "origin: no name"
    _only(message["origin"], {"name", "sw_version", "support_url"}, "origin")
    _check_availability(message, "the message")
    for key, component in message["components"].items():
        assert ID.fullmatch(key), f"{key}: not an id"
        _check_component(key, component)
    for field in ("unique_id", "default_entity_id"):
        values = [each[field] for each in message["components"].values() if field in each]
        assert len(set(values)) == len(values), f"{field}: two are the same"
    return message["components"]


def _check_component(key: str, component: dict[str, Any]) -> None:
    platform = component["platform"]
    if platform == "device_automation":
        _only(component, TRIGGER, key)
        assert component["automation_type"] == "trigger", key
        assert all(component.get(field) for field in ("topic", "type", "subtype")), f"{key}: a trigger lacks something"
        return
    assert platform in PLATFORMS, f"{key}: platform {platform!r}"
    if set(component) == {"platform"}:  # goes away
        return
    required, possible = PLATFORMS[platform]
    assert required <= set(component), f"{key}: lacks {required - set(component)}"
    _only(component, {*ENTITY, *required, *possible, *INHERITED}, key)
    assert component["unique_id"], f"{key}: no unique_id"
    found = ENTITY_ID.fullmatch(component["default_entity_id"])
    assert found, f"{key}: {component['default_entity_id']!r} is not an entity id"
    assert found[1] == platform, f"{key}: {component['default_entity_id']!r} is of another domain"
    assert component.get("entity_category") in (None, "diagnostic", "config"), key
    assert component.get("state_class") in (None, *STATE_CLASSES), key
    if platform in CLASSES:
        allowed = CLASSES[platform]
        device_class = component.get("device_class")
        assert device_class in allowed, f"{key}: device_class {device_class!r}"
        units = allowed[device_class]
        assert units is None or component.get("unit_of_measurement") in units, f"{key}: unit"
    for field, value in component.items():
        if field.endswith("topic"):
            assert not re.search(r"[+#\0]", value), f"{key}: {field} {value!r}"
    if "availability" in component or "availability_topic" in component:
        _check_availability(component, key)


def _check_availability(message: dict[str, Any], where: str) -> None:
    forms = {"availability", "availability_topic"} & set(message)
    assert len(forms) == 1, f"{where}: expected one form of availability, found {sorted(forms)}"
    assert message.get("availability_mode", "latest") in ("all", "any", "latest"), where
    for each in message.get("availability", []):
        _only(each, {"topic", "payload_available", "payload_not_available", "value_template"}, where)
        assert each["topic"], where


def _only(found: dict[str, Any], known: set[str], where: str) -> None:
    assert set(found) <= known, f"{where}: unknown {sorted(set(found) - known)}"

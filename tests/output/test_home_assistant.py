import json
import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from discovery_fields import check_discovery
from reps import judged, record_of

from device.errors import SettingsError
from device.output.commands import NAMES, parse
from device.output.home_assistant import Discovery, discovery_message, removal_message
from device.output.lamp import Lamp
from device.output.messages import Messages, State
from device.output.stats import Stats
from device.squat.bar import Velocity
from device.squat.phases import Phase
from device.squat.rulebook import Decision

PREFIX = "squatlight/rack1/"


def found(**about: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    """The whole message, and its components, checked."""
    message = discovery_message(Discovery("rack1", **about), Messages("rack1"))
    assert isinstance(message.payload, str)
    return json.loads(message.payload), check_discovery(message.topic, message.payload, message.retain)


@pytest.mark.parametrize("station", ["rack1", "Rack-1", "a--b__c", "___", "A" * 60])
@pytest.mark.parametrize("evidence", [False, True])
@pytest.mark.parametrize("velocity", [False, True])
def test_every_field_is_one_that_home_assistant_takes(station: str, evidence: bool, velocity: bool) -> None:
    about = Discovery(station, "ha", "Rack am Fenster ü", "http://rack1.local:8080/", evidence, velocity)
    message = discovery_message(about, Messages(station))
    assert (message.topic, message.qos) == (f"ha/device/squatlight_{station}/config", 1)
    check_discovery(message.topic, str(message.payload), message.retain)


def test_the_device_is_online_only_while_station_and_camera_are() -> None:
    message, _ = found()
    assert message["availability_mode"] == "all"
    assert [each["topic"] for each in message["availability"]] == [
        f"{PREFIX}availability", f"{PREFIX}camera/availability",
    ]  # fmt: skip


def test_what_does_not_hang_on_the_camera_stays_while_the_camera_is_away() -> None:
    _, components = found(evidence=True)
    alone = {key: each["availability"] for key, each in components.items() if "availability" in each}
    assert set(alone) == {
        "camera_fault", "judging", "reset_set", "lamp_test", "height",
        "frames", "inference", "cpu_temperature", "dropped_frames",
    }  # fmt: skip
    assert all(availability == [{"topic": f"{PREFIX}availability"}] for availability in alone.values())


def test_all_entities_that_have_a_source_are_there_and_no_others() -> None:
    _, components = found(evidence=True, velocity=True, corrections=True)
    assert {key: component["platform"] for key, component in components.items()} == {
        "rep": "event",
        "reps_in_set": "sensor", "set_number": "sensor", "last_depth": "sensor", "last_p_below": "sensor",
        "last_eccentric": "sensor", "last_pause": "sensor", "last_concentric": "sensor",
        "last_mean_velocity": "sensor", "last_peak_velocity": "sensor", "velocity_loss": "sensor",
        "lifter": "binary_sensor", "camera_fault": "binary_sensor",
        "judging": "switch", "reset_set": "button", "lamp_test": "button", "height": "number",
        "correct": "select",
        "frames": "sensor", "inference": "sensor", "cpu_temperature": "sensor", "dropped_frames": "sensor",
        "red_light": "device_automation", "white_light": "device_automation",
        "evidence": "image",
    }  # fmt: skip


def test_the_still_is_taken_away_where_it_is_not_asked_for() -> None:
    assert found()[1]["evidence"] == {"platform": "image"}
    assert found(evidence=True)[1]["evidence"]["image_topic"] == f"{PREFIX}evidence"


def test_nobody_is_asked_for_a_word_on_a_rep_where_it_would_not_be_kept() -> None:
    assert found()[1]["correct"] == {"platform": "select"}
    assert found(corrections=True)[1]["correct"]["options"] == ["below", "above", "parallel", "none"]


def test_the_bars_velocity_is_taken_away_where_nobody_measures_it() -> None:
    keys = ("last_mean_velocity", "last_peak_velocity", "velocity_loss")
    assert [found()[1][key] for key in keys] == [{"platform": "sensor"}] * 3
    there = [found(velocity=True)[1][key] for key in keys]
    assert [each["unit_of_measurement"] for each in there] == ["m/s", "m/s", "%"]
    assert all("is none" in each["value_template"] for each in there), "not every rep's bar is seen"


def test_each_entity_reads_a_field_of_a_message_that_is_sent() -> None:
    messages = Messages("rack1")
    record = record_of(replace(judged(), velocity=Velocity(0.5, 0.8)))
    sent = [
        messages.last_rep(json.dumps(record)), messages.set(1, 2), messages.stats(Stats(29.9, 3)),
        messages.state(State(Phase.BOTTOM)),
    ]  # fmt: skip
    values = {message.topic: json.loads(message.payload) for message in sent}
    for key, component in found(velocity=True)[1].items():
        if "value_template" not in component:
            continue
        paths = re.findall(r"value_json\.([\w.]+)", component["value_template"])
        assert paths, key
        for path in paths:
            value = values[component["state_topic"]]
            for step in path.split("."):
                assert step in value, f"{key}: {component['state_topic']} has no {path}"
                value = value[step]


def test_the_event_comes_from_results_that_are_not_kept() -> None:
    _, components = found()
    letter = Messages("rack1").letter(record_of(judged(decision=Decision.NO_LIFT)))
    assert components["rep"]["state_topic"] == letter.topic
    assert json.loads(letter.payload)["event_type"] in components["rep"]["event_types"]
    assert set(components["rep"]["event_types"]) == {"good_lift", "no_lift", "no_decision"}


def test_the_lamps_are_triggers() -> None:
    _, components = found()
    for lamp in (Lamp.RED, Lamp.WHITE):
        message = Messages("rack1").light(lamp, 5.0)
        trigger = components[f"{lamp.value}_light"]
        assert (trigger["topic"], trigger["payload"]) == (message.topic, message.payload)


def test_what_the_controls_send_is_understood() -> None:
    _, components = found(corrections=True)
    sent = {name: [] for name in NAMES}
    for component in components.values():
        if "command_topic" in component:
            name = Messages("rack1").command_name(component["command_topic"])
            fields = ("payload_on", "payload_off", "payload_press", "min", "max")
            sent[name] += [str(component[field]) for field in fields if field in component]
            sent[name] += component.get("options", [])
    assert all(sent.values()), "every command has its control"
    for name, payloads in sent.items():
        for payload in payloads:
            parse(name, payload.encode())


def test_an_empty_kept_message_removes_the_device() -> None:
    about = Discovery("rack1")
    message = removal_message(about)
    assert (message.topic, message.payload, message.retain) == (
        discovery_message(about, Messages("rack1")).topic, "", True,
    )  # fmt: skip


@pytest.mark.parametrize("prefix", ["", "a/#", "+", "$SYS", "/a", "a\0"])
def test_a_prefix_that_would_make_no_topic_is_refused(prefix: str) -> None:
    with pytest.raises(SettingsError, match="discovery: expected the beginning of a topic"):
        Discovery("rack1", prefix)


SPOILT: dict[str, tuple[Callable[[dict[str, Any]], object], str]] = {
    "both availabilities": (lambda m: m.update(availability_topic="a"), "one form of availability"),
    "no availability": (lambda m: m.pop("availability"), "one form of availability"),
    "old id": (lambda m: m["components"]["rep"].update(object_id="rack1_rep"), "unknown"),
    "no unique id": (lambda m: m["components"]["rep"].pop("unique_id"), "unique_id"),
    "same unique id": (lambda m: m["components"]["rep"].update(unique_id="squatlight_rack1_height"), "the same"),
    "entity id without its domain": (
        lambda m: m["components"]["rep"].update(default_entity_id="rack1_rep"), "entity id"),
    "entity id of another domain": (
        lambda m: m["components"]["rep"].update(default_entity_id="sensor.rack1_rep"), "another domain"),
    "base topic": (lambda m: m["components"]["rep"].update(state_topic="~/rep"), "base topics"),
    "wildcard": (lambda m: m["components"]["rep"].update(state_topic="squatlight/+/rep"), "state_topic"),
    "no identifiers": (lambda m: m["device"].pop("identifiers"), "nothing tells which"),
    "no state topic": (lambda m: m["components"]["last_depth"].pop("state_topic"), "lacks"),
    "another unit": (lambda m: m["components"]["last_depth"].update(unit_of_measurement="parsec"), "unit"),
    "a field of nobody's": (lambda m: m["components"]["height"].update(color="red"), "unknown"),
    "a bad key": (lambda m: m["components"].update({"a b": {"platform": "sensor"}}), "not an id"),
}  # fmt: skip


@pytest.mark.parametrize("spoilt", SPOILT)
def test_the_check_itself_sees_what_is_wrong(spoilt: str) -> None:
    message, _ = found()
    spoil, words = SPOILT[spoilt]
    spoil(message)
    with pytest.raises((AssertionError, KeyError), match=words):
        check_discovery("homeassistant/device/squatlight_rack1/config", json.dumps(message), True)


def test_the_check_itself_sees_a_message_that_is_not_kept() -> None:
    message, _ = found()
    with pytest.raises(AssertionError, match="starts later"):
        check_discovery("homeassistant/device/squatlight_rack1/config", json.dumps(message), False)

"""Home Assistant and other people at a real broker: what they are told, and what they send."""

import json
from typing import Any

from brokers import ForbiddingBroker, Mosquitto, Subscriber
from discovery_fields import check_discovery
from people import CONFIG, EVERYTHING, Logged, answers, ask, connected, mqtt, states, texts
from reps import judged, record_of

from device.output.commands import LampTest, ResetSet, SetHeight, SetJudging
from device.output.home_assistant import Discovery
from device.output.stats import Stats
from device.squat.events import PhaseChanged
from device.squat.phases import Phase


def test_home_assistant_finds_the_station_and_hears_all_of_it_again_when_it_starts(broker: Any) -> None:
    with (
        Subscriber(broker.host, broker.port, topics=EVERYTHING) as listener,
        mqtt(broker, discovery=Discovery("rack1"), height_cm=180.0) as device,
    ):
        connected(listener)
        device.handle(PhaseChanged(1.0, Phase.STANDING), None)
        device.handle(judged(), record_of(judged()))
        device.camera("live", available=True, fault=False)
        listener.wait(lambda: listener.on("last_rep") and len(listener.on("state")) == 3, "rep")
        listener.wait(lambda: "online" in listener.texts("camera/availability"), "camera")
        before = len(listener.heard)
        listener.say("homeassistant/status", "offline")
        listener.say("homeassistant/status", b"\xff" * 1000)
        listener.say("homeassistant/status", "online")
        kept = {"availability": "online", "camera/availability": "online"}
        expected = {CONFIG, *(f"squatlight/rack1/{name}" for name in (*kept, "state", "set", "last_rep"))}
        listener.wait(lambda: {m.topic for m in listener.heard[before:]} >= expected, "everything again")
        again = {m.topic: m.payload.decode(errors="replace") for m in listener.heard[before:]}
        with Subscriber(broker.host, broker.port, topics=("homeassistant/device/#",)) as late_comer:
            late_comer.wait(lambda: texts(late_comer, CONFIG), "kept discovery")
    assert {name: again[f"squatlight/rack1/{name}"] for name in kept} == kept
    state = json.loads(again["squatlight/rack1/state"])
    assert (state["phase"], state["camera"], state["height_cm"]) == ("standing", "live", 180.0)
    assert texts(listener, CONFIG)[0] == again[CONFIG]
    message = next(message for message in late_comer.heard if message.topic == CONFIG)
    check_discovery(message.topic, message.payload.decode(), message.retain)
    assert listener.texts("light") == ["white"], "a light is not said again"
    assert len(listener.on("rep")) == 1, "nor is a rep"


def test_without_discovery_home_assistant_is_told_nothing(mosquitto: Mosquitto) -> None:
    with Subscriber(mosquitto.host, mosquitto.port, topics=EVERYTHING) as listener, mqtt(mosquitto):
        connected(listener)
    assert not texts(listener, CONFIG)


def test_commands_arrive_in_their_order(broker: Any) -> None:
    with Subscriber(broker.host, broker.port) as listener, mqtt(broker) as device:
        connected(listener)
        with Logged() as logged:
            for name, payload in [
                ("judging", "OFF"), ("height", "182.5"), ("lamp_test", "PRESS"), ("reset_set", "PRESS"),
                ("judging", "ON"), ("judging", "the end"),
            ]:  # fmt: skip
                listener.command(name, payload)
            logged.wait("the end")
        assert device.commands() == [SetJudging(False), SetHeight(182.5), LampTest(), ResetSet(), SetJudging(True)]
        assert device.commands() == []


def test_a_command_with_an_address_for_the_answer_is_answered(mosquitto: Mosquitto) -> None:
    with (
        Subscriber(mosquitto.host, mosquitto.port, version=5, topics=EVERYTHING) as listener,
        mqtt(mosquitto) as device,
    ):
        connected(listener)
        ask(listener, "height", b"180", b"\x001")
        ask(listener, "height", b"1800", b"\x002")
        listener.command("lamp_test", "PRESS", ResponseTopic="phone/plain")
        listener.wait(lambda: len(answers(listener)) == 2 and texts(listener, "phone/plain"), "answers")
        assert answers(listener)[b"\x001"] == {"ok": True}
        assert answers(listener)[b"\x002"] == {"ok": False, "error": "height: expected 100 to 250, got b'1800'"}
        [plain] = [message for message in listener.heard if message.topic == "phone/plain"]
        assert not hasattr(plain.properties, "CorrelationData")
        assert not any(message.retain for message in listener.heard if message.topic.startswith("phone/"))
        assert device.commands() == [SetHeight(180.0), LampTest()]


def test_it_listens_before_it_says_that_it_is_there() -> None:
    with ForbiddingBroker() as broker:
        with mqtt(broker), Logged() as logged:
            logged.wait("does not let us hear")
        subscribe, publish = 8, 3
        assert broker.kinds.index(subscribe) < broker.kinds.index(publish)


def test_the_camera_has_an_availability_of_its_own(broker: Any) -> None:
    with Subscriber(broker.host, broker.port) as listener, mqtt(broker) as device:
        connected(listener)
        for state, available, fault in [
            ("live", True, False), ("live", True, False), ("dark", True, False), ("lost", False, True),
            ("lost", False, True), ("live", True, False),
        ]:  # fmt: skip
            device.camera(state, available, fault)
        listener.wait(lambda: len(listener.on("state")) == 5, "states")
        listener.wait(lambda: len(listener.on("camera/availability")) == 4, "availability")
    assert listener.texts("camera/availability") == ["offline", "online", "offline", "online"]
    assert [(state["camera"], state["camera_fault"]) for state in states(listener)] == [
        ("opening", False), ("live", False), ("dark", False), ("lost", True), ("live", False),
    ]  # fmt: skip


def test_what_people_have_set_is_told_and_survives_the_next_phase(broker: Any) -> None:
    with Subscriber(broker.host, broker.port) as listener, mqtt(broker, height_cm=175.0) as device:
        connected(listener)
        device.handle(PhaseChanged(1.0, Phase.STANDING), None)
        device.controls(judging=False, height_cm=182.5)
        device.handle(PhaseChanged(2.0, Phase.BOTTOM), None)
        device.new_set(3)
        listener.wait(lambda: len(listener.on("state")) == 4 and listener.on("set"), "states")
    assert [(state["judging"], state["height_cm"], state["phase"]) for state in states(listener)] == [
        (True, 175.0, None), (True, 175.0, "standing"), (False, 182.5, "standing"), (False, 182.5, "bottom"),
    ]  # fmt: skip
    assert json.loads(listener.texts("set")[0]) == {"set": 3, "reps": 0, "velocity_loss": None}


def test_stats_go_out_once_a_minute_of_frames(broker: Any) -> None:
    with (
        Subscriber(broker.host, broker.port) as listener,
        mqtt(broker, stats=lambda: Stats(30.0, 2)) as device,
    ):
        connected(listener)
        for now_s in range(0, 125):
            device.tick(float(now_s))
        listener.wait(lambda: len(listener.on("stats")) == 2, "stats")
    assert json.loads(listener.texts("stats")[0])["dropped"] == 2


def test_a_still_is_kept_as_bytes(broker: Any) -> None:
    jpeg = b"\xff\xd8\xff\xe0" + bytes(range(256)) * 100
    with Subscriber(broker.host, broker.port) as listener, mqtt(broker) as device:
        connected(listener)
        device.evidence(jpeg)
        listener.wait(lambda: listener.on("evidence"), "still")
        with Subscriber(broker.host, broker.port, topics=("squatlight/rack1/evidence",)) as late_comer:
            late_comer.wait(lambda: late_comer.on("evidence"), "kept")
    assert late_comer.on("evidence")[0].payload == jpeg


def test_a_still_that_is_taken_back_is_gone(mosquitto: Mosquitto) -> None:
    with Subscriber(mosquitto.host, mosquitto.port) as listener, mqtt(mosquitto) as device:
        connected(listener)
        device.evidence(b"jpeg")
        device.evidence(None)
        listener.wait(lambda: listener.texts("evidence") == ["jpeg", ""], "taken back")
        with Subscriber(mosquitto.host, mosquitto.port) as late_comer:
            late_comer.wait(lambda: late_comer.on("state"), "kept")
            assert not late_comer.on("evidence")


def test_mqtt_5_carries_where_everything_comes_from(mosquitto: Mosquitto) -> None:
    with (
        Subscriber(mosquitto.host, mosquitto.port, version=5) as listener,
        mqtt(mosquitto, stats=lambda: Stats(30.0, 2)) as device,
    ):
        connected(listener)
        device.tick(0.0)
        device.tick(60.0)
        device.handle(judged(), record_of(judged()))
        device.evidence(b"jpeg")
        listener.wait(
            lambda: {"last_rep", "stats", "evidence"} <= {m.topic.split("/")[-1] for m in listener.heard}, "all"
        )
    for name in ("rep", "last_rep"):
        assert listener.on(name)[0].properties.UserProperty == [("schema", "1"), ("model_pose", "sha256:abc")]
    for name in ("set", "state", "stats", "evidence"):
        assert listener.on(name)[0].properties.UserProperty == [("schema", "1")], name
    for name in ("rep", "last_rep", "set", "state", "stats", "evidence", "availability", "camera/availability"):
        assert not hasattr(listener.on(name)[0].properties, "MessageExpiryInterval"), name

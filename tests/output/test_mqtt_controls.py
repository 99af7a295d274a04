"""Home Assistant and other people at a real broker: what they are told, and what they send."""

import json
import logging
import threading
import tracemalloc
from collections import deque
from types import SimpleNamespace
from typing import Any

import pytest
from brokers import PATIENCE_S, ForbiddingBroker, Mosquitto, Subscriber, shout
from discovery_fields import check_discovery
from reps import judged, record_of

from device.output import commands, courier
from device.output.address import Address
from device.output.commands import Command, LampTest, ResetSet, SetHeight, SetJudging
from device.output.courier import Courier
from device.output.home_assistant import Discovery
from device.output.link import V311
from device.output.messages import Heard, Messages
from device.output.mqtt import Mqtt
from device.output.outbox import MemoryOutbox
from device.output.route import Ears, Route
from device.output.stats import Stats
from device.squat.events import PhaseChanged
from device.squat.phases import Phase

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


def test_starts_without_end_do_not_have_everything_sent_without_end(mosquitto: Mosquitto) -> None:
    clock = Clock()
    with (
        Subscriber(mosquitto.host, mosquitto.port, version=5, topics=EVERYTHING) as listener,
        mqtt(mosquitto, discovery=Discovery("rack1"), clock=clock) as device,
    ):
        connected(listener)
        for _ in range(200):
            listener.say("homeassistant/status", "online")
        taken(device, listener)
        device.handle(PhaseChanged(1.0, Phase.BOTTOM), None)
        listener.wait(lambda: states(listener)[-1]["phase"] == "bottom", "the end of it")
        assert len(texts(listener, CONFIG)) == 1 + 5


def test_a_status_that_the_broker_has_kept_is_no_start(mosquitto: Mosquitto) -> None:
    with Subscriber(mosquitto.host, mosquitto.port, version=5, topics=EVERYTHING) as listener:
        listener.say("homeassistant/status", "online", retain=True)
        listener.wait(lambda: texts(listener, "homeassistant/status"), "kept")
        with mqtt(mosquitto, discovery=Discovery("rack1")) as device:
            connected(listener)
            taken(device, listener)
            device.handle(PhaseChanged(1.0, Phase.BOTTOM), None)
            listener.wait(lambda: states(listener)[-1]["phase"] == "bottom", "the end of it")
            assert len(texts(listener, CONFIG)) == 1


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


def test_an_answer_is_never_sent_to_topics_of_devices(mosquitto: Mosquitto) -> None:
    with (
        Subscriber(mosquitto.host, mosquitto.port, version=5, topics=EVERYTHING) as listener,
        mqtt(mosquitto) as device,
    ):
        connected(listener)
        for topic in ("squatlight/rack1/judging/set", "squatlight/rack1/state", CONFIG, "$SYS/broker/x"):
            listener.command("lamp_test", "PRESS", ResponseTopic=topic)
        assert taken(device, listener) == [LampTest()] * 4
        assert len(listener.on("state")) == 1
        assert not texts(listener, CONFIG)


def test_a_command_that_the_broker_has_kept_is_not_obeyed(mosquitto: Mosquitto) -> None:
    with Subscriber(mosquitto.host, mosquitto.port, version=5, topics=EVERYTHING) as listener, Logged() as logged:
        listener.command("judging", "OFF", retain=True)
        listener.wait(lambda: listener.on("judging/set"), "kept")
        with mqtt(mosquitto) as device:
            logged.wait("retain flag")
            assert taken(device, listener) == []


NONSENSE: list[tuple[str, bytes]] = [
    ("judging", b"maybe"), ("judging", b""), ("judging", b"\xff\xfe\x00"), ("height", b"1e2"), ("height", b"99"),
    ("reboot", b"PRESS"), ("judging", b"x" * 65), ("judging", b"ON" * 20_000),
]  # fmt: skip


def test_nonsense_is_refused_and_told_once_of_each_kind(broker: Any) -> None:
    clock = Clock()
    with Subscriber(broker.host, broker.port) as listener, mqtt(broker, clock=clock) as device, Logged() as logged:
        connected(listener)
        for name, payload in [*NONSENSE, *NONSENSE]:
            listener.command(name, payload)
        listener.command("lamp_test", "the end")
        logged.wait("the end")
        assert device.commands() == []
        device.handle(judged(), record_of(judged()))
        listener.wait(lambda: listener.on("rep"), "a rep after all that")
        assert listener.texts("availability") == ["online"], "the connection has held"
    kinds = [line.split("refused: ")[1][:12] for line in logged.lines]
    assert kinds == [
        "judging: exp", "judging: not", "height: expe", "there is no ", "judging: mor", "lamp_test: e",
    ]  # fmt: skip


@pytest.mark.parametrize("retain", [False, True])
@pytest.mark.parametrize(
    "properties",
    [{"UserProperty": ("key\ufeff", "value")}, {"ContentType": "\ufeff"}, {"ResponseTopic": "phone/\ufeff"}],
)
def test_a_property_that_cannot_be_read_does_not_shut_the_station_out(
    mosquitto: Mosquitto, properties: dict[str, Any], retain: bool
) -> None:
    with Subscriber(mosquitto.host, mosquitto.port, version=5, topics=(*QUIET, "phone/#")) as listener:
        with mqtt(mosquitto, will_delay_s=5) as device:
            connected(listener)
            listener.command("judging", "OFF", retain=retain, **properties)
            listener.command("lamp_test", "PRESS")
            assert taken(device, listener) == [SetJudging(False), LampTest()], "obeyed without the property"
        with mqtt(mosquitto, will_delay_s=5) as device:
            listener.wait(lambda: len(listener.on("state")) == 2, "let in again")
            assert taken(device, listener, b"second barrier") == []


def test_a_huge_command_does_not_reach_the_device(mosquitto: Mosquitto, caplog: pytest.LogCaptureFixture) -> None:
    with (
        Subscriber(mosquitto.host, mosquitto.port, version=5, topics=("squatlight/rack1/state", "phone/#")) as listener,
        mqtt(mosquitto) as device,
    ):
        listener.wait(lambda: listener.heard, "connected")
        listener.command("judging", b"x" * 8_000_000)
        listener.command("judging", "ON")
        assert taken(device, listener) == [SetJudging(True)]
    assert len(caplog.records) == 1, "the barrier's alone"


def test_a_huge_command_takes_no_memory_where_it_does_reach_the_device(
    mosquitto: Mosquitto, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(courier, "find_version", lambda *_: V311)
    with (
        Subscriber(mosquitto.host, mosquitto.port, topics=QUIET) as listener,
        mqtt(mosquitto) as device,
        Logged() as logged,
    ):
        connected(listener)
        tracemalloc.start()
        try:
            shout(mosquitto.port, "squatlight/rack1/judging/set", 200)
            logged.wait("judging: more than 64 bytes")
            listener.command("lamp_test", "PRESS")
            listener.command("judging", "the end")
            logged.wait("the end")
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
        assert device.commands() == [LampTest()]
        assert peak < 1_000_000, "of 13 MB"


def test_a_flood_costs_neither_reps_nor_the_commands_after_it(broker: Any) -> None:
    clock = Clock()
    with (
        Subscriber(broker.host, broker.port, topics=(*QUIET, CONFIG)) as listener,
        Subscriber(broker.host, broker.port, topics=("phone/#",)) as flooder,
        mqtt(broker, clock=clock, discovery=Discovery("rack1")) as device,
        Logged() as logged,
    ):
        connected(listener)
        for number in range(400):
            flooder.command("reset_set", "PRESS", qos=0)
            if number % 80 == 0:
                event = judged(1 + number // 80)
                device.handle(event, record_of(event))
        flooder.say("homeassistant/status", "online")
        listener.wait(lambda: len(texts(listener, CONFIG)) == 2, "what came after the flood")
        listener.wait(lambda: len(listener.on("rep")) == 5, "reps")
        assert [json.loads(text)["rep"] for text in listener.texts("rep")] == [1, 2, 3, 4, 5]
        assert device.commands() == [ResetSet()] * commands.BURST
        assert logged.lines == ["mqtt: command refused: more than 5 a second"]
        clock.now_s = 1.0
        flooder.command("judging", "the end")
        logged.wait("the end")


def test_a_flood_leaves_the_processor_to_the_judge(monkeypatch: pytest.MonkeyPatch) -> None:
    messages, pauses = Messages("rack1"), []
    route = Route(Address("127.0.0.1", 1), "rack1", 0, (1.0, 1.0))
    ends = messages.availability(True), messages.availability(False)
    reader = Courier(route, *ends, MemoryOutbox(), messages.last_rep, Ears((), lambda heard: None))
    monkeypatch.setattr(reader._closing, "wait", pauses.append)
    for number in (1, 5, 32):
        reader._listen(SimpleNamespace(received=deque([Heard("x", b"")] * number)))
    assert len(pauses) == 1


def test_a_broker_that_forbids_commands_is_told_once() -> None:
    with ForbiddingBroker() as broker, Logged() as logged, mqtt(broker):
        logged.wait("does not let us hear")
    assert logged.lines == [
        f"mqtt: 127.0.0.1:{broker.port} does not let us hear squatlight/rack1/+/set: unspecified error"
    ]


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
    assert json.loads(listener.texts("set")[0]) == {"set": 3, "reps": 0}


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

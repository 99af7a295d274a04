"""People at a broker who mean no good, or know no better."""

import json
import tracemalloc
from collections import deque
from types import SimpleNamespace
from typing import Any

import pytest
from brokers import ForbiddingBroker, Mosquitto, Subscriber, shout
from people import CONFIG, EVERYTHING, QUIET, Clock, Logged, connected, mqtt, states, taken, texts
from reps import judged, record_of

from device.output import commands, courier
from device.output.address import Address
from device.output.commands import LampTest, ResetSet, SetJudging
from device.output.courier import Courier
from device.output.home_assistant import Discovery
from device.output.link import V311
from device.output.messages import Heard, Messages
from device.output.outbox import MemoryOutbox
from device.output.route import Ears, Route
from device.squat.events import PhaseChanged
from device.squat.phases import Phase

NONSENSE: list[tuple[str, bytes]] = [
    ("judging", b"maybe"), ("judging", b""), ("judging", b"\xff\xfe\x00"), ("height", b"1e2"), ("height", b"99"),
    ("reboot", b"PRESS"), ("judging", b"x" * 65), ("judging", b"ON" * 20_000),
]  # fmt: skip


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

import json
import logging
import shutil
import socket
import subprocess
import threading
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from time import monotonic, sleep
from typing import Any

import pytest
from brokers import PATIENCE_S, ForbiddingBroker, Gate, Mosquitto, Subscriber, free_port
from reps import judged, record_of

from device.errors import PartFailed, SettingsError
from device.output import courier
from device.output.address import address_of
from device.output.link import V5, V311, LinkFailed, find_version
from device.output.mqtt import Mqtt
from device.output.outbox import MemoryOutbox
from device.output.round_trip import check_round_trip
from device.output.store import Store
from device.squat.bar import Velocity
from device.squat.events import LifterLost, PhaseChanged
from device.squat.phases import Phase
from device.squat.rulebook import Decision

RETRY_S = (0.02, 0.1)


def mqtt(place: Any, **settings: Any) -> Mqtt:
    return Mqtt(place.host, place.port, "rack1", **{"retry_s": RETRY_S, "will_delay_s": 0, **settings})


def judge(device: Mqtt, *numbers: int, decision: Decision = Decision.GOOD_LIFT, at_s: float = 3.1) -> list[str]:
    """Judges reps; returns their ids."""
    events = [judged(number, decision, at_s) for number in numbers]
    records = [record_of(event) for event in events]
    for event, record in zip(events, records, strict=True):
        device.handle(event, record)
    return [record["id"] for record in records]


def reps(listener: Subscriber) -> list[dict[str, Any]]:
    return [json.loads(text) for text in listener.texts("rep")]


def warnings(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [entry.getMessage() for entry in caplog.records if entry.levelno >= logging.WARNING]


class Logged(logging.Handler):
    """Tells when a line has been logged."""

    def __init__(self) -> None:
        super().__init__()
        self.line = threading.Event()
        logging.getLogger("device.output").addHandler(self)

    def emit(self, record: logging.LogRecord) -> None:
        self.line.set()

    def wait(self) -> None:
        assert self.line.wait(PATIENCE_S), "nothing was logged"
        logging.getLogger("device.output").removeHandler(self)


class Emptied(MemoryOutbox):
    """Tells when the last letter has gone."""

    def __init__(self) -> None:
        super().__init__()
        self.empty = threading.Event()

    def done(self, id: str) -> None:
        super().done(id)
        if not self.pending(1):
            self.empty.set()


def test_the_same_messages_reach_every_broker(broker: Any) -> None:
    with Subscriber(broker.host, broker.port) as listener:
        device = mqtt(broker, hold_s=2.0)
        listener.wait(lambda: listener.texts("state"), "connected")
        device.handle(PhaseChanged(1.1, Phase.ECCENTRIC), None)
        [id] = judge(device, 1)
        listener.wait(lambda: listener.on("last_rep"), "first rep")
        device.tick(5.0)
        device.tick(5.2)
        judge(device, 2, decision=Decision.NO_LIFT, at_s=9.0)
        device.handle(LifterLost(9.5), None)
        listener.wait(lambda: len(listener.on("last_rep")) == 2, "second rep")
        device.close()
        listener.wait(lambda: len(listener.on("availability")) == 2, "good-bye")

    assert listener.texts("availability") == ["online", "offline"]
    first, second = reps(listener)
    assert first == {**record_of(judged(1)), "id": id, "event_type": "good_lift"}
    assert (second["decision"], second["event_type"], second["late"]) == ("no_lift", "no_lift", False)
    assert listener.texts("last_rep") == listener.texts("rep")
    assert [json.loads(text) for text in listener.texts("set")] == [
        {"set": 2, "reps": 1, "velocity_loss": None}, {"set": 2, "reps": 2, "velocity_loss": None},
    ]  # fmt: skip
    states = [json.loads(text) for text in listener.texts("state")]
    assert [(state["phase"], state["lifter"]) for state in states] == [
        (None, False), ("eccentric", True), (None, False),
    ]  # fmt: skip
    assert listener.texts("light") == ["white", "off", "red"]


def test_a_set_tells_how_much_slower_the_bar_has_got(broker: Any) -> None:
    with Subscriber(broker.host, broker.port) as listener, mqtt(broker) as device:
        listener.wait(lambda: listener.texts("state"), "connected")
        for number, mean_m_s in enumerate((0.5, 0.4), 1):
            event = replace(judged(number), velocity=Velocity(mean_m_s, 2 * mean_m_s))
            device.handle(event, record_of(event))
        listener.wait(lambda: len(listener.on("set")) == 2 and len(reps(listener)) == 2, "two reps")
    assert [json.loads(text)["velocity_loss"] for text in listener.texts("set")] == [0.0, 0.2]
    assert reps(listener)[1]["velocity"] == {"mean_m_s": 0.4, "peak_m_s": 0.8}


def test_what_a_sensor_needs_is_kept_by_the_broker_and_what_triggers_is_not(broker: Any) -> None:
    with Subscriber(broker.host, broker.port) as listener, mqtt(broker) as device:
        judge(device, 1)
        listener.wait(lambda: listener.on("last_rep"), "rep")
        with Subscriber(broker.host, broker.port) as late_comer:
            late_comer.wait(lambda: len({m.topic for m in late_comer.heard if m.retain}) == 5, "retained")
            kept = {message.topic.removeprefix("squatlight/rack1/") for message in late_comer.heard}
    assert kept == {"availability", "camera/availability", "last_rep", "state", "set"}


def test_mqtt_5_carries_expiry_of_the_light_and_properties_of_a_rep(mosquitto: Mosquitto) -> None:
    with Subscriber(mosquitto.host, mosquitto.port, version=5) as listener, mqtt(mosquitto, hold_s=4.2) as device:
        listener.wait(lambda: listener.on("state"), "connected")
        judge(device, 1)
        listener.wait(lambda: listener.on("last_rep"), "rep")
    assert listener.on("light")[0].properties.MessageExpiryInterval == 5
    assert listener.on("rep")[0].properties.UserProperty == [("schema", "1"), ("model_pose", "sha256:abc")]
    assert not hasattr(listener.on("rep")[0].properties, "MessageExpiryInterval")


def test_the_will_tells_of_a_line_that_breaks_and_the_birth_of_its_return(broker: Any, gate: Gate) -> None:
    with Subscriber(broker.host, broker.port) as listener:
        gate.open()
        with mqtt(gate):
            listener.wait(lambda: listener.texts("availability") == ["online"], "birth")
            gate.shut()
            listener.wait(lambda: listener.texts("availability") == ["online", "offline"], "will")
            gate.open()
            listener.wait(lambda: listener.texts("availability") == ["online", "offline", "online"], "second birth")
        listener.wait(lambda: len(listener.on("availability")) == 4, "good-bye")


def test_a_short_drop_is_not_told_where_the_broker_can_wait(mosquitto: Mosquitto) -> None:
    with (
        Gate(mosquitto.port) as line,
        Subscriber(mosquitto.host, mosquitto.port) as listener,
        mqtt(line, will_delay_s=3) as device,
    ):
        listener.wait(lambda: listener.texts("availability") == ["online"], "birth")
        line.shut()
        line.open()
        listener.wait(lambda: len(listener.on("availability")) == 2, "second birth")
        device.close()
        listener.wait(lambda: len(listener.on("availability")) == 3, "good-bye")
    assert listener.texts("availability") == ["online", "online", "offline"]


def test_the_pause_begins_small_again_after_a_connection_that_lasted(
    mosquitto: Mosquitto, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(courier, "_STEADY_S", 0.0)
    with (
        Gate(mosquitto.port) as line,
        Subscriber(mosquitto.host, mosquitto.port) as listener,
        mqtt(line, retry_s=(0.01, 3600.0)) as device,
    ):
        for cuts in range(12):  # a pause that doubled each time would add up to 40 s
            listener.wait(lambda cuts=cuts: listener.texts("availability").count("online") == cuts + 1, "birth")
            device.handle(PhaseChanged(1.0, Phase.STANDING), None)
            listener.wait(lambda cuts=cuts: len(listener.on("state")) >= 2 * (cuts + 1), "a turn of the connection")
            line.shut()
            line.open()


def test_after_a_restart_the_broker_knows_everything_again(mosquitto: Mosquitto) -> None:
    with mqtt(mosquitto) as device:
        with Subscriber(mosquitto.host, mosquitto.port) as listener:
            judge(device, 1)
            listener.wait(lambda: listener.on("last_rep"), "rep")
        mosquitto.kill()
        mosquitto.start()  # without anything retained
        with Subscriber(mosquitto.host, mosquitto.port) as listener:
            names = ("availability", "camera/availability", "state", "set", "last_rep")
            listener.wait(lambda: all(listener.on(name) for name in names), "all kept topics")
            assert listener.texts("availability") == ["online"]
            assert json.loads(listener.texts("last_rep")[0])["rep"] == 1


def test_reps_judged_while_the_broker_is_away_arrive_once_in_order_and_late(
    broker: Any, gate: Gate, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with Store(tmp_path / "reps.db") as store, Subscriber(broker.host, broker.port) as listener:
        logged = Logged()
        with mqtt(gate, outbox=store) as device:
            logged.wait()
            ids = judge(device, *range(1, 41))
            gate.open()
            listener.wait(lambda: len(listener.on("rep")) == 40, "all reps")
            ids += judge(device, 41)
            listener.wait(lambda: len(listener.on("rep")) == 41, "a rep with the broker there")
            device.close()
        assert store.pending(1) == []
        assert [rep["id"] for rep in store.reps()] == ids
    assert [rep["id"] for rep in reps(listener)] == ids
    assert [rep["late"] for rep in reps(listener)] == [True] * 40 + [False]
    assert json.loads(listener.texts("last_rep")[-1])["rep"] == 41
    assert listener.texts("light") == ["white"], "forty old lights were not replayed"
    assert len(warnings(caplog)) == 1


def test_what_is_told_goes_at_once(mosquitto: Mosquitto, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(courier, "_TURN_S", 10 * PATIENCE_S)
    with Subscriber(mosquitto.host, mosquitto.port) as listener, mqtt(mosquitto) as device:
        listener.wait(lambda: listener.on("state"), "connected")
        device.handle(PhaseChanged(1.1, Phase.ECCENTRIC), None)
        listener.wait(lambda: len(listener.on("state")) == 2, "phase")
        judge(device, 1)
        listener.wait(lambda: listener.on("rep"), "rep")


def test_a_stop_sends_what_waits_before_the_good_bye(broker: Any) -> None:
    outbox = Emptied()
    with Subscriber(broker.host, broker.port) as listener, mqtt(broker, outbox=outbox) as device:
        listener.wait(lambda: listener.on("state"), "connected")
        ids = judge(device, *range(1, 31))
        device.close()
        assert outbox.empty.is_set()
        listener.wait(lambda: len(listener.on("availability")) == 2, "good-bye")
        assert [rep["id"] for rep in reps(listener)] == ids


def test_what_the_broker_has_not_confirmed_is_sent_again(broker: Any, gate: Gate) -> None:
    outbox = Emptied()
    gate.open()
    with Subscriber(broker.host, broker.port) as listener, mqtt(gate, outbox=outbox) as device:
        listener.wait(lambda: listener.on("state"), "connected")
        gate.deaf = True
        ids = judge(device, *range(1, 21))
        listener.wait(lambda: len(listener.on("rep")) >= 8, "a window of letters")
        assert len(outbox.pending(99)) == 20, "nothing was confirmed, nothing is let go"
        gate.shut()
        gate.deaf = False
        gate.open()
        assert outbox.empty.wait(PATIENCE_S)
        listener.wait(lambda: len({rep["id"] for rep in reps(listener)}) == 20, "all")
    seen = [rep["id"] for rep in reps(listener)]
    assert len(seen) > 20, "some came twice"
    assert list(dict.fromkeys(seen)) == ids, "in order, once the repeated ids are dropped"


def test_two_hundred_reps_over_a_line_that_breaks_again_and_again_arrive_in_order(
    broker: Any, gate: Gate, tmp_path: Path
) -> None:
    with Store(tmp_path / "reps.db") as store, Subscriber(broker.host, broker.port) as listener:
        with mqtt(gate, outbox=store) as device:
            ids = []
            for first in range(1, 201, 40):
                gate.open()
                ids += judge(device, *range(first, first + 40))
                seen = len(listener.heard)
                listener.wait(lambda seen=seen: len(listener.heard) > seen, "something comes through")
                gate.shut()  # in the middle of it
            gate.open()
            listener.wait(lambda: len({rep["id"] for rep in reps(listener)}) == 200, "all")
        assert store.pending(1) == []
    assert list(dict.fromkeys(rep["id"] for rep in reps(listener))) == ids


def test_results_of_an_earlier_run_are_delivered_late(broker: Any, tmp_path: Path) -> None:
    store = Store(tmp_path / "reps.db")
    with store, Mqtt("127.0.0.1", free_port(), "rack1", outbox=store, retry_s=RETRY_S) as device:
        ids = judge(device, 1, 2)
    with (
        Store(tmp_path / "reps.db") as store,
        Subscriber(broker.host, broker.port) as listener,
        mqtt(broker, outbox=store),
    ):
        listener.wait(lambda: listener.on("last_rep"), "both")
    assert [(rep["id"], rep["late"]) for rep in reps(listener)] == [(ids[0], True), (ids[1], True)]
    assert [json.loads(text)["id"] for text in listener.texts("last_rep")] == [ids[1]]


def test_a_verdict_that_comes_after_its_hold_is_not_told_as_lit(mosquitto: Mosquitto) -> None:
    with Subscriber(mosquitto.host, mosquitto.port) as listener, mqtt(mosquitto, hold_s=2.0) as device:
        device.live = True
        judge(device, 1, at_s=monotonic() - 2.5)
        listener.wait(lambda: listener.texts("rep"), "told")
        assert "white" not in listener.texts("light")
        judge(device, 2, at_s=monotonic() - 0.5)
        listener.wait(lambda: "white" in listener.texts("light"), "lit")


@pytest.mark.parametrize("breaks", [1, 2, 3])
def test_a_broker_that_only_just_starts_is_not_taken_for_an_old_one(mosquitto: Mosquitto, breaks: int) -> None:
    with Gate(mosquitto.port) as line:
        line.breaks = breaks
        address, found = address_of(line.host, line.port), None
        while found is None:
            with suppress(LinkFailed):
                found = find_version(address, "rack1")
        assert found == V5


@pytest.mark.parametrize(("after_s", "versions"), [(0.0, [V311, V5]), (3600.0, [V311])])
def test_a_broker_that_speaks_3_alone_is_asked_anew_now_and_then(
    mosquitto: Mosquitto, after_s: float, versions: list[int]
) -> None:
    with ForbiddingBroker() as old:
        assert find_version(address_of(old.host, old.port), "rack1") == V311
    answers, speaks = [V311, V5], []

    def ask(*_: Any) -> int:
        speaks.append(answers.pop(0))
        return speaks[-1]

    with Gate(mosquitto.port) as line, pytest.MonkeyPatch.context() as patch:
        patch.setattr(courier, "find_version", ask)
        patch.setattr(courier, "OLD_S", after_s)
        with mqtt(line) as device:
            assert device._courier._up.wait(PATIENCE_S)
            line.shut()
            until_s = monotonic() + PATIENCE_S
            while device._courier._up.is_set() and monotonic() < until_s:
                sleep(0.01)
            line.open()
            assert device._courier._up.wait(PATIENCE_S)
    assert speaks == versions


def test_no_more_is_under_way_than_the_broker_takes(tmp_path: Path) -> None:
    """MQTT 5's Receive Maximum: beyond it a broker ends the connection, again and again."""
    with (
        Mosquitto(tmp_path, "allow_anonymous true", "max_inflight_messages 3") as broker,
        Gate(broker.port) as line,
        Subscriber(broker.host, broker.port, version=5) as listener,
        mqtt(line) as device,
    ):
        listener.wait(lambda: listener.texts("state"), "connected")
        line.deaf = True  # its confirmations do not come through
        sleep(0.2)
        before = len([message for message in listener.heard if message.qos])
        judge(device, *range(1, 7))
        sleep(0.5)
        assert len([message for message in listener.heard if message.qos]) - before == 3


def test_a_refused_password_is_one_line_and_loses_nothing(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    passwords = tmp_path / "passwords"
    passwords.write_text("rack1:$7$101$AAAAAAAAAAAAAAAA$" + "A" * 86 + "==\n")
    outbox = MemoryOutbox()
    with (
        Mosquitto(tmp_path, "allow_anonymous false", f"password_file {passwords}") as broker,
        Gate(broker.port) as line,
        mqtt(line, outbox=outbox, username="rack1", password="wrong") as device,
    ):
        ids = judge(device, 1, 2)
        for _ in range(4):
            assert line.passed.acquire(timeout=PATIENCE_S), "no further attempt"
    assert [letter.id for letter in outbox.pending(9)] == ids
    assert warnings(caplog) == [f"mqtt: 127.0.0.1:{line.port}: not authorized; trying again, results are kept"]


def test_a_right_password_is_let_in_over_tls_with_an_own_authority(tmp_path: Path, tls_files: Any) -> None:
    if shutil.which("mosquitto_passwd") is None:
        pytest.skip("mosquitto_passwd is not installed (packages.txt)")
    passwords = tmp_path / "passwords"
    subprocess.run(["mosquitto_passwd", "-b", "-c", str(passwords), "rack1", "secret"], check=True, capture_output=True)
    guarded = ("allow_anonymous false", f"password_file {passwords}", *tls_files.lines)
    login = {"username": "rack1", "password": "secret", "ca_file": tls_files.ca}
    outbox = Emptied()
    with Mosquitto(tmp_path, *guarded) as broker, mqtt(broker, outbox=outbox, **login) as device:
        judge(device, *range(1, 31))
        assert outbox.empty.wait(PATIENCE_S)
        check_round_trip(5.0, broker.host, broker.port, "rack1", **login)


def test_a_certificate_of_an_unknown_authority_is_refused_with_its_cause(
    tmp_path: Path, tls_files: Any, caplog: pytest.LogCaptureFixture
) -> None:
    logged = Logged()
    with Mosquitto(tmp_path, "allow_anonymous true", *tls_files.lines) as broker, mqtt(broker, tls=True):
        logged.wait()
    assert "certificate refused" in warnings(caplog)[0]


def test_a_hanging_broker_holds_up_neither_the_judge_nor_the_end() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:  # takes connections and never says a word
        began_s = monotonic()
        device = Mqtt("127.0.0.1", silent.getsockname()[1], "rack1")
        judge(device, *range(1, 11))
        assert monotonic() - began_s < 0.5
        device.close()
        device.close()
        assert monotonic() - began_s < 2.5


def test_a_full_disk_is_told_and_the_result_goes_out_all_the_same(mosquitto: Mosquitto) -> None:
    class Full(MemoryOutbox):
        def put(self, letter: Any, rep: Any = None) -> None:
            raise PartFailed("store: database or disk is full")

    with Subscriber(mosquitto.host, mosquitto.port) as listener, mqtt(mosquitto, outbox=Full()) as device:
        with pytest.raises(PartFailed, match="disk is full"):
            judge(device, 1)
        listener.wait(lambda: listener.on("last_rep"), "rep")


def test_a_letter_that_the_disk_does_not_let_go_of_is_sent_once(mosquitto: Mosquitto) -> None:
    class Stuck(MemoryOutbox):
        def done(self, id: str) -> None:
            raise PartFailed("store: database or disk is full")

    with Subscriber(mosquitto.host, mosquitto.port) as listener, mqtt(mosquitto, outbox=Stuck()) as device:
        ids = judge(device, *range(1, 13))
        listener.wait(lambda: len(listener.on("rep")) >= 12, "all")
        device.close()
        listener.wait(lambda: len(listener.on("availability")) == 2, "good-bye")
    assert [rep["id"] for rep in reps(listener)] == ids


def test_settings_that_cannot_be_used_are_refused_at_once(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="station: expected letters"):
        Mqtt("127.0.0.1", 1883, "rack 1/#")
    with pytest.raises(SettingsError, match="ca_file"):
        Mqtt("127.0.0.1", 1883, "rack1", ca_file=tmp_path / "none.pem")

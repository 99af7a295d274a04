import threading
from pathlib import Path
from time import monotonic

import pytest
from brokers import Mosquitto, Subscriber, free_port

from device.errors import PartFailed, SettingsError
from device.output.broker import EmbeddedBroker
from device.output.round_trip import check_round_trip


def test_a_free_port_is_found_and_given_back() -> None:
    with EmbeddedBroker() as first, EmbeddedBroker() as second:
        assert first.port != second.port
    with EmbeddedBroker(first.port) as again, Subscriber(again.host, again.port):
        pass


def test_a_port_that_is_taken_is_one_clear_line() -> None:
    with (
        EmbeddedBroker() as first,
        pytest.raises(PartFailed, match=rf"broker: port {first.port} on 127.0.0.1: .*in use"),
    ):
        EmbeddedBroker(first.port)


def test_it_ends_in_time_with_clients_connected_and_twice() -> None:
    threads = threading.active_count()
    broker = EmbeddedBroker()
    with Subscriber(broker.host, broker.port):
        began_s = monotonic()
        broker.close()
        broker.close()
        assert monotonic() - began_s < 2.5
    assert threading.active_count() == threads


def test_a_message_makes_the_round_trip(broker: Mosquitto | EmbeddedBroker) -> None:
    check_round_trip(5.0, broker.host, broker.port, "rack1")


def test_a_broker_that_is_not_there_fails_the_round_trip() -> None:
    port = free_port()
    with pytest.raises(PartFailed, match=rf"mqtt: 127\.0\.0\.1:{port}: Connection refused"):
        check_round_trip(5.0, "127.0.0.1", port, "rack1")
    with pytest.raises(PartFailed, match=r"mqtt: nowhere\.invalid:1883: "):
        check_round_trip(5.0, "nowhere.invalid", 1883, "rack1")


def test_a_refused_password_fails_the_round_trip(tmp_path: Path) -> None:
    with Mosquitto(tmp_path, "allow_anonymous false") as broker, pytest.raises(PartFailed, match="not authorized"):
        check_round_trip(5.0, broker.host, broker.port, "rack1", username="rack1", password="wrong")


@pytest.mark.parametrize(("allowed", "words"), [("write", "did not come back in 1 s"), ("read", "not authorized")])
def test_a_topic_that_is_not_allowed_fails_the_round_trip_in_time(tmp_path: Path, allowed: str, words: str) -> None:
    rules = tmp_path / "rules"
    rules.write_text(f"topic {allowed} squatlight/#\n")
    with (
        Mosquitto(tmp_path, "allow_anonymous true", f"acl_file {rules}") as broker,
        pytest.raises(PartFailed, match=words),
    ):
        check_round_trip(1.0, broker.host, broker.port, "rack1")


def test_a_bad_station_is_told_before_anything_is_sent() -> None:
    with pytest.raises(SettingsError, match="station"):
        check_round_trip(1.0, "127.0.0.1", 1, "rack/1")

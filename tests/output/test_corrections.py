"""A person's word on a rep, by MQTT."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar

import pytest
from brokers import Subscriber
from people import connected, mqtt
from reps import judged, record_of

from device.controls import Controls, Gate
from device.errors import PartFailed
from device.meter import Meter
from device.output.commands import Command, Correct, SetHeight
from device.output.labels import labels
from device.output.light import SignalLight
from device.output.record import Record
from device.output.store import Store
from device.overrides import Overrides
from device.squat.judge import Judge


class Asked:
    """A broker's side that asks for what it is given."""

    def __init__(self, *commands: Command) -> None:
        self.waiting, self.told = list(commands), []

    def commands(self) -> list[Command]:
        taken, self.waiting = self.waiting, []
        return taken

    def controls(self, judging: bool, height_cm: float | None) -> None:
        self.told.append((judging, height_cm))


class Model:
    hashes: ClassVar[dict[str, str]] = {}


@pytest.fixture
def kept(tmp_path: Path) -> Any:
    """A store of two reps, and those."""
    with Store(tmp_path / "reps.db") as store:
        records = [record_of(judged(number)) for number in (1, 2)]
        for record in records:
            store.handle(judged(), record)
        yield store, records


@pytest.fixture
def obeyed() -> Any:
    def obey(asked: Any, store: Store | None) -> None:
        with SignalLight(17, 27) as light:
            Controls(Judge(), Gate(Meter(Model())), light, asked, Overrides(None), store).obey()

    return obey


def test_a_word_that_came_by_a_broker_becomes_a_label(
    mosquitto: Any, kept: tuple[Store, list[Record]], obeyed: Callable[..., None]
) -> None:
    store, records = kept
    with (
        Subscriber(mosquitto.host, mosquitto.port, version=5, topics=("squatlight/#", "phone/#")) as listener,
        mqtt(mosquitto) as device,
    ):
        connected(listener)
        for payload in ("above", f"{records[0]['id']} none", "deep enough"):
            listener.command("correct", payload, ResponseTopic="phone/answer")
        listener.wait(lambda: sum(m.topic == "phone/answer" for m in listener.heard) == 3, "answers")
        obeyed(device, store)
        answers = [json.loads(m.payload) for m in listener.heard if m.topic == "phone/answer"]
    assert [(label["id"], label["depth"]) for label in labels(store)] == [
        (records[0]["id"], "none"), (records[1]["id"], "above"),
    ]  # fmt: skip
    assert [told["ok"] for told in answers] == [True, True, False]
    assert "expected below or above or parallel or none" in answers[2]["error"]


def test_a_word_on_no_rep_is_told_in_the_log(
    kept: tuple[Store, list[Record]], obeyed: Callable[..., None], caplog: pytest.LogCaptureFixture
) -> None:
    store, _ = kept
    obeyed(Asked(Correct("0" * 36, "above")), store)
    obeyed(Asked(Correct("last", "above")), None)
    warnings = [entry.getMessage() for entry in caplog.records if entry.levelname == "WARNING"]
    assert "no rep with an id like '00000000" in warnings[0]
    assert warnings[1:] == ["correct: no reps are kept: store.path is not set"]
    assert store.corrections() == {}


def test_a_word_that_the_disk_does_not_take_ends_nothing(
    kept: tuple[Store, list[Record]], obeyed: Callable[..., None], caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    store, _ = kept

    def full(*_: object) -> None:
        raise PartFailed("store: full")

    monkeypatch.setattr(store, "correct", full)
    asked = Asked(Correct("last", "below"), SetHeight(180.0))
    obeyed(asked, store)
    assert "correct: store: full" in caplog.text
    assert asked.told == [(True, 180.0)], "what comes after it is obeyed"

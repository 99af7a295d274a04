"""Letters while the disk is full, and after."""

from collections import deque
from pathlib import Path
from typing import Any

import pytest
from reps import judged, record_of

from device.errors import PartFailed
from device.output import dispatch as dispatch_module
from device.output.dispatch import WINDOW, Dispatch
from device.output.messages import Message, Messages
from device.output.store import Store


class Disk(Store):
    """A store whose disk can be full."""

    full = False

    def put(self, letter: Any, rep: Any = None) -> None:
        if self.full:
            raise PartFailed("store: database or disk is full")
        super().put(letter, rep)


class Line:
    """A connection that notes what is sent."""

    def __init__(self) -> None:
        self.sent: list[Message] = []

    def publish(self, message: Message) -> int:
        self.sent.append(message)
        return len(self.sent)


def post(device: Dispatch, *numbers: int) -> None:
    for number in numbers:
        record = {**record_of(judged(number)), "id": str(number)}
        device.post(Messages("rack1").letter(record), record)


def deliver(device: Dispatch, line: Line) -> list[str]:
    """Sends and confirms until nothing waits; returns the numbers of the reps in the order in which they went."""
    before = len(line.sent)
    while True:
        at = len(line.sent)
        device.send(line)
        if len(line.sent) == at:
            return [message.payload.split('"id": "')[1].split('"')[0] for message in line.sent[before:]]
        device.settle(deque(range(at + 1, len(line.sent) + 1)))


@pytest.fixture
def disk(tmp_path: Path) -> Any:
    with Disk(tmp_path / "reps.db") as store:
        yield store


def test_what_the_disk_did_not_take_goes_before_what_it_takes_later(disk: Disk) -> None:
    device, line = Dispatch(disk, lambda *_: None), Line()
    post(device, 1, 2)
    disk.full = True
    for number in (3, 4):
        with pytest.raises(PartFailed, match="full"):
            post(device, number)
    disk.full = False
    post(device, 5)
    assert [rep["id"] for rep in disk.reps()] == ["1", "2", "3", "4", "5"], "and is on the disk from then on"
    assert deliver(device, line) == ["1", "2", "3", "4", "5"]
    assert disk.pending(9) == []


def test_what_was_delivered_while_the_disk_was_full_is_kept_as_soon_as_it_is_not(disk: Disk) -> None:
    device, line = Dispatch(disk, lambda *_: None), Line()
    disk.full = True
    for number in range(1, 2 * WINDOW + 1):
        with pytest.raises(PartFailed):
            post(device, number)
    everything = [str(number) for number in range(1, 2 * WINDOW + 1)]
    assert deliver(device, line) == everything
    assert deliver(device, line) == [], "once"
    assert disk.reps() == []
    disk.full = False
    device.settle(deque())
    device.settle(deque())
    assert [rep["id"] for rep in disk.reps()] == everything
    assert disk.pending(9) == []
    assert deliver(device, line) == []


@pytest.mark.parametrize("when", ["attempt", "rescue"])
def test_with_the_broker_away_the_disk_has_it_at_the_next_attempt_or_at_the_end(disk: Disk, when: str) -> None:
    device, disk.full = Dispatch(disk, lambda *_: None), True
    with pytest.raises(PartFailed):
        post(device, 1)
    getattr(device, when)()
    disk.full = False
    getattr(device, when)()
    assert [rep["id"] for rep in disk.reps()] == ["1"]
    assert len(disk.pending(9)) == 1


def test_what_the_broker_refused_is_tried_again_after_a_while(disk: Disk, monkeypatch: pytest.MonkeyPatch) -> None:
    device, line = Dispatch(disk, lambda *_: None), Line()
    post(device, *range(1, WINDOW + 3))
    device.send(line)
    for number in range(1, WINDOW + 1):
        assert device.refused(number)
    assert not device.refused(99), "no letter"
    device.send(line)
    assert len(line.sent) == WINDOW, "not at once"
    later = dispatch_module.monotonic() + dispatch_module.REFUSED_S
    monkeypatch.setattr(dispatch_module, "monotonic", lambda: later)
    everything = [str(number) for number in range(1, WINDOW + 3)]
    assert deliver(device, line) == everything
    assert disk.pending(9) == []


def test_memory_has_a_bound_while_the_disk_is_full(disk: Disk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dispatch_module, "SPARES", 3)
    device, disk.full = Dispatch(disk, lambda *_: None), True
    for number in range(1, 6):
        with pytest.raises(PartFailed):
            post(device, number)
    assert deliver(device, Line()) == ["3", "4", "5"]
    for number in range(6, 20):
        with pytest.raises(PartFailed):
            post(device, number)
    assert len(device._delivered) <= 3


def test_a_letter_is_late_in_every_attempt_after_its_own(disk: Disk) -> None:
    device, line = Dispatch(disk, lambda *_: None), Line()
    post(device, 1)
    device.attempt()
    post(device, 2)
    assert deliver(device, line) == ["1", "2"]
    assert ['"late": true' in message.payload for message in line.sent] == [True, False]
    assert not device._fresh, "nothing is remembered of what is done"

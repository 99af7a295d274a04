import logging
import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from device.output.commands import (
    BURST,
    MAX_BYTES,
    MAX_WAITING,
    NAMES,
    QUIET_S,
    CommandInbox,
    Correct,
    LampTest,
    Refused,
    ResetSet,
    SetHeight,
    SetJudging,
    answer,
    parse,
)
from device.output.messages import Heard

ASKED = Heard("squatlight/rack1/judging/set", b"ON", response_topic="phone/answers", correlation=b"7")
ID = "0bb099e4-d1f8-4fe0-9e6a-df784eef9f0b"
GUARDED = ("squatlight/", "homeassistant/")


class Clock:
    now_s = 0.0

    def __call__(self) -> float:
        return self.now_s


@pytest.fixture
def clock() -> Clock:
    return Clock()


def kinds(inbox: CommandInbox, *came: tuple[str, bytes]) -> list[str]:
    """What is wrong with each of what came; empty where nothing is."""
    found = []
    for name, payload in came:
        try:
            inbox.take(name, payload)
            found.append("")
        except Refused as refused:
            found.append(refused.kind)
    return found


@pytest.mark.parametrize(
    ("name", "payload", "command"),
    [
        ("judging", b"ON", SetJudging(True)),
        ("judging", b"OFF", SetJudging(False)),
        ("reset_set", b"PRESS", ResetSet()),
        ("lamp_test", b"PRESS", LampTest()),
        ("height", b"100", SetHeight(100.0)),
        ("height", b"182.5", SetHeight(182.5)),
        ("height", b"250.0", SetHeight(250.0)),
        ("correct", b"above", Correct("last", "above")),
        ("correct", ID.encode() + b" none", Correct(ID, "none")),
    ],
)
def test_exact_words_and_numbers_are_commands(name: str, payload: bytes, command: object) -> None:
    assert parse(name, payload) == command


@pytest.mark.parametrize(
    "payload",
    [b"", b"on", b"ON ", b"ON\0", b"ON\n", b"true", b"1", b'"ON"', "ОN".encode(), "ON".encode("utf-16"), b"\xff\xfe",
     b"PRESS"],
)  # fmt: skip
def test_anything_but_the_exact_word_is_refused(payload: bytes) -> None:
    with pytest.raises(Refused):
        parse("judging", payload)


@pytest.mark.parametrize(
    "payload",
    [b"", b"99", b"99.9", b"099", b"250.001", b"251", b"1e2", b"1E2", b"nan", b"inf", b"+180", b"-180", b" 180",
     b"180\n", b"180,5", b"180.", b"0x96", b"1_8_0", "١٨٠".encode(), b"180" + b"0" * 60, b"ON"],
)  # fmt: skip
def test_a_height_is_a_plain_number_between_its_bounds(payload: bytes) -> None:
    with pytest.raises(Refused):
        parse("height", payload)


@pytest.mark.parametrize(
    "payload",
    [b"", b"deep", b"Above", b" above", b"above\n", b"last above", ID.encode(), ID[:8].encode() + b" above",
     ID.upper().encode() + b" above", ID.encode() + b"  above", ID.replace("0", "%").encode() + b" above"],
)  # fmt: skip
def test_a_correction_is_one_of_four_words_alone_or_after_a_whole_id(payload: bytes) -> None:
    with pytest.raises(Refused, match="correct: expected below or above or parallel or none"):
        parse("correct", payload)


def test_each_kind_of_nonsense_has_its_name(clock: Clock) -> None:
    came = [
        ("judging", b"x" * (MAX_BYTES + 1)), ("judging", b"\xff"), ("judging", b"maybe"), ("height", b"90"),
        ("reboot", b"PRESS"), ("", b"ON"), ("Judging", b"ON"), ("judging", b"ON"),
    ]  # fmt: skip
    found = kinds(CommandInbox(clock), *came)
    assert found == ["size", "encoding", "judging", "height", "unknown", "unknown", "unknown", ""]


@given(st.one_of(st.sampled_from(NAMES), st.text(max_size=300)), st.binary(max_size=200))
def test_whatever_comes_is_a_command_or_refused_in_a_short_line(name: str, payload: bytes) -> None:
    words = ""
    try:
        command = parse(name, payload)
    except Refused as refused:
        words = str(refused)
    else:
        assert isinstance(command, SetJudging | ResetSet | LampTest | SetHeight | Correct)
    assert len(words) < 1000
    assert words.isprintable(), "nothing of it breaks the log's line"


def test_commands_come_out_once_in_their_order(clock: Clock) -> None:
    inbox = CommandInbox(clock)
    assert kinds(inbox, ("judging", b"OFF"), ("height", b"nonsense"), ("reset_set", b"PRESS")) == ["", "height", ""]
    assert inbox.drain() == [SetJudging(False), ResetSet()]
    assert inbox.drain() == []


def test_a_flood_is_refused_and_what_comes_after_it_is_heard(clock: Clock) -> None:
    inbox = CommandInbox(clock)
    assert kinds(inbox, *[("reset_set", b"PRESS")] * (BURST + 100)) == [""] * BURST + ["flood"] * 100
    assert len(inbox.drain()) == BURST
    clock.now_s = 1.0
    assert kinds(inbox, ("judging", b"ON")) == [""]


def test_nonsense_counts_for_a_flood(clock: Clock) -> None:
    inbox = CommandInbox(clock)
    assert kinds(inbox, *[("judging", b"?")] * (BURST + 1))[-2:] == ["judging", "flood"]


def test_commands_that_nobody_takes_do_not_pile_up(clock: Clock) -> None:
    inbox = CommandInbox(clock)
    for second in range(2 * MAX_WAITING):
        clock.now_s = float(second)
        kinds(inbox, ("reset_set", b"PRESS"))
    assert kinds(inbox, ("reset_set", b"PRESS")) == ["busy"]
    assert len(inbox.drain()) == MAX_WAITING


def test_a_kept_command_is_refused(clock: Clock) -> None:
    with pytest.raises(Refused, match="without the retain flag"):
        CommandInbox(clock).take("reset_set", b"PRESS", retained=True)


def test_each_kind_is_logged_once_a_minute(clock: Clock, caplog: pytest.LogCaptureFixture) -> None:
    inbox = CommandInbox(clock)
    for second in range(int(2 * QUIET_S)):
        clock.now_s = float(second)
        kinds(inbox, ("judging", b"\x1b[31m\n"), ("reboot\n", b""))
    assert [entry.getMessage() for entry in caplog.records if entry.levelno == logging.WARNING] == [
        r"mqtt: command refused: judging: expected ON or OFF, got b'\x1b[31m\n'",
        r"mqtt: command refused: there is no command 'reboot\n'; known are " + ", ".join(NAMES),
    ] * 2


def test_one_thread_puts_while_another_takes() -> None:
    clock = Clock()
    inbox, taken, sent = CommandInbox(clock), [], threading.Event()

    def send() -> None:
        for number in range(500):
            clock.now_s += 1.0
            kinds(inbox, ("height", b"%d" % (100 + number % 150)))
        sent.set()

    sender = threading.Thread(target=send)
    sender.start()
    while not sent.is_set():
        taken += inbox.drain()
        assert len(taken) <= 500
    sender.join()
    taken += inbox.drain()
    waited = [command.height_cm for command in taken]
    every = [float(100 + number % 150) for number in range(500)]
    places = iter(every)
    assert all(height in places for height in waited), "in the order in which they came"


def test_the_answer_goes_where_it_was_asked_for() -> None:
    told = answer(ASKED, None, GUARDED)
    assert told is not None
    assert (told.topic, told.payload, told.qos, told.retain, told.correlation) == (
        "phone/answers", '{"ok": true}', 1, False, b"7",
    )  # fmt: skip
    told = answer(ASKED, Refused("size", "too long"), GUARDED)
    assert told is not None
    assert told.payload == '{"ok": false, "error": "too long"}'


@pytest.mark.parametrize(
    "topic",
    [None, "", "a/#", "a/+/b", "a\0b", "$SYS/x", "squatlight/rack2/judging/set", "homeassistant/device/x/config",
     "x" * 257],
)  # fmt: skip
def test_nobody_may_have_an_answer_sent_where_it_does_harm(topic: str | None) -> None:
    assert answer(Heard(ASKED.topic, b"ON", response_topic=topic), None, GUARDED) is None


def test_what_an_answer_carries_back_has_a_bound() -> None:
    assert answer(Heard(ASKED.topic, b"ON", False, "phone/answers", b"x" * (MAX_BYTES + 1)), None, GUARDED) is None

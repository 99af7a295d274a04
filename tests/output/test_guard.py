"""What ends a light when nothing else does."""

import json
import threading
from pathlib import Path
from time import monotonic
from typing import Any

import pytest
from reps import judged, record_of

from device.output.guard import Guard
from device.output.lamp import Lamp
from device.output.light import SignalLight
from device.output.pins import open_pins

PATIENCE_S = 5.0


def dark(light: SignalLight) -> float:
    """Waits until the lamp is dark; returns when."""
    until_s = monotonic() + PATIENCE_S
    while light.shown is not Lamp.OFF:
        assert monotonic() < until_s, "still lit"
        threading.Event().wait(0.002)
    return monotonic()


def test_a_light_ends_although_no_tick_ever_comes() -> None:
    with SignalLight(17, 27, hold_s=0.2, guarded=True) as light:
        began_s = monotonic()
        light.handle(judged(), record_of(judged()))
        assert light.shown is Lamp.WHITE
        assert 0.15 < dark(light) - began_s < 0.2 + 0.5
        light.handle(judged(2, at_s=4.0), None)
        assert light.shown is Lamp.WHITE, "and is lit again by the next verdict"
        light.assert_states(["off", "white", "off", "white"])


def test_a_new_verdict_puts_the_end_off() -> None:
    with SignalLight(17, 27, hold_s=0.3, guarded=True) as light:
        for number in range(5):
            began_s = monotonic()
            light.handle(judged(number), None)
            threading.Event().wait(0.1)
        assert light.shown is Lamp.WHITE
        assert dark(light) - began_s > 0.25


def test_a_verdict_on_an_old_picture_is_shown_so_much_shorter() -> None:
    with SignalLight(17, 27, hold_s=2.0, guarded=True) as light:
        light.live, began_s = True, monotonic()
        light.handle(judged(at_s=began_s - 1.8), None)
        assert light.shown is Lamp.WHITE
        assert dark(light) - began_s < 1.0


def test_a_verdict_that_comes_after_its_hold_is_not_shown() -> None:
    with SignalLight(17, 27, hold_s=2.0, guarded=True) as light:
        light.live = True
        light.handle(judged(at_s=monotonic() - 2.1), None)
        light.assert_states(["off"])


def test_a_verdict_of_a_clip_is_shown_whatever_the_time_of_day() -> None:
    with SignalLight(17, 27, hold_s=2.0) as light:
        light.handle(judged(at_s=monotonic() - 2.1), None)
        light.handle(judged(at_s=monotonic() - 1.0), None)
        light.handle(judged(at_s=3.0), None)
        assert light.shown is Lamp.WHITE


def test_a_lamp_test_that_waits_for_the_end_of_a_verdict_is_not_lost_where_the_guard_ends_it() -> None:
    with SignalLight(17, 27, hold_s=0.1, guarded=True) as light:
        light.handle(judged(at_s=3.0), None)
        light.test()
        dark(light)
        light.tick(3.2)
        light.tick(4.3)
        light.assert_states(["off", "white", "off", (4.3, "red")])


def test_a_lamp_test_ends_dark_where_the_loop_hangs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("device.output.light.TEST_S", 0.05)
    with SignalLight(17, 27, hold_s=0.1, guarded=True) as light:
        light.test()
        light.tick(3.0)
        assert light.shown is Lamp.RED
        dark(light)
        light.tick(60.0)
        light.assert_states(["off", (3.0, "red"), "off"])


def test_a_pin_that_does_not_obey_the_guard_is_tried_until_it_does(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("device.output.guard.AGAIN_S", 0.02)
    with SignalLight(17, 27, hold_s=0.05, guarded=True) as light:
        light.handle(judged(), None)
        white, tried = light._lamps[Lamp.WHITE], threading.Semaphore(0)
        off = white.off

        def stuck() -> None:
            tried.release()
            raise OSError("the bus is gone")

        white.off = stuck
        for _ in range(3):
            assert tried.acquire(timeout=PATIENCE_S), "given up"
        assert light.shown is Lamp.WHITE
        white.off = off
        dark(light)
    assert [entry.getMessage() for entry in caplog.records] == ["lamp: the bus is gone"]


def test_a_pin_that_cannot_be_read_once_does_not_end_the_guard(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("device.output.guard.AGAIN_S", 0.02)
    with SignalLight(17, 27, hold_s=0.05, guarded=True) as light:
        light.handle(judged(), None)
        lamps, failed = light._lamps, threading.Event()

        class Unread:
            def __init__(self, lamp: Any) -> None:
                self.off, self.on, self.close = lamp.off, lamp.on, lamp.close

            @property
            def value(self) -> int:
                failed.set()
                raise OSError("the bus is busy")

        light._lamps = {lamp: Unread(pin) for lamp, pin in lamps.items()}
        assert failed.wait(PATIENCE_S)
        light._lamps = lamps
        dark(light)
        light.handle(judged(2), None)
        assert light.shown is Lamp.WHITE
        dark(light)


def test_a_guard_that_was_called_off_does_nothing() -> None:
    rung: list[Any] = []
    lock = threading.RLock()
    guard = Guard(lambda: rung.append(monotonic()), lock)
    guard.set(0.05)
    guard.set(None)
    threading.Event().wait(0.1)
    assert rung == []
    guard.close()
    guard._thread.join(PATIENCE_S)
    assert not guard._thread.is_alive()


def test_pins_in_a_file_show_what_is_lit_and_since_when(tmp_path: Path) -> None:
    path = tmp_path / "pins.json"
    path.write_text('{"GPIO27": 1.0}')  # left behind by a process that died
    began_s = monotonic()
    with SignalLight(17, 27, pin_factory=f"file:{path}") as light:
        assert json.loads(path.read_text()) == {}, "dark at the start"
        light.handle(judged(), None)
        lit = json.loads(path.read_text())
        assert list(lit) == ["GPIO27"]
        assert began_s <= lit["GPIO27"] <= monotonic()
    assert json.loads(path.read_text()) == {}
    assert not open_pins(f"file:{path}").pins

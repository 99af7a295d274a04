import os
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from reps import judged, record_of

from device.errors import PartFailed, SettingsError
from device.output.fake_gpiod import FakeGpiod
from device.output.jetson import JetsonFactory
from device.output.lamp import Lamp, lamp_line, lamp_of
from device.output.light import SignalLight
from device.output.pins import REMEMBERED, open_pins
from device.squat.events import LifterLost, PhaseChanged
from device.squat.phases import Phase
from device.squat.rulebook import Decision

RED, WHITE, AMBER = 17, 27, 22


@pytest.fixture(params=["mock", "fake jetson", "lgpio", "jetson"])
def pins(request: pytest.FixtureRequest) -> Iterator[Any]:
    """The pins that this machine has: one suite for all of them."""
    fake = FakeGpiod()
    try:
        factory = JetsonFactory(fake, fake.chips) if request.param == "fake jetson" else open_pins(request.param)
    except PartFailed as error:
        pytest.skip(f"no real pins on this machine ({error})")
    yield factory
    factory.close()
    fake.assert_used_well()


def judge(light: SignalLight, decision: Decision, at_s: float) -> None:
    event = judged(1, decision, at_s)
    light.handle(event, record_of(event))


@pytest.mark.parametrize(
    ("decision", "lamp"),
    [(Decision.GOOD_LIFT, "white"), (Decision.NO_LIFT, "red"), (Decision.NO_DECISION, "amber")],
)
def test_a_verdict_lights_its_lamp_for_the_hold_time(pins: Any, decision: Decision, lamp: str) -> None:
    with SignalLight(RED, WHITE, AMBER, hold_s=2.0, pin_factory=pins) as light:
        light.tick(1.0)
        judge(light, decision, 3.1)
        for frame in range(31, 61):
            light.tick(frame / 10)
        light.assert_states(["off", (3.1, lamp), (5.1, "off")])


def test_without_an_amber_lamp_no_decision_is_dark_and_ends_what_was_lit(pins: Any) -> None:
    with SignalLight(RED, WHITE, hold_s=5.0, pin_factory=pins) as light:
        judge(light, Decision.NO_LIFT, 3.0)
        judge(light, Decision.NO_DECISION, 4.0)
        light.assert_states(["off", (3.0, "red"), (4.0, "off")])


def test_a_new_verdict_takes_the_place_of_the_old_one_and_holds_for_its_own_time(pins: Any) -> None:
    with SignalLight(RED, WHITE, hold_s=2.0, pin_factory=pins) as light:
        judge(light, Decision.NO_LIFT, 3.0)
        judge(light, Decision.GOOD_LIFT, 4.5)
        light.tick(5.0)
        light.tick(6.4)
        light.tick(6.5)
        light.assert_states(["off", (3.0, "red"), (4.5, "white"), (6.5, "off")])


def test_a_lamp_test_shows_each_lamp_for_a_second_and_is_told_apart_from_a_verdict(pins: Any) -> None:
    with SignalLight(RED, WHITE, AMBER, hold_s=2.0, pin_factory=pins) as light:
        light.test()
        for tenth in range(50):
            light.tick(tenth / 10)
        light.assert_states(["off", (0.0, "red"), (1.0, "white"), (2.0, "amber"), (3.0, "off")])
        assert [change.test for change in light.history] == [False, True, True, True, False]


def test_a_lamp_test_pressed_while_a_verdict_is_lit_lets_it_end_in_time_and_waits_a_dark_second(pins: Any) -> None:
    """The test begins with red, too: without a gap a red verdict would burn on for a second."""
    with SignalLight(RED, WHITE, hold_s=2.0, pin_factory=pins) as light:
        judge(light, Decision.NO_LIFT, 3.0)
        light.tick(3.5)
        light.test()
        for tenth in range(36, 90):
            light.tick(tenth / 10)
        light.assert_states(["off", (3.0, "red"), (5.0, "off"), (6.0, "red"), (7.0, "white"), (8.0, "off")])
        assert [change.test for change in light.history] == [False, False, False, True, True, False]


@pytest.mark.parametrize("decision", list(Decision))
def test_a_verdict_ends_a_lamp_test_at_once_and_is_a_verdict_also_on_the_lamp_that_was_tested(
    pins: Any, decision: Decision
) -> None:
    with SignalLight(RED, WHITE, hold_s=2.0, pin_factory=pins) as light:
        light.test()
        light.tick(1.0)
        judge(light, decision, 1.5)
        newest = light.history[-1]
        assert (newest.at_s, newest.test) == (1.5, False)
        for tenth in range(16, 60):
            light.tick(tenth / 10)
        assert not any(change.test for change in list(light.history)[2:]), "the test does not go on"
        if decision is not Decision.NO_DECISION:
            assert (newest.lamp, light.history[-1].at_s) == (lamp_of(decision, False), 3.5)


def test_a_clock_that_went_backwards_ends_the_light(pins: Any) -> None:
    with SignalLight(RED, WHITE, hold_s=2.0, pin_factory=pins) as light:
        judge(light, Decision.GOOD_LIFT, 100.0)
        light.tick(0.1)
        assert light.shown is Lamp.OFF


def test_what_is_no_verdict_changes_nothing(pins: Any) -> None:
    with SignalLight(RED, WHITE, hold_s=2.0, pin_factory=pins) as light:
        judge(light, Decision.GOOD_LIFT, 3.0)
        light.handle(PhaseChanged(3.2, Phase.STANDING), None)
        light.handle(LifterLost(3.4), None)
        light.assert_states(["off", (3.0, "white")])


def test_it_ends_dark_and_gives_the_pins_back(pins: Any) -> None:
    light = SignalLight(RED, WHITE, hold_s=2.0, pin_factory=pins)
    judge(light, Decision.GOOD_LIFT, 3.0)
    light.close()
    light.close()
    light.tick(3.1)
    light.assert_states(["off", (3.0, "white"), (3.0, "off")])
    SignalLight(RED, WHITE, pin_factory=pins).close()


def test_pins_that_another_lamp_holds_are_in_use(pins: Any) -> None:
    with SignalLight(RED, WHITE, pin_factory=pins) as light:
        with pytest.raises(PartFailed, match=r"red: GPIO27 is in use"):
            SignalLight(WHITE, AMBER, pin_factory=pins)
        judge(light, Decision.GOOD_LIFT, 3.0)
        assert light.shown is Lamp.WHITE


def levels(light: SignalLight) -> tuple[bool, bool]:
    red, white = (light._pins.pin(number) for number in (RED, WHITE))
    return red.state, white.state


def test_it_begins_dark_without_a_flash_and_its_own_pins_end_as_inputs() -> None:
    light = SignalLight(RED, WHITE, pin_factory="mock")
    pins = [light._pins.pin(number) for number in (RED, WHITE)]
    assert [state.state for pin in pins for state in pin.states] == [False, False]
    light.close()
    assert [pin.function for pin in pins] == ["input", "input"]
    assert light._pins.pins == {}


def test_active_low_lamps_are_lit_by_a_low_level() -> None:
    with SignalLight(RED, WHITE, active_high=False, pin_factory="mock") as light:
        assert levels(light) == (True, True)
        judge(light, Decision.NO_LIFT, 3.0)
        assert levels(light) == (False, True)


def test_two_lamps_are_never_lit_at_once() -> None:
    with SignalLight(RED, WHITE, pin_factory="mock") as light:
        red, white = (light._pins.pin(number) for number in (RED, WHITE))
        red._change_state = _watched(red._change_state, light)
        white._change_state = _watched(white._change_state, light)
        for second, decision in enumerate([Decision.NO_LIFT, Decision.GOOD_LIFT] * 3):
            judge(light, decision, float(second))
        light.assert_states(["off", *["red", "white"] * 3])


def _watched(change: Any, light: SignalLight) -> Any:
    def changed(value: bool) -> bool:
        done = change(value)
        assert levels(light) != (True, True)
        return done

    return changed


def test_a_lamp_that_fails_says_so_and_is_put_right_as_soon_as_it_obeys() -> None:
    with SignalLight(RED, WHITE, hold_s=2.0, pin_factory="mock") as light:
        white = light._pins.pin(WHITE)
        obey = white._change_state

        def broken(value: bool) -> bool:
            raise OSError("wire cut")

        judge(light, Decision.NO_LIFT, 1.0)
        white._change_state = broken
        with pytest.raises(PartFailed, match="lamp: wire cut"):
            judge(light, Decision.GOOD_LIFT, 2.0)
        assert light.shown is Lamp.OFF, "the old red must not stand for the new rep"
        white._change_state = obey
        light.tick(2.1)
        assert light.shown is Lamp.WHITE
        light.tick(4.0)
        light.assert_states(["off", (1.0, "red"), (2.1, "white"), (4.0, "off")])


def test_a_lamp_that_lights_up_and_then_fails_is_put_out() -> None:
    with SignalLight(RED, WHITE, pin_factory="mock") as light:
        white = light._pins.pin(WHITE)
        obey = white._change_state

        def lit_and_failed(value: bool) -> bool:
            if obey(value) and value:
                raise OSError("lost")
            return True

        white._change_state = lit_and_failed
        with pytest.raises(PartFailed, match="lost"):
            judge(light, Decision.GOOD_LIFT, 1.0)
        assert levels(light) == (False, False)


def test_after_a_failure_the_same_verdict_lights_its_lamp_again() -> None:
    with SignalLight(RED, WHITE, pin_factory="mock") as light:
        red = light._pins.pin(RED)
        obey = red._change_state

        def broken(value: bool) -> bool:
            if value:
                raise OSError("wire cut")
            return obey(value)

        judge(light, Decision.GOOD_LIFT, 1.0)
        red._change_state = broken
        with pytest.raises(PartFailed):
            judge(light, Decision.NO_LIFT, 2.0)
        assert light.shown is Lamp.OFF
        judge(light, Decision.GOOD_LIFT, 3.0)
        assert light.shown is Lamp.WHITE


def test_a_lamp_that_stays_lit_is_tried_again_with_every_frame() -> None:
    light = SignalLight(RED, WHITE, hold_s=2.0, pin_factory="mock")
    white = light._pins.pin(WHITE)
    obey = white._change_state
    judge(light, Decision.GOOD_LIFT, 1.0)

    def stuck(value: bool) -> bool:
        raise OSError("stuck")

    white._change_state = stuck
    for now_s in (3.0, 3.1):
        with pytest.raises(PartFailed, match="stuck"):
            light.tick(now_s)
    with pytest.raises(PartFailed, match="may still be lit"):
        light.close()
    white._change_state = obey


class FakeLgpio(ModuleType):
    """The calls of lgpio that gpiozero makes, with a chip whose pins another program may hold."""

    BOTH_EDGES = RISING_EDGE = FALLING_EDGE = SET_PULL_NONE = SET_PULL_UP = SET_PULL_DOWN = 0

    class error(Exception):  # its name in lgpio
        pass

    def __init__(self, held: set[int]) -> None:
        super().__init__("lgpio")
        self.held = held

    def gpiochip_open(self, chip: int) -> int:
        return 0

    def gpiochip_close(self, chip: int) -> int:
        return 0

    def gpio_claim_input(self, chip: int, pin: int, flags: int = 0) -> int:
        if pin in self.held:
            raise self.error("'GPIO busy'")
        return 0


def test_pins_that_another_program_holds_are_a_clear_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "lgpio", FakeLgpio({RED}))
    monkeypatch.delitem(sys.modules, "gpiozero.pins.lgpio", raising=False)
    monkeypatch.setattr("gpiozero.pins.local.get_pi_revision", lambda: 0xA02082)
    with pytest.raises(PartFailed, match="lamp: red: GPIO17 cannot be used: GPIO busy") as caught:
        SignalLight(RED, WHITE, pin_factory="lgpio")
    assert caught.value.exit_code == 1
    monkeypatch.delitem(sys.modules, "gpiozero.pins.lgpio", raising=False)


def test_lgpio_gets_a_folder_for_its_files_where_the_current_one_takes_none(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setitem(sys.modules, "lgpio", FakeLgpio(set()))
    monkeypatch.setattr("gpiozero.pins.local.get_pi_revision", lambda: 0xA02082)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    for named, takes in (("/run/squatlight", False), (None, True), (None, False)):
        monkeypatch.delitem(sys.modules, "gpiozero.pins.lgpio", raising=False)
        monkeypatch.setenv("LG_WD", named) if named else monkeypatch.delenv("LG_WD", raising=False)
        monkeypatch.setattr("os.access", lambda path, mode, takes=takes: takes)
        open_pins("lgpio").close()
        if named or takes:
            assert os.environ.get("LG_WD") == named
        else:
            assert Path(os.environ["LG_WD"]).parent == tmp_path
    monkeypatch.delenv("LG_WD")
    monkeypatch.delitem(sys.modules, "gpiozero.pins.lgpio", raising=False)


def test_real_pins_never_become_mock_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GPIOZERO_PIN_FACTORY", "mock")
    monkeypatch.setitem(sys.modules, "lgpio", None)
    monkeypatch.delitem(sys.modules, "gpiozero.pins.lgpio", raising=False)
    with pytest.raises(PartFailed, match="lgpio is not installed") as caught:
        SignalLight(RED, WHITE, pin_factory="lgpio")
    assert caught.value.exit_code == 1


@pytest.mark.parametrize("name", ["mock", "file:{}"])
def test_mock_pins_do_not_grow_with_all_that_they_ever_did(name: str, tmp_path: Path) -> None:
    factory = open_pins(name.format(tmp_path / "pins.json"))
    pin = factory.pin(17)
    pin.function = "output"
    for _ in range(100):
        pin.state = 1
        pin.state = 0
    assert 0 < len(pin.states) <= REMEMBERED
    factory.close()


def test_the_global_factory_of_gpiozero_is_left_alone() -> None:
    from gpiozero import Device

    before = Device.pin_factory
    SignalLight(RED, WHITE, pin_factory="mock").close()
    assert Device.pin_factory is before


@pytest.mark.parametrize(
    ("pins", "factory", "words"),
    [
        ((17, 17), "mock", "each lamp needs a pin of its own"),
        ((17, 99), "mock", "white: this board has no GPIO99"),
        ((17, 27), "magic", "no pins named 'magic'; there are jetson, lgpio, mock"),
    ],
)
def test_settings_that_cannot_be_meant_are_refused(pins: tuple[int, int], factory: str, words: str) -> None:
    with pytest.raises(SettingsError, match=words):
        SignalLight(*pins, pin_factory=factory)


def test_the_lamp_in_a_terminal() -> None:
    assert lamp_line(Lamp.RED, colour=False) == "● red  ○ white"
    assert lamp_line(Lamp.OFF, colour=False, has_amber=True) == "○ red  ○ white  ○ amber"
    assert lamp_line(Lamp.AMBER, colour=False) == "○ red  ○ white  ● amber"
    assert lamp_line(Lamp.WHITE, colour=True) == "\x1b[90m○ red\x1b[0m  \x1b[97m● white\x1b[0m"

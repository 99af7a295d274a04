"""What a Jetson's pins do beyond what all pins do (test_light.py)."""

import inspect
import sys
from types import ModuleType

import pytest
from gpiozero import PinPWMUnsupported, PinSetInput
from reps import judged, record_of

from device.errors import PartFailed, SettingsError
from device.output import fake_gpiod
from device.output.fake_gpiod import FakeGpiod
from device.output.jetson import JetsonFactory
from device.output.light import SignalLight
from device.squat.rulebook import Decision

RED, WHITE = 112, 122


def lit(light: SignalLight, decision: Decision) -> None:
    event = judged(1, decision, 1.0)
    light.handle(event, record_of(event))


def test_a_line_is_dark_from_its_first_moment_and_an_input_at_the_end() -> None:
    fake = FakeGpiod()
    pins = JetsonFactory(fake, fake.chips)
    with SignalLight(RED, WHITE, pin_factory=pins) as light:
        assert fake.history == [(RED, False), (WHITE, False)] + [(RED, False), (WHITE, False)]
        lit(light, Decision.NO_LIFT)
        assert fake.history[-1] == (RED, True)
        assert fake.outputs.keys() == {RED, WHITE}
    assert fake.outputs == {}, "a pull-down decides now"
    pins.close()
    fake.assert_used_well()


def test_active_low_relays_never_see_a_low_level_before_a_verdict() -> None:
    fake = FakeGpiod()
    with SignalLight(RED, WHITE, active_high=False, pin_factory=JetsonFactory(fake, fake.chips)) as light:
        assert all(high for _, high in fake.history)
        lit(light, Decision.GOOD_LIFT)
        assert fake.history[-1] == (WHITE, False)


def test_a_line_that_another_program_holds_is_a_clear_line() -> None:
    fake = FakeGpiod(held={WHITE})
    pins = JetsonFactory(fake, fake.chips)
    with pytest.raises(PartFailed, match=r"lamp: white: GPIO122 cannot be used: .*Device or resource busy"):
        SignalLight(RED, WHITE, pin_factory=pins)
    pins.close()
    fake.assert_used_well()


def test_a_line_that_the_board_lacks_is_wrong_settings() -> None:
    fake = FakeGpiod()
    with pytest.raises(SettingsError, match="white: this board has no GPIO164"):
        SignalLight(RED, 164, pin_factory=JetsonFactory(fake, fake.chips))


def test_it_takes_the_main_controller_whatever_its_number_and_nothing_else() -> None:
    fake = FakeGpiod({"/dev/gpiochip0": ("tegra-gpio", 256), "/dev/gpiochip1": ("max77620-gpio", 8)})
    assert JetsonFactory(fake, reversed(fake.chips)).chip.get_info().num_lines == 256
    raspberry = FakeGpiod({"/dev/gpiochip0": ("pinctrl-bcm2711", 58)})
    with pytest.raises(PartFailed, match="no GPIO of a Jetson here"):
        JetsonFactory(raspberry, raspberry.chips)
    raspberry.assert_used_well()


def test_without_the_right_to_open_it_the_group_is_named() -> None:
    fake = FakeGpiod()

    def refused(path: str) -> None:
        raise PermissionError(13, "Permission denied", path)

    fake.Chip = refused
    with pytest.raises(PartFailed, match="/dev/gpiochip1; is this user in the group gpio"):
        JetsonFactory(fake, fake.chips)


def test_a_pin_is_driven_only_as_an_output_and_not_in_between() -> None:
    fake = FakeGpiod()
    pin = JetsonFactory(fake, fake.chips).pin(RED)
    with pytest.raises(PinSetInput):
        pin.state = True
    pin.function = "output"
    pin.state = True
    assert (pin.function, pin.state) == ("output", 1)
    with pytest.raises(PinPWMUnsupported):
        pin.frequency = 100
    pin.function = "input"
    assert (pin.function, fake.outputs) == ("input", {})


@pytest.mark.parametrize("installed", [None, ModuleType("gpiod")], ids=["missing", "version 1"])
def test_a_jetsons_pins_never_become_mock_ones(monkeypatch: pytest.MonkeyPatch, installed: object) -> None:
    monkeypatch.setenv("GPIOZERO_PIN_FACTORY", "mock")
    monkeypatch.setitem(sys.modules, "gpiod", installed)
    with pytest.raises(PartFailed, match=r"squatlight\[jetson\]"):
        SignalLight(RED, WHITE, pin_factory="jetson")


def test_the_fake_asks_for_what_the_real_one_takes() -> None:
    real = pytest.importorskip("gpiod", reason="pip install 'squatlight[jetson]'")
    pairs = [
        (real.LineSettings, fake_gpiod.LineSettings), (real.Chip, FakeGpiod().Chip),
        (real.Chip.request_lines, fake_gpiod.FakeChip.request_lines),
        *((getattr(real.LineRequest, name), getattr(fake_gpiod.FakeRequest, name))
          for name in ("reconfigure_lines", "get_value", "set_value", "release")),
        *((getattr(real.Chip, name), getattr(fake_gpiod.FakeChip, name)) for name in ("get_info", "close", "__bool__")),
    ]  # fmt: skip
    for theirs, ours in pairs:
        names = [name for name in inspect.signature(ours).parameters if name != "self"]
        known = [name for name in inspect.signature(theirs).parameters if name != "self"]
        assert set(names) <= set(known), (theirs, names)
        assert names[:1] == known[:1], theirs
    for name in ("Direction", "Value"):
        assert {one.name for one in getattr(fake_gpiod, name)} == {one.name for one in getattr(real.line, name)}
    assert {"label", "num_lines"} <= set(real.ChipInfo.__dataclass_fields__)


def test_the_real_library_is_asked_for_all_chips_of_this_machine() -> None:
    gpiod = pytest.importorskip("gpiod", reason="pip install 'squatlight[jetson]'")
    with pytest.raises(PartFailed, match="no GPIO of a Jetson here"):
        JetsonFactory(gpiod, ["/dev/null", "/dev/no-such-chip"])

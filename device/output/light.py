"""The signal light: lamps on pins."""

import math
import threading
from collections import deque
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from device.errors import PartFailed, SettingsError
from device.output.guard import Guard
from device.output.lamp import Lamp, LampHold, now_of
from device.output.pins import open_pins, words_of
from device.squat.events import Event, RepJudged

TEST_S = 1.0  # how long a test shows each lamp
_REMEMBERED = 256  # changes kept in the history: some hundred reps, a few kB


@dataclass(frozen=True, slots=True)
class LampChange:
    """A change of the lamp, as read back from the pins.

    Attributes:
        at_s: when, on the clock of the frames; -inf for how it was at the start.
        lamp: what was lit from then on.
        test: whether a lamp test lit it, and no verdict.
    """

    at_s: float
    lamp: Lamp
    test: bool = False


class SignalLight:
    """Shows the verdict: white for a good lift, red for none, dark (or amber) for no decision.

    Dark at the start, at the end, after the hold time, and as far as the pins still obey when one of them fails. `tick`
    tells the time, on the clock of the frames; a guard in a thread of its own darkens what no tick has in time, because
    the loop hangs in a camera, a model or a disk.

    Args:
        red_pin: GPIO number of the red lamp.
        white_pin: GPIO number of the white lamp.
        amber_pin: GPIO number of the amber lamp; None = there is none.
        hold_s: how long a verdict stays lit, seconds.
        active_high: whether a pin at high level lights its lamp; False for most relay boards.
        pin_factory: `mock`, `lgpio`, or a gpiozero factory that belongs to the caller.
        guarded: whether there is the guard: where frames come no slower than time passes.

    Attributes:
        live: whether the frames' times are those of `monotonic`, which then tells how old a verdict is already.

    Raises:
        PartFailed: the pins are in use, or not to be had here.
        SettingsError: there is no such pin, or two lamps share one.
    """

    name = "light"

    def __init__(
        self,
        red_pin: int,
        white_pin: int,
        amber_pin: int | None = None,
        hold_s: float = 5.0,
        active_high: bool = True,
        pin_factory: Any = "mock",
        guarded: bool = False,
    ) -> None:
        numbers = {Lamp.RED: red_pin, Lamp.WHITE: white_pin}
        if amber_pin is not None:
            numbers[Lamp.AMBER] = amber_pin
        if len(set(numbers.values())) < len(numbers):
            raise SettingsError(f"lamp: each lamp needs a pin of its own, got {', '.join(map(str, numbers.values()))}")
        self._hold, self._hold_s = LampHold(hold_s, amber_pin is not None), hold_s
        self._lock = threading.RLock()
        self._owns_pins = isinstance(pin_factory, str)
        self._pins = open_pins(pin_factory) if self._owns_pins else pin_factory
        self._lamps: dict[Lamp, Any] = {}
        self._to_test: list[Lamp] = []
        self._test_until_s = -math.inf
        self._sure = False  # False while the pins may show something else than the newest entry of the history
        self._now_s = -math.inf
        self.live = False
        self.history: deque[LampChange] = deque(maxlen=_REMEMBERED)
        self._guard: Guard | None = None
        try:
            for lamp, number in numbers.items():
                self._lamps[lamp] = _open_lamp(lamp, number, active_high, self._pins)
            self._show(Lamp.OFF, self._now_s)
        except Exception:
            with suppress(PartFailed):  # the first failure is the one to tell
                self.close()
            raise
        self._guard = Guard(self._expire, self._lock) if guarded else None

    def __enter__(self) -> "SignalLight":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def shown(self) -> Lamp:
        """What is lit, read back from the pins."""
        lit = [lamp for lamp, device in self._lamps.items() if device.value]
        return lit[0] if lit else Lamp.OFF

    def handle(self, event: Event, record: Mapping[str, Any] | None) -> None:
        """Lights the lamp of a verdict."""
        if isinstance(event, RepJudged):
            with self._lock:
                self._to_test = []
                now_s = now_of(event.at_s, self.live)
                self._watch(self._hold_s - (now_s - event.at_s))
                self._show(self._hold.judged(event.verdict.decision, event.at_s, now_s), event.at_s)

    def test(self) -> None:
        """Shows each lamp for a second, one after the other, from the next tick on; a verdict ends it at once.

        While a verdict is lit the test waits for the end of its hold, and for a dark second, so that nobody takes the
        first lamp for a verdict that stays.
        """
        with self._lock:
            newest = self.history[-1]
            judged = newest.lamp is not Lamp.OFF and not newest.test
            self._to_test = [*([Lamp.OFF] if judged else []), *self._lamps]
            self._test_until_s = -math.inf

    def tick(self, now_s: float) -> None:
        """Ends the hold, goes on with a test; tries again where a pin did not obey."""
        with self._lock:
            lamp = self._hold.tick(now_s)
            test = bool(self._to_test) and lamp is Lamp.OFF
            self._show(self._tested(now_s) if test else lamp, now_s, test)

    def _tested(self, now_s: float) -> Lamp:
        """The lamp that the test shows."""
        if self._test_until_s == -math.inf:
            self._test_until_s = now_s + TEST_S
        elif now_s >= self._test_until_s:
            self._to_test.pop(0)
            self._test_until_s = now_s + TEST_S
        self._watch(2 * TEST_S)
        return self._to_test[0] if self._to_test else Lamp.OFF

    def _watch(self, after_s: float) -> None:
        if self._guard is not None:
            self._guard.set(after_s)

    def _expire(self) -> None:
        """The guard's: no tick has come in time."""
        self._hold.end()
        if self._test_until_s > -math.inf:  # under way; one that has waited for the end of the hold may begin
            self._to_test = []
        self._show(Lamp.OFF, self._now_s)

    def close(self) -> None:
        """Dark, and the pins given back."""
        if self._guard is not None:
            self._guard.close()
        with self._lock:
            self._close()

    def _close(self) -> None:
        lamps, self._lamps = self._lamps, {}
        failed = _dark(lamps)
        if lamps and failed is None:
            self._remember(Lamp.OFF, self._now_s)
        for device in [*lamps.values(), *([self._pins] if self._owns_pins else [])]:
            try:
                device.close()
            except Exception as error:  # as in _dark: the others must still be closed
                failed = failed or error
        if failed is not None:
            raise PartFailed(f"lamp: {words_of(failed)}; it may still be lit") from failed

    def assert_states(self, expected: Sequence[str | tuple[float, str]], within_s: float = 1e-3) -> None:
        """Asserts what the lamp went through since it was opened, start included.

        Args:
            expected: what was lit, one after the other, alone (`"white"`) or with its time (`(3.1, "white")`).
            within_s: how far a time may be off, seconds.
        """
        seen = list(self.history)
        story = ", ".join(f"{change.lamp.value} at {change.at_s:g} s" for change in seen)
        assert len(seen) == len(expected), f"expected {len(expected)} states, the lamp was: {story}"
        for change, wanted in zip(seen, expected, strict=True):
            at_s, lamp = (change.at_s, wanted) if isinstance(wanted, str) else wanted
            assert change.lamp.value == lamp, f"expected {lamp} at {at_s:g} s, the lamp was: {story}"
            assert change.at_s == at_s or abs(change.at_s - at_s) <= within_s, f"expected {at_s:g} s: {story}"

    def _show(self, lamp: Lamp, at_s: float, test: bool = False) -> None:
        self._now_s = at_s
        if not self._lamps or (self._sure and self._newest_is(lamp, test)):
            return
        self._sure = False
        failed = _dark(self._lamps)  # first, so that two lamps are never lit at once
        try:
            if failed is not None:
                raise failed
            if lamp is not Lamp.OFF:
                self._lamps[lamp].on()
            shown = self.shown
        except Exception as error:
            _dark(self._lamps)
            raise PartFailed(f"lamp: {words_of(error)}") from error
        self._sure = True
        self._remember(shown, at_s, test)

    def _remember(self, lamp: Lamp, at_s: float, test: bool = False) -> None:
        if not self.history or not self._newest_is(lamp, test):
            self.history.append(LampChange(at_s, lamp, test and lamp is not Lamp.OFF))

    def _newest_is(self, lamp: Lamp, test: bool) -> bool:
        newest = self.history[-1]
        return newest.lamp is lamp and (lamp is Lamp.OFF or newest.test == test)


def _dark(lamps: Mapping[Lamp, Any]) -> Exception | None:
    """Switches off every lamp that obeys; returns what the first one that does not had to say."""
    failed = None
    for device in lamps.values():
        try:
            device.off()
        except Exception as error:  # a pin library may raise anything, and the other lamps must still go dark
            failed = failed or error
    return failed


def _open_lamp(lamp: Lamp, number: int, active_high: bool, pins: Any) -> Any:
    from gpiozero import DigitalOutputDevice, GPIOPinInUse, PinInvalidPin

    try:
        return DigitalOutputDevice(number, active_high=active_high, initial_value=False, pin_factory=pins)
    except PinInvalidPin as error:
        raise SettingsError(f"lamp: {lamp.value}: this board has no GPIO{number}") from error
    except GPIOPinInUse as error:
        raise PartFailed(f"lamp: {lamp.value}: GPIO{number} is in use") from error
    except Exception as error:  # lgpio.error, such as 'GPIO busy', is no more than an Exception
        raise PartFailed(f"lamp: {lamp.value}: GPIO{number} cannot be used: {words_of(error)}") from error

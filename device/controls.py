"""What people ask of a running station over MQTT."""

import logging
from dataclasses import replace

from device.camera.frames import Frame
from device.errors import SquatlightError
from device.meter import Meter
from device.output import labels
from device.output.commands import Command, Correct, LampTest, ResetSet, SetHeight, SetJudging
from device.output.light import SignalLight
from device.output.mqtt import Mqtt
from device.output.store import Store
from device.overrides import Overrides
from device.squat.judge import Judge
from device.squat.pose import Pose

log = logging.getLogger(__name__)


class Gate:
    """A pose model that sees nobody while judging is switched off.

    Args:
        meter: the model behind it.
    """

    def __init__(self, meter: Meter) -> None:
        self.meter = meter
        self.hashes = meter.hashes
        self.open = True

    def estimate(self, frame: Frame) -> Pose | None:
        """As the model does; None while closed."""
        return self.meter.estimate(frame) if self.open else None

    def look_around(self, frame: Frame) -> None:
        """As the model does; nothing while closed."""
        if self.open:
            self.meter.look_around(frame)

    def close(self) -> None:
        """As the model does."""
        self.meter.close()


class Controls:
    """Obeys commands between two turns of the loop.

    Args:
        judge: whose set and lifter's height change.
        gate: switches judging on and off.
        light: shows the lamp test.
        mqtt: where commands come from; None = there are none.
        overrides: keeps what is to outlast this process.
        store: keeps what a person says of a rep; None = no reps are kept.
    """

    def __init__(
        self,
        judge: Judge,
        gate: Gate,
        light: SignalLight,
        mqtt: Mqtt | None,
        overrides: Overrides,
        store: Store | None = None,
    ) -> None:
        self._judge, self._gate, self._light, self._mqtt, self._overrides = judge, gate, light, mqtt, overrides
        self._store = store

    def obey(self) -> None:
        """Does what has been asked for since the last call."""
        if self._mqtt is None:
            return
        for command in self._mqtt.commands():
            log.info("asked for: %s", command)
            self._do(command, self._mqtt)
        self._overrides.tick()

    def _do(self, command: Command, mqtt: Mqtt) -> None:
        if isinstance(command, LampTest):
            self._light.test()
        elif isinstance(command, ResetSet):
            mqtt.new_set(self._judge.reset_set())
        elif isinstance(command, Correct):
            self._correct(command)
        else:
            if isinstance(command, SetJudging):
                self._gate.open = command.on
                if not command.on:
                    self._judge.leave()
                self._overrides.change("station.judging", command.on)
            elif isinstance(command, SetHeight):
                self._judge.settings = replace(self._judge.settings, height_cm=command.height_cm)
                self._overrides.change("lifter.height_cm", command.height_cm)
            mqtt.controls(self._gate.open, self._judge.settings.height_cm)

    def _correct(self, said: Correct) -> None:
        if self._store is None:
            log.warning("correct: no reps are kept: store.path is not set")
            return
        try:
            rep = labels.correct(self._store, said.rep, said.depth)
        except SquatlightError as error:  # no such rep, or a full disk: judging goes on
            log.warning("correct: %s", error)
        else:
            log.info("rep %s: judged %s, a person says %s", rep["id"], rep["decision"], said.depth)

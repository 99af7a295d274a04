"""Every way down and up that the judge sees, whether it counts it or not."""

from collections.abc import Iterator
from dataclasses import dataclass

from device.squat.events import Event
from device.squat.judge import Judge
from device.squat.rep import Rep
from device.squat.squatness import Dip, dip


@dataclass(frozen=True, slots=True)
class Noted:
    """A dip: as a network is shown it, and as the rules see it."""

    rep: Rep
    dip: Dip


class NotingJudge(Judge):
    """A judge by rules that notes each dip."""

    def __init__(self) -> None:
        super().__init__()
        self.noted: list[Noted] = []

    def _judge(self, now_s: float, stood_up: bool) -> Iterator[Event]:
        movement = self._lifter.cut(stood_up)
        if movement is not None:
            self.noted.append(Noted(movement.rep, dip(movement.seen, movement.heights)))
        yield from super()._judge(now_s, stood_up)

"""Every way down and up that the judge sees, whether it counts it or not."""

from collections.abc import Iterator
from dataclasses import dataclass

from device.squat.events import Event
from device.squat.judge import Judge, cut_rep
from device.squat.phases import MIN_REP_S
from device.squat.rep import Rep
from device.squat.smoothing import without_spikes
from device.squat.squatness import Dip, dip


@dataclass(frozen=True, slots=True)
class Noted:
    """A dip: as a network is shown it, and as the rules see it."""

    rep: Rep
    dip: Dip

    @property
    def long_enough(self) -> bool:
        """Whether it took as long as a rep does; of what is shorter no network is asked."""
        return self.rep.lockout_s - self.rep.start_s >= MIN_REP_S


class NotingJudge(Judge):
    """A judge by rules that notes each dip."""

    def __init__(self) -> None:
        super().__init__()
        self.noted: list[Noted] = []

    def _judge(self, now_s: float, stood_up: bool) -> Iterator[Event]:
        seen = [features for _, features in self._track]
        if len(seen) >= 3:
            heights = without_spikes([f.height for f in seen], [p.captured_s for p, _ in self._track])
            rep = cut_rep(len(self.noted) + 1, self._poses(), heights, stood_up)
            self.noted.append(Noted(rep, dip(seen, heights)))
        yield from super()._judge(now_s, stood_up)

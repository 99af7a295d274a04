"""What the judge tells the outputs."""

from dataclasses import dataclass
from typing import TypeAlias

from device.squat.bar import Velocity
from device.squat.depth import Depth
from device.squat.form import Form
from device.squat.phases import Phase
from device.squat.rep import Rep
from device.squat.rulebook import Verdict


@dataclass(frozen=True, slots=True)
class PhaseChanged:
    """The lifter passed into another part of the movement."""

    at_s: float
    phase: Phase


@dataclass(frozen=True, slots=True)
class DepthReached:
    """The hip crease went below the knee top, as far as one frame tells; the verdict comes with `RepJudged`."""

    at_s: float
    p_below: float


@dataclass(frozen=True, slots=True)
class RepJudged:
    """A rep is over and judged.

    Attributes:
        at_s: time of the frame on which the verdict fell.
        rep: the rep.
        depth: how deep it was; None where neither leg was seen.
        form: what the form model says; None where there is no such model, or the hips were not seen at the bottom.
        verdict: what the lamps say.
        set_number: from 1.
        set_rep: number of the rep in its set, from 1.
        view_deg: where the camera stands, 0 = in front, + = shows the left side; NaN = unknown.
        velocity: of the bar; None where its ends were not sought or not seen.
    """

    at_s: float
    rep: Rep
    depth: Depth | None
    form: Form | None
    verdict: Verdict
    set_number: int
    set_rep: int
    view_deg: float
    velocity: Velocity | None = None


@dataclass(frozen=True, slots=True)
class LifterLost:
    """Nobody has been seen for a while."""

    at_s: float


Event: TypeAlias = PhaseChanged | DepthReached | RepJudged | LifterLost

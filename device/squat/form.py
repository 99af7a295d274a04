"""The named faults of a squat, and what a form model says of a rep."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from device.squat.perspective import Optics
from device.squat.rep import Rep

CALLED_FROM = 0.5  # a fault is named to people from this probability on


@dataclass(frozen=True, slots=True)
class Fault:
    """A fault of form: never a cause for a red light by itself.

    Attributes:
        unit: of its size.
        counts_from: size from which it is called a fault.
    """

    unit: str
    counts_from: float


# Sizes are chosen by a person as what a coach would mention; none of them is part of the rule.
FAULTS: Mapping[str, Fault] = {
    "knees_in": Fault("deg", 10.0),  # valgus at the bottom
    "knees_out": Fault("deg", 25.0),  # varus at the bottom
    "knees_forward": Fault("cm", 12.0),  # knee in front of the toe
    "bent_over": Fault("deg", 55.0),  # trunk from the vertical
    "back_rounding": Fault("deg", 20.0),  # flexion of the spine against standing
    "pelvic_tuck": Fault("deg", 15.0),  # backward tilt of the pelvis near the bottom
    "lateral_shift": Fault("cm", 4.0),  # hips beside the middle of the feet
    "heels_up": Fault("cm", 2.0),  # heel over the floor
    "shallow": Fault("cm", 0.0),  # hip crease over the knee top
    "not_locked_out": Fault("deg", 15.0),  # knee flexion at the end
}


@dataclass(frozen=True, slots=True)
class Form:
    """What a form model says of one rep.

    Attributes:
        good: probability of good form, 0 to 1.
        faults: probability and size (in the fault's unit) by name; empty where the model tells none.
    """

    good: float
    faults: Mapping[str, tuple[float, float]]

    @property
    def called(self) -> tuple[str, ...]:
        """The faults that are named to people, most likely first."""
        likely = [(p, name) for name, (p, _) in self.faults.items() if p >= CALLED_FROM]
        return tuple(name for _, name in sorted(likely, reverse=True))


FormNetwork = Callable[[Rep, Optics], Form | None]
"""Says of a rep how good its form is, seen by a camera as far as that is known; None where too little was seen."""

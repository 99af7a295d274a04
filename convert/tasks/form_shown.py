"""How the reps of the prepared data (convert/tasks/form_reps.py) are shown to the network of named faults.

In training as they truly were, with the errors of another, the bottom alone, without refined points, by a known camera,
mirrored; else as found. Only reps that the device would ask about count.
"""

import numpy as np
from numpy.typing import NDArray

from convert.prepared import Prepared
from convert.tasks.form_reps import KNOWN
from device.squat.depth import MIN_SCORE
from device.squat.form_input import CAMERA, DOWN, PER_JOINT, PLACE, POINTS, REFINED_CHANNELS, STEPS, mirrored
from device.squat.pose import JOINTS, index

KNOWN_SHARE = 0.5  # of training batches seen by a known camera
TRUE_SHARE = 0.1  # of training reps shown as they truly were
EXCHANGED = 0.7  # of those shown as found, with the errors of another
NEAR = 40  # so far away in the order of views another rep may lend
BOTTOM_SHARE = 0.15  # shown at the bottom alone
UNREFINED_SHARE, UNREFINED_BOTTOMS = 0.15, 0.5  # shown without refined points, as where our own network follows the
# lifter, or where landmarks are all there is: of whole reps, of bottoms alone


def in_training(prepared: Prepared, rows: NDArray[np.intp], rng: np.random.Generator) -> NDArray[np.float32]:
    """Training reps (B, STEPS, REFINED_CHANNELS), each shown in one of the ways that the module names."""
    known = KNOWN if rng.random() < KNOWN_SHARE else ""
    values = disturbed(prepared, f"shown{known}", rows, rng)
    low = rng.random(len(rows)) < BOTTOM_SHARE
    values[low] = bottom_alone(disturbed(prepared, f"alone{known}", rows[low], rng))
    values = np.where(rng.random((len(rows), 1, 1)) < 0.5, mirrored(values), values)
    unrefined = rng.random(len(rows)) < np.where(low, UNREFINED_BOTTOMS, UNREFINED_SHARE)
    values[unrefined, :, POINTS] = 0
    return values


def asked(shown: NDArray[np.floating]) -> NDArray[np.bool_]:
    """(N,) whether the device asks a form network about reps (N, STEPS, channels): as of depth, a leg must be seen.

    Hip and knee of one side, by their scores at the bottom (`device.squat.depth.MIN_SCORE`).
    """
    joints = shown[:, DOWN, : len(JOINTS) * PER_JOINT].reshape(len(shown), len(JOINTS), PER_JOINT)
    scores = np.stack([joints[:, index(f"left_{name}", f"right_{name}"), -1] for name in ("hip", "knee")])
    return np.asarray(scores.min(0).max(1) >= MIN_SCORE)


def found_of(prepared: Prepared, rows: NDArray[np.intp], known: str = "") -> NDArray[np.float32]:
    """Reps as found (N, STEPS, REFINED_CHANNELS), the last version; `known`: `KNOWN` for those of a known camera."""
    shown = prepared.arrays[f"shown{known}"]
    return np.array(shown[rows, shown.shape[1] - 1], np.float32)


def judged(prepared: Prepared, split: str, partial: bool = False) -> NDArray[np.intp]:
    """The rows of a split but those drawn to end high; `partial`: these alone."""
    rows = prepared.rows(split)
    return np.asarray(rows[np.array(prepared.arrays["partial"][rows]) == partial])


def versions(count: int, rows: int, rng: np.random.Generator) -> NDArray[np.intp]:
    """Which version of each rep is shown: the true one sometimes, else one as found."""
    if count == 1:
        return np.zeros(rows, np.intp)
    return np.where(rng.random(rows) < TRUE_SHARE, 0, rng.integers(1, count, rows))


def disturbed(prepared: Prepared, name: str, rows: NDArray[np.intp], rng: np.random.Generator) -> NDArray[np.float32]:
    """Reps as they truly were, as found, or as found with the errors of another rep seen from about the same side.

    Args:
        prepared: the data.
        name: of the array, `shown` or `alone`.
        rows: (B,) which reps.
        rng: chance.

    Returns:
        (B, ...) as the array has it, without the versions.
    """
    shown = prepared.arrays[name]
    chosen = versions(shown.shape[1], len(rows), rng)
    values = np.array(shown[rows, chosen], np.float32)
    others = neighbours(prepared, rows, rng)
    true, found = np.array(shown[rows, 0], np.float32), np.array(shown[others, chosen], np.float32)
    lent = found - np.array(shown[others, 0], np.float32)
    one_each = (len(rows), *[1] * (true.ndim - 1))
    exchanged = true + lent * rng.normal(1, 0.15, one_each).astype(np.float32)
    scores = slice(PER_JOINT - 1, len(JOINTS) * PER_JOINT, PER_JOINT)
    exchanged[..., scores] = found[..., scores]
    exchanged[..., POINTS] *= found[..., POINTS].any(-1, keepdims=True)
    exchanged[..., PLACE] = true[..., PLACE]
    return np.where((chosen > 0).reshape(one_each) & (rng.random(one_each) < EXCHANGED), exchanged, values)


def neighbours(prepared: Prepared, rows: NDArray[np.intp], rng: np.random.Generator) -> NDArray[np.intp]:
    """For each row another training row whose camera stands at about the same side; for a partial one a partial one."""
    view, out = np.array(prepared.arrays["view_deg"]), np.array(rows)
    for partial in (False, True):
        these, train = np.array(prepared.arrays["partial"][rows]) == partial, judged(prepared, "train", partial)
        if these.any() and len(train):
            order = train[np.argsort(view[train])]
            place = np.searchsorted(view[order], view[rows[these]]) + rng.integers(-NEAR, NEAR + 1, these.sum())
            out[these] = order[place % len(order)]
    return out


def bottom_alone(alone: NDArray[np.float32]) -> NDArray[np.float32]:
    """Reps of which only the bottom was seen, one pose each (B, REFINED_CHANNELS): (B, STEPS, REFINED_CHANNELS).

    The pose is at the bottom's step and those beside it, nothing elsewhere; the camera is told at all of them.
    """
    out = np.zeros((len(alone), STEPS, REFINED_CHANNELS), np.float32)
    out[..., CAMERA] = alone[:, None, CAMERA]
    out[:, DOWN - 1 : DOWN + 2] = alone[:, None]
    return out

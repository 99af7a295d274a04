"""Whether the device counts the reps of a synthetic set right: what is there, and the tables."""

from collections.abc import Iterator

from convert.metrics import VIEWS, wilson
from convert.synth.seen import HEIGHTS, IN_SIGHT, Seen, height_of, sight_of, view_of
from convert.synth.truth import Truth

A_REP_FROM, NO_REP_BELOW = 0.36, 0.30  # descents in leg lengths; between them either answer is right


def expected(truth: Truth) -> tuple[int, int]:
    """Reps that must and that may be counted in a clip."""
    descents = [rep["descent_legs"] for rep in truth.reps]
    return sum(d >= A_REP_FROM for d in descents), sum(d >= NO_REP_BELOW for d in descents)


def counted(one: Seen) -> tuple[int, int, int]:
    """Reps that the device counted in a clip, and how many it must and may count."""
    return len(next(iter(one.reps.values()))), *expected(one.truth)


def where_lines(seen: list[Seen]) -> Iterator[str]:
    """The table of sets counted exactly by where the camera stands and what it sees."""
    sets: dict[str, list[bool]] = {name: [] for name in (*VIEWS, *HEIGHTS, *IN_SIGHT)}
    for one in seen:
        if one.truth.reps:
            found, low, high = counted(one)
            for name in (view_of(one.truth.about["view_deg"]), height_of(one.truth), sight_of(one.truth)):
                sets[name].append(low <= found <= high)
    yield "| sets of squats | exact | of |"
    yield "| --- | --- | --- |"
    yield from (f"| {name} | {sum(exact)} | {len(exact)} |" for name, exact in sets.items() if exact)


def count_lines(seen: list[Seen]) -> Iterator[str]:
    """Reps counted: sets that are exact, and false reps on what is no squat."""
    exact = sets = false = negatives = 0
    wrong = []
    for one in seen:
        found, low, high = counted(one)
        about = one.truth.about
        if one.truth.reps:
            sets, exact = sets + 1, exact + (low <= found <= high)
        else:
            negatives, false = negatives + 1, false + found
        if not low <= found <= high:
            says = f"{about['kind']} {about['view_deg']:.0f} deg, camera {about['camera_height_m']:.1f} m high"
            wrong.append(f"- clip {about['seed'][1]}: {found} found, {low} are there ({says})")
    low_share, high_share = wilson(exact, sets)
    yield f"Sets counted exactly: {exact} of {sets}" + (f" ({low_share:.0%}-{high_share:.0%} at 95%)." if sets else ".")
    yield f"False reps on {negatives} clips of other exercises: {false}."
    yield ""
    yield from wrong

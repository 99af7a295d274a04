"""How well a form network judges reps: figures, tables and the reliability diagram that both networks share."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from convert.metrics import VIEWS, auc, views, wilson
from convert.tasks.form_reps import DISPUTED, FAULT_NAMES, LIMITS, is_bad, is_clear
from convert.tasks.task import Comparison
from device.squat.form import FAULTS
from device.squat.rulebook import Rules

Floats = NDArray[np.float64]
BINS = 10


@dataclass(frozen=True)
class Said:
    """What a network said of N reps: p of good form (N,), p of each fault (N, F) or None, sizes (N, F) or None."""

    good: Floats
    faults: Floats | None = None
    sizes: Floats | None = None


def balanced(said_bad: NDArray[np.bool_], bad: NDArray[np.bool_]) -> float:
    """Balanced accuracy; NaN where one class is missing."""
    if bad.all() or not bad.any():
        return float("nan")
    return float((said_bad[bad].mean() + (~said_bad[~bad]).mean()) / 2)


def figures(said: Said, sizes: Floats) -> dict[str, float]:
    """Good and bad: accuracy over all reps and over those that nobody would dispute, balanced accuracy, AUC."""
    bad, clear = is_bad(sizes), is_clear(sizes)
    right = (said.good < 0.5) == bad
    out = {
        "accuracy": float(right.mean()),
        "balanced": balanced(said.good < 0.5, bad),
        "auc": auc(1 - said.good, bad),
        "clear": float(right[clear].mean()) if clear.any() else float("nan"),
        "clear_balanced": balanced(said.good[clear] < 0.5, bad[clear]),
    }
    return {name: value for name, value in out.items() if np.isfinite(value)}


def tables(said: Mapping[str, Said], sizes: Floats, view_deg: Floats, rendered: NDArray[np.bool_]) -> Iterator[str]:
    """Markdown: all that a card tells. `said` by what the network was shown; the last is what counts."""
    bad, clear = is_bad(sizes), is_clear(sizes)
    share = f"{bad[clear].mean():.0%}" if clear.any() else "none"
    yield f"{len(sizes)} reps, {bad.mean():.0%} of them bad; {clear.sum()} of them undisputed, {share} of these bad."
    yield ""
    yield "| shown | reps | right | 95% interval | balanced | AUC | always bad |"
    yield "| --- | --- | --- | --- | --- | --- | --- |"
    for name, one in said.items():
        groups = {"all": ~rendered, "undisputed": ~rendered & clear}
        if rendered.any():
            groups |= {"rendered, all": rendered, "rendered, undisputed": rendered & clear}
        for words, these in groups.items():
            right = ((one.good < 0.5) == bad)[these]
            low, high = wilson(int(right.sum()), len(right))
            yield (
                f"| {name} | {words}, {these.sum()} | {right.mean():.1%} | {low:.1%}-{high:.1%} "
                f"| {balanced(one.good[these] < 0.5, bad[these]):.1%} | {auc(1 - one.good[these], bad[these]):.3f} "
                f"| {bad[these].mean():.1%} |"
            )
    last = list(said.values())[-1]
    sure = (last.good < Rules().abstain_from) | (last.good > Rules().abstain_to)
    if sure.any():
        right = (last.good < 0.5) == bad
        yield ""
        yield (
            f"Where it is sure, p(good) outside {Rules().abstain_from:g} to {Rules().abstain_to:g}: {sure.mean():.0%} "
            f"of all reps as found, {right[sure].mean():.1%} of them right; of the undisputed "
            f"{sure[clear].mean():.0%}, {right[sure & clear].mean():.1%} of them right."
        )
    yield ""
    yield "| undisputed | said good | said bad |"
    yield "| --- | --- | --- |"
    for words, these in (("good", clear & ~bad), ("bad", clear & bad)):
        yield f"| {words} | {(last.good[these] >= 0.5).sum()} | {(last.good[these] < 0.5).sum()} |"
    yield ""
    yield "| view | reps | right | undisputed | right |"
    yield "| --- | --- | --- | --- | --- |"
    for number, name in enumerate(VIEWS):
        these = views(view_deg) == number
        right = (last.good < 0.5) == bad
        if (these & clear).any():
            all_right, clear_right = right[these].mean(), right[these & clear].mean()
            yield f"| {name} | {these.sum()} | {all_right:.1%} | {(these & clear).sum()} | {clear_right:.1%} |"
    if last.faults is not None and last.sizes is not None:
        yield ""
        yield from fault_table(last.faults, last.sizes, sizes)


def fault_table(p: Floats, said_sizes: Floats, sizes: Floats) -> Iterator[str]:
    """Markdown: how well each fault is found."""
    yield "| fault | reps with it | AUC | found at p >= 0.5 | false alarms | median error of its size | of a constant |"
    yield "| --- | --- | --- | --- | --- | --- | --- |"
    for k, name in enumerate(FAULT_NAMES):
        there = sizes[:, k] > LIMITS[k]
        if not there.any():
            yield f"| {name} | 0 | | | | | |"
            continue
        off = np.median(np.abs(said_sizes[:, k] - sizes[:, k]))
        constant = np.median(np.abs(sizes[:, k] - np.median(sizes[:, k])))
        yield (
            f"| {name} | {there.sum()} | {auc(p[:, k], there):.3f} | {(p[there, k] >= 0.5).mean():.0%} "
            f"| {(p[~there, k] >= 0.5).mean():.1%} | {off:.1f} | {constant:.1f} |"
        )


def unasked(said: Said, sizes: Floats, seen: NDArray[np.bool_]) -> str:
    """A sentence for the card on reps about which the device does not ask, of N reps with sizes (N, F)."""
    bad = is_bad(sizes)
    right = (said.good < 0.5) == bad
    return (
        f"These are the reps that the device asks about, {seen.mean():.0%} of {len(seen)}: at the bottom of the others "
        f"it has not seen a hip and a knee of one side, and says nothing. About all {len(seen)} the network would be "
        f"right in {right.mean():.1%} ({right[is_clear(sizes)].mean():.1%} of the undisputed), AUC "
        f"{auc(1 - said.good, bad):.3f}."
    )


def partial(said: Said, sizes: Floats) -> str:
    """A sentence for the card on quarter and half squats as found: what is said of N of them, sizes (N, F)."""
    assert said.sizes is not None
    bad, shallow = is_bad(sizes), FAULT_NAMES.index("shallow")
    right, above_cm = (said.good < 0.5) == bad, sizes[:, shallow]
    off_cm = np.abs(said.sizes[:, shallow] - above_cm)
    return (
        f"Beside them {len(sizes)} quarter and half squats of the same bodies, {bad.mean():.0%} of them bad: "
        f"right {right.mean():.1%}. They end {np.median(above_cm):.1f} cm above parallel in the median, and how far is "
        f"told to {np.median(off_cm):.1f} cm (one in ten {np.percentile(off_cm, 90):.1f} or more). "
        "Such reps of the tune bodies do not stop the training."
    )


def card(path: Path, said: Mapping[str, Said], sizes: Floats, view_deg: Floats, rendered: NDArray[np.bool_]) -> str:
    """The sections of a model card; the reliability diagram goes beside it."""
    bad, last = is_bad(sizes), list(said.values())[-1]
    picture = path.with_name(f"{path.stem}-reliability.png")
    error = reliability(last.good, ~bad, picture)
    return "\n".join([
        "## Good and bad on held-out synthetic lifters",
        "",
        "Bodies whose number leaves 7 by 8; a rep is bad where any fault is larger than it counts from "
        "(device/squat/form.py). In rows called rendered the pose model looked at rendered pictures, in the others its "
        "errors there, on test bodies, are carried over to reps that nobody rendered (convert/synth/found.py). "
        "Undisputed: one fault "
        "well beyond what counts, or all well below it, by these sizes: "
        + ", ".join(f"{name} {band:g} {FAULTS[name].unit}" for name, band in DISPUTED.items()) + ".",
        "",
        *tables(said, sizes, view_deg, rendered),
        "",
        f"![reliability]({picture.name})",
        "",
        f"Expected calibration error {error:.3f} in {BINS} bins of equal mass, over all reps as found.",
        "",
    ])  # fmt: skip


def reliability(p: Floats, so: NDArray[np.bool_], path: Path, word: str = "good") -> float:
    """Draws how often what is said to be so with some probability is so, in bins of equal mass; gives the ECE."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    parts = np.array_split(np.argsort(p), BINS)
    said = np.array([p[part].mean() for part in parts])
    true = np.array([so[part].mean() for part in parts])
    error = float((np.abs(said - true) * np.array([len(part) for part in parts])).sum() / len(p))
    figure, axes = pyplot.subplots(figsize=(3.2, 3.2), dpi=80)
    axes.plot([0, 1], [0, 1], color="0.7", lw=1)
    axes.plot(said, true, "o-", ms=4)
    axes.set(xlabel=f"said p({word})", ylabel=f"share that is {word}", title=f"{len(p)} reps, ECE {error:.3f}")
    figure.tight_layout()
    figure.savefig(path)
    pyplot.close(figure)
    return error


def same_verdicts(floating: Said, quantized: Said) -> Comparison:
    """Whether a quantized graph says good or bad, and each fault, as the float one does.

    A verdict counts as another one where the two fall on different sides of 0.5 and either lies outside the band in
    which meet mode abstains.
    """
    pairs = {"good": (floating.good, quantized.good)}
    if floating.faults is not None and quantized.faults is not None:
        pairs |= {n: (floating.faults[:, k], quantized.faults[:, k]) for k, n in enumerate(FAULT_NAMES)}
    rules = Rules()
    other, apart = 0, 0.0
    for a, b in pairs.values():
        sure = [(p < rules.abstain_from) | (p > rules.abstain_to) for p in (a, b)]
        other += int((((a >= 0.5) != (b >= 0.5)) & (sure[0] | sure[1])).sum())
        apart = max(apart, float(np.abs(a - b).max()))
    sides = int(((pairs["good"][0] >= 0.5) != (pairs["good"][1] >= 0.5)).sum())
    count = len(floating.good)
    words = f"{other} of {count * len(pairs)} verdicts on {count} reps differ outside the abstain band"
    words += f", p by up to {apart:.3f}"
    found: dict[str, Any] = {"reps": count, "other_verdicts": other, "within_band": sides, "most_apart": apart}
    return Comparison(other == 0, found, words)

"""What was seen against what was expected, a row each."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import levels

Found = Mapping[str, Any]
LAMPS = {17: "red", 27: "white"}
LAMP_OF = {"good_lift": "white", "no_lift": "red"}
HOLD_S = 2.0
OVER_S, UNDER_S = 0.05, 0.15  # beyond the hold: the poll; short of it: two frames at 15 a second
DARK_S = 3.0  # a lamp may outlive its killed program for so long
FROZEN_S = 18.0  # and one that stands still: the unit's watchdog (10 s), its time to end (5 s), and those
PAUSES_S = (1.0, 2.0, 3.9, 7.7, 15.3)  # from 1 s to 60 s in six equal ratios, as systemd counts them
SAME_S, SAME_P, SAME_OUT = 1e-3, 0.02, 1e-3  # machines may differ by so much: seconds, probabilities, shares of a span


@dataclass(frozen=True)
class Row:
    """A line of the table."""

    what: str
    expected: str
    seen: str
    ok: bool


def row(what: str, expected: str, found: Found, look: Callable[[Found], tuple[str, bool]]) -> Row:
    """A row; what was never told fails it.

    Args:
        what: was looked at.
        expected: in words.
        found: by a scenario.
        look: what was seen, in words, and whether it is as expected.
    """
    try:
        return Row(what, expected, *look(found))
    except KeyError as missing:
        return Row(what, expected, f"{missing} was never told", False)


def of_pins(found: Found, pinned: Mapping[str, str], here: Sequence[Mapping[str, Any]]) -> list[Row]:
    """The rows of the Raspberry Pi.

    Args:
        found: what it told.
        pinned: versions that the project names, by distribution.
        here: the reps that this machine finds in the same keypoints.
    """
    wanted = " ".join(LAMP_OF[rep["decision"]] for rep in here)
    return [
        row("board", "Raspberry Pi 3, its own chip", found, _board),
        row("wheels for aarch64", "as pyproject.toml names them", found, lambda f: _wheels(f, pinned)),
        row("service", "active, holds both pins", found, _service),
        row("lamps", wanted, found, lambda f: _lamps(f, wanted)),
        row("hold", f"{HOLD_S:g} s, one lamp at a time", found, _hold),
        row("reps", "as on this machine", found, lambda f: _reps(f, here)),
        row("killed while lit", f"dark within {DARK_S:g} s, and back", found, lambda f: _back(f["killed"], DARK_S)),
        row("frozen while lit", f"dark within {FROZEN_S:g} s, and back", found, lambda f: _back(f["frozen"], FROZEN_S)),
        row("stopped while lit", "dark, a success", found, _stopped),
        row("bad settings", "exit 78, not started again", found, _refused),
    ]


def of_board(found: Found, networks: Sequence[str]) -> list[Row]:
    """The rows of the board with a camera.

    Args:
        found: what it told.
        networks: their names.
    """
    pauses = ", ".join(f"{pause_s:g}" for pause_s in PAUSES_S)
    return [
        row("/dev/video0", "640x360 at 15 Hz, as asked", found, lambda f: _as_asked(f["camera"])),
        row("/dev/video0", "told: no 300x200, no 17 Hz", found, lambda f: _told(f["other camera"])),
        *(
            row(f"network {name}", "as on this machine", found, lambda f, name=name: _network(f["networks"][name]))
            for name in networks
        ),
        row("fails at once", f"pauses of {pauses} s", found, _pauses),
    ]


def _board(found: Found) -> tuple[str, bool]:
    chips = [chip for chip in found["chips"] if "pinctrl-bcm2835" in chip]
    return f"{found['model']}, Linux {found['kernel']}", "Raspberry Pi 3" in found["model"] and len(chips) == 1


def _wheels(found: Found, pinned: Mapping[str, str]) -> tuple[str, bool]:
    wheels = found["wheels"]
    words = ", ".join(f"{name} {version}" for name, version in wheels.items())
    return words, all(pinned.get(name, version) == version for name, version in wheels.items())


def _service(found: Found) -> tuple[str, bool]:
    start = found["start"]
    held = {LAMPS[int(pin)]: holder for pin, holder in found["held"].items() if int(pin) in LAMPS}
    words = f"{start['state']} as {start['user']} after {start['took_s']:.1f} s; held by {held}"
    return words, start["state"] == "active" and set(held) == set(LAMPS.values())


def _lit(found: Found) -> list[levels.Lit]:
    return [one for one in levels.lit(found["trace"]) if one.end_s is not None]


def _lamps(found: Found, wanted: str) -> tuple[str, bool]:
    seen = " ".join(LAMPS[one.pin] for one in _lit(found))
    return seen, bool(seen) and seen == wanted


def _hold(found: Found) -> tuple[str, bool]:
    took_s = [one.end_s - one.begin_s for one in _lit(found) if one.end_s is not None]
    if not took_s:
        return "never lit", False
    alone = all(len(pins) < 2 for _, pins in found["trace"])
    words = f"{min(took_s):.2f} to {max(took_s):.2f} s, {'one' if alone else 'two'} at a time"
    ok = alone and min(took_s) > HOLD_S - UNDER_S and max(took_s) < HOLD_S + OVER_S
    return f"{words}, read every {1000 * found['poll_s']:.0f} ms", ok


def _reps(found: Found, here: Sequence[Mapping[str, Any]]) -> tuple[str, bool]:
    there = found["reps"][: len(here)]  # another may have begun
    if len(there) < len(here):
        return f"{len(there)} reps, {len(here)} on this machine", False
    pairs = list(zip(there, here, strict=True))
    same = all(a["decision"] == b["decision"] for a, b in pairs)
    off_s = max(abs(a[key] - b[key]) for a, b in pairs for key in ("start_s", "bottom_s", "lockout_s"))
    off_p = max(abs(a["p_below"] - b["p_below"]) for a, b in pairs)
    off_good = max(abs(a["form"]["good"] - b["form"]["good"]) for a, b in pairs)
    words = f"{len(pairs)} reps; at most {1000 * off_s:.1f} ms, p_below {off_p:.3f}, form {off_good:.3f} apart"
    return words, same and off_s <= SAME_S and max(off_p, off_good) <= SAME_P


def _back(seen: Mapping[str, Any], within_s: float) -> tuple[str, bool]:
    words = f"dark after {seen['dark_s']:.2f} s, lit by the next rep {seen['back_s']:.1f} s later"
    return words, seen["dark_s"] <= within_s


def _stopped(found: Found) -> tuple[str, bool]:
    stopped = found["stopped"]
    words = f"dark after {stopped['dark_s']:.2f} s, ended after {stopped['took_s']:.1f} s: {stopped['result']}"
    return words, not stopped["lit"] and stopped["result"] == "success"


def _refused(found: Found) -> tuple[str, bool]:
    seen = found["refused"]
    words = f"{seen['ActiveState']}, exit {seen['ExecMainStatus']}, started again {seen['NRestarts']} times"
    return words, (seen["ActiveState"], seen["ExecMainStatus"], seen["NRestarts"]) == ("failed", "78", "0")


def _pauses(found: Found) -> tuple[str, bool]:
    pauses_s = [after_s - before_s for before_s, after_s in pairwise(found["starts_s"])]
    words = f"{', '.join(f'{pause_s:.1f}' for pause_s in pauses_s)} s, by systemd {found['systemd']}"
    over_s = [seen_s - pause_s for seen_s, pause_s in zip(pauses_s, PAUSES_S, strict=False)]  # starting takes time, too
    return words, len(over_s) == len(PAUSES_S) and all(-0.1 < extra_s < 0.9 for extra_s in over_s)


def _as_asked(seen: Mapping[str, Any]) -> tuple[str, bool]:
    width, height, rate_hz = seen["asked"]
    ok = seen["sizes"] == [[width, height]] and abs(seen["rate_hz"] - rate_hz) < 0.1 * rate_hz
    return _words(seen), ok and not seen["told"] and not seen["faults"]


def _told(seen: Mapping[str, Any]) -> tuple[str, bool]:
    """Whether what came is what was told to have come."""
    told = "; ".join(seen["told"])
    size = re.search(r"asked for (\d+)x(\d+) pixels, got (\d+)x(\d+)", told)
    rate = re.search(r"asked for ([\d.]+) pictures a second, got ([\d.]+)", told)
    if size is None or rate is None:
        return f"{_words(seen)}; told: {told or 'nothing'}", False
    numbers = [int(n) for n in size.groups()]
    ok = [*numbers[:2], float(rate[1])] == seen["asked"] and seen["sizes"] == [numbers[2:]]
    ok = ok and abs(float(rate[2]) - seen["rate_hz"]) < 0.1 * seen["rate_hz"]
    return f"{_words(seen)}, told so", ok and not seen["faults"]


def _words(seen: Mapping[str, Any]) -> str:
    sizes = ", ".join(f"{width}x{height}" for width, height in seen["sizes"])
    words = f"{sizes} at {seen['rate_hz']:.1f} Hz, {seen['dropped']} of {seen['frames']} dropped"
    return "; ".join([f"{words}, {1000 * seen['age_s']:.0f} ms old", *seen["faults"]])


def _network(seen: Mapping[str, Any]) -> tuple[str, bool]:
    share = seen["off"] / seen["span"]
    return f"{seen['runtime']}, {share:.1e} of the span apart", share <= SAME_OUT


def lines(rows: Sequence[Row]) -> list[str]:
    """The table as lines of text."""
    cells = [("", "what", "expected", "seen"), *(("ok" if r.ok else "FAIL", r.what, r.expected, r.seen) for r in rows)]
    widths = [max(len(line[column]) for line in cells) for column in range(3)]
    return ["  ".join([*(line[n].ljust(widths[n]) for n in range(3)), line[3]]).rstrip() for line in cells]

"""The JSON of one rep: a line of `replay --json`, the MQTT payload and the row in the store. See README.md, "JSON"."""

import math
import uuid
from datetime import datetime, timezone
from typing import Any

from device.squat.events import RepJudged
from device.squat.form import CALLED_FROM
from device.squat.rulebook import NOT_OBSERVED

Record = dict[str, Any]

DEPTHS = ("below", "above", "parallel", "none")
"""What a person may say of a rep: where its hip crease was to the knee; parallel = cannot tell, none = no squat."""
LAST = "last"
"""Names the newest rep where an id could stand."""


def rep_record(
    event: RepJudged, source: str, mode: str, models: dict[str, str], at: datetime | None = None, late: bool = False
) -> Record:
    """The record of a judged rep.

    Args:
        event: the rep as judged.
        source: the clip's or camera's name.
        mode: gym or meet.
        models: hash of each model by its role, `sha256:...`.
        at: wall-clock time of the verdict; None in a replay.
        late: whether it is delivered from the outbox.
    """
    rep, depth, form = event.rep, event.depth, event.form
    return {
        "type": "rep",
        "id": str(uuid.uuid4()),
        "at": None if at is None else iso(at),
        "source": source,
        "mode": mode,
        "set": event.set_number,
        "set_rep": event.set_rep,
        "rep": rep.number,
        "start_s": round(rep.start_s, 3),
        "bottom_s": round(rep.bottom_s, 3),
        "lockout_s": round(rep.lockout_s, 3),
        "decision": event.verdict.decision.value,
        "p_below": None if depth is None else round(depth.p_below, 3),
        "depth_cm": None if depth is None else round(depth.margin_cm, 1),
        "depth_sigma_cm": None if depth is None else round(depth.sigma_cm, 1),
        "depth_thighs": None if depth is None else round(depth.margin, 3),
        "method": None if depth is None else depth.method,
        "cards": [card.value for card in event.verdict.cards],
        "reasons": list(event.verdict.reasons),
        "not_observed": list(NOT_OBSERVED),
        "tempo": {
            "eccentric_s": round(rep.tempo.eccentric_s, 3),
            "pause_s": round(rep.tempo.pause_s, 3),
            "concentric_s": round(rep.tempo.concentric_s, 3),
        },
        "velocity": None if event.velocity is None else {
            "mean_m_s": round(event.velocity.mean_m_s, 3),
            "peak_m_s": round(event.velocity.peak_m_s, 3),
        },
        "form": None if form is None else {
            "good": round(form.good, 3),
            "faults": {name: {"p": round(p, 3), "size": round(size, 1)} for name, (p, size) in form.faults.items()},
        },
        "view_deg": None if math.isnan(event.view_deg) else round(event.view_deg),
        "dropped": rep.dropped,
        "late": late,
        "model": models,
    }  # fmt: skip


def row(record: Record, header: bool = False) -> str:
    """A rep as a line of a table, after the line of titles where asked for."""
    depth = "not seen"
    if record["depth_cm"] is not None:
        depth = f"{record['depth_cm']:+.1f} ±{record['depth_sigma_cm']:.1f}"
    sure = "-" if record["p_below"] is None else f"{record['p_below']:.2f}"
    tempo = "/".join(f"{record['tempo'][name]:.1f}" for name in ("eccentric_s", "pause_s", "concentric_s"))
    view = "?" if record["view_deg"] is None else f"{record['view_deg']:+d}°"
    why = "; ".join(record["reasons"])
    form = "-" if record["form"] is None else f"{record['form']['good']:.2f}"
    faults = ", ".join(called(record))
    line = (
        f"  {record['set']}.{record['set_rep']:<3d} {record['bottom_s']:7.2f} s  {record['decision']:<11s} "
        f"{depth:>11s}  {sure:>7s}  {tempo:>11s}  {view:>5s}  {form:>4s}  {'; '.join(filter(None, (why, faults)))}"
    )
    titles = "  set.rep  bottom  decision       depth cm  p_below   tempo s    view   form"
    return f"{titles}\n{line}" if header else line


def called(record: Record) -> list[str]:
    """The faults of a record that are named to people, most likely first."""
    found = [] if record["form"] is None else [(told["p"], name) for name, told in record["form"]["faults"].items()]
    return [name.replace("_", " ") for p, name in sorted(found, reverse=True) if p >= CALLED_FROM]


def iso(at: datetime) -> str:
    """A wall-clock time as records hold it: UTC, milliseconds, Z."""
    return at.astimezone(timezone.utc).isoformat(timespec="milliseconds").replace("+00:00", "Z")

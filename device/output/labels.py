"""What people say of reps that were judged: corrections, and labels to measure and train by.

A label is a JSON object a line, its words those of the labelled clips: `depth` is above, parallel (a person cannot
tell) or below; `none` says that it was no squat at all. `judged` stands beside it: nothing is lost by a
correction.
"""

import json
from collections.abc import Iterator, Mapping
from datetime import datetime, timezone
from typing import Any, TextIO

from device.errors import InputError
from device.output.record import LAST, Record, iso
from device.output.store import Store


def find(store: Store, wanted: str) -> Record:
    """The rep with an id, the only one whose id begins so, or the `last` one.

    Raises:
        InputError: there is none, or more than one.
    """
    newest = store.newest() if wanted == LAST else None
    if newest is not None:
        return newest
    found = store.beginning(wanted) if wanted else []
    if len(found) != 1:
        count = "no rep" if not found else "more than one rep"
        raise InputError(f"{store.path}: {count} with an id like {wanted!r}; `squatlight reps` lists them")
    return found[0]


def correct(store: Store, wanted: str, depth: str) -> Record:
    """Keeps a person's word on a rep, and returns the rep as it was judged.

    Raises:
        InputError: no such rep.
    """
    rep = find(store, wanted)
    store.correct(rep["id"], depth, iso(datetime.now(timezone.utc)))
    return rep


def labels(store: Store) -> Iterator[Mapping[str, Any]]:
    """The corrected reps in the order in which they were judged."""
    said = store.corrections()
    for rep in store.reps():
        if rep["id"] in said:
            depth, at = said[rep["id"]]
            keys = ("id", "at", "source", "start_s", "bottom_s", "lockout_s", "view_deg")
            judged = {key: rep[key] for key in ("decision", "p_below", "depth_thighs", "depth_cm", "method", "model")}
            yield {"type": "label", **{key: rep[key] for key in keys}, "depth": depth, "said_at": at, "judged": judged}


def export(store: Store, out: TextIO) -> int:
    """Writes the labels, a line each; returns how many."""
    count = 0
    for label in labels(store):
        print(json.dumps(label, ensure_ascii=False), file=out)
        count += 1
    return count


def rows(store: Store, newest: int) -> Iterator[str]:
    """The newest reps for people: a line each, with what was said of them."""
    said = store.corrections()
    for rep in store.reps()[-newest:]:
        cm = rep["depth_cm"]
        depth = "   not seen" if cm is None else f"{cm:+7.1f} cm"
        word = f"   said: {said[rep['id']][0]}" if rep["id"] in said else ""
        at = (rep["at"] or "")[:19].replace("T", " ")
        place = f"set {rep['set']:<3d} rep {rep['set_rep']:<3d}"
        yield f"{rep['id'][:8]}  {at:19s}  {place} {rep['decision']:11s} {depth}{word}"

"""What the squat task learns from: what the judge saw go down and up in rendered clips, and whether it was a squat.

Rows are dips as the judge cuts them, from the poses that the device finds in the pictures, and as the second judge
does, from those of our own network beside them. `shown` (N, STEPS, CHANNELS): what `form_input` makes of them; `squat`
(N,): whether it is one; `second` (N,): whether the second judge cut it; `passed` (N,): whether the rules let it pass;
`overrule` (N,): whether a network that is sure is believed against them; `kind` (N,): row of `KINDS`; `body`,
`view_deg` (N,). What sinks, but by less than every report takes for a rep, is left out.
"""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from convert.datasets.synthetic import SyntheticClip
from convert.dips import NotingJudge
from convert.synth.counts import A_REP_FROM
from convert.synth.found import clips_with_poses
from convert.synth.recipe import KINDS
from convert.synth.truth import Truth
from device.squat.form_input import form_input
from device.squat.pose import Pose
from device.squat.rep import Rep
from device.squat.squatness import by_rules, may_overrule

BESIDE_S = 0.3  # a true bottom so far before or after a dip belongs to it


@dataclass(frozen=True)
class SeenDip:
    """A dip as it becomes a row, see the module."""

    shown: NDArray[np.float32]
    passed: bool
    overrule: bool
    squat: bool


def rows_of(folder: Path) -> Iterator[dict[str, Any]]:
    """The rows of a rendered set."""
    for clip, seen in clips_with_poses(folder):
        truth = clip.truth()
        ours = [(at_s, pose.second if pose is not None else None) for at_s, pose in seen]
        for second, poses in ((False, seen), (True, ours)):
            for found in dips_of(truth, poses):
                yield {
                    "shown": found.shown.astype(np.float16), "squat": np.bool_(found.squat),
                    "second": np.bool_(second), "passed": np.bool_(found.passed),
                    "overrule": np.bool_(found.overrule), "kind": np.uint8(KINDS.index(truth.about["kind"])),
                    "body": np.int32(truth.about["body"]), "view_deg": np.float32(truth.about["view_deg"]),
                }  # fmt: skip


def dips_of(truth: Truth, seen: Sequence[tuple[float, Pose | None]]) -> Iterator[SeenDip]:
    """What the judge sees go down and up, and what is true of it; what is neither a rep nor none is left out."""
    if not seen:
        return
    judge = NotingJudge()
    for at_s, pose in seen:
        for _ in judge.see(pose, at_s):
            pass
    for _ in judge.finish(seen[-1][0]):
        pass
    for noted in judge.noted:
        shown, squat = form_input(noted.rep), was_squat(truth, noted.rep)
        if shown is not None and squat is not None:
            found, stood_up = noted.dip, noted.rep.stood_up
            yield SeenDip(shown, by_rules(found, stood_up), may_overrule(found, stood_up), squat)


def was_squat(truth: Truth, rep: Rep) -> bool | None:
    """Whether a dip was a rep; None where it was too little for one, but more than nothing."""
    first_s, last_s = rep.start_s - BESIDE_S, rep.lockout_s + BESIDE_S
    down = max((r["descent_legs"] for r in truth.reps if first_s <= r["bottom_s"] <= last_s), default=0.0)
    return None if 0 < down < A_REP_FROM else down > 0


def source_of(folder: Path, rows: int) -> Mapping[str, Any]:
    """What a card tells of a set that gave so many rows, with a hash over its truth files."""
    hashed = hashlib.sha256()
    clips = SyntheticClip.all_in(folder)
    for clip in clips:
        hashed.update(clip.truth_file.read_bytes())
    name = f"rendered set {folder.name}, {len(clips)} clips"
    return {"name": name, "licence": "CC0 bodies, own code", "rows": rows, "sha256": hashed.hexdigest()}

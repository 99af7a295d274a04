"""Whether a way down and up is a squat: whole dips (convert/tasks/squat_rows.py) to one p."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional
from tqdm import tqdm

from convert.datasets.synthetic import SyntheticClip
from convert.metrics import VIEWS, auc, views
from convert.nets.form import FaultNet, Squat, SquatDeployed
from convert.prepared import SPLITS, Prepared, split_of, write
from convert.recipe import within
from convert.synth.recipe import KINDS
from convert.tasks.form_figures import reliability
from convert.tasks.squat_rows import rows_of, source_of
from convert.tasks.task import Batch, Comparison
from device.errors import InputError
from device.inference.tflite import Model
from device.squat.form_input import FORM_INPUT_VERSION, PER_JOINT, STEPS, mirrored
from device.squat.pose import JOINTS
from device.squat.second import CERTAIN
from device.squat.squatness import LEAST_DROP, SURE, UNLIKELY, counts

MAX_WEIGHT = 4.0  # of a row of the rarer kind
AWAY, SHIVERS = 0.04, 0.025  # leg lengths: standard deviations of a joint over the whole dip, and from step to step
DEPTHS, SCORES = (0.6, 1.4), (0.85, 1.15)  # factors of how deep the world is, and of a joint's score
TEMPERATURES = np.geomspace(0.5, 8, 81)
BAND, CERTAIN_BAND = 0.05, 0.005  # a quantized p so near to a level may fall on its other side
GATE_DIPS, GATE_PART = 10_000, 500
_JOINTS = len(JOINTS) * PER_JOINT


@dataclass(frozen=True)
class SquatData:
    """Nothing is drawn: the sources are all. `every`: of so many dips one is taken, for tests."""

    every: int = within(1, 1000, 1)


class SquatTask:
    """See `convert.tasks.task.Task`."""

    name = "squat"
    data_kind: type = SquatData
    net_kind: type = FaultNet
    outputs = ("squat",)

    def prepare(self, data: SquatData, sources: Sequence[Path], out: Path, seed: int) -> Prepared:
        """Sources are rendered sets (`python -m convert synth`).

        Raises:
            InputError: no sources, or one in which the judge sees no dip.
        """
        if not sources:
            raise InputError("prepare: the squat task needs rendered sets as sources (python -m convert synth)")
        if len({folder.resolve() for folder in sources}) < len(sources):
            raise InputError("prepare: a source is named twice")
        for folder in sources:
            SyntheticClip.all_in(folder)  # what is no set is told before an hour of looking at the others
        rows: list[dict[str, Any]] = []
        told = []
        for folder in tqdm(sources, "sets", disable=None):
            own = list(rows_of(folder))[:: data.every]
            if not own:
                raise InputError(f"{folder}: the judge sees no dip in it")
            rows += own
            told.append(source_of(folder, len(own)))
        arrays = {name: np.array([row[name] for row in rows]) for name in rows[0]}
        split = np.array([split_of(body) for body in arrays["body"]], np.uint8)
        for number, name in enumerate(SPLITS):
            if len(set(arrays["squat"][split == number])) < 2:
                raise InputError(f"prepare: no squats, or nothing but squats, by bodies of the {name} split; add sets")
        classes = {"array": "squat", "names": ["not a squat", "squat"]}
        about = {"task": self.name, "form_input": FORM_INPUT_VERSION, "sources": told, "classes": classes}
        return write(out, arrays, split, about)

    def net(self, net: FaultNet, prepared: Prepared) -> nn.Module:
        """A fresh network, its input's mean and spread from the training rows."""
        return Squat(net, np.array(prepared.arrays["shown"][prepared.rows("train")], np.float32))

    def batch(self, prepared: Prepared, rows: NDArray[np.intp], rng: np.random.Generator | None) -> dict[str, Any]:
        """Dips; augmented: mirrored, each joint off and shivering, the world more or less deep."""
        shown = np.array(prepared.arrays["shown"][rows], np.float32)
        squat = np.array(prepared.arrays["squat"][rows])
        share = float(np.mean(prepared.arrays["squat"][prepared.rows("train")]))
        weight = np.minimum(np.where(squat, 0.5 / share, 0.5 / (1 - share)), MAX_WEIGHT)
        if rng is not None:
            shown = augmented(shown, rng)
        return {"shown": shown, "squat": squat[:, None], "weight": weight.astype(np.float32)[:, None]}

    def loss(self, net: nn.Module, batch: Batch) -> Tensor:
        """Cross entropy of each member, squats and others weighing alike up to `MAX_WEIGHT`."""
        out = cast(Squat, net).each(batch["shown"])
        wanted, weight = (batch[name].float()[:, None].expand_as(out) for name in ("squat", "weight"))
        return functional.binary_cross_entropy_with_logits(out, wanted, weight)

    def measure(self, net: nn.Module, prepared: Prepared, split: str) -> dict[str, float]:
        """The score is what the AUC lacks of 1; the other figures: `figures`.

        By the loss the second epoch would be the best, and it tells worse which is which: a network that learns on only
        grows too sure, which `calibrate` takes back.
        """
        rows = prepared.rows(split)
        device = next(net.parameters()).device
        batch = {k: torch.as_tensor(v).to(device) for k, v in self.batch(prepared, rows, None).items()}
        out = net(batch["shown"]).float()
        loss = functional.binary_cross_entropy_with_logits(out, batch["squat"].float(), batch["weight"])
        p, squat = torch.sigmoid(out)[:, 0].double().cpu().numpy(), np.array(prepared.arrays["squat"][rows])
        return {"score": 1 - auc(p, squat), "loss": float(loss), **figures(p, prepared, rows)}

    def calibrate(self, net: nn.Module, prepared: Prepared) -> None:
        """Fits the temperature (Guo et al. 2017, ICML) on the tune split, squats and others weighing as in training."""
        net = cast(Squat, net)
        net.temperature = 1.0
        batch = {k: torch.as_tensor(v) for k, v in self.batch(prepared, prepared.rows("tune"), None).items()}
        with torch.no_grad():
            out, squat = net(batch["shown"]), batch["squat"].float()
        losses = [functional.binary_cross_entropy_with_logits(out / t, squat, batch["weight"]) for t in TEMPERATURES]
        net.temperature = float(TEMPERATURES[int(torch.stack(losses).argmin())])

    def deployed(self, net: nn.Module) -> nn.Module:
        """With a probability."""
        return SquatDeployed(cast(Squat, net))

    def calibration(self, prepared: Prepared, count: int, seed: int) -> NDArray[np.float32]:
        """Training dips, augmented."""
        rng = np.random.default_rng([seed, 1])
        train = prepared.rows("train")
        rows = np.sort(rng.choice(train, min(count, len(train)), replace=False))
        return np.asarray(self.batch(prepared, rows, rng)["shown"], np.float32)

    def compare(self, floating: Model, quantized: Model, prepared: Prepared, whole: bool) -> Comparison:
        """Whether the same dips count."""
        rows = np.concatenate([prepared.rows(split) for split in ("test", "tune", "train")])
        rows = rows[: GATE_DIPS if whole else GATE_PART]
        a, b = (said_by(model, prepared, rows) for model in (floating, quantized))
        other = counted(a, prepared, rows) != counted(b, prepared, rows)
        second = np.array(prepared.arrays["second"][rows])
        near = np.minimum(np.abs(a - UNLIKELY), np.abs(a - SURE)) < BAND
        near |= second & (np.abs(a - CERTAIN) < CERTAIN_BAND)
        apart = float(np.abs(a - b).max())
        words = (
            f"{(other & ~near).sum()} of {len(rows)} dips count otherwise, {(other & near).sum()} more with p within "
        )
        words += f"{BAND:g} of a level, p by up to {apart:.3f}"
        found = {"dips": len(rows), "other_verdicts": int((other & ~near).sum()), "most_apart": apart}
        return Comparison(not (other & ~near).any(), found, words)

    def manifest(self, net: FaultNet, prepared: Prepared) -> dict[str, Any]:
        """What the device checks, and the levels that it has."""
        levels = {"unlikely": UNLIKELY, "sure": SURE, "certain": CERTAIN}
        return {"input": "rep_keypoints", "form_input": FORM_INPUT_VERSION, "thresholds": levels}

    def card(self, path: Path, prepared: Prepared) -> str:
        """Figures of the shipped graph."""
        rows = prepared.rows("test")
        with Model(path.with_suffix(".tflite")) as model:
            p = said_by(model, prepared, rows)
        picture = path.with_name(f"{path.stem}-reliability.png")
        squat = np.array(prepared.arrays["squat"][rows])
        error = reliability(p, squat, picture, "a squat")
        return "\n".join([
            "## Held-out bodies",
            "",
            "Bodies whose number leaves 7 by 8, as the device finds them in the pictures. Each row: ways down and up "
            "that the judge saw, how many of them count as reps by the rules alone, and with this network beside them: "
            f"it refuses those to which it gives less than {UNLIKELY:g}, and from {SURE:g} on lets pass what the rules"
            " refuse, but of who has not stood up again, where one leg does what the other does not, where the pose "
            f"jumped to somebody else, and where hips sink by less than {LEAST_DROP:g} of the leg "
            "(`device/squat/squatness.py`). What the second judge sees, on our own pose network's poses, counts from "
            f"{CERTAIN:g} on where he is heard (`device/squat/second.py`); here as if he always were.",
            "",
            *tables(p, prepared, rows),
            "",
            f"![reliability]({picture.name})",
            "",
            f"Area under the curve {auc(p, squat):.4f}; expected calibration error {error:.3f} in bins of equal mass. "
            f"In training others weigh as much as squats, up to {MAX_WEIGHT:g} times each; the bodies of the tune "
            "split chose the epoch, by the area, and the temperature of p. Above, `let_pass` is the share of others "
            "that count, `lost` that of squats that do not, both as the first judge sees them, and `..._by_rules` are "
            "these of the rules alone.",
            "",
        ])  # fmt: skip


def augmented(shown: NDArray[np.float32], rng: np.random.Generator) -> NDArray[np.float32]:
    """Dips (B, STEPS, CHANNELS) as another lifter's, camera's or pose model's might be."""
    rows = len(shown)
    out = np.where(rng.random((rows, 1, 1)) < 0.5, mirrored(shown), shown).astype(np.float32)
    joints = out[..., :_JOINTS].reshape(rows, STEPS, len(JOINTS), PER_JOINT)
    there = (joints != 0).any(-1, keepdims=True)
    joints[..., 2] *= rng.uniform(*DEPTHS, (rows, 1, 1))
    joints[..., 5] = np.clip(joints[..., 5] * rng.uniform(*SCORES, (rows, 1, len(JOINTS))), 0, 1)
    joints[..., :5] += rng.normal(0, AWAY, (rows, 1, len(JOINTS), 5))
    joints[..., :5] += rng.normal(0, SHIVERS, (rows, STEPS, len(JOINTS), 5))
    return np.concatenate([(joints * there).reshape(rows, STEPS, _JOINTS), out[..., _JOINTS:]], -1)


def counted(p: NDArray[np.floating], prepared: Prepared, rows: NDArray[np.intp]) -> NDArray[np.bool_]:
    """Which dips count as reps on the device; of the second judge's those that do where he is heard."""
    passed, overrule, second = (np.array(prepared.arrays[name][rows]) for name in ("passed", "overrule", "second"))
    return np.asarray(counts(p, passed, overrule) & (~second | (p >= CERTAIN)))


def figures(p: NDArray[np.floating], prepared: Prepared, rows: NDArray[np.intp]) -> dict[str, float]:
    """AUC; of the first judge's dips the shares of others that count and of squats that do not, also by rules alone."""
    whole = auc(p, np.array(prepared.arrays["squat"][rows]))
    first = ~np.array(prepared.arrays["second"][rows])
    p, rows = p[first], rows[first]
    squat, passed = (np.array(prepared.arrays[name][rows]) for name in ("squat", "passed"))
    count = counted(p, prepared, rows)
    out = {
        "auc": whole,
        "let_pass": float(count[~squat].mean()),
        "lost": float((~count[squat]).mean()),
        "let_pass_by_rules": float(passed[~squat].mean()),
        "lost_by_rules": float((~passed[squat]).mean()),
    }
    return {name: value for name, value in out.items() if np.isfinite(value)}


def tables(p: NDArray[np.floating], prepared: Prepared, rows: NDArray[np.intp]) -> Iterator[str]:
    """Markdown: which dips count, by exercise and by view."""
    is_one, passed, kind, view_deg, second = (
        np.array(prepared.arrays[n][rows]) for n in ("squat", "passed", "kind", "view_deg", "second")
    )
    count = counted(p, prepared, rows)
    squat, other = is_one & ~second, ~is_one & ~second
    groups: dict[str, NDArray[np.bool_]] = {"squats": squat}
    groups |= {f"not squats: {_words(name)}": other & (kind == k) for k, name in enumerate(KINDS)}
    groups["not squats, all"] = other
    groups |= {f"squats, {name}": squat & (views(view_deg) == k) for k, name in enumerate(VIEWS)}
    groups |= {f"not squats, {name}": other & (views(view_deg) == k) for k, name in enumerate(VIEWS)}
    yield "| | dips | count by rules alone | count |"
    yield "| --- | --- | --- | --- |"
    for words, these in groups.items():
        if these.any():
            yield f"| {words} | {these.sum()} | {passed[these].sum()} | {count[these].sum()} |"
    for words, these in (("squats", is_one & second), ("not squats", ~is_one & second)):
        if these.any():
            yield f"| {words}, as the second judge sees them | {these.sum()} | - | {count[these].sum()} |"


def _words(kind: str) -> str:
    return f"in sets of {kind.replace('_', ' ')}s" if "squat" in kind else kind.replace("_", " ")


def said_by(model: Model, prepared: Prepared, rows: NDArray[np.intp]) -> NDArray[np.float64]:
    """P of each dip (N,), as the device runs the graph."""
    shown = prepared.arrays["shown"]
    return np.array([model(np.array(shown[row], np.float32)[None])["squat"][0, 0] for row in rows], float)


TASK = SquatTask()
"""The task; see `convert.tasks.task`."""

"""Named faults from the keypoints of a whole rep: p(good), and p and size of each of device.squat.form.FAULTS."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from convert.nets.form import FaultNet, Faults, FaultsDeployed
from convert.prepared import Prepared
from convert.recipe import within
from convert.tasks import form_figures, form_reps
from convert.tasks.form_figures import Said
from convert.tasks.form_reps import FAULT_NAMES, KNOWN, LIMITS, FormData, is_bad
from convert.tasks.task import Batch, Comparison
from device.errors import InputError
from device.inference.models import Manifest
from device.inference.tflite import Model
from device.squat.depth import MIN_SCORE
from device.squat.form_input import (
    CAMERA,
    DOWN,
    FORM_INPUT_VERSION,
    PER_JOINT,
    PLACE,
    POINTS,
    REFINED_CHANNELS,
    REFINED_INPUT_VERSION,
    STEPS,
    mirrored,
)
from device.squat.pose import JOINTS, index

KNOWN_SHARE = 0.5  # of training batches seen by a known camera
TRUE_SHARE = 0.1  # of training reps shown as they truly were
EXCHANGED = 0.7  # of those shown as found, with the errors of another
NEAR = 40  # so far away in the order of views another rep may lend
BOTTOM_SHARE = 0.15  # shown at the bottom alone
UNREFINED_SHARE, UNREFINED_BOTTOMS = 0.15, 0.5  # shown without refined points, as where our own network follows the
# lifter, or where landmarks are all there is: of whole reps, of bottoms alone
GATE_REPS, GATE_PART = 500, 200


@dataclass(frozen=True)
class FaultData(FormData):
    """What is drawn, see `FormData`; `partial_clips` more of quarter and half squats, nearly all of them bad.

    They are measured apart: among the others they would make all figures better.
    """

    partial_clips: int = within(0, 10**6, 0)


class Form:
    """The task; see `convert.tasks.task.Task`."""

    name = "form"
    data_kind: type = FaultData
    net_kind: type = FaultNet
    outputs = ("good", "faults", "sizes")

    def prepare(self, data: FaultData, sources: Sequence[Path], out: Path, seed: int) -> Prepared:
        """Draws the reps, see `form_reps`."""
        return form_reps.prepare(self.name, data, sources, out, seed, data.partial_clips)

    def net(self, net: FaultNet, prepared: Prepared) -> nn.Module:
        """A fresh network, its input's mean and spread from the training rows.

        Raises:
            InputError: the data was prepared before bottoms alone, partial reps or known cameras were kept.
        """
        for name in ("alone", "partial", f"shown{KNOWN}"):
            if name not in prepared.arrays:
                raise InputError(f"{prepared.folder}: prepared without {name}.npy; prepare it anew")
        for name, version in (("form_input", FORM_INPUT_VERSION), ("refined_input", REFINED_INPUT_VERSION)):
            if prepared.about.get(name) != version:
                raise InputError(f"{prepared.folder}: prepared with another {name}; prepare it anew")
        first = prepared.rows("train")[:1000]
        some = np.concatenate([prepared.arrays[name][first] for name in ("shown", f"shown{KNOWN}")]).astype(np.float32)
        return Faults(net, some.reshape(-1, *some.shape[2:]), scales(prepared))

    def batch(self, prepared: Prepared, rows: NDArray[np.intp], rng: np.random.Generator | None) -> dict[str, Any]:
        """Reps as found, or in training mirrored, as they truly were, the bottom alone, or without refined points."""
        sizes = np.array(prepared.arrays["sizes"][rows])
        if rng is None:
            values = found_of(prepared, rows)
        else:
            known = KNOWN if rng.random() < KNOWN_SHARE else ""
            values = disturbed(prepared, f"shown{known}", rows, rng)
            low = rng.random(len(rows)) < BOTTOM_SHARE
            values[low] = bottom_alone(disturbed(prepared, f"alone{known}", rows[low], rng))
            values = np.where(rng.random((len(rows), 1, 1)) < 0.5, mirrored(values), values)
            unrefined = rng.random(len(rows)) < np.where(low, UNREFINED_BOTTOMS, UNREFINED_SHARE)
            values[unrefined, :, POINTS] = 0
        unit, middle = scales(prepared)
        return {
            "weight": asked(values).astype(np.float32),
            "shown": values.astype(np.float32),
            "good": ~is_bad(sizes)[:, None],
            "faults": sizes > LIMITS,
            "sizes": np.clip((sizes - middle) / unit, -4, 4).astype(np.float32),
        }

    def loss(self, net: nn.Module, batch: Batch) -> Tensor:
        """Of good and bad, of each fault, and of the sizes; over the reps that the device would ask about."""
        net = cast(Faults, net)
        shown = batch["shown"]
        if net.training and net.told.jitter:
            shown = shown + torch.randn_like(shown) * net.told.jitter * (shown != 0)
        good, faults, sizes = net.apart(shown)
        wanted = {name: batch[name].float()[:, None].expand_as(said) for name, said in (
            ("good", good), ("faults", faults), ("sizes", sizes),
        )}  # fmt: skip
        crossed = functional.binary_cross_entropy_with_logits
        each = (
            crossed(good, wanted["good"], reduction="none").mean((1, 2))
            + crossed(faults, wanted["faults"], reduction="none").mean((1, 2))
            + net.told.size_weight * functional.smooth_l1_loss(sizes, wanted["sizes"], reduction="none").mean((1, 2))
        )
        return torch.as_tensor((batch["weight"] * each).sum() / batch["weight"].sum().clamp(min=1))

    def measure(self, net: nn.Module, prepared: Prepared, split: str) -> dict[str, float]:
        """Over reps as found that the device would ask about, but partial ones; the score is the loss without sizes."""
        rows = judged(prepared, split)
        rows = rows[asked(found_of(prepared, rows))]
        device = next(net.parameters()).device
        batch = {k: torch.as_tensor(v).to(device) for k, v in self.batch(prepared, rows, None).items()}
        true_sizes = np.array(prepared.arrays["sizes"][rows])
        with_camera = net(torch.as_tensor(found_of(prepared, rows, KNOWN)).to(device))[0]
        known = form_figures.figures(Said(torch.sigmoid(with_camera)[:, 0].double().cpu().numpy()), true_sizes)
        good, faults, sizes = (out.float() for out in net(batch["shown"]))
        of_good = functional.binary_cross_entropy_with_logits(good, batch["good"].float())
        of_faults = functional.binary_cross_entropy_with_logits(faults, batch["faults"].float())
        said = Said(torch.sigmoid(good)[:, 0].double().cpu().numpy())
        return {
            "score": float(of_good + of_faults),
            "good_loss": float(of_good),
            "faults_loss": float(of_faults),
            "size_loss": float(functional.smooth_l1_loss(sizes, batch["sizes"])),
            **form_figures.figures(said, true_sizes),
            **{f"known camera: {name}": value for name, value in known.items()},
        }

    def deployed(self, net: nn.Module) -> nn.Module:
        """With probabilities and sizes in their units."""
        return FaultsDeployed(cast(Faults, net))

    def calibration(self, prepared: Prepared, count: int, seed: int) -> NDArray[np.float32]:
        """Training reps, augmented."""
        rng = np.random.default_rng([seed, 1])
        rows = np.sort(rng.choice(prepared.rows("train"), min(count, len(prepared.rows("train"))), replace=False))
        return np.asarray(self.batch(prepared, rows, rng)["shown"], np.float32)

    def compare(self, floating: Model, quantized: Model, prepared: Prepared, whole: bool) -> Comparison:
        """Whether the verdicts stay the same over held-out reps."""
        rows = gate_rows(prepared, GATE_REPS if whole else GATE_PART)
        shown = self.batch(prepared, rows, None)["shown"]
        return form_figures.same_verdicts(said_by(floating, shown), said_by(quantized, shown))

    def manifest(self, net: FaultNet, prepared: Prepared) -> dict[str, Any]:
        """What the device checks."""
        return {
            "input": "refined_rep_keypoints",
            "form_input": FORM_INPUT_VERSION,
            "refined_input": REFINED_INPUT_VERSION,
            "faults": list(FAULT_NAMES),
            "counts_from": {name: float(limit) for name, limit in zip(FAULT_NAMES, LIMITS, strict=True)},
            "threshold": 0.5,
        }

    def card(self, folder: Path, prepared: Prepared) -> str:
        """Figures of the shipped graph."""
        every, apart = judged(prepared, "test"), judged(prepared, "test", partial=True)
        seen = asked(found_of(prepared, every))
        rows = every[seen]
        shown, sizes = prepared.arrays["shown"], np.array(prepared.arrays["sizes"])
        true, found = shown[rows, 0].astype(np.float32), found_of(prepared, rows)
        unrefined = found.copy()
        unrefined[..., POINTS] = 0
        with Model(folder.with_suffix(".tflite")) as model:
            said = {
                "true keypoints": said_by(model, true),
                "as found, without refined points": said_by(model, unrefined),
                "as found by a camera whose pitch and lens are known": said_by(model, found_of(prepared, rows, KNOWN)),
                "as the pose model finds them": said_by(model, found),
            }
            of_partial = said_by(model, shown[apart, -1].astype(np.float32)) if len(apart) else None
            of_every = said_by(model, found_of(prepared, every))
        view_deg, rendered = (np.array(prepared.arrays[name][rows]) for name in ("view_deg", "rendered"))
        more = "" if of_partial is None else f"\n{form_figures.partial(of_partial, sizes[apart])}\n"
        all_told = form_figures.unasked(of_every, sizes[every], seen)
        return f"{form_figures.card(folder, said, sizes[rows], view_deg, rendered)}\n{all_told}\n{more}"

    def report(self, manifest: Manifest, given: Mapping[str, Path]) -> str:
        """The posture classes, with `posture=FOLDER`."""
        if "posture" not in given:
            return "More with: posture=FOLDER of the posture classes.\n"
        from convert.posture_report import lines

        with Model(manifest.path) as model:
            return "\n".join(lines(model, given["posture"])) + "\n"


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


def scales(prepared: Prepared) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Unit and middle (F,) of the sizes as the network holds them."""
    sizes = np.array(prepared.arrays["sizes"][prepared.rows("train")])
    middle = np.median(sizes, 0)
    return np.maximum(np.percentile(np.abs(sizes - middle), 80, 0), 0.2).astype(np.float32), middle.astype(np.float32)


def gate_rows(prepared: Prepared, count: int) -> NDArray[np.intp]:
    """Rows for comparing graphs: held-out ones first, others where these are too few."""
    rows = np.concatenate([prepared.rows(split) for split in ("test", "tune", "train")])
    return np.asarray(rows[:count])


def said_by(model: Model, shown: NDArray[np.float32]) -> Said:
    """What a graph says, rep by rep, as the device runs it."""
    outputs = [model(one[None]) for one in shown]
    good, faults, sizes = (np.array([out[name][0] for out in outputs], float) for name in Form.outputs)
    return Said(good[:, 0], faults, sizes)


TASK = Form()

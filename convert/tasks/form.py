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
from convert.tasks.form_shown import asked, found_of, in_training, judged
from convert.tasks.task import Batch, Comparison
from device.errors import InputError
from device.inference.models import Manifest
from device.inference.tflite import Model
from device.squat.form_input import FORM_INPUT_VERSION, POINTS, REFINED_INPUT_VERSION

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
        values = found_of(prepared, rows) if rng is None else in_training(prepared, rows, rng)
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

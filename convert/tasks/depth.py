"""The depth task: reps as the device sees them, to the height of the knee top over the hip crease of both legs.

Rows are moments of reps: rendered ones as the device found them, and many more that nobody rendered, with the errors
of the pose model on them (convert/tasks/depth_rows.py). Split by body: number % 8 == 7 test, 6 tune, the rest train;
a body lends its errors only within its own split.
"""

# ruff: noqa: RUF009  `within` makes dataclass fields with limits, as `field` does

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from convert.nets.depth import Deployed, DepthNet
from convert.prepared import SPLITS, Prepared, write
from convert.recipe import Span, within
from convert.synth.body import count as body_count
from convert.synth.recipe import Motion, Output, People, Recipe
from convert.tasks import depth_figures as figures
from convert.tasks.depth_entries import Entry, entries, mapped
from convert.tasks.depth_rows import Lenders, Row, movements, rows
from convert.tasks.task import Batch, Comparison
from device.errors import InputError
from device.inference.depth_model import layout
from device.inference.tflite import Model
from device.squat.depth_features import FRAME_SIZE, FRAMES, GLOBAL, PER_FRAME, features_of, mirroring
from device.squat.perspective import Optics
from device.squat.rulebook import Rules

KINDS = ("rendered", "rendered, other moment", "keypoints", "keypoints, other moment")
RENDERED_WEIGHT = 3.0  # of a rendered row against one that was not
VERIFIED = 500  # keypoint-level reps on which the quantized graph must agree
_FLAT = FRAMES * FRAME_SIZE
_ABOUT = {name: _FLAT + i for i, name in enumerate(GLOBAL)}
_STARTS = dict(zip(PER_FRAME, np.cumsum([0, *(int(np.prod(s)) for s in PER_FRAME.values())]).tolist(), strict=False))


@dataclass(frozen=True)
class DepthData:
    """What is drawn: `clips` of squats, each of their reps seen from `views` sides.

    `workers`: processes that draw.
    """

    clips: int = within(1, 10**6, 600)
    views: int = within(1, 10**4, 16)
    reps: Span = within(1, 20, (2, 3))
    thigh_deg: Span = within(40, 125, (62, 114))
    workers: int = within(1, 256, 1)


@dataclass(frozen=True)
class DepthNetKind:
    """The network's size; `sigma_scale` is fitted on the tune split (`measure` prints what it should be)."""

    members: int = within(1, 64, 4)
    frame_width: int = within(4, 1024, 64)
    width: int = within(4, 4096, 192)
    dropout: float = within(0, 0.9, 0.1)
    sigma_scale: float = within(0.1, 10, 1.0)


class Depth:
    """See `convert.tasks.task.Task`."""

    name = "depth"
    data_kind = DepthData
    net_kind = DepthNetKind
    outputs = ("margins", "sigmas")

    def prepare(self, data: Any, sources: Sequence[Path], out: Path, seed: int) -> Prepared:
        """Sources are rendered sets (`python -m convert synth`).

        Raises:
            InputError: no sources, or one in which the device finds no rep.
        """
        if not sources:
            raise InputError("prepare: the depth task needs rendered sets as sources (python -m convert synth)")
        found = entries(sources, seed, data.workers)
        for folder in sources:
            if not any(e.name.startswith(f"{folder.name}/") for e in found):
                raise InputError(f"{folder}: the device finds no rep in it")
        told = [_row_of_entry(e) for e in found]
        drawn = list(_drawn(data, found, seed))
        every = [row for row in told + drawn if row is not None]
        arrays = {name: np.array([row[name] for row in every]) for name in every[0]}
        about = {
            "task": self.name,
            "layout": layout(),
            "sources": [*(_source(p, found) for p in sources), _drawn_source(seed, len(drawn))],
        }
        return write(out, arrays, _split(arrays["body"]), about)

    def net(self, net: Any, prepared: Prepared) -> nn.Module:
        """A fresh network that knows the features' means and spreads."""
        made = DepthNet(net.members, net.frame_width, net.width, net.dropout, net.sigma_scale)
        some = prepared.rows("train")[:: max(1, len(prepared.rows("train")) // 4000)]
        made.normalize_by(torch.from_numpy(np.array(prepared.arrays["guessed"][some])))
        return made

    def batch(self, prepared: Prepared, rows: NDArray[np.intp], rng: np.random.Generator | None) -> Mapping[str, Any]:
        """Features and margins; augmented: what is known of camera and height, mirrored, points left out, shivers."""
        guessed = np.array(prepared.arrays["guessed"][rows])
        margins = np.array(prepared.arrays["margins"][rows])
        weight = np.where(prepared.arrays["kind"][rows] < 2, RENDERED_WEIGHT, 1.0).astype(np.float32)
        if rng is None:
            return {"features": guessed, "margins": margins, "weight": weight}
        features = np.where(rng.random((len(rows), 1)) < 0.5, np.array(prepared.arrays["known"][rows]), guessed)
        return {**augmented(features, margins, rng), "weight": weight}

    def loss(self, net: nn.Module, batch: Batch) -> Tensor:
        """Gaussian likelihood weighted by sigma, so that doubtful reps teach too (Seitzer et al. 2022, beta = 0.5)."""
        margins, logs = net(batch["features"])
        variance = torch.exp(2 * logs)
        each = 0.5 * (batch["margins"][:, None] - margins) ** 2 / variance + logs
        weighted = each * variance.detach().sqrt() * batch["weight"][:, None, None]
        return weighted.sum() / batch["weight"].sum()

    def measure(self, net: nn.Module, prepared: Prepared, split: str) -> dict[str, float]:
        """Errors of the nearer leg on rendered and keypoint-level reps of a split, and how good the sigmas are."""
        graph = Deployed(net)  # type: ignore[arg-type]
        found: dict[str, float] = {}
        scores = []
        for kind in (0, 2):
            rows = _rows_of(prepared, split, kind)
            if not len(rows):
                continue
            name = KINDS[kind]
            truth, thigh_cm = (
                near(prepared, rows, prepared.arrays["margins"][rows]),
                100 * prepared.arrays["thigh_m"][rows],
            )
            for known in ("guessed", "known"):
                margins, sigmas = (near(prepared, rows, a) for a in run(graph, prepared.arrays[known][rows]))
                error_cm = (margins - truth) * thigh_cm
                found[f"{name}, {known}: median cm"] = float(np.median(np.abs(error_cm)))
                found[f"{name}, {known}: right"] = float(((margins > 0) == (truth > 0)).mean())
                found[f"{name}, {known}: sigma_scale"] = figures.sigma_scale(margins, sigmas, truth)
                scores.append(figures.likelihood(margins, np.maximum(sigmas, 0.03), truth))
        found["score"] = float(np.mean(scores)) if scores else 0.0
        return found

    def deployed(self, net: nn.Module) -> nn.Module:
        """One input (1, COUNT), outputs margins and sigmas (1, 2)."""
        return Deployed(net)  # type: ignore[arg-type]

    def calibration(self, prepared: Prepared, count: int, seed: int) -> NDArray[np.float32]:
        """Features of training rows."""
        train = prepared.rows("train")
        some = np.sort(np.random.default_rng(seed).choice(train, min(count, len(train)), replace=False))
        return np.array(prepared.arrays["guessed"][some], np.float32)

    def compare(self, floating: Model, quantized: Model, prepared: Prepared, whole: bool) -> Comparison:
        """No verdict may differ outside the abstain band over keypoint-level reps of bodies that trained nothing."""
        rows = np.concatenate([_rows_of(prepared, split, 2) for split in ("test", "tune")])
        rows = rows[: max(len(rows), VERIFIED) if whole else VERIFIED]
        pairs = [[near_of(m(f[None]), int(n)) for m in (floating, quantized)] for f, n in zip(
            prepared.arrays["guessed"][rows], prepared.arrays["nearer"][rows], strict=True)]  # fmt: skip
        margins, sigmas = np.array(pairs).transpose(2, 1, 0)
        p = figures.p_below(margins, sigmas)
        rules = Rules()
        clear = (p[0] <= rules.abstain_from) | (p[0] >= rules.abstain_to)
        other = (p[0] >= 0.5) != (p[1] >= 0.5)
        figs = {
            "reps": float(len(rows)),
            "other_verdict_outside_the_band": float((other & clear).sum()),
            "other_verdict": float(other.sum()),
            "largest_p_difference": float(np.abs(p[0] - p[1]).max()),
            "largest_margin_difference": float(np.abs(margins[0] - margins[1]).max()),
        }
        words = (
            f"{int((other & clear).sum())} of {len(rows)} verdicts differ outside the abstain band, {int(other.sum())} "
            f"within; p_below by {figs['largest_p_difference']:.3f} at most"
        )
        return Comparison(not (other & clear).any() and len(rows) >= min(VERIFIED, len(rows)) > 0, figs, words)

    def manifest(self, net: Any, prepared: Prepared) -> dict[str, Any]:
        """The layout of the features."""
        return {"layout": layout()}

    def card(self, folder: Path, prepared: Prepared) -> str:
        """Figures of the shipped graph; see convert/tasks/depth_card.py."""
        from convert.tasks.depth_card import card

        return card(folder, prepared)


def near(prepared: Prepared, rows: NDArray[np.intp], both: NDArray[Any]) -> NDArray[np.float64]:
    """The nearer leg's values of (N, 2)."""
    return np.asarray(np.take_along_axis(both, prepared.arrays["nearer"][rows][:, None].astype(int), 1)[:, 0], float)


def near_of(found: Mapping[str, NDArray[np.float32]], nearer: int) -> tuple[float, float]:
    """Margin and sigma of a leg from a graph's outputs."""
    return float(found["margins"].ravel()[nearer]), float(found["sigmas"].ravel()[nearer])


def run(graph: nn.Module, features: NDArray[Any]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Margins and sigmas (N, 2) of a torch graph."""
    with torch.no_grad():
        margins, sigmas = graph(torch.from_numpy(np.array(features, np.float32)))
    return margins.numpy().astype(float), sigmas.numpy().astype(float)


def _rows_of(prepared: Prepared, split: str, kind: int) -> NDArray[np.intp]:
    return np.flatnonzero((prepared.split == SPLITS.index(split)) & (prepared.arrays["kind"] == kind))


def augmented(
    features: NDArray[np.float32], margins: NDArray[np.float32], rng: np.random.Generator
) -> dict[str, NDArray[np.float32]]:
    """Rows as they may come otherwise."""
    count = len(features)
    for has, value in (("has_camera_height", "camera_height"), ("has_height", "height")):
        hidden = rng.random(count) < 0.4
        features[hidden, _ABOUT[has]] = features[hidden, _ABOUT[value]] = 0
    frames = features[:, :_FLAT].reshape(count, FRAMES, FRAME_SIZE)
    hidden = rng.random(count) < 0.3
    start = _STARTS["surfaces"]
    frames[hidden, :, start : start + 12] = 0
    frames += rng.normal(0, 0.006, frames.shape) * (frames != 0)
    scores = _STARTS["scores"]
    frames[:, :, scores : _STARTS["surfaces"]] *= rng.uniform(0.85, 1, (count, 1, _STARTS["surfaces"] - scores))
    order, sign = mirroring()
    flip = rng.random(count) < 0.5
    features[flip] = features[flip][:, order] * sign
    margins[flip] = margins[flip, ::-1]
    return {"features": features.astype(np.float32), "margins": margins}


def _split(body: NDArray[Any]) -> NDArray[np.uint8]:
    return np.where(body % 8 == 7, 2, np.where(body % 8 == 6, 1, 0)).astype(np.uint8)


def _row_of_entry(entry: Entry) -> dict[str, Any] | None:
    nearer = int(np.argmin(entry.world[3, 7:9, 2] + entry.world[3, 9:11, 2]))
    row = Row(
        entry.seen, entry.view, entry.learnt_deg, entry.margins, entry.thigh_m, entry.stature_m, entry.body, nearer,
        entry.lowest,
    )  # fmt: skip
    return _told(row, 0)


def _drawn(data: DepthData, found: Sequence[Entry], seed: int) -> Iterator[dict[str, Any] | None]:
    split_of = {e.body: int(_split(np.array([e.body]))[0]) for e in found}
    lenders = {s: Lenders(own) for s in range(3) if (own := [e for e in found if split_of[e.body] == s])}
    for told in mapped(_draw, range(data.clips), data.workers, data, seed, lenders):
        yield from told


def _draw(clip: int, data: DepthData, seed: int, lenders: Mapping[int, Lenders]) -> list[dict[str, Any] | None]:
    """The rows of one drawn clip, of the splits in turn, so that those that measure have enough."""
    split = (0, 2, 0, 1)[clip % 4]
    if split not in lenders:
        return []
    bodies = tuple(b for b in range(body_count()) if _split(np.array([b]))[0] == split)
    motion = Motion(reps=data.reps, thigh_deg=data.thigh_deg)
    recipe = Recipe(Output(seed=seed, fps=30), People(bodies=bodies), motion)
    moves = list(movements(recipe, range(clip, clip + 1)))
    rng = np.random.default_rng([seed, clip, 99])
    return [_told(row, 2) for row in rows(moves, lenders[split], recipe, data.views, rng)]


def _told(row: Row, kind: int) -> dict[str, Any] | None:
    """The arrays' values of one row of kind 0 or 2; None where the features cannot be made."""
    v = row.view
    guessed = features_of(row.seen, v.size, Optics(pitch_deg=row.learnt_deg), None)
    known = features_of(row.seen, v.size, Optics(v.fov_deg, v.pitch_deg, True, v.height_m), 100 * row.stature_m)
    if guessed is None or known is None:
        return None
    return {
        "guessed": guessed, "known": known, "margins": np.asarray(row.margins, np.float32),
        "kind": np.uint8(kind + (not row.lowest)), "nearer": np.uint8(row.nearer), "body": np.uint16(row.body),
        "view_deg": np.float32(v.view_deg), "thigh_m": np.float32(row.thigh_m),
        "pitch_deg": np.float32(v.pitch_deg), "height_m": np.float32(v.height_m),
    }  # fmt: skip


def _source(folder: Path, found: Sequence[Entry]) -> dict[str, Any]:
    """A rendered set, with a hash over its truth files."""
    hashed = hashlib.sha256()
    for path in sorted(folder.glob("clip*.npz")):
        hashed.update(path.read_bytes())
    count = sum(e.name.startswith(f"{folder.name}/") for e in found)
    return {
        "name": f"rendered set {folder.name}",
        "licence": "CC0 bodies, own code",
        "rows": count,
        "sha256": hashed.hexdigest(),
    }


def _drawn_source(seed: int, count: int) -> dict[str, Any]:
    """What the seed alone makes again."""
    text = f"squats drawn as keypoints, seed {seed}"
    return {"name": text, "licence": "CC0 bodies, own code", "rows": count, "sha256": _hash_of(text)}


def _hash_of(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


TASK = Depth()

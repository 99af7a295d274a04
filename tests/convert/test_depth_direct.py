"""Depth straight from features: what it is told of the crop, and what its figures say."""

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from convert.nets.depth_direct import DepthDirectNet  # noqa: E402
from convert.prepared import Prepared, write  # noqa: E402
from convert.tasks.depth_direct import TASK, about, figures  # noqa: E402
from device.errors import InputError  # noqa: E402

ROWS = 24


@pytest.fixture
def prepared(tmp_path: Any) -> Prepared:
    """Features whose first channel is as bright as the left leg is deep, the second as the right."""
    rng = np.random.default_rng(1)
    margins = rng.uniform(-0.5, 0.5, (ROWS, 2)).astype(np.float32)
    features = np.zeros((ROWS, 64, 64, 48), np.float32)
    features[..., :2] = 0.5 + margins[:, None, None]
    arrays = {
        "features": np.rint(features * 255).astype(np.uint8),
        "features_scale": np.full((ROWS, 48), 1 / 255, np.float32),
        "points": np.zeros((ROWS, 23, 2), np.float32),
        "visible": np.full((ROWS, 23), 2, np.uint8),
        "crop": np.zeros((ROWS, 4), np.float32),
        "margins": margins,
        "thigh_m": np.full(ROWS, 0.4, np.float32),
        "near": (np.arange(ROWS) % 2).astype(np.uint8),
        "low": np.ones(ROWS, np.bool_),
    }
    about = {"task": "surface", "gaps": ["points"], "sources": [], "told": {}}
    return write(tmp_path / "rows", arrays, np.array([0] * 16 + [1] * 4 + [2] * 4, np.uint8), about)


def test_it_learns_which_leg_is_how_deep(prepared: Prepared) -> None:
    torch.set_num_threads(1)
    torch.manual_seed(0)
    net = TASK.net(DepthDirectNet(width=8, blocks=0, dropout=0.0), prepared)
    before = TASK.measure(net.eval(), prepared, "train")["median_cm"]
    optimizer = torch.optim.AdamW(net.parameters(), 3e-3)
    rows = prepared.rows("train")
    batch = {k: torch.as_tensor(np.asarray(v)) for k, v in TASK.batch(prepared, rows, None).items()}
    net.train()
    for _ in range(40):
        optimizer.zero_grad()
        loss = TASK.loss(net, batch)
        loss.backward()
        optimizer.step()
    after = TASK.measure(net.eval(), prepared, "train")
    assert after["median_cm"] < 0.5 * before
    assert after["auc"] > 0.95


def test_the_figures_are_of_the_nearer_leg_in_centimetres() -> None:
    arrays = {
        "near": np.array([0, 1, 0]),
        "thigh_m": np.array([0.4, 0.4, 0.5], np.float32),
        "margins": np.array([[0.1, 9], [9, -0.1], [-0.5, 9]], np.float32),
    }
    said = np.array([[0.15, 0], [0, 0.05], [-0.4, 0]], np.float32)
    found = figures(said, SimpleNamespace(arrays=arrays), np.arange(3))  # type: ignore[arg-type]
    assert found["median_cm"] == pytest.approx(5.0, abs=1e-4)  # 2, 6 and 5 cm off
    assert found["right"] == pytest.approx(2 / 3)
    assert found["right_close"] == pytest.approx(1 / 2), "the third lies 25 cm above parallel"


def test_up_is_told_by_the_crops_turn() -> None:
    crops = np.array([[0, 0, 1, 0], [5, 7, 2, np.pi / 2]], np.float32)
    assert about(crops) == pytest.approx(np.array([[0, 1], [1, 0]]), abs=1e-6)


def test_data_without_margins_are_one_clear_line(prepared: Prepared) -> None:
    arrays = {name: array for name, array in prepared.arrays.items() if name != "margins"}
    with pytest.raises(InputError, match="no margins in it; prepare it anew"):
        TASK.batch(Prepared(prepared.folder, arrays, prepared.split, prepared.about), np.arange(2), None)

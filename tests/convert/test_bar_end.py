"""The ends of the bar: what training takes, and what the device reads."""

from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from convert.nets.bar_end import BarEndNet  # noqa: E402
from convert.nets.heat import places  # noqa: E402
from convert.prepared import Prepared, write  # noqa: E402
from convert.tasks.bar_end import TASK  # noqa: E402
from device.inference import bar_end  # noqa: E402

ROWS = 16


@pytest.fixture
def prepared(tmp_path: Path) -> Prepared:
    """A red dot at the left end, a blue one at the right; every fourth row has no bar."""
    rng = np.random.default_rng(1)
    points = rng.uniform(0.15, 0.85, (ROWS, 2, 2)).astype(np.float32)
    pictures = np.full((ROWS, 128, 128, 3), 90, np.uint8)
    visible = np.full((ROWS, 2), 2, np.uint8)
    for row in range(ROWS):
        if row % 4 == 3:
            points[row], visible[row] = np.nan, 0
            continue
        for end, colour in enumerate(((255, 0, 0), (0, 0, 255))):
            x, y = (points[row, end] * 128).astype(int)
            pictures[row, y - 3 : y + 4, x - 3 : x + 4] = colour
    arrays = {
        "picture": pictures, "points": points, "visible": visible, "view_deg": np.zeros(ROWS, np.float32),
        "body": np.zeros(ROWS, np.int32),
    }  # fmt: skip
    about = {"task": "bar_end", "gaps": ["points"], "sources": [], "told": {}}
    return write(tmp_path / "rows", arrays, np.array([0] * 8 + [1] * 4 + [2] * 4, np.uint8), about)


def test_a_few_steps_bring_the_ends_nearer(prepared: Prepared) -> None:
    torch.manual_seed(0)
    net = TASK.net(BarEndNet(width=8, blocks=1), prepared)
    before = TASK.measure(net.eval(), prepared, "train")["median"]
    optimizer = torch.optim.AdamW(net.parameters(), 5e-3)
    net.train()
    for _ in range(80):
        batch = {k: torch.as_tensor(v) for k, v in TASK.batch(prepared, prepared.rows("train"), None).items()}
        optimizer.zero_grad()
        loss = TASK.loss(net, batch)
        assert torch.isfinite(loss)
        loss.backward()
        optimizer.step()
    assert TASK.measure(net.eval(), prepared, "train")["median"] < 0.6 * before


def test_a_mirrored_row_keeps_its_ends_at_their_dots(prepared: Prepared, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("convert.tasks.bar_end.disturb", lambda picture, rng: picture)
    rows = prepared.rows("train")
    batch = TASK.batch(prepared, rows, np.random.default_rng(3))
    assert (batch["picture"] != prepared.arrays["picture"][rows]).any()
    for row, points in enumerate(batch["points"]):
        if batch["weight"][row].any():
            (left, right) = (batch["picture"][row, int(y * 128), int(x * 128)] for x, y in points)
            # a mirrored lifter's left end is what was the right one: blue
            assert sorted([left.argmax(), right.argmax()]) == [0, 2]
            mirrored = not np.array_equal(batch["picture"][row], prepared.arrays["picture"][rows[row]])
            assert left.argmax() == (2 if mirrored else 0)


def test_the_device_reads_what_training_meant(prepared: Prepared) -> None:
    torch.manual_seed(0)
    net = TASK.net(BarEndNet(width=8, blocks=1), prepared).eval()
    row = TASK.calibration(prepared, 1, 0)
    with torch.no_grad():
        wanted = places(net(torch.as_tensor(row).permute(0, 3, 1, 2))[0])[0][0].numpy()
        out = TASK.deployed(net)(torch.as_tensor(row))
    found, scores = bar_end.read(dict(zip(TASK.outputs, (o.numpy() for o in out), strict=True)))
    assert found == pytest.approx(wanted, abs=1e-4)
    assert scores.shape == (2,)


def test_the_crop_holds_a_bar_between_the_wrists() -> None:
    crop = bar_end.crop_around(np.array([[300.0, 200.0], [340.0, 200.0]]), 150.0)
    assert crop.centre == (320.0, 200.0)
    assert crop.side_px == pytest.approx(2.8 * 150)

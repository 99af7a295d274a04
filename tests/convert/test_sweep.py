import json
from dataclasses import replace
from pathlib import Path

import pytest

pytest.importorskip("torch", reason="training needs PyTorch: pip install 'squatlight[convert]'")
pytest.importorskip("matplotlib", reason="training draws curves: pip install 'squatlight[convert]'")

from convert import sweep
from convert.__main__ import main
from convert.recipe import load, parse, read
from convert.runs import Run
from device.errors import InputError

GRID = """
[sweep]
"net.width" = [2, 4]
"train.weight_decay" = [0.0, 0.5]
"""


def test_every_cell_is_trained_with_the_same_budget_and_not_again(toy, tmp_path: Path, capsys, monkeypatch) -> None:
    _, prepared = toy
    path, out = tmp_path / "grid.toml", tmp_path / "grid"
    path.write_text((tmp_path / "toy.toml").read_text().replace("epochs = 3", "epochs = 1") + GRID)
    command = ["sweep", str(path), "--data", str(prepared.folder), "--out", str(out), "--figure", "accuracy"]
    assert main(command) == 0
    text = capsys.readouterr().out
    assert "| width | weight_decay 0.0 | weight_decay 0.5 |" in text
    assert (out / "sweep.md").read_text() in text
    found = json.loads((out / "sweep.json").read_text())
    assert [tuple(line["values"].values()) for line in found] == [(2, 0.0), (2, 0.5), (4, 0.0), (4, 0.5)]
    assert {line["epochs"] for line in found} == {1}
    assert found[0]["parameters"] < found[2]["parameters"]
    assert found[0]["test"].keys() == found[0]["tune"].keys()
    assert f"| 4 | {found[2]['tune']['accuracy']:.4g} / {found[2]['test']['accuracy']:.4g} |" in text
    cell = Run.open(out / "width=4_weight_decay=0.5").recipe
    assert (cell.net.width, cell.train.weight_decay, cell.sweep) == (4, 0.5, {})
    monkeypatch.setattr(type(cell.maker), "batch", None)  # training a cell again would call it
    with monkeypatch.context() as patched:
        patched.setattr(type(cell.maker), "measure", lambda *_: found[0]["test"])
        assert main(command) == 0


def test_a_cell_is_told_in_toml_that_reads_back_the_same(toy, tmp_path: Path) -> None:
    path = tmp_path / "grid.toml"
    path.write_text((tmp_path / "toy.toml").read_text() + GRID)
    recipe, told = read(path), load(path)[0]
    for values, cell in sweep.cells(recipe, told).values():
        (tmp_path / "cell.toml").write_text(cell.text)
        again = read(tmp_path / "cell.toml")
        assert replace(again, file="", text="") == replace(cell, file="", text="")
        assert (again.net.width, again.train.weight_decay) == tuple(values.values())


@pytest.mark.parametrize(
    ("grid", "said"),
    [
        ({}, "sweep: missing"),
        ({"data.noise": [1]}, "sweep.data.noise: expected a key of net or train"),
        ({"net.depth": [1]}, "net.depth: unknown key"),
        ({"net.width": [0]}, "net.width: expected 1 to 64, got 0"),
    ],
)
def test_a_wrong_grid_is_refused_before_anything_is_trained(grid: dict, said: str) -> None:
    told = {"task": "toys.blob", "sweep": grid}
    with pytest.raises(InputError, match=said):
        sweep.cells(parse(told), told)

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch", reason="training needs PyTorch: pip install 'squatlight[convert]'")
pytest.importorskip("matplotlib", reason="training draws curves: pip install 'squatlight[convert]'")

from dataclasses import replace

import torch

from convert.__main__ import main
from convert.prepared import Prepared, create, write
from convert.recipe import read
from convert.runs import Run, save
from convert.train import train
from device.errors import InputError, PartFailed
from device.squat.pose import KEYPOINTS

HERE = Path(__file__).parent
ROOT = HERE.parents[1]


def told(recipe, **changes):
    return replace(recipe, train=replace(recipe.train, **changes))


def weights(folder: Path) -> dict:
    return torch.load(folder / "net.pt", weights_only=True)


def same(one: Path, other: Path) -> bool:
    a, b = weights(one), weights(other)
    return a.keys() == b.keys() and all(torch.equal(a[name], b[name]) for name in a)


class Stop(Exception):
    pass


def killed_after(recipe, prepared, out: Path, epochs: int, monkeypatch) -> None:
    """A training whose process dies in the epoch after so many."""
    kind, batch, begun = type(recipe.maker), type(recipe.maker).batch, 0
    steps = len(prepared.rows("train")) // recipe.train.batch

    def dying(self, prepared, rows, rng):
        nonlocal begun
        begun += rng is not None
        if begun > epochs * steps + 2:
            raise Stop
        return batch(self, prepared, rows, rng)

    with monkeypatch.context() as patched:
        patched.setattr(kind, "batch", dying)
        with pytest.raises(Stop):
            train(recipe, prepared, out)


@pytest.mark.parametrize("ema", [0.0, 0.9])
def test_a_training_killed_and_resumed_gives_the_same_bits(toy, tmp_path, monkeypatch, ema) -> None:
    recipe, prepared = toy
    recipe = told(recipe, ema=ema)
    whole = train(recipe, prepared, tmp_path / "whole")
    killed_after(recipe, prepared, tmp_path / "killed", 1, monkeypatch)
    assert not json.loads((tmp_path / "killed" / "about.json").read_text())["finished"]
    with pytest.raises(InputError, match="not finished"):
        Run.open(tmp_path / "killed")
    again = train(recipe, prepared, tmp_path / "killed", resume=True)
    assert [e["epoch"] for e in again] == [1, 2, 3]
    assert [(e["loss"], e["tune"]) for e in again] == [(e["loss"], e["tune"]) for e in whole]
    assert same(tmp_path / "whole", tmp_path / "killed")


@pytest.mark.parametrize("file", ["checkpoint.pt", "net.pt"])
def test_a_training_that_died_between_the_files_of_its_last_epoch_resumes_whole(
    toy, tmp_path, monkeypatch, file
) -> None:
    recipe, prepared = toy
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    history = train(recipe, prepared, whole)
    written = 0

    def dying(value, path):
        nonlocal written
        save(value, path)
        written += path.name == file
        if written == recipe.train.epochs:
            raise Stop

    with monkeypatch.context() as patched:
        patched.setattr("convert.train.save", dying)
        with pytest.raises(Stop):
            train(recipe, prepared, killed)
    train(recipe, prepared, killed, resume=True)
    assert same(whole, killed)
    found = Run.open(killed).history
    assert [(e["epoch"], e["loss"], e["tune"]) for e in found] == [(e["epoch"], e["loss"], e["tune"]) for e in history]


def test_another_seed_gives_other_weights(toy, tmp_path) -> None:
    recipe, prepared = toy
    train(recipe, prepared, tmp_path / "a")
    train(told(recipe, seed=6), prepared, tmp_path / "b")
    assert not same(tmp_path / "a", tmp_path / "b")


def test_workers_change_nothing_in_the_result(toy, tmp_path) -> None:
    recipe, prepared = toy
    train(recipe, prepared, tmp_path / "a")
    train(told(recipe, workers=3), prepared, tmp_path / "b")
    assert same(tmp_path / "a", tmp_path / "b")


def test_it_learns_and_tells_how(toy, tmp_path) -> None:
    recipe, prepared = toy
    history = train(told(recipe, epochs=30, batch=16), prepared, tmp_path / "run")
    assert history[-1]["loss"] < 0.3 * history[0]["loss"]
    run = Run.open(tmp_path / "run")
    assert run.best["tune"]["score"] < 0.08
    assert run.about["seed"] == 5
    assert run.about["data"] == prepared.about["arrays"]
    assert len(run.about["commit"]) >= 7
    assert (tmp_path / "run" / "curves.png").read_bytes().startswith(b"\x89PNG")
    images = torch.as_tensor(np.array(prepared.arrays["images"][:4]))
    net = run.net(prepared)
    assert not net.training
    assert torch.isfinite(net(images)[0]).all()


def test_it_stops_where_the_score_gets_no_better(toy, tmp_path) -> None:
    recipe, prepared = toy
    history = train(told(recipe, epochs=50, rate=1e-9, patience=2), prepared, tmp_path / "run")
    assert len(history) < 20
    best = min(range(len(history)), key=lambda k: history[k]["tune"]["score"])
    assert len(history) - 1 - best == 2


def test_a_training_is_not_overwritten_nor_mixed_with_another(toy, tmp_path) -> None:
    recipe, prepared = toy
    train(recipe, prepared, tmp_path / "run")
    with pytest.raises(InputError, match="holds a training"):
        train(recipe, prepared, tmp_path / "run")
    with pytest.raises(InputError, match="of another recipe"):
        train(replace(recipe, text="another"), prepared, tmp_path / "run", resume=True)
    other = recipe.maker.prepare(recipe.data, [], tmp_path / "other", 2)
    with pytest.raises(InputError, match="of another data"):
        train(recipe, other, tmp_path / "run", resume=True)
    with pytest.raises(InputError, match="not the data"):
        Run.open(tmp_path / "run").net(other)


def damaged(prepared: Prepared, name: str, change) -> Prepared:
    """As if `prepare` had made it so."""
    arrays = {each: np.array(array) for each, array in prepared.arrays.items()}
    change(arrays[name])
    return write(prepared.folder, arrays, prepared.split, prepared.about)


def nan_in_row_7(array) -> None:
    array[7, 1] = np.nan


def test_nan_labels_are_named_by_array_and_row(toy, tmp_path) -> None:
    recipe, prepared = toy
    broken = damaged(prepared, "place", nan_in_row_7)
    with pytest.raises(InputError, match=r"place\.npy: NaN or infinite in row 7$"):
        train(recipe, broken, tmp_path / "run")


def copied_from_train(images) -> None:
    images[15] = images[3]  # 15 is a row of the test split


def test_an_item_of_two_splits_is_named(toy, tmp_path) -> None:
    recipe, prepared = toy
    broken = damaged(prepared, "images", copied_from_train)
    with pytest.raises(InputError, match=r"images\.npy: row 15 \(test\) is the same as row 3 \(train\)"):
        train(recipe, broken, tmp_path / "run")


def test_an_empty_class_is_named_with_its_split(toy, tmp_path) -> None:
    recipe, prepared = toy
    broken = damaged(prepared, "right", lambda array: array.fill(0))
    with pytest.raises(InputError, match="class right has no rows in the train split"):
        train(recipe, broken, tmp_path / "run")


def test_an_empty_split_is_named(toy, tmp_path) -> None:
    recipe, prepared = toy
    broken = write(prepared.folder, prepared.arrays, np.zeros_like(prepared.split), prepared.about)
    with pytest.raises(InputError, match="no rows in the tune split"):
        train(recipe, broken, tmp_path / "run")


def test_a_number_that_is_no_split_is_named(toy, tmp_path) -> None:
    recipe, prepared = toy
    broken = write(prepared.folder, prepared.arrays, np.where(prepared.split == 2, 7, prepared.split), prepared.about)
    with pytest.raises(InputError, match=r"split\.npy: holds 7, expected 0 to 2"):
        train(recipe, broken, tmp_path / "run")


def test_data_that_is_not_as_prepare_wrote_it_is_named(toy, tmp_path) -> None:
    recipe, prepared = toy
    np.save(prepared.folder / "place.npy", prepared.arrays["place"][::-1].copy())
    with pytest.raises(InputError, match=r"place\.npy: not as `prepare` wrote it"):
        train(recipe, Prepared.open(prepared.folder), tmp_path / "run")
    np.save(prepared.folder / "split.npy", prepared.split[::-1])
    with pytest.raises(InputError, match=r"split\.npy: not as `prepare` wrote it"):
        Prepared.open(prepared.folder)


def test_the_same_arrays_split_otherwise_are_other_data(toy, tmp_path) -> None:
    recipe, prepared = toy
    train(recipe, prepared, tmp_path / "run")
    arrays = {name: np.array(array) for name, array in prepared.arrays.items()}
    other = write(tmp_path / "other", arrays, prepared.split[::-1], prepared.about)
    with pytest.raises(InputError, match="of another split"):
        train(recipe, other, tmp_path / "run", resume=True)
    with pytest.raises(InputError, match="not the data"):
        Run.open(tmp_path / "run").net(other)


def test_other_keypoints_or_features_than_the_device_s_are_refused(toy) -> None:
    _, prepared = toy
    path = prepared.folder / "about.json"
    about = json.loads(path.read_text())
    order = list(KEYPOINTS)
    order[7], order[8] = order[8], order[7]
    for change, said in (
        ({"keypoints": order}, "keypoint 7 is right_hip, expected left_hip"),
        ({"keypoints": order[:7]}, "keypoints is "),
        ({"features": 0}, "features is 0, expected "),
    ):
        path.write_text(json.dumps({**about, **change}))
        with pytest.raises(InputError, match=said):
            Prepared.open(prepared.folder)


def test_a_missing_array_is_named(toy) -> None:
    _, prepared = toy
    (prepared.folder / "place.npy").unlink()
    with pytest.raises(InputError, match=r"no prepared data .*place\.npy"):
        Prepared.open(prepared.folder)


def test_a_loss_that_is_no_number_stops_with_one_line(toy, tmp_path) -> None:
    recipe, prepared = toy
    with pytest.raises(PartFailed, match=r"epoch \d+, step \d+: the loss is (nan|inf); try a smaller train\.rate"):
        train(told(recipe, rate=10, clip=0, epochs=200, weight_decay=10), prepared, tmp_path / "run")


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (torch.OutOfMemoryError("CUDA out of memory. Tried to allocate"), "the GPU's memory is too small"),
        (RuntimeError("DefaultCPUAllocator: can't allocate memory"), "memory is too small"),
    ],
)
def test_too_little_memory_is_told_with_what_to_try(toy, tmp_path, monkeypatch, error, said) -> None:
    recipe, prepared = toy

    def full(self, net, batch):
        raise error

    monkeypatch.setattr(type(recipe.maker), "loss", full)
    with pytest.raises(PartFailed, match=rf"{said} for train\.batch = 32; try 16"):
        train(recipe, prepared, tmp_path / "run")


def test_the_commands_prepare_and_train_and_tell_of_what_is_missing(toy, tmp_path, capsys) -> None:
    recipe = str(tmp_path / "toy.toml")
    out, run = str(tmp_path / "prepared"), str(tmp_path / "run")
    assert main(["prepare", recipe, "--out", out, str(tmp_path / "nowhere")]) == 2
    assert capsys.readouterr().err.strip() == f"convert: {tmp_path / 'nowhere'}: no such file or folder"
    assert main(["train", recipe, "--data", out, "--out", run]) == 2
    assert "no prepared data" in capsys.readouterr().err
    assert main(["prepare", recipe, "--out", out]) == 0
    assert "180 train, 30 tune, 30 test rows" in capsys.readouterr().out
    assert main(["train", recipe, "--data", out, "--out", run]) == 0
    assert "best of 3 epochs" in capsys.readouterr().out
    Path(recipe).write_text(Path(recipe).read_text() + "[data]\nnoise = 0.2\n")
    assert main(["train", recipe, "--data", out, "--out", f"{run}2"]) == 2
    assert "prepared with data.noise = 0.05, the recipe says 0.2; prepare it anew" in capsys.readouterr().err


def test_a_preparation_that_finds_nothing_leaves_what_was_prepared_before(toy, tmp_path, monkeypatch, capsys) -> None:
    recipe, prepared = toy
    arguments = ["prepare", str(tmp_path / "toy.toml"), "--out", str(prepared.folder)]

    def nothing(*_):
        raise InputError("no clips")

    def dying(self, told, sources, out, seed):
        create(out, "images", (1, 2), np.uint8)
        raise InputError("a broken clip")

    monkeypatch.setattr(type(recipe.maker), "prepare", nothing)
    assert main(arguments) == 2
    Prepared.open(prepared.folder).check()
    monkeypatch.setattr(type(recipe.maker), "prepare", dying)
    assert main(arguments) == 2
    with pytest.raises(InputError, match="no prepared data"):
        Prepared.open(prepared.folder)
    assert "no clips\nconvert: a broken clip" in capsys.readouterr().err


COMMAND = (sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", "2", "--standalone")


def test_two_processes_train_as_one_does(tmp_path) -> None:
    plain = "[data]\njitter = 0\n[net]\ndropout = 0\nnorm = false\n"  # nothing random, no statistics of a share
    recipe = tmp_path / "plain.toml"
    recipe.write_text(f'task = "toys.blob"\n{plain}[train]\nepochs = 2\nbatch = 32\nrate = 0.01\nseed = 5\n')
    assert main(["prepare", str(recipe), "--out", str(tmp_path / "plain")]) == 0
    paths, start = os.pathsep.join((str(ROOT), str(HERE))), tmp_path / "start.pt"
    prepared = Prepared.open(tmp_path / "plain")
    save(read(recipe).maker.net(read(recipe).net, prepared).state_dict(), start)
    # by its name, which torchrun must leave alone: it takes the beginnings of its own options for them
    arguments = ["-m", "convert", "train", recipe, "--data", tmp_path / "plain", "--from", start, "--out"]
    environment = {**os.environ, "PYTHONPATH": paths, "OMP_NUM_THREADS": "1"}
    for command, out in (((sys.executable,), "one"), (COMMAND, "two")):
        ran = subprocess.run(
            [*command, *map(str, arguments), tmp_path / out],
            env=environment,
            capture_output=True,
            text=True,
            timeout=180,
        )
        assert ran.returncode == 0, ran.stderr
    one, two = weights(tmp_path / "one"), weights(tmp_path / "two")
    assert json.loads((tmp_path / "two" / "about.json").read_text())["device"].endswith("2 processes of 1 threads")
    for name in one:
        np.testing.assert_allclose(one[name], two[name], atol=1e-5, err_msg=name)


def test_a_training_begins_with_the_weights_of_another(toy, tmp_path: Path) -> None:
    recipe, prepared = toy
    train(recipe, prepared, tmp_path / "first")
    slow = told(recipe, epochs=1, rate=1e-9, ema=0.0)
    train(slow, prepared, tmp_path / "second", start=tmp_path / "first" / "net.pt")
    a, b = (weights(tmp_path / name)["place.weight"] for name in ("first", "second"))
    assert torch.allclose(a, b, atol=1e-5)
    assert len(json.loads((tmp_path / "second" / "about.json").read_text())["start"]) == 64


def test_a_training_begins_with_the_weights_of_a_graph_that_was_exported(toy, tmp_path: Path) -> None:
    pytest.importorskip("litert_torch", reason="exporting needs litert-torch: pip install 'squatlight[convert]'")
    from convert import graphs

    recipe, prepared = toy
    train(recipe, prepared, tmp_path / "first")
    run, examples = Run.open(tmp_path / "first"), recipe.maker.calibration(prepared, 40, 1)
    net = recipe.maker.deployed(run.net(prepared).eval())
    graphs.export(net, examples, recipe.maker.outputs, tmp_path / "first.tflite")
    slow = told(recipe, epochs=1, rate=1e-9, ema=0.0, weight_decay=0.0)
    train(slow, prepared, tmp_path / "second", start=tmp_path / "first.tflite")
    again = recipe.maker.deployed(Run.open(tmp_path / "second").net(prepared).eval())
    with torch.no_grad():
        for one, other in zip(net(torch.as_tensor(examples)), again(torch.as_tensor(examples)), strict=True):
            assert float((one - other).abs().max()) < 0.1 * float(one.std())  # running means move in an epoch
    wider = replace(slow, net=replace(slow.net, width=9))
    with pytest.raises(InputError, match=r"first.tflite: no weights of this network \(a layer of \(1, 4, 3, 3\)\)"):
        train(wider, prepared, tmp_path / "third", start=tmp_path / "first.tflite")


def test_a_start_that_holds_other_weights_is_named(toy, tmp_path: Path) -> None:
    recipe, prepared = toy
    train(told(recipe, epochs=1), prepared, tmp_path / "first")
    wider = replace(recipe, net=replace(recipe.net, width=9))
    for broken in (tmp_path / "missing.pt", tmp_path / "empty.pt", tmp_path / "first" / "net.pt"):
        (tmp_path / "empty.pt").write_bytes(b"")
        with pytest.raises(InputError, match=f"{broken.name}: no weights"):
            train(wider, prepared, tmp_path / "second", start=broken)


@pytest.mark.parametrize("kept", [b"garbage" * 10, b"", None])
def test_a_damaged_checkpoint_is_named(toy, tmp_path: Path, kept: bytes | None) -> None:
    recipe, prepared = toy
    train(told(recipe, epochs=1), prepared, tmp_path / "run")
    checkpoint = tmp_path / "run" / "checkpoint.pt"
    checkpoint.write_bytes(checkpoint.read_bytes()[:1000] if kept is None else kept)
    with pytest.raises(InputError, match=r"checkpoint\.pt: no weights that a training kept"):
        train(told(recipe, epochs=1), prepared, tmp_path / "run", resume=True)

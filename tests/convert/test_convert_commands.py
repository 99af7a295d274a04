"""The toolchain's command line: what is missing, damaged or in the way is one line, and no work is lost to it."""

import importlib
import subprocess
import sys
from pathlib import Path
from pickle import UnpicklingError
from types import SimpleNamespace
from zipfile import BadZipFile

import numpy as np
import pytest

from convert.__main__ import main
from convert.datasets import frontsquat
from convert.prepared import Prepared
from device.errors import InputError
from device.inference import recorded

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize(
    ("module", "extra"),
    [("scipy.sparse", "synth"), ("moderngl", "synth"), ("torch", "convert"), ("matplotlib", "convert")],
)
def test_what_a_command_needs_and_is_not_there_is_named_with_the_extra_that_brings_it(
    module: str, extra: str, monkeypatch: pytest.MonkeyPatch, capsys
) -> None:
    def missing(_: str) -> None:
        raise ModuleNotFoundError(name=module)

    monkeypatch.setattr(importlib, "import_module", missing)
    assert main(["train", "-h"]) == 2
    assert (
        capsys.readouterr().err == f"convert: train needs {module.split('.')[0]}: pip install 'squatlight[{extra}]'\n"
    )


def test_a_module_of_ours_that_is_not_there_is_a_fault_and_not_hidden(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(_: str) -> None:
        raise ModuleNotFoundError(name="convert.train")

    monkeypatch.setattr(importlib, "import_module", missing)
    with pytest.raises(ModuleNotFoundError):
        main(["train"])


def test_pose_models_are_compared_without_what_trains_them() -> None:
    bare = "import sys; sys.modules['torch'] = None; from convert.__main__ import main; main(['pose-clips', '-h'])"
    ran = subprocess.run([sys.executable, "-c", bare], cwd=ROOT, capture_output=True, text=True)
    assert ran.returncode == 0, ran.stderr


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (FileNotFoundError(2, "No such file or directory", "a/b.json"), "a/b.json: No such file or directory"),
        (OSError("disk gone"), "disk gone"),
        (EOFError("No data left in file"), "No data left in file"),
        (EOFError(), "EOFError"),
        (BadZipFile("File is not a zip file"), "File is not a zip file"),
        (UnpicklingError("invalid load key\nmore"), "invalid load key)"),
        (UnicodeDecodeError("utf-8", b"\xff", 0, 1, "invalid start byte"), "invalid start byte"),
    ],
)
def test_what_cannot_be_read_or_written_is_one_line(error, said: str, monkeypatch: pytest.MonkeyPatch, capsys) -> None:
    def fail(_: list[str]) -> int:
        raise error

    monkeypatch.setattr(importlib, "import_module", lambda _: SimpleNamespace(main=fail))
    assert main(["levels"]) == 2
    told = capsys.readouterr().err
    assert said in told
    assert told.startswith("convert: ")
    assert told.count("\n") == 1


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (
            ["evaluate", "--clips", "none", "--json", "nowhere/a.json"],
            "argument --json: nowhere/a.json: there is no folder",
        ),
        (["pose-clips", "--clips", "none", "--json", "."], "argument --json: .: is a folder, expected a file"),
        (["bench", "--rounds", "0", "--json", "nowhere/a.json"], "there is no folder nowhere"),
        (["prepare", "none.toml", "--out", "file"], "file: is a file, expected a folder"),
        (["prepare", "none.toml", "--out", "file/below"], "file: is a file, expected a folder"),
    ],
)
def test_a_place_that_cannot_be_written_is_told_before_the_work(
    arguments: list[str], said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit, match="2"):
        main(arguments)
    assert said in capsys.readouterr().err.splitlines()[-1]
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


@pytest.mark.parametrize("kept", [0, 300])
def test_an_array_file_that_is_empty_or_cut_short_is_named(kept: int, tmp_path: Path) -> None:
    pytest.importorskip("scipy", reason="the generator needs scipy: pip install 'squatlight[synth]'")
    from convert.synth.truth import Truth

    whole, cut = tmp_path / "whole.npz", tmp_path / "cut.npz"
    np.savez_compressed(whole, a=np.arange(100))
    cut.write_bytes(whole.read_bytes()[:kept])
    for read in (Truth.read, frontsquat.read, lambda path: list(recorded.load(path))):
        with pytest.raises(InputError, match=r"cut\.npz"):
            read(cut)
    (tmp_path / "about.json").write_text('{"arrays": {}}')
    (tmp_path / "split.npy").write_bytes(b"")
    with pytest.raises(InputError, match="no prepared data"):
        Prepared.open(tmp_path)

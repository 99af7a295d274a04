from dataclasses import dataclass
from pathlib import Path

import pytest

from convert import recipe as recipes
from convert.recipe import one_of, section, within
from device.errors import InputError

BUNDLED = sorted(Path(recipes.__file__).with_name("recipes").glob("*.toml"))


@dataclass(frozen=True)
class Inner:
    deep: bool = False
    words: tuple[str, ...] = ()


@dataclass(frozen=True)
class Table:
    blocks: int = within(1, 4, 3)
    kernels: tuple[int, ...] = within(1, 9, (3, 5))
    kind: str = one_of("plain", "wide")
    inner: Inner = Inner()


def test_a_table_is_read_whole() -> None:
    told = {"blocks": 2, "kernels": [1, 9], "kind": "wide", "inner": {"deep": True, "words": ["a"]}}
    assert section(Table, told, "net.") == Table(2, (1, 9), "wide", Inner(True, ("a",)))
    assert section(Table, {}, "net.") == Table()


@pytest.mark.parametrize(
    ("table", "said"),
    [
        ({"bloks": 2}, "net.bloks: unknown key, expected one of blocks, kernels, kind, inner"),
        ({"blocks": 5}, "net.blocks: expected 1 to 4, got 5"),
        ({"blocks": True}, "net.blocks: expected a whole number, got True"),
        ({"kernels": [3, 11]}, "net.kernels: expected 1 to 9, got 11"),
        ({"kernels": 3}, "net.kernels: expected a list, got 3"),
        ({"kind": "round"}, "net.kind: expected one of plain, wide, got 'round'"),
        ({"inner": {"deep": 1}}, "net.inner.deep: expected true or false, got 1"),
        ({"inner": {"words": [1]}}, "net.inner.words: expected a word, got 1"),
        ({"inner": 3}, "net.inner: expected a table, got 3"),
    ],
)
def test_a_wrong_key_is_named(table: dict, said: str) -> None:
    with pytest.raises(InputError) as caught:
        section(Table, table, "net.")
    assert str(caught.value) == said


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "task: missing, expected the name of a task"),
        ("task = 3", "task: expected a word, got 3"),
        ('task = "squash"', "task: no task 'squash', expected one of "),
        ('task = ".depth"', "task: no task '.depth', expected one of "),
        ('task = "..depth.paper"', "task: no task '..depth.paper', expected one of "),
        ('task = "toys.blob"\nepochs = 3', "epochs: unknown key, expected one of task, name, data"),
        ('task = "toys.blob"\n[train]\nrate = 0', "train.rate: expected 1e-09 to 10, got 0"),
        ('task = "toys.blob"\n[net]\ndepth = 0', "net.depth: unknown key, expected one of width, dropout"),
        (
            'task = "toys.blob"\n[quantize]\nmode = "dynamic"',
            "quantize.mode: expected one of static, convolutions, weights, float",
        ),
        ('task = "toys.blob"\n[quantize]\nkeep_float = ["("]', "quantize.keep_float: '(' is no regular expression"),
        ('task = "toys.blob"\n[sweep]\n"net.width" = 3', "sweep: expected lists of values by key"),
    ],
)
def test_a_wrong_training_recipe_is_refused_in_one_line(tmp_path: Path, text: str, said: str) -> None:
    pytest.importorskip("torch", reason="the toy task needs PyTorch: pip install 'squatlight[convert]'")
    path = tmp_path / "r.toml"
    path.write_text(text)
    with pytest.raises(InputError) as caught:
        recipes.read(path)
    assert str(caught.value).startswith(f"{path}: {said}")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("path", BUNDLED, ids=lambda path: path.stem)
def test_every_bundled_recipe_is_read(path: Path) -> None:
    if path.stem.startswith(("synth-", "levels")):
        pytest.importorskip("scipy", reason="the generator needs scipy: pip install 'squatlight[synth]'")
        from convert.synth.recipe import read
    else:
        pytest.importorskip("torch", reason="the tasks need PyTorch: pip install 'squatlight[convert]'")
        from convert.recipe import read
    read(path)

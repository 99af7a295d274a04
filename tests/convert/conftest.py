from pathlib import Path

import pytest

TOY = """
task = "toys.blob"
[train]
epochs = 3
batch = 32
rate = 0.01
seed = 5
"""


@pytest.fixture
def toy(tmp_path: Path):
    """A recipe of the smallest task and its prepared data."""
    pytest.importorskip("torch", reason="training needs PyTorch: pip install 'squatlight[convert]'")
    from convert.recipe import read

    path = tmp_path / "toy.toml"
    path.write_text(TOY)
    recipe = read(path)
    return recipe, recipe.maker.prepare(recipe.data, [], tmp_path / "data", 1)

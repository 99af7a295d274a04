"""The head that all model cards share."""

import json

import pytest

from convert import cards
from device.inference.models import shipped_folder


@pytest.mark.parametrize("start", ["", "abcdef0123456789"])
def test_a_card_tells_what_weights_a_training_began_with(start: str) -> None:
    manifest = json.loads((shipped_folder() / "surface.json").read_text("utf-8"))
    manifest["training"]["start"] = start
    text = cards.head(manifest)
    assert ("net.pt of sha256 abcdef012345." in text) == bool(start)
    assert ("--out RUN --start NET\n" in text) == bool(start)

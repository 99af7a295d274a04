"""The head that all model cards share."""

import json

import pytest

from convert import cards
from device.inference.models import shipped_folder


@pytest.mark.parametrize("name", ["bar_end", "depth", "form", "pose", "squat", "surface"])
def test_a_card_begins_with_what_its_manifest_says(name: str) -> None:
    path = shipped_folder() / f"{name}.md"
    head = cards.head(json.loads(path.with_suffix(".json").read_text("utf-8")))
    assert path.read_text("utf-8").startswith(head)


@pytest.mark.parametrize("start", ["", "abcdef0123456789"])
def test_a_card_tells_what_weights_a_training_began_with(start: str) -> None:
    manifest = json.loads((shipped_folder() / "surface.json").read_text("utf-8"))
    manifest["training"]["start"] = start
    text = cards.head(manifest)
    assert ("in the file of sha256 abcdef012345." in text) == bool(start)
    assert ("--out RUN --from NET\n" in text) == bool(start)

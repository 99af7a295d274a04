"""The head that all model cards share."""

import json
from pathlib import Path

import pytest

from convert import cards
from convert.quantize import learnt_before
from convert.recipe import Quantize, section
from device.errors import InputError
from device.inference.models import shipped_folder


@pytest.mark.parametrize("name", ["bar_end", "depth", "form", "pose", "squat", "surface"])
def test_a_card_begins_with_what_its_manifest_says(name: str) -> None:
    path = shipped_folder() / f"{name}.md"
    head = cards.head(json.loads(path.with_suffix(".json").read_text("utf-8")))
    assert path.read_text("utf-8").startswith(head)


def test_a_card_has_words_for_each_way_of_quantizing() -> None:
    with pytest.raises(InputError) as refused:
        section(Quantize, {"mode": "none"}, "quantize.")
    assert f"expected one of {', '.join(cards.MODES)}" in str(refused.value)


@pytest.mark.parametrize("start", ["", "abcdef0123456789"])
def test_a_card_tells_what_weights_a_training_began_with(start: str) -> None:
    manifest = json.loads((shipped_folder() / "surface.json").read_text("utf-8"))
    manifest["training"] |= {"start": start, "before": []}
    text = cards.head(manifest)
    assert ("in the file of sha256 abcdef012345." in text) == bool(start)
    assert ("--out RUN --from NET\n" in text) == bool(start)


def test_a_card_tells_what_the_weights_that_a_training_began_with_had_learnt_from() -> None:
    manifest = json.loads((shipped_folder() / "surface.json").read_text("utf-8"))
    before = {"name": "old-set", "licence": "Apache-2.0", "rows": 7, "sha256": "0123456789abcdef"}
    manifest["training"] |= {"start": "abcdef0123456789", "before": [before]}
    text = cards.head(manifest)
    assert "in the file of sha256 abcdef012345, which had learnt from:\n\n| data |" in text
    assert "| old-set | Apache-2.0 | 7 | 0123456789ab |\n\n" in text
    manifest["again"] = {"float_sha256": "f" * 64, "sources": [before]}
    assert "| old-set | Apache-2.0 | 7 | 0123456789ab |\n\nThe graph was exported anew" in cards.head(manifest)


def test_what_the_first_weights_had_learnt_from_is_told_however_often_it_is_quantized(tmp_path: Path) -> None:
    manifest, old, new = tmp_path / "net.json", [{"sha256": "old"}], [{"sha256": "new"}]
    asked = [tmp_path / "elsewhere.json", manifest]
    assert learnt_before(asked, "f0") == [], "nothing ships yet"
    manifest.write_text(json.dumps({"float_sha256": "f0", "training": {"sources": old, "start": ""}}))
    assert learnt_before(asked, "f0") == old
    assert learnt_before(asked, "another") == []
    assert learnt_before(asked, "") == []
    second = {"sources": new, "start": "f0", "before": old}
    manifest.write_text(json.dumps({"float_sha256": "f1", "training": second}))
    assert learnt_before(asked, "f0") == old, "the same training once more"
    assert learnt_before(asked, "f1") == [*old, *new], "a third one"
    manifest.write_text(json.dumps({"float_sha256": "f1", "training": {**second, "sources": old}}))
    assert learnt_before(asked, "f1") == old, "on the same data"


@pytest.mark.parametrize("text", ["{", "[]", '{"training": []}', '{"float_sha256": "f1", "training": {}}'])
def test_a_manifest_that_is_none_tells_of_nothing_before(tmp_path: Path, text: str) -> None:
    (tmp_path / "net.json").write_text(text)
    assert learnt_before([tmp_path / "net.json"], "f1") == []

import io
import json
from pathlib import Path

import pytest
from reps import judged, record_of

from device.__main__ import main
from device.errors import InputError
from device.output.labels import correct, export, find
from device.output.store import Store


@pytest.fixture
def kept(tmp_path: Path):
    """A settings file and the reps in its store."""
    records = []
    with Store(tmp_path / "reps.db") as store:
        for number in (1, 2, 3):
            told = judged(number)
            records.append(record_of(told))
            store.handle(told, records[-1])
    config = tmp_path / "squatlight.toml"
    config.write_text(f"[store]\npath = {json.dumps(str(tmp_path / 'reps.db'))}\n")
    return config, records


def lines(store: Store) -> list[dict]:
    out = io.StringIO()
    export(store, out)
    return [json.loads(line) for line in out.getvalue().splitlines()]


def test_a_correction_stands_beside_the_verdict_and_the_newest_word_counts(kept, tmp_path: Path) -> None:
    _, records = kept
    with Store(tmp_path / "reps.db") as store:
        correct(store, records[1]["id"], "above")
        correct(store, records[1]["id"][:8], "parallel")
        (label,) = lines(store)
        assert (label["id"], label["depth"]) == (records[1]["id"], "parallel")
        assert label["judged"]["decision"] == records[1]["decision"]
        assert store.reps() == records, "a rep is never changed"
        said = store._base.execute("SELECT count(*) FROM corrections").fetchone()
        assert said == (2,), "no word is lost"


def test_the_last_rep_can_be_named_so_and_an_unknown_one_is_told(kept, tmp_path: Path) -> None:
    with Store(tmp_path / "reps.db") as store:
        assert find(store, "last") == kept[1][-1]
        with pytest.raises(InputError, match="no rep"):
            find(store, "nosuch")
        with pytest.raises(InputError, match="no rep"):
            find(store, "")


def test_a_rep_is_found_by_the_beginning_of_its_id_where_no_other_begins_so(tmp_path: Path) -> None:
    with Store(tmp_path / "reps.db") as store:
        for number, id in enumerate(("aa1", "aa2", "ab1", "b%1")):
            told = judged(number)
            store.handle(told, {**record_of(told), "id": id})
        assert [find(store, wanted)["id"] for wanted in ("aa2", "ab", "b", "b%")] == ["aa2", "ab1", "b%1", "b%1"]
        for wanted in ("a", "aa"):
            with pytest.raises(InputError, match="more than one rep"):
                find(store, wanted)
        for wanted in ("%", "_", "a%", "c"):
            with pytest.raises(InputError, match="no rep"):
                find(store, wanted)


def test_by_the_command_line(kept, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config, records = kept
    assert main(["correct", "-c", str(config), "last", "below"]) == 0
    assert "you say below" in capsys.readouterr().out
    assert main(["reps", "-c", str(config)]) == 0
    shown = capsys.readouterr().out.splitlines()
    assert [line[:8] for line in shown] == [r["id"][:8] for r in records]
    assert shown[-1].endswith("said: below")
    out = tmp_path / "labels.jsonl"
    assert main(["labels", "-c", str(config), "--out", str(out)]) == 0
    assert json.loads(out.read_text())["depth"] == "below"
    assert main(["labels", "-c", str(config), "--out", str(out)]) == 2, "what is there is not written over"


def test_where_no_reps_are_kept_one_line_says_so(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    config = tmp_path / "squatlight.toml"
    config.write_text(f'[store]\npath = "{tmp_path}/none.db"\n')
    assert main(["reps", "-c", str(config)]) == 2
    assert not (tmp_path / "none.db").exists()

"""The report: bars beside what the manifests hold, and what is measured anew."""

from pathlib import Path

import pytest

from convert import bars, cards
from convert.__main__ import COMMANDS, main


def test_a_bar_is_met_or_short_by_the_test_split() -> None:
    most, least = bars.Bar("a", "error", "errs", 0.5), bars.Bar("a", "right", "is right", 0.5, at_least=True)
    metrics = {"tune": {"error": 0.9, "right": 0.9}, "test": {"error": 0.4, "right": 0.4}}
    assert most.row(metrics) == "| a | errs | <= 0.5 | 0.4 | met |"
    assert least.row(metrics) == "| a | is right | >= 0.5 | 0.4 | short |"
    assert "not measured" in most.row({"test": {}})
    assert "no such network" in least.row(None)


def test_every_bar_of_what_ships_is_found_and_every_measure_is_a_command(capsys) -> None:
    assert main(["report", "depth"]) == 0
    said = capsys.readouterr().out
    for bar in bars.BARS:
        assert bar.words in said
    assert "no such network" not in said
    assert "not measured" not in said
    assert "seed" in said
    for _, commands in bars.MEASURES.values():
        assert all(command[0] in COMMANDS for command in commands)


def test_a_report_says_where_files_differ_from_its_commit(capsys, monkeypatch) -> None:
    monkeypatch.setattr("convert.report.commit", lambda: f"{'0123456789' * 4}-changed")
    assert main(["report", "depth"]) == 0
    assert "Code of commit 012345678901-changed.\n" in capsys.readouterr().out


def test_what_is_given_is_measured_with_its_command(tmp_path: Path, capsys, monkeypatch) -> None:
    asked = []
    monkeypatch.setattr("convert.real_sets.main", lambda words: asked.append(list(words)) or print("counted") or 0)
    assert main(["report", "depth", "--with", f"updown={tmp_path}", "--out", str(tmp_path / "report.md")]) == 0
    said = capsys.readouterr().out
    assert asked == [["--updown", str(tmp_path)]]
    assert f"`python -m convert real-sets --updown {tmp_path}`\n\ncounted" in said
    assert (tmp_path / "report.md").read_text() in said


@pytest.mark.parametrize(
    ("word", "said"),
    [
        ("up=.", "--with up: expected one of clips"),
        ("updown", "expected KEY=PATH"),
        ("updown=nowhere", "no such file or folder"),
        ("updown=.", "no train.csv"),
    ],
)
def test_what_cannot_be_measured_is_told_in_one_line(word: str, said: str, tmp_path: Path, capsys, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["report", "depth", "--with", word]) == 2
    told = capsys.readouterr().err.strip()
    assert said in told
    assert "\n" not in told


def test_a_command_that_fails_fails_the_report(tmp_path: Path, capsys, monkeypatch) -> None:
    monkeypatch.setattr("convert.frontsquat.main", lambda _: 1)
    assert main(["report", "depth", "--with", f"frontsquat={tmp_path}"]) == 1
    assert "frontsquat: ended with 1" in capsys.readouterr().err


def test_of_a_card_its_own_part_is_told(tmp_path: Path) -> None:
    path = tmp_path / "a.md"
    path.write_text(f"# a\n\n## Trained on\n\n{cards.AGAINST_FLOAT}\n\n* same\n\n## Errors\n\n| 1 |\n\n## More\n\n2\n")
    assert cards.own(path) == ["### Errors", "", "| 1 |", "", "### More", "", "2", ""]
    assert cards.own(tmp_path / "none.md") == []

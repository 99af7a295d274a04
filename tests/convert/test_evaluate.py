"""Figures of the device over labelled clips."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from convert import evaluate
from convert.clips import Label, judge_clip, match, read_manifest
from convert.metrics import wilson
from device import settings
from device.errors import InputError
from device.station import DEMO_CLIP

SHARED = Path(__file__).parents[2].parent / "shared"


def label(bottom_s, start_s=None, end_s=None, depth="below", confidence=0.9, complete=True):
    return Label(bottom_s, start_s or bottom_s, end_s or bottom_s, depth, confidence, complete)


def test_each_rep_matches_the_nearest_label_once():
    labels = (label(1.0), label(2.0), label(9.0))
    assert sorted(match(labels, [1.1, 1.9, 2.2, 5.0])) == [(0, 0), (1, 1)]


def test_a_rep_within_a_long_hold_matches_far_from_its_labelled_bottom():
    assert list(match((label(4.0, 1.0, 9.0),), [7.5])) == [(0, 0)]
    assert list(match((label(4.0),), [7.5])) == []


def test_the_interval_is_wilsons():
    low, high = wilson(31, 40)
    assert (round(low, 3), round(high, 3)) == (0.625, 0.877)  # as ../shared/tools/score.py and R's binom give it
    assert wilson(40, 40)[1] == pytest.approx(1)


def test_only_complete_confident_labels_have_a_clear_depth():
    assert label(1, depth="above", confidence=0.6).clear
    assert not label(1, depth="parallel").clear
    assert not label(1, confidence=0.5).clear
    assert not label(1, complete=False).clear


@pytest.fixture(scope="module")
def manifest(tmp_path_factory):
    """The bundled clip with its truth, once as it is and once labelled as a clip without a squat."""
    folder = tmp_path_factory.mktemp("clips")
    truth = json.loads(DEMO_CLIP.with_suffix(".json").read_text())
    fps = truth["fps"]
    reps = [
        {"bottom_frame": round(r["bottom_s"] * fps), "start_frame": round(r["start_s"] * fps),
         "end_frame": round(r["lockout_s"] * fps), "depth": r["depth"], "confidence": 1.0, "complete": True}
        for r in truth["reps"]
    ]  # fmt: skip
    row = {
        "id": "demo",
        "file": "squat.webm",
        "fps": fps,
        "frames": 0,
        "split": "tune",
        "person": "a",
        "view": "oblique",
    }
    rows = [
        row | {"negatives": False, "reps": reps},
        row | {"id": "none", "split": "test", "negatives": True, "reps": []},
    ]
    (folder / "squat.webm").write_bytes(DEMO_CLIP.read_bytes())
    path = folder / "manifest.json"
    path.write_text(json.dumps(rows))
    return path


def test_the_bundled_clip_is_counted_and_judged_right(manifest, tmp_path, capsys):
    stored = tmp_path / "keypoints"
    code = evaluate.main(["--clips", str(manifest), "--json", str(tmp_path / "out.json"), "--keypoints", str(stored)])
    assert code == 0
    report = json.loads((tmp_path / "out.json").read_text())
    tune, test = report["splits"]["tune"], report["splits"]["test"]
    assert (tune["exact"], tune["squat_clips"], tune["depth_right"], tune["clear_reps"]) == (1, 1, 3, 3)
    assert (test["negatives"], test["false_on_negatives"]) == (1, 3)
    assert report["summary"]["false_on_negatives"] == 3
    assert [clip["id"] for clip in report["clips"]] == ["demo", "none"]
    table = capsys.readouterr().out
    assert "| exact rep count | 1 of 1 clips (100.0%) |" in table
    assert (stored / "demo.npz").is_file()


def test_stored_keypoints_give_the_same_reps(manifest, tmp_path):
    (clip,) = read_manifest(manifest, "tune")
    wanted = settings.load(settings.DEFAULT_FILE)
    seen, again = judge_clip(clip, wanted, tmp_path), judge_clip(clip, wanted, tmp_path)
    assert again.seconds is None
    assert seen.seconds is not None
    assert [r.rep.bottom_s for r in again.reps] == [r.rep.bottom_s for r in seen.reps]
    assert [r.depth.margin for r in again.reps] == [r.depth.margin for r in seen.reps]


@pytest.mark.parametrize("text", ["{", "[{}]", '{"a": 1}', "[1]"])
def test_a_file_that_is_no_manifest_is_named(tmp_path, text):
    path = tmp_path / "m.json"
    path.write_text(text)
    with pytest.raises(InputError, match=r"m\.json: not a manifest"):
        read_manifest(path)


@pytest.mark.parametrize(
    ("key", "value", "said"),
    [
        ("depth", "deep", "expected one of above, parallel, below, got 'deep'"),
        ("confidence", None, "expected 0 to 1, got None"),
        ("confidence", 85, "expected 0 to 1, got 85"),
        ("split", "train", "expected one of tune, test, got 'train'"),
    ],
)
def test_a_wrong_label_is_named_with_its_clip_and_key(manifest, tmp_path, key, value, said):
    row = json.loads(manifest.read_text())[0]
    (row if key == "split" else row["reps"][1])[key] = value
    path = tmp_path / "m.json"
    path.write_text(json.dumps([row]))
    with pytest.raises(InputError, match=rf"m\.json: clip demo: {key}: {said}"):
        read_manifest(path)


def test_a_manifest_may_leave_the_view_open(manifest):
    row = json.loads(manifest.read_text())[0]
    del row["view"]
    path = manifest.with_name("no-view.json")
    path.write_text(json.dumps([row]))
    assert [clip.view for clip in read_manifest(path)] == [""]


def test_an_unknown_depth_estimator_is_a_wrong_argument(manifest):
    with pytest.raises(InputError, match=r"--depth: depth\.method"):
        evaluate.main(["--clips", str(manifest), "--depth", "nonsense"])


def test_a_missing_clip_is_named(manifest, tmp_path):
    path = tmp_path / "m.json"
    path.write_text(manifest.read_text())
    with pytest.raises(InputError, match=r"squat\.webm: missing"):
        read_manifest(path)


@pytest.mark.skipif(not (SHARED / "tools" / "score.py").is_file(), reason="needs ../shared")
def test_the_scorer_outside_agrees(tmp_path):
    """It sees only what `replay --json -` prints."""
    some = {"v164", "v309", "v300", "v302", "v301", "v167"}
    run = subprocess.run(
        [sys.executable, SHARED / "tools/score.py", SHARED / "clips/manifest.json", SHARED / "clips",
         sys.executable, "-m", "device"],
        env=os.environ | {"ONLY": ",".join(some)}, capture_output=True, text=True, check=True,
    )  # fmt: skip
    theirs = json.loads(run.stdout.splitlines()[-1])
    clips = [clip for clip in read_manifest(SHARED / "clips/manifest.json") if clip.id in some]
    wanted = settings.load(settings.DEFAULT_FILE)
    ours = evaluate.summary(evaluate.score_clip(clip, judge_clip(clip, wanted)) for clip in clips)
    pairs = {
        "squat_clips": "squat_clips", "exact": "exact", "within_one": "within_one", "missed": "fn", "false": "fp",
        "false_on_negatives": "false_reps_on_negatives", "clear_reps": "clear_reps", "depth_right": "depth_right",
        "depth_balanced": "depth_balanced", "depth_mean_per_person": "depth_mean_per_person",
    }  # fmt: skip
    assert {k: ours[k] for k in pairs} == {k: theirs[v] for k, v in pairs.items()}
    assert ours["bottom_error_median_s"] == pytest.approx(theirs["bottom_error_median_s"], abs=0.002)

"""The demo clip end to end: what the judge tells today is what it told when a person last looked.

After a change that is meant to move these numbers: `python -m pytest tests/replay --update-golden`, and read the diff.
"""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from device.camera.clip import Clip
from device.inference.pose_model import open_pose_model
from device.squat.events import DepthReached, Event, LifterLost, PhaseChanged, RepJudged
from device.squat.judge import Judge
from device.watch import watch

GOLDEN = Path(__file__).with_name("golden.json")
# Other machines round otherwise: the decisions are the same, these may differ by so much.
TIME_S, P_BELOW, THIGHS, VIEW_DEG = 0.001, 0.02, 0.02, 2.0
TOLERANCES = {
    "at_s": TIME_S, "start_s": TIME_S, "bottom_s": TIME_S, "lockout_s": TIME_S,
    "p_below": P_BELOW, "depth_thighs": THIGHS, "view_deg": VIEW_DEG,
}  # fmt: skip

pytestmark = pytest.mark.usefixtures("pose_files")


def plain(event: Event) -> dict[str, Any]:
    told: dict[str, Any] = {"event": type(event).__name__, "at_s": round(event.at_s, 4)}
    match event:
        case PhaseChanged():
            told["phase"] = event.phase.value
        case DepthReached():
            told["p_below"] = round(event.p_below, 4)
        case RepJudged():
            told |= {
                "set": [event.set_number, event.set_rep, event.rep.number],
                "start_s": round(event.rep.start_s, 4),
                "bottom_s": round(event.rep.bottom_s, 4),
                "lockout_s": round(event.rep.lockout_s, 4),
                "decision": event.verdict.decision.value,
                "cards": [card.value for card in event.verdict.cards],
                "reasons": list(event.verdict.reasons),
                "evidence_index": event.verdict.evidence_index,
                "p_below": round(event.depth.p_below, 4),
                "depth_thighs": round(event.depth.margin, 4),
                "method": event.depth.method,
                "side": event.depth.side,
                "view_deg": round(event.view_deg, 2),
            }
        case LifterLost():
            pass
    return told


@pytest.fixture(scope="module")
def told(demo_clip: Path, pose_files: None) -> list[dict[str, Any]]:
    model = open_pose_model()
    with Clip(demo_clip) as clip:
        events = [plain(event) for turn in watch(clip, model, Judge()) for event in turn.events]
    model.close()
    return events


def test_the_demo_clip_tells_what_the_golden_file_holds(
    told: list[dict[str, Any]], request: pytest.FixtureRequest
) -> None:
    if request.config.getoption("--update-golden"):
        GOLDEN.write_text("[\n" + ",\n".join(json.dumps(event) for event in told) + "\n]\n", "utf-8")
        pytest.skip(f"{GOLDEN.name} was written anew")
    golden = json.loads(GOLDEN.read_text("utf-8"))
    assert [(e["event"], e.get("phase")) for e in told] == [(e["event"], e.get("phase")) for e in golden]
    for event, expected in zip(told, golden, strict=True):
        assert event == {
            key: pytest.approx(value, abs=TOLERANCES[key]) if key in TOLERANCES else value
            for key, value in expected.items()
        }


def test_the_demo_clip_is_judged_as_its_truth_demands(told: list[dict[str, Any]], demo_clip: Path) -> None:
    """Golden numbers could be updated to nonsense; the rendered truth cannot."""
    truth = json.loads(demo_clip.with_suffix(".json").read_text("utf-8"))["reps"]
    reps = [event for event in told if event["event"] == "RepJudged"]
    assert [rep["set"][2] for rep in reps] == list(range(1, len(truth) + 1))
    for rep, true in zip(reps, truth, strict=True):
        assert rep["bottom_s"] == pytest.approx(true["bottom_s"], abs=0.15)
        assert rep["decision"] == ("good_lift" if true["depth"] == "below" else "no_lift")
        assert rep["cards"] == ([] if true["depth"] == "below" else ["red"])


def test_the_same_clip_twice_gives_the_same_json_byte_for_byte_but_for_the_ids(
    squatlight: Callable, one_rep_clip: Path
) -> None:
    printed = []
    for _ in range(2):
        ran = squatlight("replay", one_rep_clip, "--json", "-")
        assert ran.returncode == 0
        (line,) = ran.stdout.splitlines()
        at = json.loads(line)["id"]
        assert ran.stdout.count(at) == 1
        printed.append(ran.stdout.replace(at, ""))
    assert printed[0] == printed[1]

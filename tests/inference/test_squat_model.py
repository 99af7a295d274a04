"""The network that tells squats from other ways down and up: what the judge makes of it, and what is refused."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from squat.figure import STANDING, Part, Shot, squat, squatting, stand

from device import settings
from device.errors import ModelError
from device.inference import models, squat_model
from device.inference.models import Manifest
from device.inference.squat_model import SquatModel, open_squat_model
from device.judging import open_judge
from device.squat.events import RepJudged
from device.squat.form_input import CHANNELS, FORM_INPUT_VERSION, STEPS
from device.squat.judge import Judge
from device.squat.pose import index
from device.squat.second import CERTAIN
from device.squat.squatness import SURE, UNLIKELY


class Graph:
    """A TFLite model that says always the same."""

    input_shape, output_shapes = (1, STEPS, CHANNELS), {"squat": (1, 1)}
    says = 0.5

    def __init__(self, *_: object) -> None:
        self.shown: list[np.ndarray] = []

    def __call__(self, values: np.ndarray) -> dict[str, np.ndarray]:
        self.shown.append(values)
        return {"squat": np.full((1, 1), self.says, np.float32)}

    def close(self) -> None:
        pass


def manifest(**more: object) -> Manifest:
    return Manifest("squat", Path("squat.tflite"), "ab" * 32, {"form_input": FORM_INPUT_VERSION, **more})


@pytest.fixture
def graph(monkeypatch: pytest.MonkeyPatch) -> type[Graph]:
    monkeypatch.setattr(squat_model, "Model", Graph)
    monkeypatch.setattr(Graph, "says", 0.5)
    return Graph


def reps(network: SquatModel) -> list[RepJudged]:
    judge, found = Judge(squat_network=network), []
    for pose in Shot().film([*stand(), *squat(5.0), *stand()]):
        found += [event for event in judge.see(pose, pose.captured_s) if isinstance(event, RepJudged)]
    return found


def test_what_the_network_takes_for_something_else_is_no_rep(
    graph: type[Graph], monkeypatch: pytest.MonkeyPatch
) -> None:
    with SquatModel(manifest()) as network:
        assert network.hashes == {"squat": f"sha256:{'ab' * 32}"}
        assert len(reps(network)) == 1
        assert [shown.shape for shown in network._model.shown] == [(1, STEPS, CHANNELS)], "asked once a dip"
        monkeypatch.setattr(graph, "says", UNLIKELY - 0.01)
        assert not reps(network)


def test_a_graph_that_says_nothing_loses_no_rep(graph: type[Graph], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(graph, "says", float("nan"))
    with SquatModel(manifest()) as network:
        assert len(reps(network)) == 1


def test_it_is_asked_of_who_does_not_stand_up_again_too() -> None:
    for p, wanted in ((1.0, 1), (0.0, 0)):
        judge, found = Judge(squat_network=lambda rep, p=p: p), []
        for pose in Shot().film([*stand(), *squat(5.0, pause_s=14.0)]):
            found += [event for event in judge.see(pose, pose.captured_s) if isinstance(event, RepJudged)]
        assert len(found) == wanted


def test_at_the_judge_a_network_that_is_sure_adds_a_rep_that_the_rules_refuse() -> None:
    low = replace(squatting(-30.0), lean=70.0, hands_down=1.0)
    stood = replace(STANDING, hands_down=1.0)
    parts = [Part(stood, 1.5), Part(low, 1.2), Part(low, 0.2), Part(stood, 1.1), Part(stood, 1.5)]
    counted = {}
    for p in (None, 0.5, 1.0):
        judge = Judge(squat_network=lambda rep, p=p: p)
        events = [e for pose in Shot().film(parts, start=stood) for e in judge.see(pose, pose.captured_s)]
        counted[p] = sum(isinstance(event, RepJudged) for event in events)
    assert counted == {None: 0, 0.5: 0, 1.0: 1}


@pytest.mark.parametrize("lacks", ["left_wrist", "right_toe"])
def test_where_joints_are_lacking_the_rules_alone_say(graph: type[Graph], lacks: str) -> None:
    with SquatModel(manifest()) as network:
        (event,) = reps(network)
        assert network(event.rep) == 0.5
        poses = []
        for pose in event.rep.poses:
            assert pose.world is not None
            world = pose.world.copy()
            world[index(lacks)] = np.nan
            poses.append(replace(pose, world=world))
        assert network(replace(event.rep, poses=tuple(poses))) is None
        assert network(replace(event.rep, poses=tuple(replace(pose, world=None) for pose in poses))) is None
        once = [*event.rep.poses[: event.rep.bottom], poses[event.rep.bottom], *event.rep.poses[event.rep.bottom + 1 :]]
        assert network(replace(event.rep, poses=tuple(once), bottom_s=once[event.rep.bottom].captured_s)) is None
        assert len(network._model.shown) == 2


def test_another_input_another_graph_and_another_name_are_refused(
    graph: type[Graph], monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(ModelError, match=r"squat\.tflite: trained on form input 99, expected 2"):
        SquatModel(manifest(form_input=99))
    monkeypatch.setattr(graph, "output_shapes", {"good": (1, 1)})
    with pytest.raises(ModelError, match=r"squat\.tflite: tells no squats; its outputs are \{'good'"):
        SquatModel(manifest())
    monkeypatch.setattr(graph, "output_shapes", {"squat": (1, 1)})
    monkeypatch.setattr(graph, "input_shape", (1, STEPS, CHANNELS + 1))
    with pytest.raises(ModelError, match="tells no squats"):
        SquatModel(manifest())
    with pytest.raises(ModelError, match="expected one of squat"):
        open_squat_model("lunge")


def test_it_runs_in_the_runtime_that_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[object] = []

    class Asked(Graph):
        def __init__(self, *given: object) -> None:
            super().__init__()
            asked.extend(given)

    monkeypatch.setattr(squat_model, "Model", Asked)
    with open_squat_model("squat", "tflite_runtime"):
        assert asked[1:] == [1, "tflite_runtime"]


def test_it_is_opened_where_the_settings_ask_for_it(tmp_path: Path) -> None:
    wanted = tmp_path / "station.toml"
    for name, roles in (("squat", {"depth", "squat"}), ("", {"depth"})):
        wanted.write_text(f'[models]\nform = ""\nsquat = "{name}"\n')
        with open_judge(settings.load(wanted)) as (judge, hashes):
            assert set(hashes) == roles
            assert (judge._squat_network is not None) == (name == "squat")


def test_the_shipped_network_knows_a_squat(tmp_path: Path) -> None:
    asked: list[float] = []
    with open_squat_model("squat") as network:
        judge = Judge(squat_network=lambda rep: asked.append(network(rep) or 0.0) or asked[-1])
        found = [e for pose in Shot().film([*stand(), *squat(5.0), *stand()]) for e in judge.see(pose, pose.captured_s)]
    assert any(isinstance(event, RepJudged) for event in found)
    assert asked[0] > SURE
    told = json.loads(models.find("squat").path.with_suffix(".json").read_text("utf-8"))
    assert told["thresholds"] == {"unlikely": UNLIKELY, "sure": SURE, "certain": CERTAIN}, (
        "the card says what the device does"
    )


@pytest.mark.parametrize("view_deg", [0, 60, 135])
@pytest.mark.parametrize(
    ("thigh_deg", "hands_down", "pause_s", "shank_deg"),
    [
        (-15, 0.1, 0.2, None), (-15, 0.5, 0.2, None), (10, 0.85, 0.2, None), (25, 1.0, 0.2, None),
        (0, 0.1, 3.0, 5), (0, 0.5, 3.0, 5), (0, 0.1, 8.0, 5),
    ],
    ids=["half, bar", "half, goblet", "weights in the hands", "deep, hanging", "box", "box, goblet", "long on the box"],
)  # fmt: skip
def test_the_shipped_network_takes_no_squat_away(view_deg, thigh_deg, hands_down, pause_s, shank_deg) -> None:
    low = replace(squatting(thigh_deg), hands_down=hands_down)
    if shank_deg is not None:
        low = replace(low, shank=(shank_deg, shank_deg), lean=25)
    stood = replace(STANDING, hands_down=hands_down)
    parts = [Part(stood, 1.5), Part(low, 1.3), Part(low, pause_s), Part(stood, 1.2), Part(stood, 1.5)]
    poses, counted = Shot(noise_m=0.004, fps=15, view_deg=view_deg).film(parts, start=stood), []
    with open_squat_model("squat") as network:
        for judge in (Judge(), Judge(squat_network=network)):
            events = [event for pose in poses for event in judge.see(pose, pose.captured_s)]
            counted.append(sum(isinstance(event, RepJudged) for event in events))
    assert counted == [1, 1], "by the rules, and with the network"

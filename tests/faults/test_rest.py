"""Rest while nobody is in view, in a whole station at a camera's pace: measured, and told over MQTT."""

import json
from pathlib import Path
from time import monotonic
from typing import Any

import numpy as np
import pytest
from brokers import Mosquitto
from figure import Shot, stand
from world import Running, Witness, until

from device.inference.recorded import save

ROUNDS, HERE_S, AWAY_S = 5, 1.0, 2.0
FPS = 30


def test_a_station_rests_and_is_back_within_half_a_second(
    tmp_path: Path, wanted: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("device.idle.AFTER_S", 0.7)
    monkeypatch.setattr("device.output.stats.EVERY_S", HERE_S + AWAY_S)
    poses = [(pose.captured_s, pose) for pose in Shot(fps=FPS, size=(72, 128)).film(stand(HERE_S))]
    steps_out_s = poses[-1][0] + 1 / FPS
    poses += [(steps_out_s + n / FPS, None) for n in range(round(AWAY_S * FPS))]
    round_s = poses[-1][0] + 1 / FPS
    path = tmp_path / "somebody.npz"
    save(path, poses, (72, 128))
    there = {"camera": {"source": f"recorded:{path}"}, "models": {"pose": f"recorded:{path}"}}
    with Mosquitto(tmp_path) as broker, Witness(broker.port) as listener:
        listener.back()
        device = Running(wanted(broker.port, **there), monkeypatch)
        model, looked, began_s = device.station.model, [], []
        estimate = model.estimate

        def noted(frame: Any) -> Any:
            began_s.append(monotonic() - frame.captured_s)
            pose = estimate(frame)
            looked.append((frame.captured_s, monotonic(), pose is not None))
            return pose

        monkeypatch.setattr(model, "estimate", noted)
        with device:
            until(lambda: looked and looked[-1][0] > ROUNDS * round_s, "the rounds to pass")
            device.stop()
    start_s, late_s, rested_hz = min(began_s), [], []
    for turn in range(1, ROUNDS):
        in_s = turn * round_s
        rest = [at_s for at_s, _, _ in looked if in_s - AWAY_S + 0.8 <= at_s < in_s]
        rested_hz.append(len(rest) / (AWAY_S - 0.8))
        found_s, done_s = next((at_s, now_s) for at_s, now_s, there in looked if there and at_s >= in_s - 1e-6)
        late_s.append(done_s - (start_s + in_s))
        full = [at_s for at_s, _, _ in looked if found_s <= at_s < in_s + HERE_S - 1e-6]
        assert np.diff(full) == pytest.approx(1 / FPS, abs=0.01), "every frame again"
    assert np.percentile(late_s, 95) <= 0.5, late_s
    assert min(rested_hz) >= 5
    assert max(rested_hz) <= 8
    states = [json.loads(text)["idle"] for text in listener.texts("state")]
    told = [now for before, now in zip([False, *states], states, strict=False) if now is not before]
    assert told[: 2 * ROUNDS - 2] == [True, False] * (ROUNDS - 1)
    stats = [json.loads(text) for text in listener.texts("stats")]
    assert stats
    assert all(0.3 < each["idle_share"] < 0.6 for each in stats), stats
    assert all(each["frames_hz"] < 25 for each in stats), stats

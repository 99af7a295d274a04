import threading
from time import monotonic
from typing import Any

import pytest
from scripted import PATIENCE_S, Scripted, lines, live, picture, until

from device.camera import live as live_module
from device.camera.capture import Asked
from device.camera.frames import Frame
from device.camera.live import LiveCamera
from device.camera.mounting import Mounting
from device.camera.state import CameraState, NoFrame
from device.errors import PartFailed


def test_the_newest_picture_is_taken_and_the_others_are_counted() -> None:
    script = Scripted()
    with live(script) as camera:
        turns = camera.frames()
        until(turns, CameraState.OPENING)
        script.shoot(*((picture(50 + i), 10.0 + i) for i in range(5)))
        frame = until(turns, CameraState.LIVE)
        assert isinstance(frame, Frame)
        assert (frame.image[0, 0, 0], frame.dropped, frame.index) == (54, 4, 4)
        script.shoot((picture(60), 1e9))
        frame = until(turns, CameraState.LIVE)
        assert isinstance(frame, Frame)
        assert (frame.image[0, 0, 0], frame.captured_s, frame.dropped, frame.index) == (60, 1e9, 0, 5)


def test_the_loop_goes_on_when_no_picture_comes(caplog: pytest.LogCaptureFixture) -> None:
    script = Scripted()
    with live(script) as camera:
        turns = camera.frames()
        script.shoot((picture(50), monotonic()))
        until(turns, CameraState.LIVE)
        before_s = monotonic()
        turn = next(turns)
        assert isinstance(turn, NoFrame)
        assert (turn.state, turn.words, camera.state.fault) == (CameraState.LOST, "no picture for 0.02 s", True)
        assert before_s < turn.at_s < monotonic()
        next(turns)
        assert lines(caplog) == ["camera cam: no picture for 0.02 s; tried again until it is back"]


def test_a_camera_that_is_still_opening_is_no_fault_at_first() -> None:
    now = [0.0]
    script, held = Scripted(), threading.Event()

    def slowly() -> Scripted:
        held.wait(PATIENCE_S)
        return script

    with live(slowly, clock=lambda: now[0]) as camera:
        turns = camera.frames()
        assert next(turns).state is CameraState.OPENING  # type: ignore[union-attr]
        assert not camera.state.fault
        now[0] = live_module.OPENING_S
        assert next(turns).state is CameraState.LOST  # type: ignore[union-attr]
        held.set()


@pytest.mark.parametrize("clean", [True, False])
def test_an_unplugged_camera_comes_back_with_one_line_for_the_outage(
    clean: bool, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    script = Scripted()
    with live(script) as camera:
        turns = camera.frames()
        script.shoot((picture(50), monotonic()))
        seen = [until(turns, CameraState.LIVE)]
        script.plugged = False
        script.show(live_module.CameraLost("it is gone") if clean else OSError(19, "No such device"))
        seen.append(until(turns, CameraState.LOST))
        script.tried.clear()
        assert script.tried.wait(PATIENCE_S)
        seen += [next(turns), next(turns)]
        assert camera.words == "it is not there"
        script.plugged = True
        script.shoot((picture(51), monotonic()))
        seen.append(until(turns, CameraState.LIVE))
        assert not camera.state.fault
        assert until(turns, CameraState.LOST).words == "no picture for 0.02 s", "not the old fault"  # type: ignore
        times = [turn.captured_s if isinstance(turn, Frame) else turn.at_s for turn in seen]
        assert times == sorted(set(times))
        what = "it is gone" if clean else "OSError: [Errno 19] No such device"
        again = "camera cam: no picture for 0.02 s"
        assert lines(caplog) == [f"{words}; tried again until it is back" for words in (f"camera cam: {what}", again)]
        assert [line[:17] for line in lines(caplog, 20)] == ["camera cam: back,"]
    assert (script.opened, script.closed) == (2, 2)


class Pauses(threading.Event):
    """Notes how long the thread that captures pauses before each attempt, and has it go on at once."""

    def __init__(self, enough: int) -> None:
        super().__init__()
        self.seconds: list[float] = []
        self.enough, self._count = threading.Event(), enough

    def wait(self, timeout: float | None = None) -> bool:
        self.seconds.append(timeout or 0.0)
        if len(self.seconds) == self._count:
            self.enough.set()
        return self.is_set()


def test_a_camera_that_comes_and_goes_is_one_outage_and_is_tried_ever_less_often(
    caplog: pytest.LogCaptureFixture,
) -> None:
    script = Scripted()
    camera = live(script, steady_s=1000.0, retry_s=(0.5, 3.0))
    pauses = camera._closing = Pauses(5)
    with camera:
        turns = camera.frames()
        for i in range(5):
            script.show((picture(50 + i), monotonic()))
            script.show(live_module.CameraLost("a loose plug"))
        next(turns)
        assert pauses.enough.wait(PATIENCE_S)
    assert pauses.seconds[:5] == [0.5, 1.0, 2.0, 3.0, 3.0]
    assert lines(caplog) == ["camera cam: a loose plug; tried again until it is back"]


def test_after_an_outage_the_next_fault_is_tried_as_soon_as_the_first(caplog: pytest.LogCaptureFixture) -> None:
    script = Scripted()
    camera = live(script, retry_s=(0.5, 30.0))
    pauses = camera._closing = Pauses(4)
    with camera:
        turns = camera.frames()
        script.shoot(*[live_module.CameraLost("gone")] * 3, (picture(50), monotonic()))
        until(turns, CameraState.LIVE)
        until(turns, CameraState.LOST)  # the loop is the first to notice: the thread that captures still waits
        script.show(live_module.CameraLost("gone again"))
        assert pauses.enough.wait(PATIENCE_S)
    assert pauses.seconds[:4] == [0.5, 1.0, 2.0, 0.5]
    assert len(lines(caplog)) == 2


def test_a_frozen_camera_is_opened_again_until_its_picture_changes(caplog: pytest.LogCaptureFixture) -> None:
    script = Scripted()
    with live(script, frozen_after=5) as camera:
        turns = camera.frames()
        for _ in range(4):
            script.shoot((picture(50), monotonic()))
            assert isinstance(until(turns, CameraState.LIVE), Frame)
        script.shoot(*[(picture(50), monotonic())] * 3)
        turn = until(turns, CameraState.FROZEN)
        assert isinstance(turn, NoFrame)
        assert (turn.words, camera.state.fault) == ("frozen: 5 times the same picture", True)
        assert script.opened == 4, "every picture that is still the same is another failed attempt"
        script.shoot((picture(51), monotonic()))
        until(turns, CameraState.LIVE)
    assert len(lines(caplog)) == 1


def test_a_dark_room_is_no_fault_however_long(caplog: pytest.LogCaptureFixture) -> None:
    script = Scripted()
    with live(script, frozen_after=3) as camera:
        turns = camera.frames()
        for i in range(8):
            at_s = 1e9 + i
            script.shoot((picture(3), at_s))
            turn = until(turns, CameraState.DARK)
            assert isinstance(turn, NoFrame)
            assert (turn.at_s, turn.words) == (at_s, "the picture is black")
        assert not camera.state.fault
        script.shoot((picture(80), 2e9))
        until(turns, CameraState.LIVE)
    assert script.opened == 1
    assert not lines(caplog)


def test_half_the_rate_is_told_once_with_both_numbers(caplog: pytest.LogCaptureFixture) -> None:
    script = Scripted()
    with live(script, asked=Asked(rate_hz=30.0)) as camera:
        turns = camera.frames()
        script.shoot(*((picture(50 + i % 2), i / 30) for i in range(200)))
        assert camera.rate_hz == pytest.approx(30)
        script.shoot(live_module.CameraLost("a pause"), *((picture(50 + i % 2), 10 + i / 15) for i in range(400)))
        frame = until(turns, CameraState.LIVE)
        assert isinstance(frame, Frame)
        assert frame.captured_s == pytest.approx(10 + 399 / 15), "its times are right, so it can be judged"
        assert camera.rate_hz == pytest.approx(15)
    assert lines(caplog)[1:] == ["camera cam: asked for 30 pictures a second, got 15.0"]


def test_another_size_is_told_once_with_both(caplog: pytest.LogCaptureFixture) -> None:
    script = Scripted()
    with live(script, asked=Asked(1280, 720)) as camera:
        camera.frames()
        script.shoot(*((picture(50 + i, 640, 480), float(i)) for i in range(9)))
    assert lines(caplog) == ["camera cam: asked for 1280x720 pixels, got 640x480"]


def test_pictures_whose_time_does_not_run_on_are_passed_over() -> None:
    script = Scripted()
    with live(script) as camera:
        turns = camera.frames()
        script.shoot((picture(50), 1e9), (picture(51), 1e9), (picture(52), 1e9 - 5))
        frame = until(turns, CameraState.LIVE)
        assert isinstance(frame, Frame)
        assert (frame.image[0, 0, 0], frame.captured_s) == (50, 1e9)
        script.shoot((picture(53), 1e9 + 1))
        frame = until(turns, CameraState.LIVE)
        assert isinstance(frame, Frame)
        assert (frame.image[0, 0, 0], frame.captured_s) == (53, 1e9 + 1)


def test_time_runs_on_when_a_picture_comes_from_before_the_loop_gave_up_waiting() -> None:
    script = Scripted()
    with live(script, clock=lambda: 100.0) as camera:
        turns = camera.frames()
        assert next(turns).at_s == 100.0  # type: ignore[union-attr]
        script.shoot((picture(50), 99.97))
        assert until(turns, CameraState.LIVE).captured_s > 100.0  # type: ignore[union-attr]
        script.shoot((picture(51), 100.01))
        assert until(turns, CameraState.LIVE).captured_s == 100.01  # type: ignore[union-attr]


def test_pictures_are_stood_upright() -> None:
    script = Scripted()
    with live(script, mounting=Mounting(90, True)) as camera:
        turns = camera.frames()
        image = picture(50)
        image[0, 0] = 200
        script.shoot((image, monotonic()))
        frame = until(turns, CameraState.LIVE)
        assert isinstance(frame, Frame)
        assert frame.image.shape == (64, 48, 3)
        assert frame.image[0, 0, 0] == 200


def test_closing_ends_the_frames_while_they_are_waited_for() -> None:
    script = Scripted()
    camera = live(script, timeout_s=60.0)
    ended = threading.Event()

    def look() -> None:
        assert not list(camera.frames())
        ended.set()

    threading.Thread(target=look, daemon=True).start()
    until_s = monotonic() + PATIENCE_S
    while not camera._slot._changed._waiters:  # type: ignore[attr-defined]
        assert monotonic() < until_s
    camera.close()
    camera.close()
    assert ended.wait(PATIENCE_S)
    assert not list(camera.frames())
    assert script.opened == script.closed


@pytest.mark.parametrize("call", ["open", "read", "close"])
def test_a_driver_that_never_comes_back_ends_the_program(call: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """picamera2 hangs in `stop` where the cable came loose, and who hangs in it holds the camera."""
    monkeypatch.setattr(live_module, "LEAVE_S", 0.02)
    let_go = threading.Event()

    class Hanging(Scripted):
        def __call__(self) -> "Hanging":
            if call == "open":
                let_go.wait(60)
            super().__call__()
            return self

        def read(self) -> Any:
            if call == "read":
                let_go.wait(60)
            raise live_module.CameraLost("its cable is loose")

        def close(self) -> None:
            let_go.wait(60)

    camera = LiveCamera("cam", Hanging(), timeout_s=0.02, retry_s=(0.001, 0.001), hung_s=0.1)
    with camera, pytest.raises(PartFailed, match=f"camera cam: its driver hangs: {call} has not come back for 0.1 s"):
        assert all(turn.state is not CameraState.LIVE for turn in camera.frames() if isinstance(turn, NoFrame))
    let_go.set()


def test_a_camera_that_waits_for_its_next_attempt_does_not_hang() -> None:
    script = Scripted()
    script.plugged = False
    with live(script, retry_s=(30.0, 30.0), hung_s=0.05) as camera:
        turns = camera.frames()
        assert all(isinstance(next(turns), NoFrame) for _ in range(10))


def test_a_driver_that_hangs_does_not_hold_up_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live_module, "LEAVE_S", 0.02)
    script, let_go = Scripted(), threading.Event()
    script.read = lambda: let_go.wait(60) and None  # type: ignore[method-assign,assignment,return-value]
    camera = live(script)
    next(camera.frames())
    before_s = monotonic()
    camera.close()
    assert monotonic() - before_s < PATIENCE_S
    let_go.set()

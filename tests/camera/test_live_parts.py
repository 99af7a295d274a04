import numpy as np
import pytest
from scripted import lines

from device.camera.mounting import TURNS_DEG, Mounting, upright
from device.camera.outage import Outage
from device.camera.sight import DARK_BELOW, LIGHT_FROM, Sight
from device.camera.stamps import StreamClock, at_exposure
from device.camera.state import CameraState
from device.errors import SettingsError

RNG = np.random.default_rng(5)


@pytest.mark.parametrize("mirrored", [False, True])
@pytest.mark.parametrize("turn_deg", TURNS_DEG)
def test_a_picture_of_any_mounting_comes_upright(turn_deg: int, mirrored: bool) -> None:
    scene = RNG.integers(0, 255, (6, 8, 3), np.uint8)
    seen = np.rot90(scene[:, ::-1] if mirrored else scene, turn_deg // 90)  # as the camera hangs: turned to the left
    assert np.array_equal(upright(np.ascontiguousarray(seen), Mounting(turn_deg, mirrored)), scene)


def test_a_crooked_mounting_is_refused() -> None:
    with pytest.raises(SettingsError, match=r"^camera\.turn_deg: expected one of \(0, 90, 180, 270\), got 45$"):
        Mounting(45)


def noisy(level: float) -> np.ndarray:
    return np.clip(level + RNG.normal(0, 1, (96, 128, 3)), 0, 255).astype(np.uint8)


def test_dusk_does_not_switch_to_and_fro() -> None:
    sight, between = Sight(5), (DARK_BELOW + LIGHT_FROM) / 2
    states = [sight.see(noisy(level)) for level in (100, between, 2, between, 100)]
    live, dark = CameraState.LIVE, CameraState.DARK
    assert states == [live, live, dark, dark, live]


def test_a_dark_room_with_a_small_lamp_is_dark() -> None:
    image = noisy(2)
    image[:8, :16] = 255
    assert Sight(5).see(image) is CameraState.DARK


def test_one_pixel_tells_a_still_scene_from_a_frozen_camera() -> None:
    sight, image = Sight(3), noisy(100)
    for i in range(10):
        image = image.copy()
        image[1, 1 + i] = 0  # beside the sparse grid
        assert sight.see(image) is CameraState.LIVE
    assert [sight.see(image.copy()) for _ in range(2)] == [CameraState.LIVE, CameraState.FROZEN]


def test_a_stamp_of_the_monotonic_clock_is_taken_as_it_is() -> None:
    assert at_exposure(99.97, 100.0) == pytest.approx(99.97)
    assert at_exposure(99.97, 100.0, 4000.0) == pytest.approx(99.97), "though libcamera names the other clock"


def test_a_stamp_of_the_boot_clock_is_carried_over() -> None:
    assert at_exposure(3999.97, 100.0, 4000.0) == pytest.approx(99.97)


@pytest.mark.parametrize("stamp_s", [0.0, 98.9, 100.1, 5e8, -3.7e17])
def test_a_stamp_of_no_known_clock_gives_the_arrival(stamp_s: float) -> None:
    assert at_exposure(stamp_s, 100.0) == 100.0


def test_a_streams_times_are_even_though_its_pictures_are_not() -> None:
    clock, late_s = StreamClock(), RNG.uniform(0, 0.1, 300)
    late_s[:10] = [0.0091, 0.0082, 0.0073, 0.0064, 0.0055, 0.0046, 0.0037, 0.0028, 0.0019, 0.001]
    late_s[10] = 0.0
    times = [clock.captured_s(i / 30, 500 + i / 30 + late_s[i]) for i in range(300)]
    assert np.allclose(np.diff(times[10:]), 1 / 30)
    assert np.allclose(times[10:], 500 + np.arange(10, 300) / 30)


def test_what_a_stream_held_back_while_it_was_opened_is_passed_over() -> None:
    clock = StreamClock()
    arrivals = [501.0 + i / 3000 for i in range(30)] + [500 + i / 30 + 0.02 for i in range(30, 60)]
    times = [clock.captured_s(i / 30, at_s) for i, at_s in enumerate(arrivals)]
    assert times[1:30] == [None] * 29
    assert np.allclose(np.array(times[31:], float), 500.02 + np.arange(31, 60) / 30)


def test_a_stream_that_begins_anew_is_timed_anew() -> None:
    clock = StreamClock()
    for i in range(10):
        clock.captured_s(i / 30, 500 + i / 30)
    assert clock.captured_s(0.0, 700.0) == 700.0
    assert clock.captured_s(1 / 30, 700.2) == pytest.approx(700 + 1 / 30)


def test_a_stream_without_stamps_is_timed_by_its_arrival() -> None:
    clock = StreamClock()
    assert [clock.captured_s(-3.7e17, 500.0 + i / 30) for i in range(3)] == [500.0 + i / 30 for i in range(3)]


def test_an_outage_is_over_when_the_camera_has_held_without_a_break(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    now = [0.0]
    outage = Outage("cam", 10.0, lambda: now[0])
    for at_s, words in [(0, "gone"), (7, ""), (16, "gone again"), (18, ""), (27.9, ""), (28, ""), (60, "")]:
        now[0] = at_s
        if words:
            outage.fault(words)
        else:
            assert outage.fine() == (at_s == 28)
    assert lines(caplog) == ["camera cam: gone; tried again until it is back"]
    assert lines(caplog, 20) == ["camera cam: back, after 18 s"]

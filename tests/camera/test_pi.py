import sys
from collections.abc import Callable
from types import ModuleType

import numpy as np
import pytest

from device.camera.capture import Asked, CameraLost
from device.camera.fake_picamera2 import Exposure, FakePi, FakeRequest, Misuse
from device.camera.frames import Frame
from device.camera.pi import PiCapture, require_picamera2
from device.errors import PartFailed

NOW_S, BOOT_S = 100.0, 4000.0  # the device slept in between


def colours(width: int = 200, height: int = 120) -> np.ndarray:
    """Red on the left, blue on the right."""
    image = np.zeros((height, width, 3), np.uint8)
    image[:, : width // 2] = (200, 20, 20)
    image[:, width // 2 :] = (20, 20, 200)
    return image


def showing(image: np.ndarray, stamp_s: float = NOW_S - 0.03) -> Callable[[], Exposure]:
    return lambda: (image, round(stamp_s * 1e9))


def opened(pi: FakePi, asked: Asked | None = None) -> PiCapture:
    return PiCapture(pi, 0, asked or Asked(200, 120, 30.0), lambda: NOW_S, lambda: BOOT_S)


@pytest.mark.parametrize("yuv_only", [False, True])
@pytest.mark.parametrize("width", [200, 256])  # with and without padding
def test_pictures_are_rgb_on_every_pi(yuv_only: bool, width: int) -> None:
    pi = FakePi(showing(colours(width)), yuv_only)
    capture = opened(pi, Asked(width, 120, 30.0))
    image = capture.read().image
    capture.close()
    assert image.shape == (120, width, 3)
    assert image.flags["C_CONTIGUOUS"]
    assert image[60, 10] == pytest.approx((200, 20, 20), abs=12 if yuv_only else 0)
    assert image[60, -10] == pytest.approx((20, 20, 200), abs=12 if yuv_only else 0)
    pi.assert_used_well()


@pytest.mark.parametrize("clock_s", [NOW_S, BOOT_S])
def test_a_picture_has_the_time_of_its_exposure(clock_s: float) -> None:
    capture = opened(FakePi(showing(colours(), clock_s - 0.03)))
    assert capture.read().captured_s == pytest.approx(NOW_S - 0.03)


def test_the_camera_is_asked_for_its_rate_and_size_and_stopped_before_it_is_closed() -> None:
    pi = FakePi(showing(colours()))
    capture = opened(pi, Asked(320, 240, 25.0))
    config = capture._camera.camera_configuration()
    assert config["controls"] == {"FrameDurationLimits": (40000, 40000)}
    assert (config["lores"], config["main"]["size"]) == ({"size": (320, 240), "format": "BGR888"}, (320, 240))
    capture.read()
    capture.close()
    assert pi.history == ["configure", "start", "capture_request", "stop", "close"]
    pi.assert_used_well()


def test_every_request_goes_back_even_where_its_picture_cannot_be_had(monkeypatch: pytest.MonkeyPatch) -> None:
    pi = FakePi(showing(colours()))
    capture = opened(pi)
    monkeypatch.setattr(FakeRequest, "make_array", lambda *_: 1 / 0)
    for _ in range(20):  # more often than there are buffers
        with pytest.raises(ZeroDivisionError):
            capture.read()
    capture.close()
    pi.assert_used_well()


def test_a_camera_that_gives_nothing_is_lost() -> None:
    def nothing() -> Exposure:
        raise TimeoutError

    pi = FakePi(nothing)
    capture = opened(pi)
    with pytest.raises(CameraLost, match=r"^no picture for 2 s; is the camera's cable in\?$"):
        capture.read()
    capture.close()
    pi.assert_used_well()


def test_no_camera_and_a_camera_in_use_are_lost_for_now() -> None:
    pi = FakePi(showing(colours()), cameras=0)
    with pytest.raises(CameraLost, match=r"^camera 0 of the Pi cannot be opened \(list index out of range\)"):
        opened(pi)
    pi.cameras = 1
    first = opened(pi)
    with pytest.raises(CameraLost, match="cannot be opened"):
        opened(pi)
    first.close()
    opened(pi).close()
    pi.assert_used_well()


def test_a_camera_that_cannot_be_set_up_is_closed_again(monkeypatch: pytest.MonkeyPatch) -> None:
    pi = FakePi(showing(colours()))
    monkeypatch.setattr("device.camera.fake_picamera2.FakePicamera2.start", lambda _: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        opened(pi)
    assert pi.opened == 0


def test_recorded_frames_play_at_their_own_speed() -> None:
    now = [50.0]
    pauses: list[float] = []

    def sleep(pause_s: float) -> None:
        pauses.append(pause_s)
        now[0] += pause_s

    recorded = [Frame(colours(), 0.04 * i, i) for i in range(3)]
    pi = FakePi.playing(recorded, lambda: now[0], sleep)
    capture = PiCapture(pi, 0, Asked(200, 120), lambda: now[0], lambda: now[0])
    assert [capture.read().captured_s for _ in recorded] == pytest.approx([50.0, 50.04, 50.08])
    assert pauses == pytest.approx([0.0, 0.04, 0.04])
    with pytest.raises(CameraLost):
        capture.read()


def test_a_missing_picamera2_is_told_in_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "picamera2", None)
    with pytest.raises(PartFailed, match=r"^camera: picamera2 is missing; .*apt install python3-picamera2") as told:
        require_picamera2()
    assert "\n" not in str(told.value)


def test_a_picamera2_for_another_numpy_is_told_in_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    class Broken:
        def find_spec(self, name: str, *_: object) -> None:
            if name == "picamera2":
                raise ValueError("numpy.dtype size changed")

    monkeypatch.delitem(sys.modules, "picamera2", raising=False)
    monkeypatch.setattr(sys, "meta_path", [Broken(), *sys.meta_path])
    with pytest.raises(PartFailed, match=r"^camera: picamera2 cannot be loaded \(numpy.dtype size changed\)"):
        require_picamera2()


def test_the_real_picamera2_is_taken_where_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    module = ModuleType("picamera2")
    module.Picamera2 = FakePi(showing(colours()))  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "picamera2", module)
    assert require_picamera2() is module.Picamera2


CONFIG = {"main": {"size": (64, 48)}, "lores": {"size": (64, 48), "format": "BGR888"}, "buffer_count": 2}
WRONG = {
    "start before configure": (lambda c: c.start(), "start while open"),
    "capture before start": (lambda c: (set_up(c), c.capture_request(1)), "capture_request while configured"),
    "close while running": (lambda c: (run(c), c.close()), "close while running"),
    "configure while running": (lambda c: (run(c), c.configure(CONFIG)), "configure while running"),
    "released twice": (lambda c: [run(c).release() for _ in range(2)], "release of a released request"),
    "read after release": (lambda c: released(c).make_array("lores"), "make_array of a released request"),
    "never released": (lambda c: (run(c), c.stop(), c.close()), "1 requests were never released"),
    "every buffer held": (lambda c: (run(c), c.capture_request(1), c.capture_request(1)), "all buffers are held"),
    "never closed": (lambda c: None, "a camera was never closed"),
}


def set_up(camera: object) -> None:
    camera.configure(camera.create_video_configuration(CONFIG["main"], CONFIG["lores"], 2))  # type: ignore[attr-defined]


def run(camera: object) -> FakeRequest:
    if getattr(camera, "request", None) is None:
        set_up(camera)
        camera.start()  # type: ignore[attr-defined]
        camera.request = camera.capture_request(1)  # type: ignore[attr-defined]
    return camera.request  # type: ignore[attr-defined,no-any-return]


def released(camera: object) -> FakeRequest:
    request = run(camera)
    request.release()
    return request


@pytest.mark.parametrize("name", WRONG)
def test_the_fake_tells_wrong_use(name: str) -> None:
    wrong, words = WRONG[name]
    pi = FakePi(showing(colours()))
    try:  # noqa: SIM105 - some is told at once, some only at the end
        wrong(pi())  # type: ignore[no-untyped-call]
    except Misuse:
        pass
    with pytest.raises(Misuse, match=words):
        pi.assert_used_well()


def test_the_fake_names_bytes_as_picamera2_does() -> None:
    pi = FakePi(showing(colours()))
    camera = pi()
    camera.configure(camera.create_video_configuration({"size": (200, 120)}, {"size": (200, 120), "format": "RGB888"}))
    camera.start()
    assert tuple(camera.capture_request(1).make_array("lores")[60, 10]) == (20, 20, 200), "RGB888 is B, G, R in memory"

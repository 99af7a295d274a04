import cv2
import numpy as np
import pytest

from convert.synth.avi import MotionJpeg
from device.camera.clip import Clip


@pytest.mark.parametrize("fps", [15.0, 29.97])
def test_frames_come_back_in_order_with_their_times(tmp_path, fps):
    rng = np.random.default_rng(0)
    small = rng.integers(0, 255, (40, 8, 8, 3), np.uint8)
    frames = [cv2.resize(f, (131, 98), interpolation=cv2.INTER_CUBIC) for f in small]
    video = MotionJpeg(tmp_path / "x.avi", (131, 98), fps, 92)
    for frame in frames:
        video.write(frame)
    video.close()
    with Clip(tmp_path / "x.avi") as clip:
        back = list(clip.frames())
    assert len(back) == len(frames)
    for ours, theirs in zip(frames, back, strict=True):
        assert np.abs(ours.astype(int) - theirs.image).mean() < 6
    assert back[-1].captured_s == pytest.approx(39 / fps, abs=0.002)


def test_any_frame_is_reached_at_once(tmp_path):
    video = MotionJpeg(tmp_path / "x.avi", (64, 64), 10, 90)
    for k in range(30):
        video.write(np.full((64, 64, 3), 8 * k, np.uint8))
    video.close()
    reader = cv2.VideoCapture(str(tmp_path / "x.avi"))
    assert reader.get(cv2.CAP_PROP_FRAME_COUNT) == 30
    reader.set(cv2.CAP_PROP_POS_FRAMES, 17)
    ok, image = reader.read()
    assert ok
    assert abs(float(image.mean()) - 8 * 17) < 2

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from device.inference.letterbox import Crop

crops = st.builds(
    Crop,
    st.tuples(st.floats(-100, 800), st.floats(-100, 800)),
    st.floats(20, 2000),
    st.floats(-3.1, 3.1),
)


@settings(max_examples=50, deadline=None, derandomize=True)
@given(crops, st.integers(16, 512))
def test_a_crop_maps_there_and_back(crop: Crop, size: int) -> None:
    points = np.random.default_rng(0).uniform(-200, 900, (30, 2))
    matrix = crop.input_from_frame(size)
    there = points @ matrix[:, :2].T + matrix[:, 2]
    back = crop.frame_from_unit(there / size)
    assert np.abs(back - points).max() < 1e-6 * max(1, crop.side_px)


@pytest.mark.parametrize(("width", "height"), [(640, 480), (480, 640), (500, 500)])
def test_the_letterbox_holds_the_whole_frame_in_its_middle(width: int, height: int) -> None:
    crop = Crop.of_frame(width, height)
    corners = np.array([[0, 0], [width, 0], [0, height], [width, height]], float)
    matrix = crop.input_from_frame(224)
    inside = corners @ matrix[:, :2].T + matrix[:, 2]
    assert inside.min() >= -1e-9
    assert inside.max() <= 224 + 1e-9
    assert inside.mean(0) == pytest.approx([112, 112])
    picture = crop.cut(np.full((height, width, 3), 200, np.uint8), 224)
    assert (picture[112, 112] == 200).all()
    bars = np.all(picture == 0, axis=-1).mean()
    assert bars == pytest.approx(1 - min(width, height) / max(width, height), abs=0.02)


@pytest.mark.parametrize("turn_deg", [0, 30, -90, 170])
def test_what_is_cut_lies_where_the_map_says(turn_deg: float) -> None:
    image = np.zeros((400, 600, 3), np.uint8)
    image[150:171, 320:341] = (255, 0, 0)  # centre of the square: pixel corners (330.5, 160.5)
    crop = Crop((310.0, 190.0), 200.0, np.radians(turn_deg))
    seen = crop.cut(image, 128)
    rows, columns = np.nonzero(seen[:, :, 0] > 127)
    back = crop.frame_from_unit(np.array([[columns.mean() + 0.5, rows.mean() + 0.5]]) / 128)
    assert back[0] == pytest.approx([330.5, 160.5], abs=0.6)
    assert (seen[:, :, 1:] == 0).all()  # colours stay in their order


def test_a_turn_is_clockwise_in_the_picture() -> None:
    crop = Crop((0.0, 0.0), 2.0, np.radians(90))
    assert crop.frame_from_unit(np.array([[0.5, 0.0]]))[0] == pytest.approx([1.0, 0.0])  # its up points to the right

"""Pictures as other cameras would have taken them."""

import numpy as np
import pytest

from convert.datasets import augment
from convert.datasets.augment import recast, varied

PICTURE = np.random.default_rng(0).integers(0, 60, (64, 64, 3)).astype(np.uint8)
PICTURE[20:40, 24:50] = [200, 120, 40]  # a lifter


def test_a_picture_stays_one_and_a_seed_says_which() -> None:
    for seed in range(40):
        one, same = (varied(PICTURE, np.random.default_rng(seed)) for _ in range(2))
        assert (one.shape, one.dtype) == (PICTURE.shape, np.uint8)
        np.testing.assert_array_equal(one, same)
    assert (one != varied(PICTURE, np.random.default_rng(99))).any()


def test_a_random_convolution_changes_colours_and_moves_nothing() -> None:
    moved = colours = 0
    for seed in range(30):
        found = recast(PICTURE, np.random.default_rng(seed)).astype(float)
        steps = np.abs(np.diff(found[20:40].mean((0, 2)))), np.abs(np.diff(found[:, 24:50].mean((1, 2))))
        left, top = (int(each[: len(each) // 2].argmax()) for each in steps)
        moved += abs(left - 23) > 2 or abs(top - 19) > 2
        colours += bool(np.abs(found[22:38, 26:48].mean((0, 1)) - [200, 120, 40]).max() > 15)
        assert abs(found.mean() - PICTURE.mean()) < 40
    assert moved <= 1, "where a lifter's grey is the room's, no edge tells"
    assert colours > 20


def test_a_third_of_the_pictures_is_recast(monkeypatch: pytest.MonkeyPatch) -> None:
    recasts = []
    monkeypatch.setattr(augment, "recast", lambda image, rng: recasts.append(1) or image)
    for seed in range(200):
        varied(PICTURE, np.random.default_rng(seed))
    assert 45 < len(recasts) < 95

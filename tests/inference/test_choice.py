"""Whom to follow."""

from dataclasses import replace

import pytest

from device.inference.choice import (
    CHECK_S,
    EAGER_FOR_S,
    EAGER_S,
    KEPT_S,
    LARGER,
    PROVEN_S,
    Place,
    Rivals,
    by_claim,
    claim,
    guesses,
    near,
)
from device.inference.letterbox import Crop

SIZE = (640, 480)
LIFTER = Crop((320.0, 240.0), 400.0)
MIRRORED = Crop((560.0, 240.0), 200.0)


def test_the_larger_and_the_nearer_to_the_centre_is_the_lifter():
    assert by_claim([MIRRORED, LIFTER], SIZE) == [LIFTER, MIRRORED]
    assert claim(LIFTER, SIZE) > claim(replace(LIFTER, side_px=300.0), SIZE)
    assert claim(LIFTER, SIZE) > claim(replace(LIFTER, centre=(420.0, 240.0)), SIZE)


def test_guesses_lie_in_the_middle():
    assert {crop.centre for crop in guesses(SIZE)} == {(320.0, 240.0)}


def test_another_must_be_found_stronger_twice_in_a_row():
    rivals = Rivals()
    rivals.due(MIRRORED, 0.0)
    assert not rivals.beats(LIFTER, MIRRORED, SIZE)
    assert rivals.beats(LIFTER, MIRRORED, SIZE)
    rivals.begin(1.0)
    assert not rivals.beats(LIFTER, MIRRORED, SIZE)
    assert not rivals.beats(replace(MIRRORED, side_px=210.0), MIRRORED, SIZE)  # a weak one between
    assert not rivals.beats(LIFTER, MIRRORED, SIZE)


def test_who_has_just_squatted_is_kept():
    stronger = replace(LIFTER, side_px=160.0)
    assert 1.5 < claim(stronger, SIZE) / claim(MIRRORED, SIZE) < 3
    rivals = Rivals()
    for i in range(60):
        rivals.due(MIRRORED, i / 30)
    assert rivals.may_beat(stronger, MIRRORED, SIZE)
    rivals.due(replace(MIRRORED, centre=(560.0, 290.0)), 2.0)  # his hips sink by a quarter of a metre and more
    rivals.due(MIRRORED, 3.0)
    assert not rivals.may_beat(stronger, MIRRORED, SIZE)


def test_where_the_lifter_stood_is_remembered_when_the_crop_walks_off_but_not_when_it_sinks():
    rivals = Rivals()
    for i in range(60):
        rivals.due(LIFTER, i / 30)
    assert rivals.left(replace(LIFTER, centre=(320.0, 340.0))) is None
    home = rivals.left(replace(LIFTER, centre=(450.0, 240.0)))
    assert home is not None
    assert near(home, LIFTER)


@pytest.mark.parametrize(("chosen_s", "every_s"), [(10.0, EAGER_S), (10.0 - EAGER_FOR_S - 1, CHECK_S)])
def test_others_are_looked_for_now_and_then_and_more_often_at_first(chosen_s, every_s):
    rivals = Rivals()
    rivals.begin(chosen_s)
    looks = [i / 30 for i in range(300, 345) if rivals.due(LIFTER, i / 30)]
    assert looks[-1] - looks[-2] == pytest.approx(every_s, abs=0.05)


def test_an_empty_rooms_middle_is_not_tried_in_every_frame():
    rivals = Rivals()
    assert sum(rivals.may_guess(i / 30) for i in range(30)) <= 4
    tried = [rivals.may_guess(i / 5) for i in range(5, 5 * 40)]
    assert any(tried[: 5 * 28])
    assert not any(tried[5 * 31 :]), "nor for ever"
    assert rivals.may_guess(100.0), "but where nobody has looked for a while"


def test_a_place_is_his_once_he_has_kept_it_and_while_he_squats_but_not_of_somebody_larger():
    place = Place()
    assert not place.holds(LIFTER)
    for i in range(round(KEPT_S * 30) - 2):
        place.see(LIFTER, i / 30)
    assert not place.holds(LIFTER)
    for i in range(5):
        place.see(LIFTER, KEPT_S + i / 30)
    squatting = replace(LIFTER, centre=(330.0, 300.0), side_px=260.0)
    assert place.holds(squatting)
    assert not place.left(squatting, 2.0)
    assert not place.holds(replace(LIFTER, side_px=LIFTER.side_px * LARGER * 1.05))
    aside = replace(LIFTER, centre=(450.0, 240.0))
    assert place.left(aside, 2.0)
    assert not place.left(aside, 2.0 + PROVEN_S)
    assert not place.holds(aside)
    place.see(aside, KEPT_S + 0.2)  # he has gone there himself
    assert not place.holds(LIFTER)

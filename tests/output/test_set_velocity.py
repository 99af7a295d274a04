import pytest

from device.output.set_velocity import VelocityLoss


def test_each_rep_is_held_against_the_fastest_of_its_set_so_far() -> None:
    loss = VelocityLoss()
    assert [loss.see(1, mean_m_s) for mean_m_s in (0.5, 0.6, 0.45, None, 0.3)] == [
        0.0, 0.0, pytest.approx(0.25), None, pytest.approx(0.5),
    ]  # fmt: skip
    assert loss.see(2, 0.3) == 0.0, "a new set begins anew"
    assert loss.see(2, 0.15) == pytest.approx(0.5)


def test_a_bar_that_did_not_rise_tells_nothing() -> None:
    assert VelocityLoss().see(1, 0.0) is None

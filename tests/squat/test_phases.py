"""The state machine over the height of the hips."""

import numpy as np
import pytest

from device.squat.phases import Phase, PhaseMachine


def run(heights, fps=30.0):
    machine = PhaseMachine()
    return machine, [machine.see(h, i / fps) for i, h in enumerate(heights)]


def test_nothing_is_said_before_the_lifter_was_seen_standing():
    assert run([0.4, 0.5, 0.8])[1] == [None, None, None]


def test_a_squat_passes_through_all_phases_in_order():
    down = [0.97 - 0.02 * i for i in range(25)]
    _, phases = run([0.97] * 10 + down + [0.49] * 5 + down[::-1] + [0.97] * 10)
    order = list(dict.fromkeys(phases))
    assert order == [Phase.STANDING, Phase.ECCENTRIC, Phase.BOTTOM, Phase.CONCENTRIC, Phase.LOCKOUT]
    assert phases[-1] is Phase.STANDING


def test_a_lifter_who_stands_a_little_lower_for_long_still_stands_now():
    """Else the descent would begin minutes ago, and the poses since would pile up."""
    machine, _ = run([0.99] * 30 + [0.94] * 300)
    assert machine.standing_s == pytest.approx(329 / 30)


@pytest.mark.parametrize("fps", [15.0, 30.0, 60.0])
def test_how_fast_that_settles_does_not_depend_on_the_frame_rate(fps):
    machine, _ = run([0.99] * int(fps) + [0.94] * int(0.5 * fps), fps)
    assert machine.standing_height == pytest.approx(0.97, abs=0.003)


# found on a rendered lifter, at 15 frames a second
JUMP = [0.97, 0.96, 0.93, 0.72, 0.81, 0.87, 0.86, 0.79, 0.75, 0.63, 0.6, 0.6]


@pytest.mark.parametrize("fps", [15, 30, 60])
def test_a_pose_that_jumps_a_little_over_the_standing_height_on_the_way_down_is_no_standing(fps):
    between = np.interp(np.arange(0, len(JUMP) - 1, 15 / fps), np.arange(len(JUMP)), JUMP)
    machine, phases = run([*[0.97] * fps, *between, 0.6], fps)
    assert Phase.STANDING not in phases[phases.index(Phase.ECCENTRIC) :]
    assert (machine.standing_height, machine.lowest) == (pytest.approx(0.97, abs=0.01), 0.6)


def test_who_comes_up_in_the_time_that_takes_and_sinks_again_has_stood():
    heights = [0.97, 0.93, *[0.72] * 6, 0.81, 0.87, 0.86, 0.79, 0.75]
    assert Phase.STANDING in run([*[0.97] * 15, *heights], 15)[1][17:]


def test_a_shiver_after_a_jump_is_standing():
    heights = [0.97, 0.93, 0.72, 0.93, 0.96, 0.9, 0.95, 0.96]
    assert run([*[0.97] * 15, *heights], 15)[1][-1] is Phase.STANDING

from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("scipy", reason="the generator needs scipy: pip install 'squatlight[synth]'")

from convert.synth import body as bodies
from convert.synth import captured, exercises, skin, surface
from convert.synth import recipe as recipes
from convert.synth.body import SIDES
from convert.synth.draw import draw_faults, draw_reps, draw_style, settings
from convert.synth.faults import FAULT_NAMES, fault_sizes
from convert.synth.holds import HOLDS, hold
from convert.synth.performance import squat_set
from convert.synth.recipe import Motion, Recipe
from convert.synth.skeleton import place
from convert.synth.squat import Style, mass_ahead, squat, still
from convert.synth.tempo import RepPlan, play
from device.squat.form import FAULTS

RECIPES = Path(recipes.__file__).parents[1] / "recipes"
SOME = (0, 9, 20, 33, 50, 63)


def sunk(performance):
    """How far the hips go down, in leg lengths."""
    return np.ptp(performance.posture.hips[:, 2]) / performance.body.leg_m


def bottom(number, thigh_deg, held="high_bar", **style):
    body = bodies.load(number)
    chosen = Style(thigh_deg=thigh_deg, **style)
    posture = squat(body, hold(body, held), chosen, still(chosen, np.array([0.0, 0.5, 1.0])))
    return body, posture, place(body, posture)


def margin(number, thigh_deg, **style):
    body, _, bones = bottom(number, thigh_deg, **style)
    found = surface.find(skin.bend(body, bones, 2), bones, 2)
    return found.knee_top[:, 2] - found.crease[:, 2]


def test_the_bodies_are_sixty_adults_in_one_small_file():
    assert bodies.count() >= 60
    stature = bodies.baked()["stature_m"]
    assert stature.min() < 1.55
    assert stature.max() > 2.0
    assert 0.4 < bodies.baked()["female"].mean() < 0.6
    assert (bodies.baked()["mass_kg"] > 35).all()
    from pathlib import Path

    assert Path(bodies.__file__).with_name("bodies.npz").stat().st_size < 8e6
    np.testing.assert_allclose(np.asarray(bodies.weights().sum(1)), 1, atol=2e-3)


def test_a_body_that_does_not_exist_is_refused():
    with pytest.raises(ValueError, match="expected a body from 0 to"):
        bodies.load(999)


@pytest.mark.parametrize("number", SOME)
@pytest.mark.parametrize("held", HOLDS)
def test_feet_stay_put_bones_keep_their_length_and_the_load_is_balanced(number, held):
    body, posture, bones = bottom(number, 96, held)
    for k, side in enumerate(SIDES):
        ankle = bones.joint("foot." + side)
        np.testing.assert_allclose(ankle, posture.ankles[:, k], atol=1e-9)
        np.testing.assert_allclose(ankle, np.broadcast_to(ankle[0], ankle.shape), atol=1e-9)
        for a, b in (("upperleg01.", "lowerleg01."), ("lowerleg01.", "foot."), ("upperarm01.", "lowerarm01.")):
            reach = np.linalg.norm(bones.joint(b + side) - bones.joint(a + side), axis=1)
            np.testing.assert_allclose(reach, body.length(a + side, b + side), rtol=0.004)
    heel, toe = body.foot_reach("L")
    lean = np.degrees(np.arcsin(-posture.chest[:, 1, 2]))
    ahead = mass_ahead(body, hold(body, held), Style(thigh_deg=96), posture, lean, np.array([0.0, 0.5, 1.0]))
    assert (ahead < heel).all()
    assert (ahead > -toe).all()
    assert abs(lean[0]) < 8  # upright when standing


@pytest.mark.parametrize("held", ["high_bar", "low_bar"])
def test_hands_are_at_the_bar(held):
    body = bodies.load(33)
    style = Style()
    done = squat_set(body, hold(body, held), style, play([RepPlan(95)], 10))
    for k, side in enumerate(SIDES):
        wrist = done.bones.joint("wrist." + side)
        along = done.load.turns[:, :, 0]
        off = wrist - done.load.at
        across = off - along * (off * along).sum(-1, keepdims=True)
        assert (np.linalg.norm(across, axis=1) < 0.10).all(), (k, side)


def test_more_bend_is_deeper_and_parallel_lies_where_lifters_have_it():
    for number in SOME:
        depths = [margin(number, angle).mean() for angle in (60, 75, 90, 105)]
        assert np.all(np.diff(depths) > 0.03)
        assert depths[0] < -0.08
        assert depths[3] > 0.05


def test_a_mirrored_squat_has_mirrored_truth():
    left, right = margin(20, 92, shift_m=0.05, roll_deg=3.0), margin(20, 92, shift_m=-0.05, roll_deg=-3.0)
    np.testing.assert_allclose(left, right[::-1], atol=0.004)


def test_the_crease_keeps_its_distance_from_the_hip_joint():
    """Linear blending would pull it in by centimetres as the hip bends."""
    for number in SOME:
        body, _, bones = bottom(number, 100)
        for t in (0, 2):
            found = surface.find(skin.bend(body, bones, t), bones, t)
            away = np.linalg.norm(found.crease[0] - bones.joint("upperleg01.L")[t])
            assert 0.06 < away < 0.105


def test_reps_are_where_the_plan_has_them():
    line = play([RepPlan(95, bounces=1), RepPlan(95), RepPlan(95, fails_at=0.3)], 30)
    assert [done for *_, done in line.spans] == [True, True, False]
    for start, end, _ in line.spans:
        assert line.down[start - 1] == 0
        assert line.down[start:end].max() == 1
    assert line.down[-1] > 0.9  # after a failed rep the lifter stays down


def test_negatives_stay_above_a_third_of_the_leg():
    rng = np.random.default_rng(0)
    for number in SOME:
        for name in ("deadlift", "good_morning", "dip", "pick_up", "walking", "jumping_jack"):
            assert sunk(exercises.perform(name, bodies.load(number), rng, 10)) < 0.32, name


@pytest.mark.parametrize("kind", recipes.KINDS)
def test_each_movement_is_made_at_the_fewest_frames_a_second_that_a_recipe_may_ask_for(kind):
    drawn = Recipe(recipes.Output(fps=1.5, width=96, height=96), motion=Motion(kinds={kind: 1}))
    for clip in range(4):
        assert len(settings(drawn, clip)["performance"].bones) > 1


def test_captured_squats_keep_their_feet_and_go_down():
    rng = np.random.default_rng(1)
    for number in SOME:
        done = captured.perform(bodies.load(number), rng, 30)
        assert sunk(done) > 0.4
        assert np.ptp(done.bones.joint("foot.L"), axis=0).max() < 0.01


def test_faults_have_the_sizes_they_were_made_with():
    body = bodies.load(20)
    style = Style(heel_lift_deg=10, shift_m=0.06, round_deg=30, tuck_deg=20)
    done = squat_set(body, hold(body, "high_bar"), style, play([RepPlan(95, knees_in_deg=20, end_down=0.15)], 15))
    sizes = dict(zip(FAULT_NAMES, fault_sizes(done, np.zeros((len(done), 2))).T, strict=True))
    at = int(np.argmax(done.spine_deg[:, 0]))
    assert sizes["back_rounding"][at] == pytest.approx(50, abs=1)
    assert sizes["lateral_shift"][at] == pytest.approx(6, abs=1)
    assert sizes["heels_up"][at] > 2
    assert sizes["knees_in"].max() > 10
    assert sizes["not_locked_out"][-1] > 15
    assert sizes["heels_up"][0] < 0.3


def test_a_seed_gives_the_same_truth_and_another_one_another():
    recipe = Recipe(motion=Motion(reps=(1, 1), kinds={"squat": 1.0}))
    one, again, other = (settings(recipe, clip) for clip in (4, 4, 5))
    np.testing.assert_array_equal(one["performance"].bones.heads, again["performance"].bones.heads)
    np.testing.assert_array_equal(one["camera"].view, again["camera"].view)
    assert one["camera"].view_deg != other["camera"].view_deg


def test_the_bundled_demo_clip_is_what_its_recipe_makes():
    import json
    from pathlib import Path

    import convert
    import device
    from convert.synth.recipe import read

    says = json.loads((Path(device.__file__).parent / "demo" / "squat.json").read_text())
    drawn = settings(read(Path(convert.__file__).parent / "recipes" / "synth-demo.toml"), 0)
    done = drawn["performance"]
    assert len(done.spans) == len(says["reps"])
    for (start, end, _), rep in zip(done.spans, says["reps"], strict=True):
        assert start / done.fps == pytest.approx(rep["start_s"], abs=0.001)
        t = round(rep["bottom_s"] * done.fps)
        found = surface.find(skin.bend(done.body, done.bones, t), done.bones, t)
        near = found.knee_top[0, 2] - found.crease[0, 2]
        assert 100 * near == pytest.approx(rep["margin_cm"], abs=0.2)
        assert start < t < end
    assert drawn["camera"].view_deg == says["view_deg"]


def test_the_bodies_sit_like_people():
    """Medians of sitting measures lie within the published 5th to 95th percentiles (see anthropometry.py)."""
    from convert.synth import anthropometry

    measured = [anthropometry.measure(bodies.load(n)) for n in range(0, bodies.count(), 3)]
    for name in ("knee height", "buttock-knee length"):
        for sex, (median, deviation) in anthropometry.SITTING_MM[name].items():
            ours = [m.sitting_mm[name] / m.body.stature_m for m in measured if m.body.female == (sex == "women")]
            people = np.array([median - 1.645 * deviation, median + 1.645 * deviation])
            low, high = people / anthropometry.STATURE_MM[sex] * 1000
            assert low < np.median(ours) < high
    assert 6 < np.median([m.joint_cm["hip joint behind the groin's skin"] for m in measured]) < 9


def test_the_visible_fold_lies_ahead_of_and_above_the_crease_in_every_deep_squat():
    for number in SOME:
        for angle in (90, 100, 110):
            body, _, bones = bottom(number, angle)
            found = surface.find(skin.bend(body, bones, 2), bones, 2)
            assert found.folded.all()
            assert (found.fold[:, 2] > found.crease[:, 2] + 0.01).all()
            assert (found.fold[:, 1] < found.crease[:, 1] - 0.02).all()


def test_truth_points_move_smoothly():
    """No jump from one frame to the next that the bones do not make."""
    body = bodies.load(20)
    done = squat_set(body, hold(body, "high_bar"), Style(), play([RepPlan(104)], 60))
    heights = []
    for t in range(len(done)):
        found = surface.find(skin.bend(body, done.bones, t), done.bones, t)
        heights.append([found.crease[0, 2], found.knee_top[0, 2]])
    assert np.abs(np.diff(heights, 2, axis=0)).max() < 0.002


def test_a_wide_stance_stands_on_straight_legs():
    body = bodies.load(3)
    done = squat_set(body, hold(body, "high_bar", 0.42, 1.0), Style(stance_m=0.58), play([RepPlan(95)], 10))
    flexion_deg = fault_sizes(done, np.zeros((len(done), 2)))[0, FAULT_NAMES.index("not_locked_out")]
    assert 3 < flexion_deg < 12


def test_each_fault_is_drawn_on_both_sides_of_what_counts():
    rng, most = np.random.default_rng(4), dict.fromkeys(FAULT_NAMES, 0.0)
    least = dict.fromkeys(FAULT_NAMES, 90.0)
    for number in range(60):
        body = bodies.load(number % 5)
        changes = draw_faults(rng, 1.0)
        plans = draw_reps(Motion(reps=(1, 1), fail_share=0.0), rng, changes)
        style = draw_style(rng, changes, Motion().arms_deg)
        done = squat_set(body, hold(body, "high_bar", 0.42, 1.0), style, play(plans, 8))
        for name, sizes in zip(FAULT_NAMES, fault_sizes(done, np.zeros((len(done), 2))).T, strict=True):
            most[name], least[name] = max(most[name], sizes.max()), min(least[name], sizes.max())
    drawn = [name for name in FAULT_NAMES if name not in ("shallow", "not_locked_out")]
    assert [name for name in drawn if not least[name] < FAULTS[name].counts_from < most[name]] == []


def novice(**motion):
    """A set of bodyweight squats without faults, and its lowest frame."""
    told = Motion(
        holds={"bodyweight": 1.0}, fault_share=0.0, fail_share=0.0, walk_out_share=0.0, thigh_deg=(90, 90), **motion
    )
    done = settings(Recipe(motion=told), 0)["performance"]
    return done, int(done.posture.hips[:, 2].argmin())


def test_arms_hang_or_are_held_overhead_where_the_recipe_says_so():
    over_shoulder = {}
    for arms_deg in (0, 90, 175):
        done, low = novice(arms_deg=(arms_deg, arms_deg))
        wrist, shoulder = done.bones.joint("wrist.L")[low], done.bones.joint("upperarm01.L")[low]
        over_shoulder[arms_deg] = wrist[2] - shoulder[2]
    assert over_shoulder[0] < -0.3
    assert abs(over_shoulder[90]) < 0.15
    assert over_shoulder[175] > 0.3


def test_the_trunk_leans_further_by_what_the_recipe_says_and_the_feet_stay():
    usual, low = novice()
    leaning, low_too = novice(more_lean_deg=(30, 30))
    trunk_deg = []
    for done, at in ((usual, low), (leaning, low_too)):
        trunk = done.bones.joint("neck01")[at] - done.posture.hips[at]
        trunk_deg.append(np.degrees(np.arccos(trunk[2] / np.linalg.norm(trunk))))
    assert 20 < trunk_deg[1] - trunk_deg[0] < 40
    assert np.ptp(leaning.bones.joint("foot.L")[:, :2], axis=0).max() < 0.02


def test_novices_bend_no_further_and_reach_no_lower_than_a_body_can():
    novices = recipes.read(RECIPES / "synth-novices.toml")
    for clip in range(12):
        done = settings(novices, clip)["performance"]
        trunk = done.bones.joint("neck01") - done.posture.hips
        assert np.degrees(np.arccos(trunk[:, 2] / np.linalg.norm(trunk, axis=-1))).max() < 90
        assert min(done.bones.joint("wrist." + side)[:, 2].min() for side in SIDES) > 0.02


@pytest.mark.parametrize(
    ("clip", "hips", "wrist", "neck"),
    [
        (5, [0.00167, -0.0435, 0.94129], [0.14004, -0.77162, 0.43909], [0.00574, -0.3304, 0.6215]),
        (12, [0.00739, -0.00017, 1.04513], [0.10271, -0.89659, 0.61158], [-0.01536, -0.36232, 0.71568]),
    ],
)
def test_a_recipe_that_says_nothing_of_novices_draws_as_before_there_were_any(clip, hips, wrist, neck):
    done = settings(recipes.read(RECIPES / "synth-depth.toml"), clip)["performance"]
    low = int(done.posture.hips[:, 2].argmin())
    assert done.posture.hips[-1] == pytest.approx(hips, abs=1e-4)
    assert done.bones.joint("wrist.L")[low] == pytest.approx(wrist, abs=1e-4)
    assert done.bones.joint("neck01")[low] == pytest.approx(neck, abs=1e-4)

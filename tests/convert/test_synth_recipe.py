import pytest

pytest.importorskip("scipy", reason="the generator needs scipy: pip install 'squatlight[synth]'")

from pathlib import Path

from convert.synth.cli import main
from convert.synth.produce import settle_recipe
from convert.synth.recipe import Recipe, read
from device.errors import InputError

RECIPES = Path(__file__).parents[2] / "convert" / "recipes"


def failure(tmp_path, text):
    path = tmp_path / "r.toml"
    path.write_text(text)
    with pytest.raises(InputError) as caught:
        read(path)
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize("name", ["synth-demo", "synth-short", "synth-full"])
def test_the_bundled_recipes_are_read(name):
    assert read(RECIPES / f"{name}.toml").output.clips >= 1


@pytest.mark.parametrize(
    ("text", "key", "word"),
    [
        ("[output]\nframes = 3", "output.frames", "unknown key"),
        ("[cameras]\nheight_m = [1, 2]", "cameras", "unknown key"),
        ("[camera]\nheight_m = [2.0, 0.5]", "camera.height_m", "upside down"),
        ("[camera]\nheight_m = [0.5, 9]", "camera.height_m", "0.1 to 3"),
        ("[camera]\nheight_m = 1.2", "camera.height_m", "range"),
        ("[people]\nbodies = [3, 640]", "people.bodies", "no body 640"),
        ("[motion.kinds]\nsqaut = 1", "motion.kinds.sqaut", "unknown"),
        ("[motion.holds]\nhigh_bar = 0", "motion.holds", "weights are 0"),
        ("[motion]\nfail_share = 1.5", "motion.fail_share", "0 to 1"),
        ("[output]\nclips = 2.5", "output.clips", "whole number"),
        ("[output]\nclips = true", "output.clips", "whole number"),
        ('[output]\ncodec = "h264"', "output.codec", "h264"),
        ("[output\n", "r.toml", "line 1"),
    ],
)
def test_a_bad_recipe_is_refused_in_one_line_that_names_the_key(tmp_path, text, key, word):
    said = failure(tmp_path, text)
    assert key in said
    assert word in said


def test_the_command_stops_before_rendering_and_ends_with_2(tmp_path, capsys):
    path = tmp_path / "r.toml"
    path.write_text("[scene]\nlamp = 1")
    assert main([str(path), "--out", str(tmp_path / "out")]) == 2
    assert "scene.lamp" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_a_recipe_that_is_not_there_is_named(tmp_path):
    with pytest.raises(InputError, match=r"nowhere\.toml"):
        read(tmp_path / "nowhere.toml")


@pytest.mark.parametrize("text", ["{", "[]", '{"output": {}}'])
def test_a_damaged_recipe_beside_the_clips_is_named(tmp_path, text):
    (tmp_path / "recipe.json").write_text(text)
    with pytest.raises(InputError, match=r"recipe\.json: not the recipe of a rendered set"):
        settle_recipe(Recipe(), tmp_path)

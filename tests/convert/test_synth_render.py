import os
from concurrent.futures import Executor, Future
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("scipy", reason="the generator needs scipy: pip install 'squatlight[synth]'")
pytest.importorskip("moderngl", reason="rendering needs moderngl: pip install 'squatlight[synth]'")

from convert.datasets.synthetic import SyntheticClip
from convert.synth import lens, produce
from convert.synth.camera import stand
from convert.synth.coco import write_coco
from convert.synth.recipe import Motion, Output, Recipe
from convert.synth.sheet import sheet
from convert.synth.truth import Truth
from device import settings
from device.errors import InputError, PartFailed
from device.squat.pose import KEYPOINTS

RECIPE = Recipe(output=Output(seed=5, clips=2, width=128, height=128, fps=5.0), motion=Motion(reps=(1, 1)))


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    try:
        produce._renderer(160, 160)
    except RuntimeError as error:
        pytest.skip(str(error))
    out = tmp_path_factory.mktemp("synth")
    produce.produce(RECIPE, out)
    return out


def test_a_set_is_read_back_whole(made):
    clips = SyntheticClip.all_in(made)
    assert len(clips) == 2
    for clip in clips:
        truth, frames = clip.truth(), list(clip.frames())
        assert len(frames) == len(truth.visible) == len(truth.phase)
        assert frames[0].shape == (128, 128, 3)
        assert truth.keypoints_px.shape[1] == len(KEYPOINTS)
        assert np.isfinite(truth.keypoints_px[:, :21]).all()
        assert len(truth.reps) == 1
        rep = truth.reps[0]
        at = round(rep["bottom_s"] * truth.about["fps"])
        best = 100 * (truth.knee_top_m[at] - truth.crease_m[at])
        assert np.isclose(best, rep["margin_cm"], atol=0.1).any()
        assert (rep["depth"] == "below") == (rep["margin_cm"] > 0)


def test_the_truth_lies_on_the_figure(made):
    """Where the lifter moved, the picture changed: keypoints in sight move over changing pixels."""
    clip = SyntheticClip.all_in(made)[0]
    truth, frames = clip.truth(), [f.astype(float) for f in clip.frames()]
    at = round(truth.reps[0]["bottom_s"] * truth.about["fps"])
    changed = np.abs(frames[at] - frames[0]).max(-1) > 40
    knees = truth.keypoints_px[at, [KEYPOINTS.index("left_knee"), KEYPOINTS.index("right_knee")]].astype(int)
    around = [changed[max(y - 4, 0) : y + 5, max(x - 4, 0) : x + 5].mean() for x, y in knees]
    assert max(around) > 2 * changed.mean()


def test_the_same_seed_gives_the_same_pixels(made, tmp_path):
    produce.make_clip(RECIPE, 1, str(tmp_path))
    for ours, theirs in zip(
        SyntheticClip.all_in(made)[1].frames(), SyntheticClip.all_in(tmp_path)[0].frames(), strict=True
    ):
        np.testing.assert_array_equal(ours, theirs)


def test_only_what_is_missing_is_made_again(made):
    first, second = (c.truth_file for c in SyntheticClip.all_in(made))
    kept = first.stat().st_mtime_ns
    second.unlink()
    (made / ".1-clip000001.avi").write_bytes(b"half a video of a killed run")
    assert len(SyntheticClip.all_in(made)) == 1  # a clip without truth does not exist
    assert produce.produce(RECIPE, made)["clips"] == 1
    assert first.stat().st_mtime_ns == kept
    assert not list(made.glob(".*"))


def test_a_clip_without_its_video_is_made_again_and_listed_nowhere(made, tmp_path, monkeypatch):
    for name in ("clip000000.npz", "clip000000.avi", "clip000001.npz"):
        (tmp_path / name).write_bytes((made / name).read_bytes())
    listed = write_coco(tmp_path, every=1)
    assert listed == len(Truth.read(tmp_path / "clip000000.npz").visible)
    again = []
    monkeypatch.setattr(produce, "make_clip", lambda recipe, clip, out: again.append(clip) or {})
    produce.produce(RECIPE, tmp_path)
    assert again == [1]


class Dying(Executor):
    """Makes `clips` of them, then its process dies; clips in `bad` fail for a reason of their own."""

    def __init__(self, clips: int, bad: tuple[int, ...] = ()) -> None:
        self.left, self.bad = clips, bad

    def submit(self, make, recipe, clip, out):
        done: Future = Future()
        self.left -= 1
        if self.left < 0:
            done.set_exception(BrokenProcessPool("a child process terminated abruptly"))
        elif clip in self.bad:
            done.set_exception(ValueError("no such light"))
        else:
            for end in (".npz", ".avi"):
                (Path(out) / f"{produce.name_of(clip)}{end}").touch()
            done.set_result({"frames": 1.0})
        return done


FIVE = replace(RECIPE, output=replace(RECIPE.output, clips=5))


@pytest.fixture
def pools(monkeypatch):
    """Gives lives to pools in turn; returns those opened."""

    def give(lives, bad=()):
        opened = []

        @contextmanager
        def executor(*_):
            opened.append(Dying(lives[len(opened)], bad))
            yield opened[-1]

        monkeypatch.setattr(produce, "executor", executor)
        return opened

    return give


@pytest.mark.parametrize("lives", [[9], [3, 9], [1, 1, 1, 1, 1], [1, 0, 0, 9]])
def test_a_process_that_dies_takes_no_clip_with_it(tmp_path, pools, lives):
    opened = pools(lives)
    (tmp_path / ".9-clip000004.avi").touch()  # of a process that died
    assert produce.produce(FIVE, tmp_path) == {"clips": 5, "frames": 5, "cpu_s": 0, "wall_s": 0}
    assert len(list(tmp_path.glob("clip*.npz"))) == 5
    assert len(opened) == len(lives)
    assert not list(tmp_path.glob(".*"))


def test_processes_that_only_die_stop_it_and_name_the_clips(tmp_path, pools):
    opened = pools([1, 0, 0, 0])
    with pytest.raises(PartFailed, match=r"die before they have made one of 4 clips, clip000001 and more"):
        produce.produce(FIVE, tmp_path, workers=1)
    assert len(opened) == 4


def test_a_clip_that_fails_by_itself_is_told_once_however_many_processes_die(tmp_path, pools):
    opened = pools([2, 2, 9], bad=(0, 2))
    with pytest.raises(PartFailed, match=r"^2 clips failed; the first: clip000000: ValueError: no such light$"):
        produce.produce(FIVE, tmp_path)
    assert len(list(tmp_path.glob("clip*.npz"))) == 3
    assert len(opened) >= 2


def test_a_folder_of_another_recipe_is_refused(made):
    with pytest.raises(PartFailed, match="another recipe"):
        produce.produce(replace(RECIPE, output=replace(RECIPE.output, seed=6)), made)


def test_truth_is_written_whole_or_not_at_all(made, tmp_path, monkeypatch):
    truth = SyntheticClip.all_in(made)[0].truth()

    def fail(*_):
        raise OSError("disk full")

    monkeypatch.setattr(os, "replace", fail)
    with pytest.raises(OSError, match="disk full"):
        truth.write(tmp_path / "clip000000.npz")
    assert not (tmp_path / "clip000000.npz").exists()
    monkeypatch.undo()
    truth.write(tmp_path / "clip000000.npz")
    again = Truth.read(tmp_path / "clip000000.npz")
    assert again.about == truth.about
    np.testing.assert_array_equal(again.keypoints_m, truth.keypoints_m)


def test_coco_and_sheets(made):
    import json

    listed = write_coco(made, every=3)
    coco = json.loads((made / "coco_keypoints.json").read_text())
    assert len(coco["annotations"]) == listed > 5
    assert coco["categories"][0]["keypoints"] == list(KEYPOINTS)
    assert len(coco["annotations"][0]["keypoints"]) == 3 * len(KEYPOINTS)
    sheet(made, made / "sheet.png")
    assert (made / "sheet.png").stat().st_size > 10_000


def test_projection_and_lens_agree():
    """A point drawn by the ideal camera and bent by the lens lands where `project` says."""
    camera = stand(200, 120, 90, 40, 3, 1.2, np.array([0, 0, 0.9]), 2.0, k1=-0.1, k2=0.0)
    drawn = lens.drawing_camera(camera, 1.5)
    x, y = lens.lens_map(camera, drawn)
    points = np.array([[0.2, 0.1, 1.5], [-0.6, 0.3, 0.4], [0.1, -0.3, 0.1]])
    final, _ = camera.project(points)
    ideal, _ = drawn.project(points, lens=False)
    for (u, v), want in zip(final, ideal, strict=True):
        i, j = int(v), int(u)
        assert abs(x[i, j] + 0.5 - want[0]) < 1.6
        assert abs(y[i, j] + 0.5 - want[1]) < 1.6


def test_the_left_side_is_seen_from_positive_angles():
    camera = stand(200, 200, 60, 90, 3, 1.0, np.array([0, 0, 0.9]))
    _, z = camera.project(np.array([[0.2, 0, 1.0], [-0.2, 0, 1.0]]))
    assert z[0] < z[1]  # the lifter's left (+x) is nearer
    front = stand(200, 200, 60, 0, 3, 1.0, np.array([0, 0, 0.9]))
    px, _ = front.project(np.array([[0.2, 0, 1.0]]))
    assert px[0, 0] > 100  # facing us, the left hand is on the right of the picture


def test_an_empty_folder_says_how_to_fill_it(tmp_path):
    with pytest.raises(InputError, match="python -m convert synth"):
        SyntheticClip.all_in(tmp_path)


def test_two_dask_workers_make_a_set(made, tmp_path):
    distributed = pytest.importorskip("distributed", reason="dask is an extra: pip install 'squatlight[dask]'")
    with distributed.LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None) as cluster:
        assert produce.produce(RECIPE, tmp_path, scheduler=cluster.scheduler_address)["clips"] == 2
    for ours, theirs in zip(SyntheticClip.all_in(made), SyntheticClip.all_in(tmp_path), strict=True):
        np.testing.assert_array_equal(ours.truth().keypoints_m, theirs.truth().keypoints_m)


def test_no_scheduler_is_one_clear_line(tmp_path):
    pytest.importorskip("distributed", reason="dask is an extra: pip install 'squatlight[dask]'")
    with pytest.raises(PartFailed, match="no Dask scheduler"), produce.executor(1, "tcp://127.0.0.1:9"):
        pass


def test_the_report_finds_no_error_in_perfect_poses_and_counts_what_is_missing(made):
    from convert.synth.counts import count_lines
    from convert.synth.report import depth_lines, depth_rows, joint_errors, joint_lines
    from convert.synth.seen import Seen, view_of
    from device.squat.depth import METHODS

    seen = []
    for clip in SyntheticClip.all_in(made):
        truth = clip.truth()
        seen.append(Seen(truth, truth.keypoints_px.astype(float), dict.fromkeys(METHODS, ())))
    errors, found, anybody, frames = joint_errors(seen)
    assert found == anybody == frames > 20
    assert max(max(e) for e in errors.values() if e) == 0
    assert len(list(joint_lines(errors))) > 10
    assert "0 of 2" in next(iter(count_lines(seen)))
    assert len(list(depth_lines(list(depth_rows(seen))))) > 2
    away = [Seen(s.truth, s.poses + 500, s.reps) for s in seen]
    assert joint_errors(away)[1] == 0
    assert [view_of(a) for a in (0, -30, 90, -130, 179)] == ["front", "front oblique", "side", "back oblique", "back"]


def test_other_networks_find_keypoints_of_a_set_anew(tmp_path, monkeypatch):
    from convert.datasets import synthetic
    from device.inference.models import Manifest

    def kept(**hashes: str) -> str:
        there = {name: Manifest(name, tmp_path, sha256, {}) for name, sha256 in hashes.items()}
        monkeypatch.setattr(synthetic, "told", there.get)
        return synthetic.found_in(tmp_path, "paired").name

    first = kept(pose="1", surface="2", depth="3")
    assert kept(surface="2", pose="1", depth="4") == first, "judges what was found"
    monkeypatch.undo()
    monkeypatch.setenv("SQUATLIGHT_MODELS", str(tmp_path))
    plain = synthetic.found_in(tmp_path, "paired")
    (tmp_path / "other.json").write_text("{")
    assert synthetic.found_in(tmp_path, "paired") == plain, "a broken manifest of a network that finds nothing"
    assert len({first, kept(pose="2", surface="2"), kept(pose="1", surface="3"), kept(pose="1")}) == 4


def test_a_machines_own_settings_change_neither_reports_nor_the_errors_that_are_lent(tmp_path, monkeypatch):
    from types import SimpleNamespace

    from convert.synth import found, seen

    own = tmp_path / "squatlight.toml"
    own.write_text('[models]\npose = "squatlight"\n[lifter]\nheight_cm = 200\n')
    monkeypatch.setattr(settings, "SYSTEM_FILE", own)
    plain = settings.load(settings.DEFAULT_FILE)
    clip = SyntheticClip(tmp_path / "clip000000.avi", tmp_path / "clip000000.npz")
    assert clip.found().parent.name.startswith(f"found-{plain.models.pose}-")
    used = []
    monkeypatch.setattr(SyntheticClip, "all_in", lambda folder: [clip])
    monkeypatch.setattr(SyntheticClip, "truth", lambda clip: SimpleNamespace(reps=[], visible=[]))
    for module in (seen, found):
        monkeypatch.setattr(
            module, "judge_clip", lambda clip, told, kept: used.append(told) or SimpleNamespace(reps=())
        )
        monkeypatch.setattr(module.recorded, "load", lambda path: [])
    seen.look(clip, tmp_path, plain.models.pose)
    list(found.clips_with_poses(tmp_path))
    assert used
    assert {(told.models.pose, told.lifter.height_cm) for told in used} == {(plain.models.pose, plain.lifter.height_cm)}

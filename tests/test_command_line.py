import json
import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import cv2
import pytest

from device.__main__ import main

Run = Callable[..., subprocess.CompletedProcess]

pytestmark = pytest.mark.usefixtures("pose_files")


def test_the_demo_ends_by_itself_without_a_terminal_and_lights_red_for_the_shallow_rep(
    squatlight: Run, lines_of: Callable
) -> None:
    ran = squatlight("demo", timeout_s=90)
    assert ran.returncode == 0
    assert lines_of(ran) == []
    reps = [line.split() for line in ran.stdout.splitlines() if line.strip().startswith("1.")]
    lamps = [line.strip() for line in ran.stdout.splitlines() if line.strip().startswith("lamp")]
    assert [rep[0] for rep in reps] == ["1.1", "1.2", "1.3"]
    assert [rep[3] for rep in reps] == ["good_lift", "good_lift", "no_lift"]
    assert ["● white" in lamp for lamp in lamps] == [True, True, False]
    assert ["● red" in lamp for lamp in lamps] == [False, False, True]
    assert "\033" not in ran.stdout  # no colours into a file
    assert "mosquitto_sub -p" in ran.stdout


def test_check_tries_every_part_with_a_line_each(squatlight: Run, lines_of: Callable) -> None:
    ran = squatlight("check")
    assert ran.returncode == 0
    assert lines_of(ran) == []
    lines = ran.stdout.splitlines()
    assert [line.split()[0] for line in lines][:5] == ["camera", "lamp", "broker", "models", "store"]
    assert all(line.split()[1] == "ok" for line in lines)


def test_models_verify_gives_each_model_a_line_and_its_hash(squatlight: Run) -> None:
    ran = squatlight("models", "verify")
    assert ran.returncode == 0
    names = [line.split()[0] for line in ran.stdout.splitlines()]
    assert {"blazepose_detector", "blazepose_full"} <= set(names)
    assert all(line.split()[1] == "ok" and len(line.split()[2]) == 64 for line in ran.stdout.splitlines())


def test_models_fetch_has_nothing_to_do_where_all_is_there(squatlight: Run) -> None:
    ran = squatlight("models", "fetch", PIP_NO_INDEX="1", PIP_INDEX_URL="http://127.0.0.1:9/")
    assert ran.returncode == 0
    assert "already there" in ran.stdout


KEYS = {
    "type", "id", "at", "source", "mode", "set", "set_rep", "rep", "start_s", "bottom_s", "lockout_s", "decision",
    "p_below", "depth_cm", "depth_sigma_cm", "depth_thighs", "method", "cards", "reasons", "not_observed", "tempo",
    "velocity", "form", "view_deg", "dropped", "late", "model",
}  # fmt: skip


def test_stdout_holds_json_lines_alone_and_the_table_goes_to_stderr(
    squatlight: Run, demo_clip: Path, lines_of: Callable
) -> None:
    ran = squatlight("replay", demo_clip, "--json", "-", "--mode", "meet", "--height-cm", 180)
    assert ran.returncode == 0
    reps = [json.loads(line) for line in ran.stdout.splitlines()]
    assert [rep["rep"] for rep in reps] == [1, 2, 3]
    assert [rep["decision"] for rep in reps] == ["good_lift", "good_lift", "no_lift"]  # 0.18
    for rep in reps:
        assert set(rep) == KEYS
        assert (rep["type"], rep["at"], rep["mode"], rep["source"]) == ("rep", None, "meet", str(demo_clip))
        assert rep["start_s"] < rep["bottom_s"] < rep["lockout_s"]
        assert all(value.startswith("sha256:") for value in rep["model"].values())
    table = "\n".join(lines_of(ran))
    assert "set.rep" in table
    assert (table.count("_lift"), table.count("no_decision")) == (3, 0)


def test_the_annotated_video_is_vp9_of_every_frame_and_shows_what_was_seen(
    squatlight: Run, one_rep_clip: Path, tmp_path: Path
) -> None:
    assert squatlight("replay", one_rep_clip, "--video", "seen.mp4").returncode == 0
    path = tmp_path / "seen.mp4"
    seen, clip = cv2.VideoCapture(str(path)), cv2.VideoCapture(str(one_rep_clip))
    fourcc = int(seen.get(cv2.CAP_PROP_FOURCC)).to_bytes(4, "little")
    assert fourcc.lower() in (b"vp09", b"vp90")
    count, changed = 0, []
    while True:
        (there, picture), (expected, original) = seen.read(), clip.read()
        assert there == expected, count
        if not there:
            break
        changed.append((cv2.absdiff(picture, original).max(2) > 60).mean())
        count += 1
    assert count > 60
    assert sum(share > 0.002 for share in changed) > 0.9 * count  # lines are drawn on nearly all
    assert max(changed) < 0.4  # and the picture below them is the clip's own
    assert list(path.parent.glob(".part*")) == []


def test_the_annotated_video_of_a_variable_rate_lasts_as_long_as_the_clip(
    squatlight: Run, ffmpeg: Callable, tmp_path: Path
) -> None:
    uneven = "setpts=(N+if(gt(N\\,20)\\,N-20\\,0))/30/TB"  # from 30 frames a second to 15
    clip = tmp_path / "uneven.webm"
    ffmpeg("-f", "lavfi", "-i", "testsrc=size=160x120:rate=30:duration=2", "-vf", uneven, "-fps_mode", "vfr",
           "-c:v", "libvpx", clip)  # fmt: skip
    assert squatlight("replay", clip, "--video", "seen.webm").returncode == 0
    video = cv2.VideoCapture(str(tmp_path / "seen.webm"))
    frames = 0
    while video.read()[0]:
        frames += 1
    assert frames / video.get(cv2.CAP_PROP_FPS) == pytest.approx(98 / 30, abs=0.1)


def test_json_goes_into_a_file_and_several_videos_into_a_folder(
    squatlight: Run, ffmpeg: Callable, tmp_path: Path
) -> None:
    clips = [tmp_path / f"{name}.mp4" for name in "ab"]
    for clip in clips:
        ffmpeg("-f", "lavfi", "-i", "testsrc=size=160x120:rate=30", "-t", 0.5, "-c:v", "libx264", clip)
    ran = squatlight("replay", *clips, "--json", "reps.jsonl", "--video", "seen")
    assert ran.returncode == 0
    assert (tmp_path / "reps.jsonl").read_text() == ""
    assert ran.stdout.count("no squat seen") == 2
    assert sorted(path.name for path in (tmp_path / "seen").iterdir()) == ["a.webm", "b.webm"]


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (("--json", "no/such/folder/reps.jsonl"), 2, "no/such/folder/reps.jsonl"),
        (("--video", "seen.gif"), 2, ".webm or .mp4"),
        (("--video", "file/seen.mp4"), 1, "file/seen.mp4"),
    ],
)
def test_an_output_that_cannot_be_written_gives_one_line(
    squatlight: Run, one_line: Callable, demo_clip: Path, tmp_path: Path, arguments: tuple, code: int, said: str
) -> None:
    (tmp_path / "file").touch()
    assert said in one_line(squatlight("replay", demo_clip, *arguments), code)


def test_a_reader_that_has_read_enough_ends_the_replay_without_a_traceback(squatlight: Run, one_rep_clip: Path) -> None:
    end, ours = os.pipe()
    os.close(end)  # nobody reads
    ran = squatlight("replay", one_rep_clip, "--json", "-", stdout=ours)
    os.close(ours)
    assert "Traceback" not in ran.stderr
    assert "BrokenPipe" not in ran.stderr
    assert ran.returncode not in (0, 1, 2, 78)


def settings_file(folder: Path, text: str) -> Path:
    path = folder / "squatlight.toml"
    path.write_text(text)
    return path


def short_clip(ffmpeg: Callable, folder: Path) -> Path:
    clip = folder / "short.mp4"
    ffmpeg("-f", "lavfi", "-i", "testsrc=size=160x120:rate=30", "-t", 0.5, "-c:v", "libx264", clip)
    return clip


def test_a_broker_that_refuses_fails_check_alone(squatlight: Run, lines_of: Callable, tmp_path: Path) -> None:
    path = settings_file(tmp_path, '[mqtt]\nhost = "127.0.0.1"\nport = 9\n')
    ran = squatlight("check", "-c", path)
    assert ran.returncode == 1
    assert lines_of(ran) == []
    results = {line.split()[0]: line for line in ran.stdout.splitlines()}
    assert results["broker"].split()[1] == "FAIL"
    assert "127.0.0.1:9" in results["broker"]
    assert [name for name, line in results.items() if line.split()[1] != "ok"] == ["broker"]


def test_a_broker_that_refuses_gives_one_line_and_judging_goes_on(
    squatlight: Run, lines_of: Callable, one_rep_clip: Path, tmp_path: Path
) -> None:
    """Takes as long as the clip: `run` plays it at its own speed."""
    text = f'[camera]\nsource = "{one_rep_clip}"\n[mqtt]\nhost = "127.0.0.1"\nport = 9\n[store]\npath = "reps.sqlite"\n'
    ran = squatlight("run", "-c", settings_file(tmp_path, text), timeout_s=60)
    assert ran.returncode == 0
    refused = [line for line in lines_of(ran) if "127.0.0.1:9" in line]
    assert len(refused) == 1, lines_of(ran)
    assert sum("good_lift" in line for line in lines_of(ran)) == 1
    assert (tmp_path / "reps.sqlite").is_file()


def test_pins_that_are_not_to_be_had_end_run_with_1_and_one_line(
    squatlight: Run, one_line: Callable, ffmpeg: Callable, tmp_path: Path
) -> None:
    from device.errors import PartFailed
    from device.output.pins import open_pins

    try:
        open_pins("lgpio").close()
    except PartFailed:
        pass
    else:
        pytest.skip("this machine has real pins")
    text = f'[camera]\nsource = "{short_clip(ffmpeg, tmp_path)}"\n[light]\npins = "lgpio"\n[mqtt]\nhost = ""\n'
    line = one_line(squatlight("run", "-c", settings_file(tmp_path, text)), 1)
    assert line.startswith("squatlight: lamp: ")


def test_two_lamps_on_one_pin_end_run_with_1_and_one_line(
    squatlight: Run, one_line: Callable, ffmpeg: Callable, tmp_path: Path
) -> None:
    text = f'[camera]\nsource = "{short_clip(ffmpeg, tmp_path)}"\n[light]\nwhite_pin = 17\n[mqtt]\nhost = ""\n'
    ran = squatlight("run", "-c", settings_file(tmp_path, text))
    assert ran.returncode in (1, 78)
    assert "17" in one_line(ran, ran.returncode)


def test_help_names_every_command(squatlight: Run) -> None:
    ran = squatlight("--help")
    assert ran.returncode == 0
    assert all(f"  {command} " in ran.stdout for command in ("run", "demo", "replay", "check", "models"))
    assert squatlight("--version").stdout.strip()
    assert squatlight("dance").returncode == 2


def test_files_of_another_user_are_one_line(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture) -> None:
    def refused(*_: object) -> None:
        raise PermissionError(13, "Permission denied", "/var/lib/squatlight/reps.db")

    monkeypatch.setattr("device.settings.load", refused)
    assert main(["reps"]) == 1
    [line] = capsys.readouterr().err.splitlines()
    assert line.startswith("squatlight: /var/lib/squatlight/reps.db: not for this user")

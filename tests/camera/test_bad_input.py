"""Bad input through the real command line: one clear line, the right exit code, nothing else harmed."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from device.inference.models import fetched_folder

Run = Callable[..., object]
GRAY = "color=gray:size=64x48:rate=30"

pytestmark = pytest.mark.usefixtures("pose_files")


@pytest.fixture(scope="module")
def cut_clips(ffmpeg: Run, demo_clip: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The demo clip, cut at 60% of its bytes; the index of the mp4 lies at its front."""
    folder = tmp_path_factory.mktemp("cut")
    whole = folder / "whole.mp4"
    ffmpeg("-i", demo_clip, "-c:v", "libx264", "-preset", "ultrafast", "-movflags", "+faststart", whole)
    cut = {}
    for path in (whole, demo_clip):
        data = path.read_bytes()
        cut[path.suffix] = folder / f"cut{path.suffix}"
        cut[path.suffix].write_bytes(data[: len(data) * 6 // 10])
    return cut


def made(kind: str, folder: Path, ffmpeg: Run) -> Path:
    path = folder / f"{kind}.mp4"
    match kind:
        case "directory":
            path.mkdir()
        case "text":
            path.write_text("Three sets of five, deep.\n" * 50)
        case "empty":
            path.touch()
        case "zero frames":
            ffmpeg("-f", "lavfi", "-i", GRAY, "-frames:v", 0, path)
        case "audio only":
            ffmpeg("-f", "lavfi", "-i", "sine", "-t", 1, path)
        case "no picture in time":  # a track that promises frames, whose bytes are gone
            ffmpeg("-f", "lavfi", "-i", GRAY, "-t", 1, "-c:v", "libx264", "-movflags", "+faststart", path)
            data = path.read_bytes()
            path.write_bytes(data[: data.index(b"mdat") + 4])
        case "1-pixel":
            path = folder / "pixel.avi"
            raw = ("-f", "rawvideo", "-pix_fmt", "rgb24", "-s", "1x1", "-i", "/dev/zero")
            ffmpeg(*raw, "-frames:v", 9, "-c:v", "ffv1", "-pix_fmt", "bgr0", path)
    return path


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        ("missing", "no such file"),
        ("directory", "not a file"),
        ("text", "video"),
        ("empty", "video"),
        ("zero frames", ""),
        ("no picture in time", ""),
        ("audio only", "video"),
        ("1-pixel", "1x1"),
    ],
)
def test_an_unusable_clip_gives_one_line_and_exit_code_2(
    ffmpeg: Run, squatlight: Run, one_line: Run, tmp_path: Path, kind: str, said: str
) -> None:
    path = made(kind, tmp_path, ffmpeg)
    ran = squatlight("replay", path, "--json", "-")
    line = one_line(ran, 2)
    assert str(path) in line
    assert said in line
    assert ran.stdout == ""


def test_a_bad_clip_among_good_ones_does_not_stop_them(
    squatlight: Run, lines_of: Run, demo_clip: Path, tmp_path: Path
) -> None:
    text = tmp_path / "words.mp4"
    text.write_text("not a video")
    ran = squatlight("replay", text, demo_clip, tmp_path / "none.mp4", "--json", "-")
    assert ran.returncode == 2
    assert [json.loads(line)["rep"] for line in ran.stdout.splitlines()] == [1, 2, 3]
    assert sum(line.startswith("squatlight: ") for line in lines_of(ran)) == 2


@pytest.mark.parametrize("suffix", [".mp4", ".webm"])
def test_a_truncated_clip_is_judged_up_to_the_cut_with_one_warning(
    cut_clips: dict[str, Path], squatlight: Run, lines_of: Run, suffix: str
) -> None:
    ran = squatlight("replay", cut_clips[suffix], "--json", "-")
    assert ran.returncode == 0
    assert [json.loads(line)["rep"] for line in ran.stdout.splitlines()][:1] == [1]
    assert len(ran.stdout.splitlines()) < 3
    (warning,) = [line for line in lines_of(ran) if line.startswith("squatlight: ")]
    assert "cut" in warning
    assert str(cut_clips[suffix]) in warning


def test_a_model_with_the_wrong_hash_gives_one_line_and_exit_code_2(
    squatlight: Run, one_line: Run, demo_clip: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "models"
    shutil.copytree(fetched_folder(), folder)
    graph = folder / "blazepose_full.tflite"
    data = bytearray(graph.read_bytes())
    data[len(data) // 2] ^= 1  # a single bit
    graph.write_bytes(data)
    line = one_line(squatlight("replay", demo_clip, SQUATLIGHT_MODELS=str(folder)), 2)
    assert "sha256" in line
    assert str(graph) in line
    ran = squatlight("models", "verify", SQUATLIGHT_MODELS=str(folder))
    assert ran.returncode == 2
    assert "blazepose_full           BROKEN" in ran.stdout
    assert "blazepose_detector       ok" in ran.stdout


def test_a_missing_model_says_which_command_brings_it(
    squatlight: Run, one_line: Run, demo_clip: Path, tmp_path: Path
) -> None:
    line = one_line(squatlight("replay", demo_clip, SQUATLIGHT_MODELS=str(tmp_path)), 2)
    assert "squatlight models fetch" in line
    ran = squatlight("models", "verify", SQUATLIGHT_MODELS=str(tmp_path))
    assert ran.returncode == 2
    assert ran.stdout.count("MISSING") == 2


def test_a_broken_manifest_is_named(squatlight: Run, one_line: Run, demo_clip: Path, tmp_path: Path) -> None:
    shutil.copytree(fetched_folder(), tmp_path / "models")
    (tmp_path / "models" / "blazepose_full.json").write_text("{")
    line = one_line(squatlight("replay", demo_clip, SQUATLIGHT_MODELS=str(tmp_path / "models")), 2)
    assert "blazepose_full.json" in line

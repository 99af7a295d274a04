"""What all tests share: the real command line, ffmpeg where it is, golden files."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
XNNPACK = "INFO: Created TensorFlow Lite XNNPACK delegate for CPU."  # the runtime's own line, where it says it

Ran = subprocess.CompletedProcess


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--update-golden", action="store_true", help="write tests/replay/golden.json anew")


@pytest.fixture(scope="session")
def demo_clip() -> Path:
    return ROOT / "device" / "demo" / "squat.webm"


@pytest.fixture(scope="session")
def pose_files() -> None:
    """Skips where the third-party pose model has not been fetched."""
    from device.inference import fetch

    if not fetch.fetched():
        pytest.skip("the pose model is not here: `squatlight models fetch` brings it")


@pytest.fixture
def squatlight(tmp_path: Path) -> Callable[..., "Ran[str]"]:
    """Runs the real command line in a process of its own, away from the tree; a hanging one fails."""

    def run(
        *arguments: object, timeout_s: float = 120, stdout: int = subprocess.PIPE, **environment: str
    ) -> "Ran[str]":
        return subprocess.run(
            [sys.executable, "-m", "device", *map(str, arguments)],
            cwd=tmp_path,
            env={**os.environ, "PYTHONPATH": str(ROOT), **environment},
            stdin=subprocess.DEVNULL,
            stdout=stdout,
            stderr=subprocess.PIPE,
            text=True,
            timeout=timeout_s,
            check=False,
        )

    return run


def complaints(ran: "Ran[str]") -> list[str]:
    """Lines on stderr, less the one that the TFLite runtime writes itself."""
    assert "Traceback" not in ran.stderr + (ran.stdout or ""), ran.stderr
    return [line for line in ran.stderr.splitlines() if line.strip() and line != XNNPACK]


@pytest.fixture
def one_line() -> Callable[..., str]:
    """Asserts that a run failed with one clear line and nothing else, and gives that line."""

    def check(ran: "Ran[str]", code: int) -> str:
        lines = complaints(ran)
        assert ran.returncode == code, (ran.returncode, lines)
        assert len(lines) == 1, lines
        assert lines[0].startswith("squatlight: ")
        assert len(lines[0]) < 400
        return lines[0]

    return check


@pytest.fixture
def lines_of() -> Callable[["Ran[str]"], list[str]]:
    return complaints


@pytest.fixture(scope="session")
def one_rep_clip(demo_clip: Path, ffmpeg: Callable[..., None], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The demo clip's first rep, small: what takes time for each frame is tested on it."""
    first = json.loads(demo_clip.with_suffix(".json").read_text("utf-8"))["reps"][0]
    path = tmp_path_factory.mktemp("one_rep") / "one_rep.mp4"
    ffmpeg("-i", demo_clip, "-t", first["lockout_s"] + 0.7, "-vf", "scale=-2:240", "-c:v", "libx264", "-crf", 18, path)
    return path


@pytest.fixture(scope="session")
def ffmpeg() -> Callable[..., None]:
    """Runs ffmpeg, and skips where it is not."""
    if shutil.which("ffmpeg") is None or shutil.which("ffprobe") is None:
        pytest.skip("ffmpeg is not installed (packages.txt)")

    def run(*arguments: object) -> None:
        command = ["ffmpeg", "-v", "error", "-nostdin", "-y", *map(str, arguments)]
        ran = subprocess.run(command, capture_output=True, text=True, check=False)
        if "Unknown encoder" in ran.stderr:
            pytest.skip(f"this ffmpeg lacks an encoder ({ran.stderr.strip().splitlines()[0]})")
        assert ran.returncode == 0, ran.stderr

    return run


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 1 MB of its own, or nothing of the kind."""
    place = tmp_path / "small"
    place.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(place)]
    if os.geteuid() != 0 or subprocess.run(mount, capture_output=True, check=False).returncode != 0:
        pytest.skip("no disk of its own to be had: mounting one takes root")
    yield place
    subprocess.run(["umount", "-l", str(place)], check=True)

"""Brings the third-party pose model: two files out of a pinned wheel, checked, folded, never committed."""

import json
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from device.errors import ModelError
from device.inference import models
from device.inference.fold import fold
from device.inference.models import Manifest, fetched_folder, sha256

WHEEL = "mediapipe==0.10.18"  # the newest that carries the files; the library itself is never installed
PLATFORM = ("--python-version", "3.11", "--platform", "manylinux2014_x86_64")  # the files are the same in each


@dataclass(frozen=True, slots=True)
class Source:
    """A file in the wheel, and what becomes of it.

    Attributes:
        member: path in the wheel.
        sha256: of the file there.
        outputs: new name of each wanted tensor by its name there; heads that none of them needs are cut.
    """

    member: str
    sha256: str
    outputs: Mapping[str, str]


SOURCES: Mapping[str, Source] = {
    "blazepose_detector": Source(
        "mediapipe/modules/pose_detection/pose_detection.tflite",
        "9ba9dd3d42efaaba86b4ff0122b06f29c4122e756b329d89dca1e297fd8f866c",
        {"Identity": "boxes", "Identity_1": "scores"},
    ),
    "blazepose_full": Source(
        "mediapipe/modules/pose_landmark/pose_landmark_full.tflite",
        "e9a5c5cb17f736fafd4c2ec1da3b3d331d6edbe8a0d32395855aeb2cdfd64b9f",
        {
            "Identity": "landmarks",
            "Identity_1": "presence",
            "Identity_3": "heatmap",
            "Identity_4": "world",
            "model_1/model/add_11/add": "features",  # (1, 64, 64, 48): the map of which the heatmaps are made
        },
    ),
}


def fetched() -> bool:
    """Whether all files are there, whatever state they are in."""
    return all((fetched_folder() / f"{name}{end}").is_file() for name in SOURCES for end in (".tflite", ".json"))


def find(name: str) -> Manifest:
    """The manifest of a fetched model that is there, whole, and folded as this version wants it.

    Raises:
        ModelError: it is not.
    """
    manifest = models.find(name)
    check_fold(manifest)
    return manifest


def check_fold(manifest: Manifest) -> None:
    """Compares what a fetched model was folded to with what this version wants; other models pass.

    Raises:
        ModelError: another version folded it.
    """
    source = SOURCES.get(manifest.name)
    if source is not None and manifest.more.get("outputs") != list(source.outputs.values()):
        raise ModelError(
            f"{manifest.path}: folded by another version, which gives other outputs; "
            "`squatlight models fetch --force` brings it anew"
        )


def fetch(say: Callable[[str], None]) -> Path:
    """Downloads the wheel with pip, checks and folds the files, and puts them into place.

    Args:
        say: takes a line of progress.

    Returns:
        The folder they lie in.

    Raises:
        ModelError: no network, or a file that is not the pinned one.
    """
    folder = fetched_folder()
    say(f"fetching BlazePose (Apache-2.0) out of {WHEEL}, 36 MB, into {folder}")
    with tempfile.TemporaryDirectory() as temporary, zipfile.ZipFile(_download(Path(temporary))) as wheel:
        graphs = {name: wheel.read(source.member) for name, source in SOURCES.items()}
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, source in SOURCES.items():
            _put(folder, name, source, graphs[name])
    except OSError as error:
        raise ModelError(f"{folder}: cannot be written ({error.strerror}); set SQUATLIGHT_MODELS") from error
    say("fetched, checked and folded")
    return folder


def _download(folder: Path) -> Path:
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary=:all:", *PLATFORM]
    run = subprocess.run([*command, "--dest", str(folder), WHEEL], capture_output=True, text=True, check=False)
    wheels = list(folder.glob("*.whl"))
    if run.returncode or not wheels:
        reason = (run.stderr.strip().splitlines() or ["pip said nothing"])[-1]
        raise ModelError(f"the pose model could not be fetched; is there a network? pip says: {reason}")
    return wheels[0]


def _put(folder: Path, name: str, source: Source, graph: bytes) -> None:
    target, part = folder / f"{name}.tflite", folder / f"{name}.part"
    part.write_bytes(graph)
    if (found := sha256(part)) != source.sha256:
        part.unlink()
        raise ModelError(f"{source.member}: sha256 is {found[:12]}…, expected {source.sha256[:12]}…; not used")
    part.write_bytes(fold(graph, source.outputs))
    manifest = {
        "name": name, "sha256": sha256(part), "outputs": list(source.outputs.values()), "licence": "Apache-2.0",
        "source": {"wheel": WHEEL, "member": source.member, "sha256": source.sha256},
    }  # fmt: skip
    (folder / f"{name}.json").unlink(missing_ok=True)  # never an old manifest beside a new file
    part.replace(target)
    (folder / f"{name}.json").write_text(json.dumps(manifest, indent=1), "utf-8")

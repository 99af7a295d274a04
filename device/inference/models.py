"""Where model files lie, and the hashes they must have."""

import hashlib
import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from device.errors import ModelError
from device.squat.features import FEATURES_VERSION
from device.squat.pose import KEYPOINTS

SYSTEM = Path("/var/lib/squatlight/models")


@dataclass(frozen=True, slots=True)
class Manifest:
    """What a model file is: `NAME.json` beside `NAME.tflite`.

    Attributes:
        name: of the model.
        path: the .tflite file.
        sha256: hash the file must have.
        more: everything else the manifest says.
    """

    name: str
    path: Path
    sha256: str
    more: Mapping[str, Any]


def shipped_folder() -> Path:
    """The folder of the models that travel with the package."""
    inside = Path(__file__).parents[1] / "models"
    return inside if inside.is_dir() else Path(__file__).parents[2] / "models"


def fetched_folder() -> Path:
    """The folder of third-party models: $SQUATLIGHT_MODELS, else the system's where it is, else the user's cache."""
    if named := os.environ.get("SQUATLIGHT_MODELS"):
        return Path(named)
    if SYSTEM.is_dir():
        return SYSTEM
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return cache / "squatlight" / "models"


def exists(name: str) -> bool:
    """Whether there is a manifest of such a model, whatever state the model is in."""
    return any((folder / f"{name}.json").is_file() for folder in (fetched_folder(), shipped_folder()))


def find(name: str) -> Manifest:
    """The manifest of a model whose file is there and whole.

    Raises:
        ModelError: no such model, damaged, not the one its manifest tells of, made for another device's keypoints or
            features, or without a model that it requires.
    """
    if (manifest := told(name)) is not None:
        verify(manifest)
        _check_required(manifest)
        return manifest
    raise ModelError(f"model {name}: not found in {fetched_folder()}; `squatlight models fetch` brings it")


def told(name: str) -> Manifest | None:
    """The manifest of a model, unverified; None: there is none.

    Raises:
        ModelError: it cannot be read.
    """
    for folder in (fetched_folder(), shipped_folder()):
        if (folder / f"{name}.json").is_file():
            return _read(folder, name)
    return None


def all_models() -> Iterator[Manifest]:
    """The manifests of all models that are there, unverified."""
    for folder in (fetched_folder(), shipped_folder()):
        for path in sorted(folder.glob("*.json")):
            yield _read(folder, path.stem)


def verify(manifest: Manifest) -> None:
    """Compares a file with its hash; what a network of ours was trained on with what this device computes.

    Raises:
        ModelError: missing or different.
    """
    ours = "task" in manifest.more
    if not manifest.path.is_file():
        mend = "install squatlight anew" if ours else "`squatlight models fetch` brings it"
        raise ModelError(f"{manifest.path}: missing; {mend}")
    found = sha256(manifest.path)
    if found != manifest.sha256:
        raise ModelError(
            f"{manifest.path}: sha256 is {found[:12]}…, expected {manifest.sha256[:12]}…; "
            + ("install squatlight anew" if ours else "`squatlight models fetch --force` brings it anew")
        )
    if ours:
        _check_words(manifest)


def _check_words(manifest: Manifest) -> None:
    """A network trained on other keypoints or features than the device gives would be silently wrong."""
    wanted = list(KEYPOINTS)
    found = manifest.more.get("keypoints")
    if found != wanted:
        found = found if isinstance(found, list) else []
        place = next((k for k, pair in enumerate(zip(found, wanted, strict=False)) if pair[0] != pair[1]), len(found))
        told = f"{len(found)} of them, expected {len(wanted)}"
        if place < min(len(found), len(wanted)):
            told = f"keypoint {place} is {found[place]}, expected {wanted[place]}"
        raise ModelError(f"{manifest.path}: trained on other keypoints: {told}; take the model of this version")
    if (version := manifest.more.get("features")) != FEATURES_VERSION:
        told = f"features version {version}, expected {FEATURES_VERSION}"
        raise ModelError(f"{manifest.path}: trained on {told}; take the model of this version")


def _check_required(manifest: Manifest) -> None:
    there = {sha for other in all_models() for sha in made_of(other)}
    for needed in manifest.more.get("requires", ()):
        if needed not in there:
            raise ModelError(
                f"{manifest.path}: built on a model of sha256 {str(needed)[:12]}…, which is not here; "
                "`squatlight models fetch --force` brings it"
            )


def made_of(manifest: Manifest) -> set[str]:
    """Hashes that name a model: of its file, and of the one that it was folded from.

    The folded file's hash may differ between versions of the library that writes it; what it computes does not.
    """
    source = manifest.more.get("source")
    return {manifest.sha256} | (
        {str(source["sha256"])} if isinstance(source, Mapping) and "sha256" in source else set()
    )


def sha256(path: Path) -> str:
    """Hash of a file, in hex."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _read(folder: Path, name: str) -> Manifest:
    path = folder / f"{name}.json"
    try:
        more = json.loads(path.read_text("utf-8"))
        return Manifest(name, folder / f"{name}.tflite", str(more["sha256"]), more)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ModelError(f"{path}: not a model's manifest ({error!r})") from error

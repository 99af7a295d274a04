"""Reads what `python -m convert synth` wrote: videos and their truth (layout: convert/synth/truth.py)."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from convert.synth.truth import Truth
from device import settings
from device.errors import InputError
from device.inference.models import told
from device.inference.recorded import STORED

FINDERS = ("blazepose_detector", "blazepose_full", "pose", "surface")


def found_in(folder: Path, pose_model: str = "") -> Path:
    """Where the keypoints are kept that a pose model, by default that of the embedded settings, finds in a set.

    The name ends in a hash over the networks that find them and over what is kept of it, so that others find them
    anew. Code that finds otherwise is not told apart: the folder is to be removed then.
    """
    name = pose_model or settings.load(settings.DEFAULT_FILE).models.pose
    networks = " ".join(f"{model.name} {model.sha256}" for model in map(told, FINDERS) if model is not None)
    kept = f"{networks} {' '.join(STORED)}"
    return folder / f"found-{name}-{hashlib.sha256(kept.encode()).hexdigest()[:8]}"


@dataclass(frozen=True)
class SyntheticClip:
    """One clip of a synthetic set: a video and its truth."""

    video: Path
    truth_file: Path

    @classmethod
    def all_in(cls, folder: Path) -> list["SyntheticClip"]:
        """All finished clips of a folder, by name; a clip whose truth is not written yet does not exist.

        Raises:
            InputError: there is none.
        """
        clips = []
        for truth_file in sorted(folder.glob("clip*.npz")):
            video = next((v for s in (".avi", ".webm") if (v := truth_file.with_suffix(s)).exists()), None)
            if video is not None:
                clips.append(cls(video, truth_file))
        if not clips:
            raise InputError(
                f"{folder}: no synthetic clips (clip*.npz beside clip*.avi); make some with: python -m convert synth"
            )
        return clips

    def found(self) -> Path:
        """The file of keypoints that the device's pose model finds in it; another model's are in another folder."""
        return found_in(self.truth_file.parent) / self.truth_file.name

    def truth(self) -> Truth:
        """The truth of all frames."""
        return Truth.read(self.truth_file)

    def frames(self) -> Iterator[NDArray[np.uint8]]:
        """The frames in order, (height, width, 3) uint8 RGB.

        Raises:
            InputError: the video cannot be read, or has fewer frames than its truth; the latter after its last one.
        """
        video = cv2.VideoCapture(str(self.video))
        if not video.isOpened():
            raise InputError(f"{self.video}: cannot be read as a video")
        frames = 0
        try:
            while True:
                ok, image = video.read()
                if not ok:
                    break
                frames += 1
                yield np.asarray(cv2.cvtColor(image, cv2.COLOR_BGR2RGB), np.uint8)
        finally:
            video.release()
        if frames < (told := len(self.truth().keypoints_px)):
            raise InputError(f"{self.video}: {frames} frames, its truth tells of {told}")

"""Pose models by name."""

from typing import Protocol

from device.camera.frames import Frame
from device.errors import ModelError
from device.inference import bar_end, fetch, models, surface
from device.inference.bar_end import BarEndModel, WithBarEnds
from device.inference.blazepose import BlazePose
from device.inference.paired import Paired
from device.inference.recorded import RecordedPoses
from device.inference.squatlight_pose import SquatlightPose
from device.inference.tflite import Model
from device.squat.pose import Pose

NAMES = ("paired", "blazepose", "squatlight")
DEFAULT = "paired"
RECORDED = "recorded:"  # and a file of stored keypoints: for tests and `make soak`


class PoseModel(Protocol):
    """Finds the lifter in each frame."""

    hashes: dict[str, str]
    """Hash of each model file by its role."""

    def estimate(self, frame: Frame) -> Pose | None:
        """The lifter's pose, or None where nobody is found; frames come in the order of their time."""

    def look_around(self, frame: Frame) -> None:
        """What need not be known of the frame that was estimated last: whether the right person is followed.

        The loop asks for it when that frame's lamp is lit, so that no verdict waits for it; the next frame knows.
        """

    def close(self) -> None:
        """Frees the model."""


def open_pose_model(
    name: str = DEFAULT,
    threads: int = 2,
    runtime: str | None = None,
    surfaces: bool = False,
    bar_ends: bool = False,
) -> PoseModel:
    """Loads a pose model.

    Args:
        name: one of `NAMES`, or `RECORDED` and a file.
        threads: threads of the TFLite interpreter.
        runtime: TFLite runtime, see `device.inference.tflite`; None takes the first that is installed.
        surfaces: whether hip creases and knee tops are found too, and the joints refined; without, BlazePose leaves
            them NaN and None.
        bar_ends: whether the ends of the bar are found too, by a network of their own.

    Raises:
        ModelError: no such model, not fetched, damaged, or none that gives what is needed.
    """
    if name.startswith(RECORDED):
        return RecordedPoses(name.removeprefix(RECORDED))
    if name not in NAMES:
        raise ModelError(f"pose model {name!r}: expected one of {', '.join(NAMES)}")
    import cv2  # not above: what only names a model must be quick to load

    cv2.setNumThreads(1)  # beside TFLite's more are in the way: 3% more frames a second on two cores, nine runs in turn
    bar = models.find(bar_end.NAME) if bar_ends else None  # told before anything is loaded
    model = _poses(name, threads, runtime, surfaces)
    return model if bar is None else WithBarEnds(model, BarEndModel(bar, threads, runtime), bar.sha256)


def _poses(name: str, threads: int, runtime: str | None, surfaces: bool) -> PoseModel:
    if name == "squatlight":
        return _squatlight(threads, runtime)
    blazepose = _blazepose(threads, runtime, surfaces)
    return Paired(blazepose, _squatlight(threads, runtime)) if name == "paired" else blazepose


def _squatlight(threads: int, runtime: str | None) -> SquatlightPose:
    ours = models.find("pose")
    return SquatlightPose(Model(ours.path, threads, runtime), {"pose": f"sha256:{ours.sha256}"})


def _blazepose(threads: int, runtime: str | None, surfaces: bool) -> BlazePose:
    detector, landmarks = fetch.find("blazepose_detector"), fetch.find("blazepose_full")
    hashes = {"detector": f"sha256:{detector.sha256}", "pose": f"sha256:{landmarks.sha256}"}
    if not surfaces:  # the head costs a tenth of a frame's time
        return BlazePose(detector.path, landmarks.path, hashes, threads, runtime)
    there = next((model for model in models.all_models() if model.name == surface.NAME), None)
    if there is None or not surface.fits(there, landmarks):
        why = "is not in models/" if there is None else f"was not made for {landmarks.path.name}"
        raise ModelError(f"hip creases and knee tops: the model {surface.NAME} that finds them {why}")
    head = models.find(surface.NAME)
    hashes[surface.NAME] = f"sha256:{head.sha256}"
    finder = surface.SurfaceHead(head, threads, runtime)
    return BlazePose(detector.path, landmarks.path, hashes, threads, runtime, finder)

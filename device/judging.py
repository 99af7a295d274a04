"""The pose model and the judge of the settings, with the networks that they name."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from device.inference.depth_model import open_depth_model
from device.inference.form_model import open_form_model
from device.inference.pose_model import PoseModel, open_pose_model
from device.inference.squat_model import open_squat_model
from device.settings import Settings
from device.squat.depth import NETWORK
from device.squat.judge import Judge


def open_poses(settings: Settings) -> PoseModel:
    """The pose model, with what else is to be found in each frame.

    Raises:
        ModelError: a network is missing, damaged or made for another device.
    """
    m = settings.models
    return open_pose_model(m.pose, m.threads, m.runtime or None, settings.surfaces, m.bar_ends)


@contextmanager
def open_judge(settings: Settings) -> Iterator[tuple[Judge, dict[str, str]]]:
    """A judge, and the hash of each network it asks by the network's role.

    Raises:
        ModelError: a network is missing, damaged or made for another device.
    """
    models = settings.models
    with ExitStack() as opened:
        hashes: dict[str, str] = {}
        form = depth = squat = None
        if settings.depth.method == NETWORK:
            depth = opened.enter_context(open_depth_model(models.runtime or None))
            hashes |= depth.hashes
        if models.form:
            form = opened.enter_context(open_form_model(models.form, models.runtime or None))
            hashes |= form.hashes
        if models.squat:
            squat = opened.enter_context(open_squat_model(models.squat, models.runtime or None))
            hashes |= squat.hashes
        yield Judge(settings.judging(), depth, form, squat), hashes

"""Causal smoothing by time: one filter for live, replay and training.

Casiez, Roussel and Vogel, "1 Euro Filter", CHI 2012. Departures: the cutoff follows the speed of the whole body's
fastest axis per point in metres a second, so that size in the picture and frame rate do not matter.
"""

from collections.abc import Sequence
from dataclasses import replace
from statistics import median

import numpy as np

from device.squat.features import scale_px_per_m
from device.squat.pose import Array, Pose

MIN_CUTOFF_HZ = 2.0  # at rest: takes the shiver of a standing figure, lags 80 ms
CUTOFF_PER_SPEED = 4.0  # Hz per m/s: a hip at 1 m/s lags 25 ms
SPEED_CUTOFF_HZ = 1.0  # the paper's value for the speed itself
SPIKE_S = 0.17  # a pose gone wrong lasts less; two frames that last longer may be the bottom of a short dip
FORGET_S = 0.5  # after a longer gap the filter starts anew


class Smoother:
    """Smooths poses one after another, in the order of their time."""

    def __init__(self) -> None:
        self._last: Pose | None = None
        self._speed: dict[str, Array] = {}

    def see(self, pose: Pose) -> Pose:
        """The pose with smoothed keypoints, refined joints and world points; scores stay as they are."""
        last = self._last
        gap_s = pose.captured_s - last.captured_s if last else np.inf
        if last is None or gap_s > FORGET_S or gap_s <= 0 or (pose.world is None) != (last.world is None):
            self._last, self._speed = pose, {}
            return pose
        scale = scale_px_per_m(pose) if pose.world is not None else np.nan
        unit = scale if np.isfinite(scale) else max(pose.size) / 2  # a picture shows about two metres
        keypoints = self._step("keypoints", last.keypoints, pose.keypoints, gap_s, unit)
        world, refined = None, pose.refined
        if pose.world is not None and last.world is not None:
            world = self._step("world", last.world, pose.world, gap_s, 1.0)
        if refined is not None and last.refined is not None:
            refined = self._step("refined", last.refined, refined, gap_s, unit)
        else:
            self._speed.pop("refined", None)
        self._last = replace(pose, keypoints=keypoints, world=world, refined=refined)
        return self._last

    def _step(self, name: str, last: Array, now: Array, gap_s: float, unit: float) -> Array:
        """One step over points (N, D) whose unit is `unit` per metre; NaN passes through and is left once seen."""
        speed = (now - last) / gap_s / unit
        before = self._speed.get(name, np.zeros_like(speed))
        speed = np.where(np.isfinite(speed), before + _gain(SPEED_CUTOFF_HZ, gap_s) * (speed - before), 0)
        self._speed[name] = speed.astype(np.float32)
        cutoff_hz = MIN_CUTOFF_HZ + CUTOFF_PER_SPEED * np.linalg.norm(speed, axis=-1, keepdims=True)
        smooth = last + _gain(cutoff_hz, gap_s) * (now - last)
        return np.where(np.isfinite(last), smooth, now).astype(np.float32)


def _gain(cutoff_hz: float | np.ndarray, gap_s: float) -> np.ndarray:
    """Share of the new value in a first-order low-pass after `gap_s`."""
    return np.asarray(1 - np.exp(-2 * np.pi * cutoff_hz * gap_s))


def without_spikes(values: Sequence[float], at_s: Sequence[float]) -> list[float]:
    """Each value replaced by the median of it and its neighbours, two to each side; one where frames are few.

    Args:
        values: of frames in the order of their time; at both ends there are fewer neighbours.
        at_s: when each was.
    """
    few = len(at_s) > 2 and 2 * float(np.median(np.diff(at_s))) > SPIKE_S
    reach = 1 if few else 2
    # numpy's median takes ten times as long, and the lamp waits for this
    return [median(values[max(i - reach, 0) : i + reach + 1]) for i in range(len(values))]

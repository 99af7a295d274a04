"""BlazePose, and our own network while BlazePose has lost the lifter.

BlazePose has seen real people, and is believed where it finds somebody. But it goes by head and trunk, and a plate or
a rack's post hides them. Our network learnt on rendered lifters behind both: it finds him there, well enough to count
his reps. Where his hips are to the centimetre it does not know, so their scores say that they were not seen, and the
depth of such a rep is not told. It sees people where there are none, too: in a room that BlazePose has found empty for
a while it is not asked.
"""

import math
from collections import deque
from dataclasses import replace

import numpy as np

from device.camera.frames import Frame
from device.inference.blazepose import BlazePose
from device.inference.choice import GUESS_FOR_S
from device.inference.squatlight_pose import SquatlightPose
from device.squat.depth import MIN_SCORE
from device.squat.pose import SURFACES, Pose, index

LOST_S, WITHIN_S = 0.2, 2.0  # lost by BlazePose, seen by our network for so long within so long: ours is believed ...
BELIEVED_S = 5.0  # ... until that was not so for this long; levels chosen on rendered sets
FRAME_S = 0.1  # the longest time that one frame stands for

_UNSURE = 0.9 * MIN_SCORE
_TELL_DEPTH = index("left_hip", "right_hip", *SURFACES)


class Paired:
    """The pose of the lifter in each frame.

    Args:
        blazepose: believed where it finds somebody.
        ours: asked where it does not.
    """

    def __init__(self, blazepose: BlazePose, ours: SquatlightPose) -> None:
        self.hashes = {**blazepose.hashes, "pose_hidden": ours.hashes["pose"]}
        self._blazepose, self._ours = blazepose, ours
        self._lost: deque[tuple[float, float]] = deque()  # frames in which our network alone saw him: times, seconds
        self._last_s = self._believed_s = -math.inf  # the frame before; until when our network is believed
        self._seen_s = math.inf  # when BlazePose found somebody last, or the first frame came

    def estimate(self, frame: Frame) -> Pose | None:
        """The lifter's pose, or None where nobody is found; frames must come in the order of their time."""
        now_s = frame.captured_s
        if now_s < self._last_s:  # a camera opened anew
            self._lost.clear()
            self._believed_s, self._seen_s = -math.inf, now_s
        pose = self._blazepose.estimate(frame)
        self._seen_s = now_s if pose is not None else min(self._seen_s, now_s)
        wanted = pose is None or now_s < self._believed_s
        ours = self._ours.estimate(frame) if wanted and now_s - self._seen_s < GUESS_FOR_S else None
        if pose is None and ours is not None:
            self._lose(now_s)
        self._last_s = now_s
        return _without_depth(ours) if ours is not None else pose

    def _lose(self, now_s: float) -> None:
        """Takes note of a frame in which our network alone saw the lifter."""
        self._lost.append((now_s, min(now_s - self._last_s, FRAME_S)))
        while now_s - self._lost[0][0] > WITHIN_S:
            self._lost.popleft()
        if sum(seconds for _, seconds in self._lost) >= LOST_S:
            self._believed_s = now_s + BELIEVED_S

    def close(self) -> None:
        """Frees the models."""
        self._blazepose.close()
        self._ours.close()


def _without_depth(pose: Pose) -> Pose:
    """The pose with scores that say that the points which tell the depth were not seen."""
    scores = pose.scores.copy()
    scores[_TELL_DEPTH] = np.minimum(scores[_TELL_DEPTH], _UNSURE)
    return replace(pose, scores=scores)

"""BlazePose, and our own network while BlazePose has lost the lifter, or is unsure of him.

BlazePose has seen real people, and is believed where it is sure of somebody. But it goes by head and trunk, and a plate
or a rack's post hides them. Our network learnt on rendered lifters behind both: it finds him there, well enough to
count his reps. Where his hips are to the centimetre it does not know, so their scores say that they were not seen, and
the depth of such a rep is not told. It sees people where there are none, too: in a room that BlazePose has found empty
for a while it is not asked.

BlazePose has lost him, too, where it makes up a body that nobody can have, out of a plate, where it follows
somebody who stands aside while our network sees the lifter in his place, and where it is unsure of him and our network,
which has seen in this room what BlazePose saw where it was sure, puts his hips elsewhere. Where BlazePose follows a
spotter it is handed over to the lifter (`device.inference.handover`).

Where it is not needed our network looks now and then all the same, more often where BlazePose is unsure or the two
differ: what it sees goes along with BlazePose's pose, for the second judge (`device.squat.second`).

Where our network was needed in the frame before, or it is time to look, both run at once: no lamp waits for the one
after the other. What they find does not depend on which of them is done first.
"""

import math
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np

from device.camera.frames import Frame
from device.inference.agreement import APART_M, SURE, UNSURE, Agreement
from device.inference.blazepose import BlazePose
from device.inference.choice import GUESS_FOR_S, SAME, Place, claim, near, within
from device.inference.handover import Handover, around, off
from device.inference.squatlight_pose import SquatlightPose
from device.squat.depth import MIN_SCORE
from device.squat.features import apart_m, certainty, features, legs_seen
from device.squat.pose import SURFACES, Pose, index
from device.squat.squatness import ANY_LEG

LOST_S, WITHIN_S = 0.25, 2.0  # lost by BlazePose, seen by our network for so long within so long: ours is believed ...
BELIEVED_S = 5.0  # ... until that was not so for this long; levels chosen on rendered sets
LOOK_S, DOUBT_LOOK_S = 0.5, 0.13  # how often our network looks; where it and BlazePose may see different things ...
DOUBT_S = 2.0  # ... or did so short a time ago. In a look's place it at times searches the whole picture, for no judge
FRAME_S = 0.1  # the longest time that one frame stands for
LEGS_SEEN, HIPS_OVER_FEET = 0.5, 0.15  # hips no further over the feet, in leg lengths, on legs that are hardly seen,
# are made up: on plates 0.07 to -0.8; squatters behind a post under a camera that looks down 0.44 and more
CHECK_S = 4.0  # how often our network searches the whole picture for the lifter
BEAT_THEIRS = 3.0  # how much stronger our network's claim must be than that of whom BlazePose follows
LEAST_CLAIM = 0.8  # the same for his reps to count at all; a lifter beside the spotter whom BlazePose follows 0.97 and
# more, somebody half as tall and aside 0.5 or less

_UNSURE = 0.9 * MIN_SCORE
_TELL_DEPTH = index("left_hip", "right_hip", *SURFACES)


class Paired:
    """The pose of the lifter in each frame.

    Args:
        blazepose: believed where it finds somebody.
        ours: asked where it does not, and now and then where it does.
    """

    def __init__(self, blazepose: BlazePose, ours: SquatlightPose) -> None:
        self.hashes = {**blazepose.hashes, "pose_hidden": ours.hashes["pose"]}
        self._blazepose, self._ours = blazepose, ours
        self._beside = ThreadPoolExecutor(1, "pose")
        self._last_s, self._gap_s = -math.inf, 0.0  # the last frame, and for how long it stands
        self._shape: tuple[int, ...] = ()  # its
        self._certainty = math.nan  # how sure BlazePose is in it
        self._checked: Pose | None = None  # whom BlazePose follows in it, where our network is to look at it, too
        self._looks = False  # whether our network looks at it though it is not needed ...
        self._looked: Pose | None = None  # ... and whom it sees
        self._begin(math.inf)

    def _begin(self, now_s: float) -> None:
        self._lost: deque[tuple[float, float]] = deque()  # frames in which our network alone saw him: times, seconds
        self._believed_s = -math.inf  # until when our network is believed, as BlazePose had lost him ...
        self._corrected_s = -math.inf  # ... and as it was unsure of him, if our network's say is earned
        self._seen_s = now_s  # when BlazePose found somebody last, or the first frame came
        self._looked_s = self._doubt_s = -math.inf  # when our network looked last; until when both may differ
        self._check_s = -math.inf  # from when on our network searches the whole picture
        self._place, self._agreement = Place(), Agreement()
        self._needed = self._searches = False  # whether our network was needed in the last frame, and is to search it
        self._handover = Handover(self._blazepose)
        self._apart: tuple[Pose, Pose] | None = None  # ours and BlazePose's, where they are of two people

    def _begin_with_another(self) -> None:
        """BlazePose follows somebody else: where who was followed so far stood, and was lost, is not the lifter's."""
        kept = self._handover, self._agreement
        self._begin(self._seen_s)
        self._handover, self._agreement = kept
        self._needed = True

    def estimate(self, frame: Frame) -> Pose | None:
        """The lifter's pose, or None where nobody is found; frames must come in the order of their time."""
        now_s = frame.captured_s
        if now_s < self._last_s or frame.image.shape != self._shape:  # a camera opened anew
            self._begin(now_s)
        self._shape = frame.image.shape
        if now_s - self._last_s > WITHIN_S:  # nobody looked meanwhile
            self._seen_s = now_s
        self._gap_s, self._last_s = min(max(now_s - self._last_s, 0.0), FRAME_S), now_s
        looks = not self._needed and now_s < self._check_s and self._may_look(now_s)
        begun = self._beside.submit(self._ours.estimate, frame) if self._needed or looks else None
        pose = self._blazepose.estimate(frame)
        self._seen_s = now_s if pose is not None else min(self._seen_s, now_s)
        lost = pose is None or made_up(pose)
        strays = pose is not None and self._place.left(around(pose), now_s)
        self._certainty = math.nan if pose is None else certainty(pose)
        unsure = self._certainty < UNSURE and self._agreement.earned(now_s)
        handed = self._handover.stands(now_s)
        wanted = lost or strays or unsure or handed or self._believed(now_s)
        self._checked = pose if (begun is None or looks) and not wanted and self._due(now_s, looks) else None
        self._searches = (unsure or handed) and not lost and now_s >= self._check_s
        self._needed = wanted and now_s - self._seen_s < GUESS_FOR_S
        seen = begun.result() if begun is not None else self._ours.estimate(frame) if self._needed else None
        if begun is not None or self._needed:
            self._note_look(seen, pose, now_s)
        if self._certainty < SURE:
            self._doubt_s = now_s + DOUBT_S
        self._looks, self._looked = looks, seen
        ours = None if looks and not wanted else seen
        aside = one = corrected = False
        self._apart = None
        left = ours is not None and pose is not None and not lost and handed and self._handover.strays(ours, pose)
        if ours is not None and pose is not None and not lost and not left:
            one = (within if unsure else near)(around(ours), around(pose))
            if one:
                corrected = unsure and apart_m(ours, pose) > APART_M
                self._compare(ours, pose, now_s)
            else:
                lost = strays and self._place.holds(around(ours))  # BlazePose has jumped to somebody else
                aside = not (lost or handed) and self._aside(ours, pose, now_s)
                left = lost or aside
        if ours is not None and pose is not None and (left or (not lost and off(ours, pose) > SAME)):
            self._apart = (ours, pose)
        if ours is not None and (lost or aside or corrected):
            self._lose(now_s, corrected)
        elif wanted and not unsure and not handed:
            self._check_s = now_s + CHECK_S
        if ours is not None and (lost or corrected or (left and handed) or self._believed(now_s)):
            return replace(_without_depth(ours), second=ours)
        if pose is None:
            return None
        self._place.see(around(pose), now_s)
        return replace(pose, second=seen if seen is not None and self._may_lift(seen, pose) else None)

    def look_around(self, frame: Frame) -> None:
        """Now and then: whether BlazePose follows the lifter, or our network sees him elsewhere.

        Args:
            frame: which was estimated last.
        """
        pose, self._checked = self._checked, None
        if self._blazepose.due and not self._handover.stands(frame.captured_s):
            self._blazepose.look_around(frame)
        elif self._apart is not None:
            if self._handover.due(frame.captured_s) and self._handover.look(frame, *self._apart):
                self._begin_with_another()
        elif pose is not None:  # never both in one frame
            self._check(frame, pose)
        elif self._searches and self._search(frame.captured_s):
            self._ours.estimate(frame)  # the next frame begins where it found somebody

    def _believed(self, now_s: float) -> bool:
        corrected = now_s < self._corrected_s and self._agreement.earned(now_s)
        return corrected or now_s < self._believed_s

    def _may_look(self, now_s: float) -> bool:
        """Whether it is time for our network to look, in a room that is not empty."""
        every_s = DOUBT_LOOK_S if now_s < self._doubt_s else LOOK_S
        return now_s - self._looked_s >= every_s and now_s - self._seen_s < GUESS_FOR_S

    def _note_look(self, ours: Pose | None, theirs: Pose | None, now_s: float) -> None:
        self._looked_s = now_s
        if ours is not None and theirs is not None and apart_m(ours, theirs) > APART_M:
            self._doubt_s = now_s + DOUBT_S

    def _due(self, now_s: float, looks: bool) -> bool:
        """Whether to check whom BlazePose follows; but for a search of the whole picture it waits for the next look."""
        by_s = now_s if looks else now_s - DOUBT_LOOK_S
        compares = self._certainty > SURE and self._agreement.due(by_s) and not self._handover.elsewhere
        return now_s >= self._check_s or self._handover.due(by_s) or compares

    def _check(self, frame: Frame, pose: Pose) -> None:
        now_s = frame.captured_s
        if now_s >= self._check_s:
            self._search(now_s)
        ours = self._looked if self._looks else self._ours.estimate(frame)
        self._note_look(ours, pose, now_s)
        one = ours is not None and off(ours, pose) <= SAME
        if (one or self._handover.due(now_s)) and self._handover.look(frame, ours, pose):
            self._begin_with_another()
            return
        if ours is not None and not near(around(ours), around(pose)) and self._aside(ours, pose, now_s):
            self._lose(now_s)
            self._check_s = now_s  # again in the next frame
            return
        if not self._handover.elsewhere:
            self._compare(ours, pose, now_s)
        if not one:
            self._ours.forget()  # when it is needed next, the lifter may be elsewhere

    def _compare(self, ours: Pose | None, pose: Pose, now_s: float) -> None:
        if self._certainty > SURE and self._agreement.due(now_s):
            self._agreement.note(ours is not None and apart_m(ours, pose) < APART_M, now_s)

    def _search(self, now_s: float) -> bool:
        """Has our network look for the lifter in the whole picture next, unless it has just found who was lost."""
        self._check_s = now_s + CHECK_S
        found = bool(self._lost) and now_s - self._lost[-1][0] <= WITHIN_S
        if not found:
            self._ours.forget()
        return not found

    def _aside(self, ours: Pose, theirs: Pose, now_s: float) -> bool:
        """Whether BlazePose follows somebody else than our network, whose claim is so much stronger."""
        if self._place.left(around(ours), now_s) and self._place.holds(around(theirs)):
            self._believed_s = self._corrected_s = -math.inf  # it is our network that has jumped
            return False
        return claim(around(ours), ours.size) > BEAT_THEIRS * claim(around(theirs), theirs.size)

    def _may_lift(self, ours: Pose, theirs: Pose) -> bool:
        """Whether whom our network sees may be the lifter, whomever BlazePose follows, so that his reps may count."""
        there = off(ours, theirs) <= SAME
        return there or claim(around(ours), ours.size) > LEAST_CLAIM * claim(around(theirs), theirs.size)

    def _lose(self, now_s: float, corrected: bool = False) -> None:
        """Takes note of a frame in which our network alone saw the lifter, or saw him where he is."""
        self._lost.append((now_s, self._gap_s))
        while now_s - self._lost[0][0] > WITHIN_S:
            self._lost.popleft()
        if sum(seconds for _, seconds in self._lost) >= LOST_S:
            if corrected:
                self._corrected_s = now_s + BELIEVED_S
            else:
                self._believed_s = now_s + BELIEVED_S

    def close(self) -> None:
        """Frees the models."""
        self._beside.shutdown()
        self._blazepose.close()
        self._ours.close()


def made_up(pose: Pose) -> bool:
    """Whether the legs are guessed: none is seen at all, or hardly, and they are where no leg can be."""
    legs = legs_seen(pose).max()
    return bool(legs < ANY_LEG or (legs < LEGS_SEEN and features(pose).height < HIPS_OVER_FEET))


def _without_depth(pose: Pose) -> Pose:
    """The pose with scores that say that the points which tell the depth were not seen."""
    scores = pose.scores.copy()
    scores[_TELL_DEPTH] = np.minimum(scores[_TELL_DEPTH], _UNSURE)
    return replace(pose, scores=scores)

"""The annotated picture: skeleton, knee line, phase, rep count and verdict, drawn where people would rather look."""

from dataclasses import dataclass, field

import cv2
import numpy as np
from numpy.typing import NDArray

from device.squat.events import Event, LifterLost, PhaseChanged, RepJudged
from device.squat.pose import BAR_ENDS, KEYPOINTS, LIMBS, Pose, index
from device.squat.rulebook import Decision

Image = NDArray[np.uint8]

_LEFT, _RIGHT, _MIDDLE = (80, 220, 255), (255, 170, 60), (230, 230, 230)  # RGB
_LAMPS = {Decision.GOOD_LIFT: (255, 255, 255), Decision.NO_LIFT: (235, 40, 40), Decision.NO_DECISION: (255, 190, 60)}
_WORDS = {Decision.GOOD_LIFT: "GOOD LIFT", Decision.NO_LIFT: "NO LIFT", Decision.NO_DECISION: "NO DECISION"}
_FONT = cv2.FONT_HERSHEY_SIMPLEX
_DRAWN_FROM = 0.3  # a point with a lower score is not drawn


@dataclass
class Overlay:
    """What is drawn into each frame; follows the events of the judge.

    Attributes:
        hold_s: how long a verdict stays in the picture.
    """

    hold_s: float = 3.0
    reps: int = 0
    phase: str = ""
    judged: RepJudged | None = field(default=None)

    def handle(self, event: Event) -> None:
        """Takes an event."""
        if isinstance(event, PhaseChanged):
            self.phase = event.phase.value
        elif isinstance(event, LifterLost):
            self.phase = ""
        elif isinstance(event, RepJudged):
            self.judged, self.reps = event, event.rep.number

    def draw(self, image: Image, pose: Pose | None, now_s: float) -> Image:
        """A copy of an image (H, W, 3) RGB with everything drawn in."""
        image = image.copy()
        scale = max(image.shape[:2]) / 960
        if pose is not None:
            _knee_line(image, pose, scale)
            _skeleton(image, pose, scale)
        _text(image, f"{self.phase}   reps {self.reps}", (12, 34), 0.9, _MIDDLE, scale)
        if self.judged is not None and now_s - self.judged.at_s < self.hold_s:
            self._verdict(image, self.judged, scale)
        return image

    def _verdict(self, image: Image, judged: RepJudged, scale: float) -> None:
        decision, depth = judged.verdict.decision, judged.depth
        at = (round(40 * scale), round(86 * scale))
        cv2.circle(image, at, round(24 * scale), _LAMPS[decision], -1, cv2.LINE_AA)
        cv2.circle(image, at, round(24 * scale), (20, 20, 20), max(1, round(2 * scale)), cv2.LINE_AA)
        _text(image, f"{judged.rep.number}: {_WORDS[decision]}", (78, 96), 1.0, _LAMPS[decision], scale)
        lines = list(judged.verdict.reasons)
        if depth is not None:
            side = "below" if depth.margin > 0 else "above"
            lines.append(f"{abs(depth.margin_cm):.0f} cm {side} parallel, +-{depth.sigma_cm:.0f}")
        if judged.form is not None:
            faults = ", ".join(name.replace("_", " ") for name in judged.form.called)
            lines.append(f"form {judged.form.good:.2f}" + (f": {faults}" if faults else ""))
        for row, words in enumerate(lines):
            _text(image, words, (78, 130 + 32 * row), 0.7, _MIDDLE, scale)


def _skeleton(image: Image, pose: Pose, scale: float) -> None:
    for ends in (*LIMBS, BAR_ENDS):
        a, b = index(*ends)
        if min(pose.scores[a], pose.scores[b]) >= _DRAWN_FROM:
            colour = _MIDDLE if ends[0][0] != ends[1][0] else _LEFT if ends[0].startswith("left") else _RIGHT
            cv2.line(image, _at(pose, a), _at(pose, b), colour, max(1, round(4 * scale)), cv2.LINE_AA)
    for point, score in enumerate(pose.scores):
        if score >= _DRAWN_FROM:
            colour = _LEFT if KEYPOINTS[point].startswith("left") else _RIGHT
            cv2.circle(image, _at(pose, point), max(2, round(5 * scale)), colour, -1, cv2.LINE_AA)


def _knee_line(image: Image, pose: Pose, scale: float) -> None:
    """A level line through the better-seen knee: the hip has to come down to it."""
    knees = index("left_knee", "right_knee")
    knee = int(knees[np.argmax(pose.scores[knees])])
    if pose.scores[knee] >= _DRAWN_FROM:
        y = _at(pose, knee)[1]
        cv2.line(image, (0, y), (image.shape[1], y), (90, 255, 120), max(1, round(2 * scale)), cv2.LINE_AA)


def _at(pose: Pose, point: int) -> tuple[int, int]:
    x, y = pose.keypoints[point]
    return round(float(x)), round(float(y))


def _text(
    image: Image, words: str, at: tuple[int, int], size: float, colour: tuple[int, int, int], scale: float
) -> None:
    """Words with a dark edge; place and size are those of a picture 960 pixels long."""
    where = (round(at[0] * scale), round(at[1] * scale))
    for ink, width in (((20, 20, 20), 5), (colour, 2)):
        cv2.putText(image, words, where, _FONT, size * scale, ink, max(1, round(width * scale)), cv2.LINE_AA)

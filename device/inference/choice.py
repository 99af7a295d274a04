"""Whom to follow of several people: the lifter is large and near the centre, and whoever was chosen is kept.

A camera is pointed at the rack, so others stand aside, further away, or in a mirror.
"""

import math
from collections.abc import Iterable

from device.inference.letterbox import Crop

CENTRE = 0.35  # distance from the picture's centre, in its longer sides, at which a claim has fallen to 37%
SAME = 0.12  # of a crop's side, some 30 cm: crops whose centres are so near show the same person
BEAT = 1.5  # how much stronger the claim of another must be
BEAT_PROVEN, PROVEN_S = 3.0, 60.0  # the same where who is followed has sunk like a squatter so short a time ago ...
SANK = 0.1  # ... his hips by so much of the crop's side: 25 cm
CHECK_S, EAGER_S, EAGER_FOR_S = 1.0, 0.3, 1.5  # how often others are looked for; when one has just been chosen
GUESSED = (1.0, 0.7)  # sides of crops at the centre, in the picture's longer side
UNWATCHED_S = 2.0  # a room at which nobody looked for so long may no longer be empty
GUESS_FOR_S = 30.0  # a room so long empty is looked at by the detector alone
HOME_S = 3.0  # time constant of the place where the lifter stays
KEPT_S = 1.5  # so long in one place, he stays there; who walks about on a labelled clip keeps one for 1.1 s
THERE = 1.5 * SAME  # a squatter's hips go back, and the middle of his joints with them: by 0.13 on a rendered clip
LARGER = 1.25  # who is so much larger than he was there is another: 1.4 on that clip
TIMES = 2  # so many checks in a row must find another stronger


def claim(crop: Crop, size: tuple[int, int]) -> float:
    """How much a figure in a crop looks like the lifter.

    Args:
        crop: around the figure.
        size: width and height of the picture in pixels.
    """
    return crop.side_px / max(size) * central(crop, size)


def central(crop: Crop, size: tuple[int, int]) -> float:
    """How near a crop is to the centre of a picture of that width and height: 1 there, less the further away."""
    off = math.hypot(crop.centre[0] - size[0] / 2, crop.centre[1] - size[1] / 2) / max(size)
    return math.exp(-((off / CENTRE) ** 2))


def apart(one: Crop, other: Crop) -> float:
    """Distance of two crops' centres in pixels."""
    return math.hypot(one.centre[0] - other.centre[0], one.centre[1] - other.centre[1])


def near(one: Crop, other: Crop) -> bool:
    """Whether two crops show the same person."""
    return apart(one, other) < SAME * max(one.side_px, other.side_px)


def within(one: Crop, other: Crop) -> bool:
    """Whether two crops may show the same person, though badly."""
    return apart(one, other) < 2 * SAME * max(one.side_px, other.side_px)


def guesses(size: tuple[int, int]) -> list[Crop]:
    """Where a lifter may be whom the detector does not see: at the picture's centre, in two sizes."""
    return [Crop((size[0] / 2, size[1] / 2), share * max(size)) for share in GUESSED]


def by_claim(crops: Iterable[Crop], size: tuple[int, int]) -> list[Crop]:
    """The strongest claim first."""
    return sorted(crops, key=lambda c: -claim(c, size))


class Place:
    """Where the lifter stays: a slow mean of the crops around him."""

    def __init__(self) -> None:
        self.crop: Crop | None = None
        self._now_s = self._since_s = -math.inf

    def see(self, mine: Crop, now_s: float) -> None:
        """Takes where he is now."""
        if self.crop is None or now_s - self._now_s >= PROVEN_S or self.left(mine, now_s):
            self._since_s = now_s
        share = 1 - math.exp(-max(now_s - self._now_s, 0) / HOME_S)
        self._now_s = now_s
        self.crop = mine if self.crop is None else _between(self.crop, mine, share)

    def left(self, mine: Crop, now_s: float) -> bool:
        """Whether who is in a crop stands aside of it, and the lifter was there not long ago."""
        return now_s - self._now_s < PROVEN_S and self._aside(mine) > 2 * SAME

    def holds(self, mine: Crop) -> bool:
        """Whether who is in a crop stands or squats there, where the lifter has stayed for a while."""
        if self.crop is None or self._now_s - self._since_s < KEPT_S:
            return False
        return self._aside(mine) < THERE and mine.side_px < LARGER * self.crop.side_px

    def _aside(self, mine: Crop) -> float:
        """How far to the side, in the larger crop's sides."""
        place = self.crop or mine
        return abs(mine.centre[0] - place.centre[0]) / max(mine.side_px, place.side_px)


class Rivals:
    """When others are looked for, and how often one was found stronger."""

    def __init__(self) -> None:
        self._chosen_s = self._checked_s = self._now_s = -math.inf
        self._last: Crop | None = None
        self._times = 0
        self._home = Place()
        self._sank_s = self._guessed_s = -math.inf
        self._empty_s = math.inf  # since when nobody is found

    def may_guess(self, now_s: float) -> bool:
        """Whether to try the middle of a picture in which nobody is followed: not in every frame of an empty room."""
        self._empty_s = min(self._empty_s, now_s) if now_s - self._now_s < UNWATCHED_S else now_s
        self._now_s = now_s
        if now_s - self._guessed_s < EAGER_S or now_s - self._empty_s > GUESS_FOR_S:
            return False
        self._guessed_s = now_s
        return True

    def begin(self, now_s: float) -> None:
        """Somebody is chosen anew."""
        self._chosen_s = self._checked_s = now_s
        self._home, self._last, self._times, self._sank_s = Place(), None, 0, -math.inf

    def due(self, mine: Crop, now_s: float) -> bool:
        """Whether to look for others in this frame."""
        self._now_s, self._empty_s = now_s, math.inf
        self._home.see(mine, now_s)
        if self._home.crop is not None and mine.centre[1] - self._home.crop.centre[1] > SANK * mine.side_px:
            self._sank_s = now_s
        eager = now_s - self._chosen_s < EAGER_FOR_S or self._times > 0 or self.left(mine) is not None
        if now_s - self._checked_s < (EAGER_S if eager else CHECK_S):
            return False
        self._checked_s = now_s
        return True

    def left(self, mine: Crop) -> Crop | None:
        """Where the lifter stayed so far, if who is followed has walked off."""
        return self._home.crop if self._home.left(mine, self._now_s) else None

    def may_beat(self, other: Crop, mine: Crop, size: tuple[int, int]) -> bool:
        """Whether the claim of another is so much stronger than that of who is followed."""
        beat = BEAT_PROVEN if self._now_s - self._sank_s < PROVEN_S else BEAT
        return claim(other, size) > beat * claim(mine, size)

    def beats(self, other: Crop, mine: Crop, size: tuple[int, int]) -> bool:
        """Takes one more finding of another figure and tells whether it is time to change."""
        if not self.may_beat(other, mine, size):
            self._last, self._times = None, 0
            return False
        self._times = self._times + 1 if self._last is not None and near(other, self._last) else 1
        self._last = other
        return self._times >= TIMES


def _between(one: Crop, other: Crop, share: float) -> Crop:
    (x, y), (u, v) = one.centre, other.centre
    return Crop((x + share * (u - x), y + share * (v - y)), one.side_px + share * (other.side_px - one.side_px))

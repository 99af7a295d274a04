"""The loop's order: what follows from a picture is out before anybody looks around in it."""

from collections.abc import Iterator

import numpy as np

from device.camera.frames import Frame
from device.watch import watch

IMAGE = np.zeros((4, 4, 3), np.uint8)


class Source:
    name = "test"

    def frames(self) -> Iterator[Frame]:
        for number in range(3):
            yield Frame(IMAGE, float(number), number)


class Model:
    def __init__(self, told: list) -> None:
        self.told, self.hashes = told, {}

    def estimate(self, frame: Frame) -> None:
        self.told.append(("estimate", frame.index))

    def look_around(self, frame: Frame) -> None:
        self.told.append(("look around", frame.index))

    def close(self) -> None: ...


class Judge:
    def see(self, pose: None, now_s: float) -> list:
        return []

    def finish(self, now_s: float) -> list:
        return []


def test_the_lamp_is_told_before_the_model_looks_around() -> None:
    told: list = []
    for turn in watch(Source(), Model(told), Judge()):
        if turn.frame is not None:
            told.append(("lamp", turn.frame.index))
    assert told == [(what, number) for number in range(3) for what in ("estimate", "lamp", "look around")]

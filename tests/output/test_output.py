"""Telling all outputs."""

import logging

from reps import judged

from device.output.output import Fanout
from device.squat.events import LifterLost


class Recorder:
    def __init__(self, name, error=None):
        self.name, self.error, self.seen = name, error, []

    def handle(self, event, record):
        self.seen.append(event)
        if self.error:
            raise self.error

    def tick(self, now_s):
        self.seen.append(now_s)
        if self.error:
            raise self.error

    def close(self):
        pass


def test_an_output_that_fails_keeps_nothing_from_the_others():
    broken, whole = Recorder("lamp", OSError("no such pin")), Recorder("mqtt")
    told = Fanout([broken, whole])
    told.handle(LifterLost(1.0), None)
    told.tick(1.5)
    assert whole.seen == [LifterLost(1.0), 1.5]


def test_a_failure_is_logged_once_until_it_recovers(caplog):
    broken = Recorder("lamp", OSError("no such pin"))
    told = Fanout([broken])
    with caplog.at_level(logging.INFO):
        for now_s in range(30):
            told.tick(float(now_s))
        broken.error = None
        told.tick(30.0)
        broken.error = OSError("no such pin")
        told.tick(31.0)
    assert [r.message for r in caplog.records] == ["lamp: no such pin", "lamp: works again", "lamp: no such pin"]


def test_what_goes_well_in_between_is_no_recovery(caplog):
    class Full(Recorder):
        def handle(self, event, record):
            if record is not None:
                raise OSError("store: disk full")

    told = Fanout([Full("store")])
    with caplog.at_level(logging.INFO):
        for number in range(5):
            told.handle(judged(number), {})
            told.handle(LifterLost(1.0 + number), None)
            told.tick(2.0 + number)
    assert [r.message for r in caplog.records] == ["store: disk full"]

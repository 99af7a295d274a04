from device.output.messages import Messages
from device.output.stats import Latency, Minutes, Stats

STATS = Stats(29.973, 12, 18.2345, 54.321, {"pose": Latency(17.0, 31.4159)})


class Measured:
    def __init__(self) -> None:
        self.times = 0

    def __call__(self) -> Stats:
        self.times += 1
        return STATS


def test_stats_are_asked_for_once_a_minute_of_frames() -> None:
    measure = Measured()
    minutes = Minutes(measure)
    told = [frame / 10 for frame in range(100, 100 + 1810) if minutes.tick(frame / 10) is not None]
    assert told == [70.0, 130.0, 190.0]
    assert measure.times == 3


def test_a_clock_that_went_back_begins_a_new_minute() -> None:
    minutes = Minutes(Measured())
    assert minutes.tick(10_000.0) is None
    assert minutes.tick(5.0) is None
    assert minutes.tick(64.9) is None
    assert minutes.tick(65.0) is not None


def test_nothing_to_tell_is_asked_again_a_minute_later() -> None:
    minutes = Minutes(lambda: None)
    assert [minutes.tick(float(now_s)) for now_s in range(200)] == [None] * 200


def test_the_message_names_its_units_and_knows_what_it_does_not_know() -> None:
    message = Messages("rack1").stats(STATS)
    assert (message.topic, message.retain) == ("squatlight/rack1/stats", True)
    assert message.payload == (
        '{"frames_hz": 29.97, "idle_share": 0.0, "dropped": 12, "inference_ms": 18.23, "cpu_celsius": 54.3, '
        '"latency_ms": {"pose": {"p50": 17.0, "p99": 31.42}}}'
    )
    assert '"inference_ms": null, "cpu_celsius": null' in str(Messages("rack1").stats(Stats(0.0, 0)).payload)

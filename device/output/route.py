"""How the courier gets to the broker, and what it listens to there."""

from collections.abc import Callable
from dataclasses import dataclass

from device.output.address import Address
from device.output.messages import Heard, Message


@dataclass(frozen=True, slots=True)
class Route:
    """How to a broker, and how patiently.

    Attributes:
        address: the broker.
        client_id: the same after every restart, so that the broker ends the old connection, will included, first.
        will_delay_s: how long a drop lasts before the broker tells others, whole seconds, MQTT 5 only.
        retry_s: the first and the longest pause between two attempts, seconds; it doubles.
    """

    address: Address
    client_id: str
    will_delay_s: int
    retry_s: tuple[float, float]


@dataclass(frozen=True, slots=True)
class Ears:
    """What to listen to.

    Attributes:
        topics: what to subscribe to, with every new connection.
        hear: told of each message, in the courier's thread; returns what to answer.
    """

    topics: tuple[str, ...]
    hear: Callable[[Heard], Message | None]

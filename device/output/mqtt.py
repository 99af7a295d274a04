"""Results over MQTT: what the judge tells becomes messages to a broker."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from device.output.address import address_of
from device.output.courier import Courier, Route
from device.output.lamp import Lamp, LampHold
from device.output.messages import Messages
from device.output.outbox import MemoryOutbox, Outbox
from device.squat.events import Event, LifterLost, PhaseChanged, RepJudged


class Mqtt:
    """Publishes under `squatlight/<station>/`: availability, rep, last_rep, set, state and light.

    Speaks MQTT 5, and 3.1.1 with brokers that know no more. Every result goes through the outbox and is in it until the
    broker has confirmed it. While the broker is away one line is logged, and judging goes on.

    Args:
        host: the broker's name or address.
        port: its TCP port, 1 to 65535.
        station: name of this device in the topics.
        username: None = anonymous.
        password: for the username.
        ca_file: certificate of an own authority, PEM; switches TLS on.
        tls: whether to use TLS, with the machine's authorities where there is no `ca_file`.
        client_id: the client's name at the broker; None = by the station.
        outbox: keeps the results; None = in memory alone.
        hold_s: how long the lamp shows a verdict, seconds.
        has_amber: whether there is a lamp for "no decision".
        will_delay_s: how long a drop lasts before others are told of it, whole seconds, MQTT 5 only.
        retry_s: the first and the longest pause between two attempts to connect, seconds.

    Raises:
        SettingsError: the station's name or the certificate cannot be used.
    """

    name = "mqtt"

    def __init__(
        self,
        host: str,
        port: int,
        station: str,
        username: str | None = None,
        password: str | None = None,
        ca_file: Path | str | None = None,
        tls: bool = False,
        client_id: str | None = None,
        outbox: Outbox | None = None,
        hold_s: float = 5.0,
        has_amber: bool = False,
        will_delay_s: int = 5,
        retry_s: tuple[float, float] = (1.0, 60.0),
    ) -> None:
        self._messages = Messages(station)
        self._hold_s = hold_s
        self._hold = LampHold(hold_s, has_amber)
        self._lamp = Lamp.OFF
        address = address_of(host, port, username, password, ca_file, tls)
        self._courier = Courier(
            Route(address, client_id or f"squatlight-{station}", will_delay_s, retry_s),
            online=self._messages.availability(True),
            offline=self._messages.availability(False),
            outbox=MemoryOutbox() if outbox is None else outbox,
            newest=self._messages.last_rep,
        )
        self._courier.tell(self._messages.state(None))

    def __enter__(self) -> "Mqtt":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def handle(self, event: Event, record: Mapping[str, Any] | None) -> None:
        """Publishes what happened.

        Raises:
            PartFailed: the outbox could not keep a result; it is sent from memory.
        """
        if isinstance(event, PhaseChanged):
            self._courier.tell(self._messages.state(event.phase))
        elif isinstance(event, LifterLost):
            self._courier.tell(self._messages.state(None))
        elif isinstance(event, RepJudged):
            self._show(self._hold.judged(event.verdict.decision, event.at_s), again=True)
            if record is not None:
                self._courier.tell(self._messages.set(record))
                self._courier.post(self._messages.letter(record), record)

    def tick(self, now_s: float) -> None:
        """Tells when the lamp goes dark."""
        self._show(self._hold.tick(now_s), again=False)

    def close(self) -> None:
        """Says good-bye to the broker; takes no longer than 2 s."""
        self._courier.close()

    def _show(self, lamp: Lamp, again: bool) -> None:
        if lamp is not self._lamp or (again and lamp is not Lamp.OFF):
            self._courier.tell(self._messages.light(lamp, self._hold_s))
        self._lamp = lamp

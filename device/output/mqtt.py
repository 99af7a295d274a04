"""Results over MQTT: what the judge and the station tell becomes messages to a broker, and commands come back."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from time import monotonic
from typing import Any

from device.output.address import address_of
from device.output.commands import Command, CommandInbox, Refused, TokenBucket, answer
from device.output.courier import Courier
from device.output.home_assistant import DEFAULT_PREFIX, Discovery, discovery_message
from device.output.lamp import Lamp, LampHold, now_of
from device.output.messages import Heard, Message, Messages, State
from device.output.outbox import MemoryOutbox, Outbox
from device.output.route import Ears, Route
from device.output.set_velocity import VelocityLoss
from device.output.stats import Minutes, Stats
from device.squat.events import Event, LifterLost, PhaseChanged, RepJudged

_REPEAT_HZ, _REPEAT_BURST = 0.1, 5  # how often Home Assistant may say that it has started


class Mqtt:
    """Publishes under `squatlight/<station>/`, and takes commands under `squatlight/<station>/<name>/set`.

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
        discovery: what Home Assistant is told; None = nothing.
        stats: asked once a minute, in the thread that calls `tick`; None = nothing to tell.
        height_cm: the lifter's; None = not known.
        clock: for the bounds on commands: seconds, never backwards.

    Attributes:
        live: whether the frames' times are those of `monotonic`, see `SignalLight`.

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
        discovery: Discovery | None = None,
        stats: Callable[[], Stats | None] | None = None,
        height_cm: float | None = None,
        clock: Callable[[], float] = monotonic,
    ) -> None:
        self.live = False
        self._messages = Messages(station)
        self._hold_s = hold_s
        self._hold = LampHold(hold_s, has_amber)
        self._lamp = Lamp.OFF
        self._state = State(height_cm=height_cm)
        self._velocity_loss = VelocityLoss()
        self._camera_up = False
        self._minutes = Minutes(stats or (lambda: None))
        self._inbox = CommandInbox(clock)
        self._repeats = TokenBucket(_REPEAT_HZ, _REPEAT_BURST, clock)
        self._status = None if discovery is None else f"{discovery.prefix}/status"
        self._guarded = ("squatlight/", f"{discovery.prefix if discovery else DEFAULT_PREFIX}/")
        address = address_of(host, port, username, password, ca_file, tls)
        self._courier = Courier(
            Route(address, client_id or f"squatlight-{station}", will_delay_s, retry_s),
            online=self._messages.availability(True),
            offline=self._messages.availability(False),
            outbox=MemoryOutbox() if outbox is None else outbox,
            newest=self._messages.last_rep,
            ears=Ears((self._messages.command("+"), *([self._status] if self._status else [])), self._hear),
        )
        if discovery is not None:
            self._courier.tell(discovery_message(discovery, self._messages))
        self._courier.tell(self._messages.camera_availability(False))  # whatever an earlier run left behind
        self._courier.tell(self._messages.state(self._state))
        self._courier.start()

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
            self._tell_state(replace(self._state, phase=event.phase))
        elif isinstance(event, LifterLost):
            self._tell_state(replace(self._state, phase=None))
        elif isinstance(event, RepJudged):
            now_s = now_of(event.at_s, self.live)
            self._show(self._hold.judged(event.verdict.decision, event.at_s, now_s), again=True)
            if record is not None:
                mean_m_s = record["velocity"] and record["velocity"]["mean_m_s"]
                loss = self._velocity_loss.see(record["set"], mean_m_s)
                self._courier.tell(self._messages.set(record["set"], record["set_rep"], loss))
                self._courier.post(self._messages.letter(record), record)

    def tick(self, now_s: float) -> None:
        """Tells when the lamp goes dark, and once a minute how the device does."""
        self._show(self._hold.tick(now_s), again=False)
        stats = self._minutes.tick(now_s)
        if stats is not None:
            self._courier.tell(self._messages.stats(stats))

    def commands(self) -> list[Command]:
        """What people have asked for since the last call, the oldest first."""
        return self._inbox.drain()

    def camera(self, state: str, available: bool, fault: bool) -> None:
        """Tells of the camera; may be called with every frame, the same again is not sent.

        Args:
            state: in a word, such as `opening` (so it begins), `live`, `dark` or `lost`.
            available: whether it gives what can be judged, or would in the light.
            fault: whether a person should look after it.
        """
        if available is not self._camera_up:
            self._camera_up = available
            self._courier.tell(self._messages.camera_availability(available))
        new = replace(self._state, camera=state, camera_fault=fault)
        if new != self._state:
            self._tell_state(new)

    def idle(self, resting: bool) -> None:
        """Tells whether fewer pictures are looked at; may be called with every frame, the same again is not sent."""
        if resting is not self._state.idle:
            self._tell_state(replace(self._state, idle=resting))

    def controls(self, judging: bool, height_cm: float | None) -> None:
        """Tells what holds from now on, after a command or a change of the settings.

        Args:
            judging: whether reps are judged.
            height_cm: the lifter's; None = not known.
        """
        self._tell_state(replace(self._state, judging=judging, height_cm=height_cm))

    def new_set(self, number: int) -> None:
        """Tells of a set that has no reps yet."""
        self._courier.tell(self._messages.set(number, 0))

    def evidence(self, jpeg: bytes | None) -> None:
        """Publishes a still of the last rep; None has the broker forget the one that it keeps."""
        self._courier.tell(self._messages.evidence(jpeg))

    def close(self) -> None:
        """Says good-bye to the broker; takes no longer than 2 s."""
        self._courier.close()

    def _tell_state(self, state: State) -> None:
        self._state = state
        self._courier.tell(self._messages.state(state))

    def _show(self, lamp: Lamp, again: bool) -> None:
        if lamp is not self._lamp or (again and lamp is not Lamp.OFF):
            self._courier.tell(self._messages.light(lamp, self._hold_s))
        self._lamp = lamp

    def _hear(self, heard: Heard) -> Message | None:
        """In the courier's thread."""
        if heard.topic == self._status:
            # One that was kept is as old as the connection, which has begun with all there is to say.
            if heard.payload == b"online" and not heard.retained and self._repeats.take():
                self._courier.repeat()
            return None
        name = self._messages.command_name(heard.topic)
        if name is None:  # not asked for
            return None
        refused = None
        try:
            self._inbox.take(name, heard.payload, heard.retained)
        except Refused as error:
            refused = error
        if refused is not None and refused.kind == "flood":
            return None
        return answer(heard, refused, self._guarded)

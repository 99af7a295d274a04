"""One connection to a broker, over paho-mqtt.

It is driven by the thread that made it, without paho's own thread: paho tells that thread's user only that a
connection failed, and here the one line in the log says why.
"""

import select
import socket
from collections import deque
from contextlib import suppress
from time import monotonic
from typing import Any

from device.errors import PartFailed
from device.output.address import Address, words_of
from device.output.messages import Heard, Message
from device.output.properties import heard_from, publish_properties, session_arguments, will_properties

KEEPALIVE_S = 30  # a broker that vanished without a word is noticed after at most twice this
ANSWER_S = 5.0  # for the TCP connection, and again for the broker's answer
_READ_AT_ONCE = 32  # packets; a flood must not keep letters from being sent
_UNREAD = 100  # messages kept until somebody takes them; of a flood the oldest go
V5, V311 = 5, 4  # paho's numbers for MQTT 5 and MQTT 3.1.1


class LinkFailed(PartFailed):
    """No connection, or no longer one.

    Attributes:
        other_version: whether the broker may only not speak this version of MQTT.
    """

    def __init__(self, words: str, other_version: bool = False) -> None:
        super().__init__(words)
        self.other_version = other_version


class Link:
    """A connection.

    Args:
        address: where to.
        version: `V5` or `V311`.
        client_id: the name by which the broker knows this client.
        will: what the broker says when the connection ends without a good-bye.
        will_delay_s: how long it waits before, so that a short drop is not told; MQTT 5 only.

    Attributes:
        up: whether the broker has let us in.
        acked: packet numbers that the broker has confirmed, until taken out.
        refused: packet numbers that it has not taken, and why, until taken out.
        received: messages that came in, until taken out.
    """

    def __init__(
        self, address: Address, version: int, client_id: str, will: Message | None = None, will_delay_s: int = 0
    ) -> None:
        from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion

        from device.output.tolerant import TolerantClient

        self.version = version
        self.up = False
        self.acked: deque[int] = deque()
        self.refused: deque[tuple[int, str]] = deque()
        self.received: deque[Heard] = deque(maxlen=_UNREAD)
        self._address = address
        self._lasts = will is not None
        self._will_delay_s = will_delay_s
        self._ended: LinkFailed | None = None
        self._client = TolerantClient(
            CallbackAPIVersion.VERSION2, client_id, protocol=MQTTProtocolVersion(version), reconnect_on_failure=False
        )
        self._client.username_pw_set(address.username, address.password)
        if address.tls is not None:
            self._client.tls_set_context(address.tls)
        if will is not None:
            delay = will_properties(will_delay_s) if version == V5 else None
            self._client.will_set(will.topic, will.payload, will.qos, will.retain, delay)
        self._client.on_connect = self._on_connect
        self._client.on_disconnect = self._on_disconnect
        self._client.on_publish = self._on_publish
        self._client.on_subscribe = self._on_subscribe
        self._client.on_message = self._on_message

    def open(self, answer_s: float = ANSWER_S) -> None:
        """Connects, and waits for the broker's answer, each for no longer than `answer_s`.

        Raises:
            LinkFailed: nobody there, or not let in.
        """
        self._client.connect_timeout = answer_s
        try:
            bounded = self._lasts and self.version == V5
            session = session_arguments(self._will_delay_s) if bounded else {}
            self._client.connect(self._address.host, self._address.port, KEEPALIVE_S, **session)
        except (OSError, ValueError) as error:
            raise LinkFailed(words_of(error)) from error
        until_s = monotonic() + answer_s
        while not self.up:
            self.turn(0.1)
            if monotonic() > until_s:  # amqtt does not answer a version 5 with a will
                self.drop()
                raise LinkFailed("no answer", other_version=self.version == V5)

    def turn(self, timeout_s: float, wake: socket.socket | None = None) -> None:
        """Reads and writes what there is; waits for it, but no longer than until something comes in at `wake`.

        Raises:
            LinkFailed: the connection has ended.
        """
        connection: Any = self._client.socket()
        if connection is not None:
            waiting = [connection] if wake is None else [connection, wake]
            writing = [connection] if self._client.want_write() else []
            readable, writable, _ = select.select(waiting, writing, [], 0 if _held(connection) else timeout_s)
            if writable:
                self._client.loop_write()
            if connection in readable or _held(connection):
                self._read()
            self._client.loop_misc()
        if self._ended is not None:
            raise self._ended
        if self._client.socket() is None:
            raise LinkFailed("connection lost", other_version=self.version == V5 and not self.up)

    def _read(self) -> None:
        for _ in range(_READ_AT_ONCE):
            self._client.loop_read()
            connection: Any = self._client.socket()
            if connection is None or not (_held(connection) or select.select([connection], [], [], 0)[0]):
                break

    def publish(self, message: Message) -> int:
        """Sends; returns the packet number by which `acked` tells of it (with QoS 1)."""
        properties = publish_properties(message) if self.version == V5 else None
        return self._client.publish(message.topic, message.payload, message.qos, message.retain, properties).mid

    def subscribe(self, topic: str) -> int:
        """Asks for the messages of a topic; returns the packet number by which `acked` tells that they come."""
        mid = self._client.subscribe(topic, qos=1)[1]
        if mid is None:
            raise LinkFailed("connection lost")
        return mid

    def leave(self) -> None:
        """Says good-bye, so that the last will is not sent."""
        self._client.disconnect()

    def drop(self) -> None:
        """Ends the connection without a word."""
        connection: Any = self._client.socket()
        if connection is not None:
            connection.close()

    def _on_connect(self, client: Any, userdata: Any, flags: Any, reason: Any, properties: Any) -> None:
        self.up = not reason.is_failure
        self._client.send_no_more_than(getattr(properties, "ReceiveMaximum", None))
        if reason.is_failure:
            self._ended = LinkFailed(str(reason).lower(), other_version=str(reason) == "Unsupported protocol version")

    def _on_disconnect(self, client: Any, userdata: Any, flags: Any, reason: Any, properties: Any) -> None:
        words = str(reason).lower() if flags.is_disconnect_packet_from_server else "connection lost"
        self._ended = self._ended or LinkFailed(words, other_version=self.version == V5 and not self.up)
        self.up = False

    def _on_publish(self, client: Any, userdata: Any, mid: int, reason: Any, properties: Any) -> None:
        if reason.is_failure:
            self.refused.append((mid, str(reason).lower()))
        else:
            self.acked.append(mid)

    def _on_subscribe(self, client: Any, userdata: Any, mid: int, reasons: list[Any], properties: Any) -> None:
        self._on_publish(client, userdata, mid, reasons[0], properties)

    def _on_message(self, client: Any, userdata: Any, message: Any) -> None:
        with suppress(UnicodeDecodeError):  # no topic that anybody of us has asked for
            self.received.append(heard_from(message))


def _held(connection: Any) -> bool:
    """Whether TLS has read, and nobody yet asked for, what `select` cannot see."""
    return hasattr(connection, "pending") and connection.pending() > 0


def find_version(address: Address, client_id: str, answer_s: float = ANSWER_S) -> int:
    """The newest version of MQTT that a broker speaks.

    Asked by connections without a will or properties, under a name of their own: amqtt answers a version 5 that it does
    not speak only where there are none. A broker that only just starts, or a proxy before it, breaks off as one does
    that does not speak 5: that is believed of one that lets 3.1.1 in and breaks off 5 once more.

    Raises:
        LinkFailed: nobody there, or not let in.
    """
    for version in (V5, V311, V5):
        link = Link(address, version, f"{client_id}-version")
        try:
            link.open(answer_s)
            link.leave()
        except LinkFailed as failure:
            if not failure.other_version:
                raise
        else:
            if version == V5:
                return V5
        finally:
            link.drop()
    return V311

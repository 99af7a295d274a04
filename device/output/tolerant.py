"""A paho client that does not fall over what somebody else has published."""

from typing import Any

from paho.mqtt.client import Client
from paho.mqtt.enums import MQTTErrorCode
from paho.mqtt.exception import MalformedPacket

from device.output.properties import MAX_PACKET

_KEPT = 2 * MAX_PACKET  # bytes of a packet; topic and number are within them


class TolerantClient(Client):
    """Leaves out properties that paho cannot read, and the end of messages that are too long.

    MQTT 5 allows a U+FEFF in a property, brokers pass it on, and paho 2.2 takes it for the end of the connection. The
    broker sends an unconfirmed or kept message again with every new connection: one such message to one of our topics
    would shut us out for good. With MQTT 3.1.1 nobody can tell the broker what is too long, and it may be 256 MB.
    """

    def send_no_more_than(self, messages: int | None) -> None:
        """Bounds the messages at QoS 1 under way at once, as the broker asks; the others wait for their turn in paho.

        MQTT 5 has a broker end the connection of who does not keep to it, and paho 2.2 does not.
        """
        if messages is not None:
            self._max_inflight_messages = min(self._max_inflight_messages, messages)

    def _sock_recv(self, bufsize: int) -> bytes:
        incoming: Any = self._in_packet
        del incoming["packet"][_KEPT:]
        return super()._sock_recv(min(bufsize, MAX_PACKET))

    def _handle_publish(self) -> MQTTErrorCode:
        incoming: Any = self._in_packet
        try:
            return super()._handle_publish()
        except MalformedPacket:
            incoming["packet"] = without_properties(bytes(incoming["packet"]), incoming["command"] >> 1 & 3)
            return super()._handle_publish()


def without_properties(packet: bytes, qos: int) -> bytes:
    """A PUBLISH of MQTT 5 with an empty list of properties.

    Args:
        packet: from the topic on.
        qos: 0 to 2.
    """
    at = 2 + int.from_bytes(packet[:2], "big") + (2 if qos else 0)
    length, shift, end = 0, 0, at
    while end < len(packet):
        length |= (packet[end] & 0x7F) << shift
        shift, end = shift + 7, end + 1
        if not packet[end - 1] & 0x80:
            break
    return packet[:at] + b"\0" + packet[end + length :]

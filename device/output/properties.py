"""The properties of MQTT 5, to and from paho's."""

from typing import Any

from device.output.messages import Heard, Message

MAX_PACKET = 65_536  # bytes; what is larger the broker keeps from us: no command has more than a few hundred


def session_arguments(will_delay_s: int) -> dict[str, Any]:
    """How a connection begins, as arguments of paho's `connect`.

    The session outlives the connection for as long as the will waits, and a return within that time ends both.
    """
    properties = _properties("CONNECT")
    properties.MaximumPacketSize = MAX_PACKET
    if will_delay_s:
        properties.SessionExpiryInterval = will_delay_s
    return {"clean_start": not will_delay_s, "properties": properties}


def will_properties(will_delay_s: int) -> Any:
    """How long the broker waits with the will, seconds."""
    properties = _properties("WILLMESSAGE")
    if will_delay_s:
        properties.WillDelayInterval = will_delay_s
    return properties


def publish_properties(message: Message) -> Any:
    """What goes with a message."""
    properties = _properties("PUBLISH")
    if message.expires_s is not None:
        properties.MessageExpiryInterval = message.expires_s
    if message.properties:
        properties.UserProperty = list(message.properties.items())
    if message.correlation is not None:
        properties.CorrelationData = message.correlation
    return properties


def heard_from(message: Any) -> Heard:
    """What came in.

    Raises:
        UnicodeDecodeError: the topic is none.
    """
    properties = getattr(message, "properties", None)  # None with MQTT 3.1.1
    return Heard(
        message.topic,
        bytes(message.payload),
        bool(message.retain),
        getattr(properties, "ResponseTopic", None),
        getattr(properties, "CorrelationData", None),
    )


def _properties(packet: str) -> Any:
    from paho.mqtt.packettypes import PacketTypes
    from paho.mqtt.properties import Properties

    return Properties(getattr(PacketTypes, packet))  # type: ignore[no-untyped-call]  # as paho leaves it

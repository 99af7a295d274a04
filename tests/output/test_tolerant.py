from brokers import length
from hypothesis import example, given
from hypothesis import strategies as st

from device.output.tolerant import without_properties


@example(b"topic", 1, b"p" * 200, b"ON")
@given(st.binary(max_size=40), st.integers(0, 2), st.binary(max_size=300), st.binary(max_size=40))
def test_topic_number_and_payload_are_left_as_they_are(
    topic: bytes, qos: int, properties: bytes, payload: bytes
) -> None:
    head = len(topic).to_bytes(2, "big") + topic + (b"\x12\x34" if qos else b"")
    packet = head + length(len(properties)) + properties + payload
    assert without_properties(packet, qos) == head + b"\0" + payload


@given(st.binary(max_size=60), st.integers(0, 2))
def test_a_packet_that_is_none_ends_too(packet: bytes, qos: int) -> None:
    assert len(without_properties(packet, qos)) <= len(packet) + 1

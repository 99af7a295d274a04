"""Tries a broker: a message goes there and comes back."""

from pathlib import Path
from time import monotonic
from uuid import uuid4

from device.errors import PartFailed
from device.output.address import address_of
from device.output.link import Link, LinkFailed, find_version
from device.output.messages import Heard, Message, Messages


def check_round_trip(
    timeout_s: float,
    host: str,
    port: int,
    station: str,
    username: str | None = None,
    password: str | None = None,
    ca_file: Path | str | None = None,
    tls: bool = False,
) -> None:
    """Sends a message to the broker and waits for it to come back, under a name that disturbs no running device.

    Args:
        timeout_s: for each step (connection, answer, message), seconds.
        host: and the others as for `Mqtt`.
        port: TCP port.
        station: name of this device in the topics.
        username: None = anonymous.
        password: for the username.
        ca_file: certificate of an own authority.
        tls: whether to use TLS.

    Raises:
        PartFailed: it did not come back, and why.
        SettingsError: the station's name or the certificate cannot be used.
    """
    address = address_of(host, port, username, password, ca_file, tls)
    token = uuid4().hex
    message = Messages(station).trial(token)
    client_id = f"squatlight-{station}-check-{token[:8]}"
    try:
        link = Link(address, find_version(address, client_id, timeout_s), client_id)
        try:
            link.open(timeout_s)
            _go_and_return(link, message, timeout_s)
            link.leave()
        finally:
            link.drop()
    except LinkFailed as failure:
        raise PartFailed(f"mqtt: {address}: {failure}") from failure


def _go_and_return(link: Link, message: Message, timeout_s: float) -> None:
    until_s = monotonic() + timeout_s
    subscribed, sent = link.subscribe(message.topic), False
    sent_back = Heard(message.topic, str(message.payload).encode())
    while sent_back not in link.received:
        if monotonic() > until_s:
            raise LinkFailed(f"a message to {message.topic} did not come back in {timeout_s:g} s")
        link.turn(0.1)
        if link.refused:
            raise LinkFailed(f"{message.topic}: {link.refused[0][1]}")
        if not sent and subscribed in link.acked:  # amqtt may else forward before it has taken the subscription
            link.publish(message)
            sent = True

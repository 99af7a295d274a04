"""Where a broker is, and how it lets us in."""

import ssl
from dataclasses import dataclass
from pathlib import Path

from device.errors import SettingsError


@dataclass(frozen=True, slots=True)
class Address:
    """Where a broker is and how it lets us in.

    Attributes:
        host: name or address.
        port: TCP port, 1 to 65535.
        username: None = anonymous.
        password: for the username.
        tls: None = no TLS.
    """

    host: str
    port: int
    username: str | None = None
    password: str | None = None
    tls: ssl.SSLContext | None = None

    def __str__(self) -> str:
        return f"{self.host}:{self.port}"


def address_of(
    host: str,
    port: int,
    username: str | None = None,
    password: str | None = None,
    ca_file: Path | str | None = None,
    tls: bool = False,
) -> Address:
    """The address from its settings; a `ca_file` switches TLS on.

    Raises:
        SettingsError: the file holds no certificates.
    """
    return Address(host, port, username, password, _open_tls(ca_file) if tls or ca_file else None)


def _open_tls(ca_file: Path | str | None) -> ssl.SSLContext:
    """TLS that trusts the machine's authorities, or one own authority alone."""
    try:
        return ssl.create_default_context(cafile=None if ca_file is None else str(ca_file))
    except (OSError, ssl.SSLError) as error:
        raise SettingsError(f"mqtt.ca_file: {ca_file}: {words_of(error)}") from error


def words_of(error: BaseException) -> str:
    """Why a connection failed, in a few words."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"certificate refused: {error.verify_message}"
    if isinstance(error, TimeoutError):
        return "no answer"
    return getattr(error, "strerror", None) or str(error) or type(error).__name__

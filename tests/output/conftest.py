import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from brokers import Gate, Mosquitto

from device.output.broker import EmbeddedBroker


@pytest.fixture
def mosquitto(tmp_path: Path) -> Iterator[Mosquitto]:
    broker = Mosquitto(tmp_path)
    yield broker
    broker.close()


@pytest.fixture(params=["mosquitto", "embedded"])
def broker(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Mosquitto | EmbeddedBroker]:
    """Every broker that the device is made for."""
    made = Mosquitto(tmp_path) if request.param == "mosquitto" else EmbeddedBroker()
    yield made
    made.close()


@pytest.fixture
def gate(broker: Mosquitto | EmbeddedBroker) -> Iterator[Gate]:
    """A line to the broker that a test can cut; shut at first."""
    line = Gate(broker.port)
    yield line
    line.shut()


@dataclass(frozen=True)
class TlsFiles:
    ca: Path
    lines: tuple[str, ...]
    """of mosquitto's settings"""


@pytest.fixture(scope="session")
def tls_files(tmp_path_factory: pytest.TempPathFactory) -> TlsFiles:
    """An own authority, and a certificate by it for 127.0.0.1."""
    if shutil.which("openssl") is None:
        pytest.skip("openssl is not installed (packages.txt)")
    folder = tmp_path_factory.mktemp("tls")

    def openssl(*arguments: str) -> None:
        subprocess.run(["openssl", *arguments], cwd=folder, check=True, capture_output=True)

    new = ("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")
    usage = "keyUsage=critical,keyCertSign,cRLSign"
    openssl(*new, "-x509", "-subj", "/CN=own authority", "-addext", usage, "-keyout", "ca.key", "-out", "ca.pem")
    openssl(*new, "-subj", "/CN=127.0.0.1", "-keyout", "server.key", "-out", "server.csr")
    (folder / "names").write_text("subjectAltName=IP:127.0.0.1\nauthorityKeyIdentifier=keyid\n")
    openssl("x509", "-req", "-in", "server.csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial",
            "-extfile", "names", "-out", "server.pem")  # fmt: skip
    files = {"cafile": "ca.pem", "certfile": "server.pem", "keyfile": "server.key"}
    return TlsFiles(folder / "ca.pem", tuple(f"{setting} {folder / name}" for setting, name in files.items()))

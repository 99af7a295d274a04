"""What tests of MQTT need beside the device: a real mosquitto, a line that can be cut, a subscriber."""

import os
import random
import shutil
import socket
import struct
import subprocess
import threading
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

PATIENCE_S = 10.0  # bound on every wait; a passing test takes a fraction


def free_port() -> int:
    """A port that is free, below those that the system gives to outgoing connections.

    One of these may take it while nobody listens there, and then the line cannot be opened again.
    """
    for port in random.sample(range(20_000, 32_000), 100):
        with socket.socket() as probe, suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port
    raise AssertionError("no free port of a hundred")


class Mosquitto:
    """The real broker, on a free port of the loopback."""

    host = "127.0.0.1"

    def __init__(self, folder: Path, *lines: str) -> None:
        self._program = shutil.which("mosquitto", path=os.environ["PATH"] + os.pathsep + "/usr/sbin")
        if self._program is None:
            pytest.skip("mosquitto is not installed (packages.txt)")
        self.port = free_port()
        self._settings = folder / "mosquitto.conf"
        lines = lines or ("allow_anonymous true",)
        # As root it would change to a user who may not read the test's files.
        self._settings.write_text("\n".join([f"listener {self.port} {self.host}", "user root", *lines]) + "\n")
        self._process: subprocess.Popen[str] | None = None
        self.start()

    def start(self) -> None:
        command = [str(self._program), "-v", "-c", str(self._settings)]
        self._process = subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True)
        log = self._process.stderr
        seen = []
        for line in log:
            seen.append(line)
            if line.rstrip().endswith(" running"):
                break
        else:
            raise AssertionError("mosquitto did not start: " + "".join(seen))
        threading.Thread(target=log.read, daemon=True).start()  # a full pipe would stop it

    def kill(self) -> None:
        self._process.kill()
        self._process.wait(PATIENCE_S)

    def close(self) -> None:
        self.kill()

    def __enter__(self) -> "Mosquitto":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class Gate:
    """A line to a broker that can be cut, and be made deaf: then answers do not come through."""

    host = "127.0.0.1"

    def __init__(self, target_port: int) -> None:
        self._target = target_port
        self._guard = threading.Lock()
        self._lines: list[tuple[socket.socket, socket.socket]] = []
        self.deaf = False
        self.breaks = 0  # so many connections are let in and broken off, as by a proxy whose broker is not up yet
        self.passed = threading.Semaphore(0)  # one for each piece that went to the broker
        self._listener: socket.socket | None = None
        self.port = free_port()

    def open(self) -> None:
        self._listener = socket.create_server((self.host, self.port))
        threading.Thread(target=self._accept, args=(self._listener,), daemon=True).start()

    def shut(self) -> None:
        """Nobody answers any more, and every connection breaks without a word."""
        if self._listener is not None:
            with suppress(OSError):  # shut already
                self._listener.shutdown(socket.SHUT_RDWR)
            self._listener.close()
        with self._guard:
            for line in self._lines:
                for end in line:
                    end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))  # reset, not FIN
                    with suppress(OSError):
                        end.shutdown(socket.SHUT_RD)  # wakes the thread that reads it
                    end.close()
            self._lines.clear()

    def __enter__(self) -> "Gate":
        self.open()
        return self

    def __exit__(self, *_: object) -> None:
        self.shut()

    def _accept(self, listener: socket.socket) -> None:
        while True:
            try:
                device, _ = listener.accept()
            except OSError:
                return
            try:
                if self.breaks > 0:
                    self.breaks -= 1
                    raise ConnectionError
                broker = socket.create_connection((self.host, self._target))
            except OSError:  # nobody there
                device.close()
                continue
            with self._guard:
                self._lines.append((device, broker))
            threading.Thread(target=self._pass, args=(device, broker, True), daemon=True).start()
            threading.Thread(target=self._pass, args=(broker, device, False), daemon=True).start()

    def _pass(self, source: socket.socket, sink: socket.socket, to_broker: bool) -> None:
        try:
            while piece := source.recv(65536):
                if to_broker or not self.deaf:
                    sink.sendall(piece)
                if to_broker:
                    self.passed.release()
            sink.shutdown(socket.SHUT_RDWR)
        except OSError:  # shut
            return


class ForbiddingBroker:
    """Speaks just enough of MQTT 3.1.1 to let a client in, take what it sends, and forbid every subscription."""

    host = "127.0.0.1"

    def __init__(self) -> None:
        self.kinds: list[int] = []
        """of the packets that came, by MQTT's numbers"""
        self._listener = socket.create_server((self.host, 0))
        self.port = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def __enter__(self) -> "ForbiddingBroker":
        return self

    def __exit__(self, *_: object) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                with client, suppress(OSError, EOFError):
                    self._serve(client.makefile("rwb", buffering=0))

    def _serve(self, client: Any) -> None:
        while True:
            kind, length, shift = client.read(1), 0, 0
            if not kind:
                return
            while (byte := client.read(1)[0]) & 0x80:
                length, shift = length | (byte & 0x7F) << shift, shift + 7
            body = b""
            length |= byte << shift
            while len(body) < length:
                body += client.read(length - len(body))
            self.kinds.append(kind[0] >> 4)
            if kind[0] >> 4 == 1:  # CONNECT: 1 = no such version
                client.write(bytes([0x20, 2, 0, int(body[6] != 4)]))
            elif kind[0] >> 4 == 8:  # SUBSCRIBE
                client.write(b"\x90\x03" + body[:2] + b"\x80")
            elif kind[0] & 0xF6 == 0x32:  # PUBLISH at QoS 1
                place = 2 + int.from_bytes(body[:2], "big")
                client.write(b"\x40\x02" + body[place : place + 2])


def length(value: int) -> bytes:
    """As MQTT writes it: seven bits a byte, the lowest first."""
    found = b""
    while True:
        value, low = value >> 7, value & 0x7F
        found += bytes([low | 0x80 if value else low])
        if not value:
            return found


def shout(port: int, topic: str, pieces: int) -> None:
    """Publishes so many times 64 KB in one message, without holding it in memory."""
    name, piece = topic.encode(), b"x" * 65_536
    with socket.create_connection(("127.0.0.1", port)) as line:
        line.sendall(b"\x10\x11\0\x04MQTT\x04\x02\0\x3c\0\x05shout")
        assert line.recv(4) == b"\x20\x02\0\0"
        line.sendall(b"\x30" + length(2 + len(name) + pieces * len(piece)) + len(name).to_bytes(2, "big") + name)
        for _ in range(pieces):
            line.sendall(piece)
        line.sendall(b"\xe0\0")


class Subscriber:
    """Somebody else, who listens to everything below `squatlight/`, and may speak."""

    def __init__(
        self, host: str, port: int, version: int = 4, topics: tuple[str, ...] = ("squatlight/#",), **login: str
    ) -> None:
        self.heard: list[Any] = []
        self._news = threading.Condition()
        self._ready = threading.Event()
        self._client = Client(CallbackAPIVersion.VERSION2, protocol=MQTTProtocolVersion(version))
        self._client.on_connect = lambda client, *_: client.subscribe([(topic, 1) for topic in topics])
        self._client.on_subscribe = lambda *_: self._ready.set()
        self._client.on_message = self._hear
        if login:
            self._client.username_pw_set(**login)
        self._client.connect(host, port)
        self._client.loop_start()
        assert self._ready.wait(PATIENCE_S), "the subscriber was not let in"

    def __enter__(self) -> "Subscriber":
        return self

    def __exit__(self, *_: object) -> None:
        self._client.disconnect()
        self._client.loop_stop()

    def say(
        self, topic: str, payload: bytes | str | None, retain: bool = False, qos: int = 1, **properties: Any
    ) -> None:
        """Publishes; properties by paho's names, MQTT 5 only."""
        given = Properties(PacketTypes.PUBLISH) if properties else None
        for name, value in properties.items():
            setattr(given, name, value)
        self._client.publish(topic, payload, qos, retain, given)

    def command(self, name: str, payload: bytes | str, **more: Any) -> None:
        self.say(f"squatlight/rack1/{name}/set", payload, **more)

    def on(self, name: str) -> list[Any]:
        """The messages of one topic, `squatlight/rack1/<name>`."""
        return [message for message in self.heard if message.topic == f"squatlight/rack1/{name}"]

    def texts(self, name: str) -> list[str]:
        return [message.payload.decode() for message in self.on(name)]

    def wait(self, condition: Any, what: str = "") -> None:
        with self._news:
            assert self._news.wait_for(condition, PATIENCE_S), (
                f"{what}: heard {[(m.topic, m.payload) for m in self.heard]}"
            )

    def _hear(self, client: Any, userdata: Any, message: Any) -> None:
        with self._news:
            self.heard.append(message)
            self._news.notify_all()

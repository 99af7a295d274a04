"""What stands around the device while it soaks: a broker, somebody who listens, a camera in the network."""

import os
import shutil
import socket
import subprocess
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import cv2
from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion

from device.camera.clip import Clip
from device.errors import PartFailed

RATE_HZ = 30.0
PATIENCE_S = 60.0


class Broker:
    """A mosquitto of its own on a free port.

    Args:
        place: a folder for its settings.

    Raises:
        PartFailed: it is not installed, or does not start.
    """

    def __init__(self, place: Path) -> None:
        program = shutil.which("mosquitto", path=os.environ["PATH"] + os.pathsep + "/usr/sbin")
        if program is None:
            raise PartFailed("soak: mosquitto is missing; packages.txt names what Debian calls it")
        with socket.create_server(("127.0.0.1", 0)) as probe:
            self.port = probe.getsockname()[1]
        settings = place / "mosquitto.conf"
        settings.write_text(f"listener {self.port} 127.0.0.1\nallow_anonymous true\n", "utf-8")
        self._process = subprocess.Popen([program, "-c", str(settings)], stderr=subprocess.DEVNULL)
        until_s = time.monotonic() + PATIENCE_S
        while time.monotonic() < until_s:
            try:
                socket.create_connection(("127.0.0.1", self.port)).close()
                return
            except OSError:
                time.sleep(0.1)
        raise PartFailed("soak: mosquitto does not start")

    def __enter__(self) -> "Broker":
        return self

    def __exit__(self, *_: object) -> None:
        self._process.terminate()
        self._process.wait()


class Listener:
    """Somebody who listens to a station's reps.

    Attributes:
        ids: of the reps that came, in order, repeated ones too.
    """

    def __init__(self, port: int, station: str) -> None:
        self.ids: list[str] = []
        self._client = Client(CallbackAPIVersion.VERSION2)
        ready = threading.Event()
        self._client.on_connect = lambda client, *_: client.subscribe(f"squatlight/{station}/rep", 1)
        self._client.on_subscribe = lambda *_: ready.set()
        self._client.on_message = self._hear
        self._client.connect("127.0.0.1", port)
        self._client.loop_start()
        if not ready.wait(PATIENCE_S):
            raise PartFailed("soak: the broker does not let us listen")

    def __enter__(self) -> "Listener":
        return self

    def __exit__(self, *_: object) -> None:
        self._client.disconnect()
        self._client.loop_stop()

    def wait(self, reps: int) -> None:
        """Until so many different reps have come, or nothing more is to be expected."""
        until_s = time.monotonic() + 5
        while len(set(self.ids)) < reps and time.monotonic() < until_s:
            time.sleep(0.1)

    def _hear(self, client: Any, userdata: Any, message: Any) -> None:
        self.ids.append(message.payload.split(b'"id": "', 1)[1].split(b'"', 1)[0].decode())


class MjpegServer:
    """A camera in the network that shows a clip again and again, MJPEG over HTTP.

    Args:
        clip: held in memory as JPEGs.

    Attributes:
        url: of its stream.
    """

    def __init__(self, clip: Path) -> None:
        with Clip(clip) as source:
            self._jpegs = [
                cv2.imencode(".jpg", cv2.cvtColor(frame.image, cv2.COLOR_RGB2BGR))[1].tobytes()
                for frame in source.frames()
            ]
        serve, self._off = self._serve, threading.Event()

        class Handler(BaseHTTPRequestHandler):
            def log_message(self, *_: Any) -> None: ...

            def do_GET(self) -> None:
                serve(self)

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_port}/video"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def __enter__(self) -> "MjpegServer":
        return self

    def __exit__(self, *_: object) -> None:
        self._off.set()
        self._server.shutdown()
        self._server.server_close()

    def _serve(self, request: BaseHTTPRequestHandler) -> None:
        request.send_response(200)
        request.send_header("Content-Type", "multipart/x-mixed-replace; boundary=cut")
        request.end_headers()
        began_s, turn = time.monotonic(), 0
        try:
            while not self._off.wait(max(0.0, began_s + turn / RATE_HZ - time.monotonic())):
                jpeg = self._jpegs[turn % len(self._jpegs)]
                head = f"--cut\r\nContent-Type: image/jpeg\r\nContent-Length: {len(jpeg)}\r\n\r\n"
                request.wfile.write(head.encode() + jpeg + b"\r\n")
                turn += 1
        except OSError:
            pass  # the other side has gone

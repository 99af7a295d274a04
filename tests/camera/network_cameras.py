"""Cameras in the network of this machine, MJPEG over HTTP and RTSP: red on the left, blue on the right."""

import shutil
import socket
import subprocess
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import cv2
import numpy as np

WIDTH, HEIGHT, RATE_HZ = 320, 240, 30.0
RED, BLUE = (200, 20, 20), (20, 20, 200)


def scene(turn: int) -> np.ndarray:
    """(H, W, 3) RGB; a white square moves, so that no two are alike."""
    image = np.empty((HEIGHT, WIDTH, 3), np.uint8)
    image[:, : WIDTH // 2], image[:, WIDTH // 2 :] = RED, BLUE
    x = 8 * turn % (WIDTH - 16)
    image[:16, x : x + 16] = 255
    return image


class MjpegCamera:
    """Serves /video at `RATE_HZ`.

    Attributes:
        shows: `live`, `frozen` or `black`.
    """

    def __init__(self) -> None:
        self.shows = "live"
        self.port = 0
        self._off = threading.Event()
        self._server: ThreadingHTTPServer | None = None
        self.plug()
        self.url = f"http://127.0.0.1:{self.port}/video"

    def plug(self) -> None:
        camera = self
        self._off = threading.Event()

        class Handler(BaseHTTPRequestHandler):
            def log_message(self, *_: Any) -> None: ...

            def do_GET(self) -> None:
                camera._serve(self)

        class Server(ThreadingHTTPServer):
            daemon_threads, block_on_close = True, True

        self._server = Server(("127.0.0.1", self.port), Handler)
        self.port = self._server.server_port
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()

    def unplug(self) -> None:
        self._off.set()
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()
            self._server = None

    close = unplug

    def _serve(self, request: BaseHTTPRequestHandler) -> None:
        request.send_response(200)
        request.send_header("Content-Type", "multipart/x-mixed-replace; boundary=cut")
        request.end_headers()
        turn, off = 0, self._off
        try:
            while not off.wait(1 / RATE_HZ):
                turn += self.shows == "live"
                image = scene(turn) if self.shows != "black" else np.zeros((HEIGHT, WIDTH, 3), np.uint8)
                jpeg = cv2.imencode(".jpg", image[..., ::-1])[1].tobytes()
                head = f"--cut\r\nContent-Type: image/jpeg\r\nContent-Length: {len(jpeg)}\r\n\r\n"
                request.wfile.write(head.encode() + jpeg + b"\r\n")
        except OSError:
            pass  # the other side has gone


class RtspCamera:
    """A small RTSP server for one client over TCP: ffmpeg makes the RTP packets, and this passes them on.

    Attributes:
        transports: what its clients asked for.
    """

    def __init__(self, place: Path) -> None:
        assert shutil.which("ffmpeg")
        self._packets = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._packets.bind(("127.0.0.1", 0))
        self._packets.settimeout(0.2)
        self._server = socket.create_server(("127.0.0.1", 0))
        self._off = threading.Event()
        self.transports: list[str] = []
        self.url = f"rtsp://127.0.0.1:{self._server.getsockname()[1]}/live"
        source = (
            f"color=0xc81414:{WIDTH // 2}x{HEIGHT}:r=30[a];color=0x1414c8:{WIDTH // 2}x{HEIGHT}:r=30[b];"
            "[a][b]hstack,noise=alls=6:allf=t"
        )
        self._ffmpeg = subprocess.Popen(
            ["ffmpeg", "-nostdin", "-loglevel", "error", "-re", "-f", "lavfi", "-i", source, "-t", "60",
             "-threads", "1", "-c:v", "mjpeg", "-huffman", "default", "-force_duplicated_matrix", "1",
             "-pix_fmt", "yuvj420p", "-f", "rtp", f"rtp://127.0.0.1:{self._packets.getsockname()[1]}?pkt_size=1200"],
            cwd=place, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        threading.Thread(target=self._serve, daemon=True).start()

    def close(self) -> None:
        self._off.set()
        self._ffmpeg.terminate()
        self._ffmpeg.wait()
        self._server.close()

    def _serve(self) -> None:
        try:
            while not self._off.is_set():
                client, _ = self._server.accept()
                with client:
                    self._talk(client)
        except OSError:
            pass  # closed

    def _talk(self, client: socket.socket) -> None:
        reader = client.makefile("rb")
        while line := reader.readline().decode():
            fields = {}
            while (field := reader.readline().decode().strip()) != "":
                key, _, value = field.partition(":")
                fields[key.lower()] = value.strip()
            method = line.split()[0]
            self.transports += [fields["transport"]] if method == "SETUP" else []
            client.sendall(self._answer(method, fields["cseq"]))
            if method == "PLAY":
                return self._pass_on(client)

    def _answer(self, method: str, number: str) -> bytes:
        head, body = (
            {
                "DESCRIBE": ["Content-Type: application/sdp"],
                "SETUP": ["Transport: RTP/AVP/TCP;unicast;interleaved=0-1", "Session: 1"],
                "PLAY": ["Session: 1"],
            }.get(method, ["Public: OPTIONS, DESCRIBE, SETUP, PLAY"]),
            "",
        )
        if method == "DESCRIBE":
            body = "v=0\r\no=- 0 0 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\nm=video 0 RTP/AVP 26\r\na=control:track0\r\n"
        lines = ["RTSP/1.0 200 OK", f"CSeq: {number}", *head, f"Content-Length: {len(body)}", "", body]
        return "\r\n".join(lines).encode()

    def _pass_on(self, client: socket.socket) -> None:
        while not self._off.is_set():
            try:
                packet = self._packets.recv(65536)
                client.sendall(b"$\0" + len(packet).to_bytes(2, "big") + packet)
            except TimeoutError:
                continue
            except OSError:
                return  # the other side has gone

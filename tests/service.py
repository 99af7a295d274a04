"""The daemon as systemd runs it: a process, a socket for its notifications, and signals."""

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from time import monotonic
from typing import Any

from device.inference.recorded import save

ROOT = Path(__file__).parents[1]


def nobody_there(folder: Path) -> str:
    """Stored keypoints of an empty gym: a source and a model that need no files from elsewhere."""
    path = folder / "nobody.npz"
    save(path, [(n / 30, None) for n in range(30)], (64, 48))
    return str(path)


def settings_text(folder: Path, **tables: str) -> str:
    """Settings for a station on stored keypoints; `light="hold_s = 3"` adds to a table."""
    stored = nobody_there(folder)
    lines = {
        "camera": f'source = "recorded:{stored}"',
        "models": f'pose = "recorded:{stored}"',
        "mqtt": 'host = ""',
        "light": f'pins = "file:{folder}/pins.json"',
    }
    for name, text in tables.items():
        lines[name] = text if name == "mqtt" else f"{lines.get(name, '')}\n{text}"
    return "\n".join(f"[{name}]\n{text}" for name, text in lines.items()) + "\n"


class Service:
    """A running daemon.

    Attributes:
        told: what it has told systemd, in order.
    """

    def __init__(self, process: "subprocess.Popen[str]", bound: socket.socket, errors: Path) -> None:
        self.process, self._bound, self._errors = process, bound, errors
        self.told: list[str] = []

    @property
    def log(self) -> str:
        return self._errors.read_text()

    def wait_for(self, word: str, within_s: float = 30.0) -> str:
        """Waits until systemd is told a word (again), and returns the whole message."""
        until_s = monotonic() + within_s
        while (left_s := until_s - monotonic()) > 0:
            self._bound.settimeout(min(left_s, 0.2))
            try:
                self.told.append(self._bound.recv(4096).decode())
            except TimeoutError:
                if self.process.poll() is not None:
                    break
                continue
            if word in self.told[-1]:
                return self.told[-1]
        raise AssertionError(f"{word} was not told; {self.told}; exit {self.process.poll()}; {self.log}")

    def end(self, sign: int = signal.SIGTERM) -> float:
        """Sends a signal and returns how long the end took, in seconds."""
        begin_s = monotonic()
        self.process.send_signal(sign)
        self.process.wait(20)
        return monotonic() - begin_s


@contextmanager
def running(folder: Path, path: Path, *arguments: str, **environment: str) -> Iterator[Service]:
    """Runs the daemon with a settings file, until the end of the block at most."""
    address = folder / "notify"
    address.unlink(missing_ok=True)
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as bound, (folder / "errors").open("w") as errors:
        bound.bind(str(address))
        process = subprocess.Popen(
            [sys.executable, "-m", "device", *arguments, "run", "-c", str(path)], cwd=folder, stderr=errors, text=True,
            stdin=subprocess.DEVNULL,
            env={**os.environ, "PYTHONPATH": str(ROOT), "NOTIFY_SOCKET": str(address), **environment},
        )  # fmt: skip
        try:
            yield Service(process, bound, folder / "errors")
        finally:
            process.kill()
            process.wait()


def settings_file(folder: Path, **tables: Any) -> Path:
    path = folder / "squatlight.toml"
    path.write_text(settings_text(folder, **tables))
    path.chmod(0o600)
    return path

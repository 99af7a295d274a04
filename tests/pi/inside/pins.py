"""Inside the emulated Raspberry Pi: the service on recorded keypoints, and what the chip's pins do meanwhile."""

import json
import platform
import sqlite3
import threading
from importlib.metadata import version
from pathlib import Path
from time import monotonic, sleep

import levels
from scenario import POLL_S, run, shown, systemctl, tell, wait

DEBUG = Path("/sys/kernel/debug")
BASE = "/var/lib/squatlight/squatlight.db"
SETTINGS = Path("/etc/squatlight/squatlight.toml")
WHEELS = ("numpy", "ai-edge-litert", "opencv-python-headless", "gpiozero", "lgpio")
LAMPS = {17, 27}
REPS = 6


class Watch(threading.Thread):
    """Reads the lamps' pins from debugfs, again and again.

    Attributes:
        trace: at each change the time and the pins at high level.
        reads: how often it has read.
    """

    def __init__(self) -> None:
        super().__init__(daemon=True)
        (self._pins,) = DEBUG.glob("pinctrl/*gpio*/pins")
        self.trace: list[tuple[float, list[int]]] = []
        self.reads = 0

    @property
    def lit(self) -> bool:
        return bool(self.trace[-1][1])

    def read(self) -> None:
        pins = sorted(levels.high(self._pins.read_text()) & LAMPS)
        if not self.trace or pins != self.trace[-1][1]:
            self.trace.append((monotonic(), pins))
        self.reads += 1

    def run(self) -> None:
        while True:
            self.read()
            sleep(POLL_S)


watch = Watch()


def board() -> None:
    chips = [line for line in (DEBUG / "gpio").read_text().splitlines() if line.startswith("gpiochip")]
    tell(
        model=Path("/proc/device-tree/model").read_text().strip("\0"),
        kernel=f"{platform.release()} {platform.machine()}",
        chips=[chip.rstrip(":") for chip in chips],
        wheels={name: version(name) for name in WHEELS},
    )


def started() -> None:
    """The first import compiles, as pip does on a real one; then the service, as a user of its own."""
    import device.daemon  # noqa: F401

    watch.read()
    watch.start()
    begin_s = monotonic()
    systemctl("start", "squatlight")
    tell(start={"state": shown("ActiveState"), "user": shown("User"), "took_s": monotonic() - begin_s})


def judged() -> None:
    wait(lambda: sum(one.end_s is not None for one in levels.lit(list(watch.trace))) >= REPS)
    base = sqlite3.connect(f"file:{BASE}?mode=ro", uri=True)
    reps = [json.loads(text) for (text,) in base.execute("SELECT json FROM reps ORDER BY rowid")]
    base.close()
    names = ("decision", "start_s", "bottom_s", "lockout_s", "p_below", "form")
    tell(
        reps=[{name: rep[name] for name in names} for rep in reps],
        trace=list(watch.trace),
        poll_s=(monotonic() - watch.trace[0][0]) / watch.reads,
        held=levels.held((DEBUG / "gpio").read_text()),
    )


def freshly_lit() -> None:
    wait(lambda: not watch.lit)
    wait(lambda: watch.lit)


def struck(name: str, signal: str) -> None:
    """A signal while the lamp is lit: how long until it is dark, and then until the next rep lights it."""
    freshly_lit()
    systemctl("kill", f"--signal={signal}", "squatlight")
    dark_s = wait(lambda: not watch.lit)
    tell(**{name: {"dark_s": dark_s, "back_s": wait(lambda: watch.lit)}})


def killed() -> None:
    struck("killed", "KILL")


def frozen() -> None:
    """Neither its loop nor its guard turns any more; the watchdog is left."""
    struck("frozen", "STOP")


def stopped() -> None:
    freshly_lit()
    begin_s = monotonic()
    systemctl("stop", "squatlight")
    took_s = monotonic() - begin_s
    dark_s = watch.trace[-1][0] - begin_s
    tell(stopped={"dark_s": dark_s, "took_s": took_s, "result": shown("Result"), "lit": watch.lit})


def refused() -> None:
    SETTINGS.write_text('[station]\nmode = "party"\n')
    systemctl("start", "squatlight")
    wait(lambda: shown("ActiveState") == "failed")
    sleep(5)
    tell(refused={name: shown(name) for name in ("ActiveState", "ExecMainStatus", "NRestarts")})


if __name__ == "__main__":
    run(board, started, judged, killed, frozen, stopped, refused)

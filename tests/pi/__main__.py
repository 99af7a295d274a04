"""`make test-pi`: an emulated Raspberry Pi, its pins, a camera; prints what was seen, a row each.

Two machines are booted. On a Raspberry Pi 3B with Bookworm the service runs as it is installed and plays recorded
keypoints, while the kernel's debugfs tells the pins' levels. QEMU's own board with Trixie has a camera by the kernel's
vivid, and a systemd whose pauses grow. Not part of `make test`: it takes some minutes, QEMU and a mirror of Debian's.
"""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import here
import image
import machine
import table

TOOLS = {
    "apt-get": "apt", "cpio": "cpio", "depmod": "kmod", "dpkg-deb": "dpkg", "fdtput": "device-tree-compiler",
    "qemu-system-aarch64": "qemu-system-arm",
}  # fmt: skip
BOOKWORM = image.System("bookworm", 36, "squatlight[pi]")
TRIXIE = image.System("trixie", 41, "squatlight", ("vivid",))  # lgpio has no wheel for its Python 3.13
WITHIN_S = 1200.0  # of each boot; two minutes on a machine that does nothing else
ROUNDS = 2


def main() -> int:
    """Returns 0 where all is as expected, 1 where it is not, 2 where it cannot be tried here."""
    os.environ["PATH"] += ":/usr/sbin:/sbin"
    missing = [package for tool, package in TOOLS.items() if shutil.which(tool) is None]
    if missing:
        print(f"test-pi: missing; on Debian: apt-get install {' '.join(missing)}", file=sys.stderr)
        return 2
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "squatlight" / "pi"
    cache.mkdir(parents=True, exist_ok=True)
    try:
        rows = [*raspberry_pi(cache), *board(cache)]
    except subprocess.CalledProcessError as error:
        print(f"test-pi: {' '.join(error.cmd)[:200]}: exit {error.returncode} {error.stderr or ''}", file=sys.stderr)
        return 2
    print("\n".join(table.lines(rows)))
    if all(row.ok for row in rows):
        return 0
    print(f"test-pi: what the machines said is in {cache}/pins.log and board.log", file=sys.stderr)
    return 1


def raspberry_pi(cache: Path) -> list[table.Row]:
    """Boots the Raspberry Pi."""
    squats, config = cache / "squats.npz", image.INSIDE / "squatlight.toml"
    here.store_squats(squats)
    print("test-pi: packages and wheels for Bookworm", flush=True)
    files = {"etc/squatlight/squatlight.toml": config, "opt/pi/squats.npz": squats}
    disk, kernel = image.build(cache / BOOKWORM.release, BOOKWORM, files)
    print("test-pi: the Raspberry Pi", flush=True)
    found = machine.boot(machine.raspberry_pi(kernel, cache), kernel, disk, "pins", cache / "pins.log", WITHIN_S)
    return table.of_pins(found, _pinned(), here.reps(config, squats, ROUNDS))


def board(cache: Path) -> list[table.Row]:
    """Boots the board with a camera."""
    print("test-pi: packages and wheels for Trixie", flush=True)
    networks = here.store_networks(cache / "networks")
    files = {f"opt/pi/networks/{path.name}": path for path in networks}
    disk, kernel = image.build(cache / TRIXIE.release, TRIXIE, files)
    print("test-pi: the board with a camera", flush=True)
    found = machine.boot(machine.plain(), kernel, disk, "board", cache / "board.log", WITHIN_S)
    return table.of_board(found, [path.stem for path in networks])


def _pinned() -> dict[str, str]:
    """Versions that the project names, by distribution."""
    return dict(re.findall(r'"([a-z-]+)==([0-9a-z.]+)', (image.ROOT / "pyproject.toml").read_text()))


if __name__ == "__main__":
    sys.exit(main())

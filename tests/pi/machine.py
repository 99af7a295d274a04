"""Emulated machines: a Raspberry Pi 3B with its real chip, and a plain one that may have any number of modules."""

import json
import shutil
import subprocess
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

MARK = "@@"  # begins a line that tells what was found
DONE = "done"
KERNEL = (  # a RAM disk that may fill more than half of the memory; nothing on the console but what is told
    "rootfstype=ramfs rdinit=/usr/lib/systemd/systemd panic=1 systemd.firstboot=no quiet loglevel=1"
    " systemd.show_status=no"
)
# In there a nanosecond is an instruction, however busy this machine is, and idle time passes at once: what is timed
# inside depends on nothing outside.
CLOCK = ["-icount", "shift=0,sleep=off"]


@dataclass(frozen=True)
class Machine:
    """How it is started: QEMU's arguments, and the console on which it is heard."""

    arguments: Sequence[str]
    console: str


def raspberry_pi(kernel: Path, folder: Path) -> Machine:
    """A Pi 3B. The revision, by which gpiozero and lgpio know the board, a real one's firmware writes into the tree."""
    (tree,) = kernel.glob("usr/lib/linux-image-*/broadcom/bcm2837-rpi-3-b.dtb")
    copy = folder / tree.name
    shutil.copy(tree, copy)
    subprocess.run(["fdtput", "--create", str(copy), "/system"], check=True)
    subprocess.run(["fdtput", "--type", "x", str(copy), "/system", "linux,revision", "a02082"], check=True)
    return Machine(["-M", "raspi3b", "-dtb", str(copy), "-serial", "null"], "ttyS1,115200")


def plain() -> Machine:
    """QEMU's own board."""
    return Machine(["-M", "virt", "-cpu", "cortex-a72", "-smp", "2", "-m", "2G"], "ttyAMA0")


def boot(machine: Machine, kernel: Path, disk: Path, scenario: str, log: Path, within_s: float) -> dict[str, Any]:
    """Boots, runs a scenario and ends the machine.

    Args:
        machine: one of the above.
        kernel: folder of the kernel's package.
        disk: the initial RAM disk.
        scenario: name of a script in `inside`.
        log: file for all that is heard.
        within_s: how long it may take.

    Returns:
        What the scenario found, by name; `done` is among it where it came to its end.
    """
    (image,) = kernel.glob("boot/vmlinuz-*")
    command = [
        "qemu-system-aarch64", *CLOCK, *machine.arguments, "-display", "none", "-monitor", "none", "-no-reboot",
        "-nic", "none", "-serial", "stdio", "-kernel", str(image), "-initrd", str(disk),
        "-append", f"console={machine.console} {KERNEL} systemd.unit=pi@{scenario}.service",
    ]  # fmt: skip
    found: dict[str, Any] = {}
    with log.open("w") as written:
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
            errors="replace",
        )  # fmt: skip
        end = threading.Timer(within_s, process.kill)
        end.start()
        try:
            assert process.stdout is not None
            for line in process.stdout:
                written.write(line)
                written.flush()
                _, mark, rest = line.partition(MARK)
                if mark:
                    found |= heard(rest)
                if DONE in found:
                    break
        finally:
            end.cancel()
            process.kill()
            process.wait()
    return found


def heard(words: str) -> dict[str, Any]:
    """What a line tells; nothing where it was torn."""
    try:
        told = json.loads(words)
    except ValueError:
        return {}
    return told if isinstance(told, dict) else {}

"""What the scenarios share. They find out and judge nothing: what was found goes to the console, an object a line."""

import json
import subprocess
import traceback
from collections.abc import Callable
from time import monotonic, sleep

PATIENCE_S = 120.0
POLL_S = 0.01


def tell(**found: object) -> None:
    """Tells what was found, by name."""
    print("\n@@" + json.dumps(found), flush=True)


def run(*steps: Callable[[], None]) -> None:
    """Takes the steps until one fails."""
    try:
        for step in steps:
            step()
    except Exception:
        tell(error=traceback.format_exc())
    tell(done=True)


def wait(is_so: Callable[[], bool]) -> float:
    """Waits until it is so, and returns how long that took, in seconds."""
    begin_s = monotonic()
    while not is_so():
        if monotonic() - begin_s > PATIENCE_S:
            raise TimeoutError(f"waited {PATIENCE_S:g} s; {systemctl('status', '--lines=50', '--full', 'squatlight')}")
        sleep(POLL_S)
    return monotonic() - begin_s


def systemctl(*arguments: str) -> str:
    """What systemd says."""
    return subprocess.run(["systemctl", *arguments], capture_output=True, text=True, check=False).stdout.strip()


def shown(name: str) -> str:
    """A property of the service."""
    return systemctl("show", "--value", f"--property={name}", "squatlight")

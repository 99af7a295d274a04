"""Which code made something."""

import subprocess
from pathlib import Path


def short(told: str) -> str:
    """The first 12 digits of what `commit` told, and whether files differed."""
    digits, dash, changed = told.partition("-")
    return digits[:12] + dash + changed


def commit() -> str:
    """The commit of this code; `-changed` where files differ from it, `unknown` outside a repository."""
    here = Path(__file__).parent

    def git(*arguments: str) -> str:
        done = subprocess.run(["git", "-C", here, *arguments], capture_output=True, text=True, check=True)
        return done.stdout.strip()

    try:
        changed = git("status", "--porcelain", "--untracked-files=no", "--", here, here.parent / "device")
        return git("rev-parse", "HEAD") + ("-changed" if changed else "")
    except (OSError, subprocess.CalledProcessError):
        return "unknown"

"""The file system of the emulated Pi, as an initial RAM disk: Debian, the wheels for aarch64, the service."""

import hashlib
import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import debian

ROOT = Path(__file__).parents[2]
INSIDE = Path(__file__).with_name("inside")
HOME = "opt/squatlight"  # as systemd/install.sh has it
SERVICE = {
    "squatlight.service": "etc/systemd/system/squatlight.service",
    "squatlight.sysusers": "etc/sysusers.d/squatlight.conf",
    "squatlight.tmpfiles": "etc/tmpfiles.d/squatlight.conf",
}

RULES = 'SUBSYSTEM=="gpio", GROUP="gpio", MODE="0660"\n'  # as Raspberry Pi OS has it
SCENARIO = """\
[Unit]
Description=What is tried inside

[Service]
Type=oneshot
ExecStart=/opt/squatlight/bin/python -u /opt/pi/%i.py
StandardOutput=tty
StandardError=tty
"""


@dataclass(frozen=True)
class System:
    """What a disk is made of.

    Attributes:
        release: Debian's, by its code name.
        glibc: its C library's minor version: what wheels may ask for.
        wanted: what pip is asked for: this project, with or without an extra.
        modules: of the kernel, beside what is built in.
    """

    release: str
    glibc: int
    wanted: str
    modules: tuple[str, ...] = ()


def build(cache: Path, system: System, files: dict[str, Path]) -> tuple[Path, Path]:
    """Makes the disk anew, of what is in the cache where nothing has changed.

    Args:
        cache: what takes long is kept there.
        system: what it is made of.
        files: what else goes onto it, by its place.

    Returns:
        The disk, and the folder of the kernel's package.
    """
    packages = debian.download(cache / "apt", system.release)
    sources = [Path(debian.__file__), Path(__file__), ROOT / "pyproject.toml"]
    parts = [*(package.name for package in packages), *(source.read_text() for source in sources), str(system)]
    made_of = hashlib.sha256("\n".join(parts).encode()).hexdigest()
    base, stamp = cache / "base", cache / "base" / "made-of"
    known = stamp.exists() and stamp.read_text() == made_of
    if not known:
        shutil.rmtree(base, ignore_errors=True)
        debian.unpack(packages, base / "root", base / "kernel")
        if system.modules:
            debian.add_modules(base / "kernel", base / "root", system.modules)
    _install(base / "root", system, _wheel(cache), dependencies=not known)
    stamp.write_text(made_of)
    shutil.rmtree(base / "root/opt/pi", ignore_errors=True)
    for name, place in SERVICE.items():
        _put(ROOT / "systemd" / name, base / "root" / place)
    for source in (*INSIDE.glob("*.py"), Path(__file__).with_name("levels.py")):
        _put(source, base / "root/opt/pi" / source.name)
    for place, source in files.items():
        _put(source, base / "root" / place)
    _write(base / "root/etc/systemd/system/pi@.service", SCENARIO)
    _write(base / "root/etc/udev/rules.d/60-gpio.rules", RULES)
    return _pack(base / "root", cache / "disk.cpio"), base / "kernel"


def _wheel(cache: Path) -> Path:
    """This project's own, built in a copy: a build leaves its traces."""
    copy = cache / "source"
    shutil.rmtree(copy, ignore_errors=True)
    copy.mkdir()
    for part in ("device", "models", "convert"):
        shutil.copytree(ROOT / part, copy / part, ignore=shutil.ignore_patterns("__pycache__"))
    for part in ("pyproject.toml", "README.md", "LICENSE", "NOTICE"):
        shutil.copy(ROOT / part, copy)
    _pip("wheel", "--no-deps", "--wheel-dir", str(copy), str(copy))
    return next(copy.glob("*.whl"))


def _install(root: Path, system: System, wheel: Path, dependencies: bool) -> None:
    """A virtual environment as the installer makes it, of wheels for aarch64."""
    version = re.match(r"python(\d\.\d+)", os.readlink(root / "usr/bin/python3"))
    assert version, "Debian's python3 is a link to its version"
    packages = root / HOME / f"lib/python{version[1]}/site-packages"
    platforms = [f"--platform=manylinux_2_{minor}_aarch64" for minor in range(17, system.glibc + 1)]
    _pip(
        "install", "--no-warn-conflicts", "--no-compile", "--upgrade", "--target", str(packages), "--only-binary=:all:",
        "--python-version", version[1], *platforms, "--platform=manylinux2014_aarch64",
        *([] if dependencies else ["--no-deps"]), f"{system.wanted} @ {wheel.as_uri()}",
    )  # fmt: skip
    programs = root / HOME / "bin"
    programs.mkdir(exist_ok=True)
    (root / HOME / "pyvenv.cfg").write_text("home = /usr/bin\ninclude-system-site-packages = true\n")
    if not (programs / "python").is_symlink():
        (programs / "python").symlink_to("/usr/bin/python3")
    (programs / "squatlight").write_text(
        "#!/opt/squatlight/bin/python\nfrom device.__main__ import command\n\ncommand()\n"
    )
    (programs / "squatlight").chmod(0o755)


def _pip(*arguments: str) -> None:
    subprocess.run([sys.executable, "-m", "pip", "--quiet", *arguments], check=True)


def _put(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy(source, target)


def _write(target: Path, text: str) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(text)


def _pack(root: Path, disk: Path) -> Path:
    names = "\n".join(str(path.relative_to(root)) for path in sorted(root.rglob("*")))
    with disk.open("wb") as out:
        subprocess.run(
            ["cpio", "--quiet", "--create", "--format=newc", "--owner=+0:+0"], check=True, cwd=root, stdout=out,
            input=names.encode(),
        )  # fmt: skip
    return disk

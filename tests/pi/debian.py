"""Debian for arm64, as a folder of files: its packages come by apt and are unpacked, not installed."""

import os
import re
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

PACKAGES = (
    "base-files", "base-passwd", "coreutils", "dash", "kmod", "libstdc++6", "linux-image-arm64", "python3",
    "systemd-sysv", "udev", "util-linux",
)  # fmt: skip
KEYS = "/usr/share/keyrings/debian-archive-keyring.gpg"
UNWANTED = ("usr/share/doc", "usr/share/locale", "usr/share/man", "usr/share/zoneinfo", "usr/lib/modules", "boot")
MERGED = ("bin", "lib", "sbin")  # links into /usr, which Debian's installer makes
MASTERS = {  # what Debian's own scripts would have copied while installing
    "usr/share/base-passwd/passwd.master": "etc/passwd",
    "usr/share/base-passwd/group.master": "etc/group",
}

_SETTINGS = """\
APT::Architecture "arm64";
#clear APT::Architectures;
APT::Architectures {{ "arm64"; }};
APT::Install-Recommends "false";
APT::Sandbox::User "root";
Acquire::Languages "none";
Dir::State::lists "{folder}/lists";
Dir::State::status "{folder}/status";
Dir::Cache::archives "{folder}/archives";
Dir::Cache::pkgcache "";
Dir::Cache::srcpkgcache "";
Dir::Etc::sourcelist "{folder}/sources.list";
Dir::Etc::sourceparts "/dev/null";
"""


def download(folder: Path, release: str) -> list[Path]:
    """Brings the packages and what they depend on, by this machine's apt and from its mirror.

    Args:
        folder: keeps what was brought; a second call brings what is new.
        release: Debian's, by its code name.

    Returns:
        The .deb files.
    """
    for name in ("lists/partial", "archives/partial"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    (folder / "status").write_text("")  # nothing is installed
    (folder / "apt.conf").write_text(_SETTINGS.format(folder=folder))
    (folder / "sources.list").write_text(f"deb [signed-by={KEYS}] {_mirror()} {release} main\n")
    for command in (["update"], ["autoclean"], ["install", "--download-only", "--yes", *PACKAGES]):
        subprocess.run(
            ["apt-get", "-qq", *command], check=True, stdout=subprocess.DEVNULL,
            env={**os.environ, "APT_CONFIG": str(folder / "apt.conf")},
        )  # fmt: skip
    return sorted((folder / "archives").glob("*.deb"))


def _mirror() -> str:
    """Where this machine takes Debian from."""
    asked = ["apt-get", "indextargets", "--format", "$(SITE)", "Identifier: Packages", "Component: main"]
    sites = subprocess.run(asked, check=True, capture_output=True, text=True).stdout.split()
    return next(site for site in sites if re.search(r"/debian/?$", site))


def unpack(packages: Sequence[Path], root: Path, kernel: Path) -> None:
    """Unpacks packages into a root folder, the kernel's into one of its own."""
    for place in (root, kernel):
        for name in MERGED:
            (place / "usr" / name).mkdir(parents=True)
            (place / name).symlink_to(f"usr/{name}")
    for package in packages:
        place = kernel if package.name.startswith("linux-image") else root
        with subprocess.Popen(["dpkg-deb", "--fsys-tarfile", str(package)], stdout=subprocess.PIPE) as opened:
            subprocess.run(
                ["tar", "--extract", "--keep-directory-symlink", "--directory", str(place)],
                check=True,
                stdin=opened.stdout,
            )
    for name in UNWANTED:
        shutil.rmtree(root / name, ignore_errors=True)
    for source, place in MASTERS.items():
        shutil.copy(root / source, root / place)


def add_modules(kernel: Path, root: Path, names: Sequence[str]) -> None:
    """Puts modules, and those that they need, where `modprobe` finds them."""
    (modules,) = (kernel / "usr/lib/modules").iterdir()
    version = modules.name
    subprocess.run(["depmod", "--basedir", str(kernel / "usr"), version], check=True)
    shown = subprocess.run(
        ["modprobe", "--dirname", str(kernel / "usr"), "--set-version", version, "--show-depends", "--all", *names],
        check=True, capture_output=True, text=True,
    ).stdout  # fmt: skip
    place = root / "usr/lib/modules" / version
    for line in shown.splitlines():
        if line.startswith("insmod "):
            source = Path(line.split()[1])
            target = place / source.relative_to(modules)
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(source, target)
    for name in ("modules.builtin", "modules.builtin.modinfo", "modules.order"):
        shutil.copy(modules / name, place)
    subprocess.run(["depmod", "--basedir", str(root / "usr"), version], check=True)

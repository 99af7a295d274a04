"""The unit: what systemd says of it, and whether what the station needs is still there behind its walls."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
UNIT = ROOT / "systemd" / "squatlight.service"
BAR = 1.8  # of systemd-analyze's exposure: 0 is a brick, well-kept daemons reach 2.2


def analyze(*arguments: str) -> "subprocess.CompletedProcess[str]":
    if shutil.which("systemd-analyze") is None:
        pytest.skip("systemd-analyze is not installed (packages.txt: systemd)")
    return subprocess.run(["systemd-analyze", *arguments], capture_output=True, text=True, check=False)


def service_lines() -> list[tuple[str, str]]:
    section = UNIT.read_text().split("[Service]")[1].split("[Install]")[0]
    return re.findall(r"^([A-Za-z]+)=(.*)$", section, re.MULTILINE)


def values(key: str) -> list[str]:
    return [value for name, value in service_lines() if name == key]


def test_its_exposure_stays_below_the_bar() -> None:
    ran = analyze("security", "--offline=true", "--no-pager", str(UNIT))
    found = re.search(r"Overall exposure level for squatlight\.service: ([0-9.]+)", ran.stdout)
    assert found, ran.stderr
    assert float(found[1]) <= BAR


def test_systemd_understands_every_line_of_it(tmp_path: Path) -> None:
    """But for the growing pauses before version 254, and the program, which is not installed here."""
    unit = tmp_path / UNIT.name
    unit.write_text(UNIT.read_text().replace("/opt/squatlight/bin/", "/usr/bin/env "))
    ran = analyze("verify", "--man=no", str(unit))
    lines = [line for line in ran.stderr.splitlines() if UNIT.name in line]
    version = int(re.search(r"systemd (\d+)", analyze("--version").stdout)[1])
    unknown = [line for line in lines if "Unknown key" in line and "Restart" in line]
    assert len(unknown) == (2 if version < 254 else 0), lines
    assert [line for line in lines if line not in unknown and "User" not in line] == []


def test_what_it_must_keep_seeing_is_not_hidden() -> None:
    keys = dict(service_lines())
    assert "ProcSubset" not in keys, "gpiozero and XNNPACK read /proc/cpuinfo"
    assert keys.get("PrivateDevices", "no") == "no", "cameras and pins are devices"
    allowed = values("DeviceAllow")
    for group in ("gpiochip", "video4linux", "media", "dma_heap"):
        assert f"char-{group} rw" in allowed
    for key, value in service_lines():
        assert not (key.endswith("Paths") and "/sys" in value), "without /sys XNNPACK is lost without a word"
        assert key not in ("RootDirectory", "RootImage", "TemporaryFileSystem")


def test_restarts_and_the_watchdog() -> None:
    keys = dict(service_lines())
    assert keys["Type"] == "notify"
    assert keys["Restart"] == "always"
    assert keys["RestartPreventExitStatus"] == "78"
    assert "StartLimitIntervalSec=0" in UNIT.read_text()
    assert keys["WatchdogSec"].removesuffix("s").isdecimal()
    assert keys["ExecStopPost"].endswith("python -m device.dark")
    assert "LG_WD=/run/" in keys["Environment"]


PROBE = """
import os, sys
from pathlib import Path
sys.path.insert(0, sys.argv[1])
assert Path("/sys/devices/system/cpu/possible").read_text(), "no /sys"
assert "processor" in Path("/proc/cpuinfo").read_text(), "no /proc/cpuinfo"
for pattern in ("gpiochip*", "video*", "media*"):
    for device in Path("/dev").glob(pattern):
        os.close(os.open(device, os.O_RDWR))
        print("opened", device)
from device.inference.pose_model import open_pose_model
open_pose_model("blazepose", 1, None).close()
try:
    Path("/etc/squatlight-was-here").touch()
except OSError:
    print("walls stand")
"""


def test_behind_its_walls_the_station_still_sees_what_it_needs(pose_files: None) -> None:
    """The unit's own restrictions around a probe, by the systemd that runs this machine."""
    if shutil.which("systemd-run") is None or not Path("/run/systemd/system").is_dir():
        pytest.skip("this machine is not run by systemd: no systemd-run")
    from device.inference import models

    skipped = {
        "Type", "NotifyAccess", "ExecStart", "ExecReload", "ExecStopPost", "WatchdogSec", "Restart", "RestartSec",
        "RestartSteps", "RestartMaxDelaySec", "RestartPreventExitStatus", "User", "Group", "SupplementaryGroups",
        "StateDirectory", "StateDirectoryMode", "RuntimeDirectory", "RuntimeDirectoryMode", "WorkingDirectory",
        "TimeoutStartSec", "TimeoutStopSec", "Environment", "ProtectHome",
    }  # fmt: skip
    properties = [f"--property={key}={value}" for key, value in service_lines() if key not in skipped]
    command = [
        "systemd-run", "--quiet", "--wait", "--pipe", "--collect", *properties, "--property=ProtectHome=tmpfs",
        f"--property=BindReadOnlyPaths={sys.prefix} {ROOT} {models.fetched_folder()}",
        f"--setenv=SQUATLIGHT_MODELS={models.fetched_folder()}", sys.executable, "-c", PROBE, str(ROOT),
    ]  # fmt: skip
    ran = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    if "Access denied" in ran.stderr or "authentication required" in ran.stderr:
        pytest.skip(f"systemd-run is not for this user: {ran.stderr.strip()}")
    assert ran.returncode == 0, ran.stderr
    assert "walls stand" in ran.stdout
    assert "XNNPACK" in ran.stderr

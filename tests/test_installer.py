"""systemd/install.sh, into a root folder of its own, with stubs for what would touch this machine."""

import os
import shutil
import stat
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
SCRIPT = ROOT / "systemd" / "install.sh"

PYTHON = """#!/bin/sh
echo "python3 $*" >>"$CALLS"
case "$1" in
-c) echo "numpy<2" ;;
-m) [ "$2" = venv ] || exit 9
    for last; do :; done
    mkdir -p "$last/bin"
    cp "$0" "$last/bin/python.stub"
    printf '#!/bin/sh\\necho "venv python $*" >>"$CALLS"\\n%s\\n' \
        'echo "#!/bin/sh" >"$(dirname "$0")/squatlight"; echo "echo squatlight \\$* >>$CALLS" >>"$(dirname "$0")/squatlight"; chmod +x "$(dirname "$0")/squatlight"' \
        >"$last/bin/python"
    chmod +x "$last/bin/python" ;;
esac
"""  # noqa: E501


class Machine:
    """A root folder, and stubs that write down how they are called."""

    def __init__(self, folder: Path, codename: str = "bookworm", architecture: str = "arm64") -> None:
        self.root, self.calls = folder / "root", folder / "calls"
        self.stubs = folder / "stubs"
        self.stubs.mkdir()
        (self.root / "etc").mkdir(parents=True)
        (self.root / "etc" / "os-release").write_text(f'NAME="Debian"\nVERSION_CODENAME={codename}\n')
        for name in ("apt-get", "systemctl", "systemd-sysusers", "systemd-tmpfiles", "userdel"):
            self.stub(name, "#!/bin/sh\n" + f'echo "{name} $*" >>"$CALLS"\n')
        self.stub("apt-cache", '#!/bin/sh\n[ "$2" = python3-lgpio ]\n')
        self.stub("dpkg", f"#!/bin/sh\necho {architecture}\n")
        self.stub("python3", PYTHON)

    def stub(self, name: str, text: str) -> None:
        (self.stubs / name).write_text(text)
        (self.stubs / name).chmod(0o755)

    def run(self, *arguments: str) -> "subprocess.CompletedProcess[str]":
        self.calls.write_text("")
        environment = {"PATH": f"{self.stubs}:/usr/bin:/bin", "CALLS": str(self.calls), "HOME": "/nonexistent"}
        command = ["sh", str(SCRIPT), "--root", str(self.root), *arguments]
        return subprocess.run(command, capture_output=True, text=True, env=environment, check=False, timeout=60)

    def called(self, beginning: str) -> list[str]:
        return [line for line in self.calls.read_text().splitlines() if line.startswith(beginning)]

    def files(self) -> dict[str, bytes | str]:
        found: dict[str, bytes | str] = {}
        for path in sorted(self.root.rglob("*")):
            name = str(path.relative_to(self.root))
            if path.is_symlink():
                found[name] = os.readlink(path)
            elif path.is_file():
                found[name] = path.read_bytes()
        return found


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


def test_it_puts_everything_in_its_place(machine: Machine) -> None:
    ran = machine.run()
    assert ran.returncode == 0, ran.stderr
    files = machine.files()
    for name, source in {
        "etc/systemd/system/squatlight.service": "squatlight.service",
        "etc/sysusers.d/squatlight.conf": "squatlight.sysusers",
        "etc/tmpfiles.d/squatlight.conf": "squatlight.tmpfiles",
        "etc/squatlight/squatlight.toml": "squatlight.toml",
    }.items():
        assert files[name] == (ROOT / "systemd" / source).read_bytes(), name
        assert stat.S_IMODE((machine.root / name).stat().st_mode) == 0o644
    assert files["usr/local/bin/squatlight"] == "/opt/squatlight/bin/squatlight"
    assert "--system-site-packages" in machine.called("python3 -m venv")[0]
    pip = machine.called("venv python -m pip install")
    assert len(pip) == 1
    assert pip[0].endswith("numpy<2"), "picamera2 needs the system's"
    apt = machine.called("apt-get install")[0]
    assert "python3-lgpio" in apt
    assert "python3-picamera2" not in apt, "this machine's Debian does not have it"
    assert machine.called("squatlight models fetch")
    assert machine.called("systemctl") == [], "not this machine's"


def test_run_twice_it_changes_nothing_and_keeps_the_settings(machine: Machine) -> None:
    assert machine.run().returncode == 0
    settings = machine.root / "etc/squatlight/squatlight.toml"
    settings.write_text("# mine\n")
    before = machine.files()
    assert machine.run().returncode == 0
    assert machine.files() == before
    assert machine.called("python3 -m venv") == []
    assert len(machine.called("venv python -m pip install")) == 1, "a newer version is brought"


def test_undone_it_leaves_settings_and_results_alone_and_purged_nothing(machine: Machine) -> None:
    machine.run()
    results = machine.root / "var/lib/squatlight/squatlight.db"
    results.write_text("reps")
    for _ in range(2):
        ran = machine.run("--undo")
        assert ran.returncode == 0, ran.stderr
        assert set(machine.files()) == {
            "etc/os-release", "etc/squatlight/squatlight.toml", "var/lib/squatlight/squatlight.db",
        }  # fmt: skip
    assert machine.run().returncode == 0, "and installed again"
    assert results.read_text() == "reps"
    for _ in range(2):
        assert machine.run("--purge").returncode == 0
        assert set(machine.files()) == {"etc/os-release"}
    assert machine.called("userdel") == [], "not this machine's user"


def test_without_a_network_for_the_model_it_says_what_is_left_to_do(machine: Machine) -> None:
    machine.run()
    (machine.root / "opt/squatlight/bin/python").write_text("#!/bin/sh\n")
    (machine.root / "opt/squatlight/bin/squatlight").write_text("#!/bin/sh\nexit 2\n")
    ran = machine.run()
    assert ran.returncode == 0
    assert "the pose model is missing" in ran.stdout


@pytest.mark.parametrize("step", ["apt-get", "python3", "systemd-sysusers", "systemd-tmpfiles"])
def test_a_step_that_fails_ends_it(machine: Machine, step: str) -> None:
    machine.stub(step, "#!/bin/sh\nexit 7\n")
    assert machine.run().returncode != 0


@pytest.mark.parametrize(
    ("codename", "architecture", "words"),
    [("bullseye", "arm64", "made for Bookworm and Trixie"), ("trixie", "armhf", "needs the 64-bit system")],
)
def test_other_systems_are_refused_before_anything_is_done(
    tmp_path: Path, codename: str, architecture: str, words: str
) -> None:
    machine = Machine(tmp_path, codename, architecture)
    ran = machine.run()
    assert ran.returncode == 1
    assert words in ran.stderr
    assert machine.calls.read_text() == ""


def test_unknown_arguments_show_the_usage(machine: Machine) -> None:
    ran = machine.run("--everything")
    assert ran.returncode == 2
    assert "--undo" in ran.stderr
    assert set(machine.files()) == {"etc/os-release"}


def test_shellcheck_finds_nothing() -> None:
    if shutil.which("shellcheck") is None:
        pytest.skip("shellcheck is not installed (packages.txt)")
    ran = subprocess.run(["shellcheck", str(SCRIPT)], capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stdout

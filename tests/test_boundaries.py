"""Who may import whom, read from the source itself."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
ADAPTERS = ("camera", "inference", "output")
NEVER_ON_THE_DEVICE = {
    "convert", "torch", "torchvision", "tensorflow", "jax", "matplotlib", "moderngl", "mediapipe", "scipy", "pandas",
    "pytest", "hypothesis",
}  # fmt: skip
ALLOWED = {("inference", "device.camera.frames")}  # a pose model takes frames


def imported(path: Path) -> Iterator[str]:
    """Full names of all modules that a file imports, also inside functions."""
    package = path.relative_to(ROOT).with_suffix("").parts[:-1]
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            yield from (name.name for name in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = ".".join(package[: len(package) - node.level + 1]) if node.level else ""
            module = ".".join(part for part in (base, node.module) if part)
            yield module
            yield from (f"{module}.{name.name}" for name in node.names)


def modules(folder: str) -> list[Path]:
    found = sorted((ROOT / folder).rglob("*.py"))
    assert found, folder
    return found


def breaches(folder: str, forbidden) -> list[str]:
    return [
        f"{path.relative_to(ROOT)} imports {name}"
        for path in modules(folder)
        for name in imported(path)
        if forbidden(name)
    ]


def test_the_judge_imports_numpy_the_standard_library_and_itself_alone() -> None:
    def foreign(name: str) -> bool:
        top = name.split(".")[0]
        if top == "device":
            return name != "device" and not f"{name}.".startswith("device.squat.")
        return top != "numpy" and top not in sys.stdlib_module_names

    assert breaches("device/squat", foreign) == []


def test_the_judge_has_no_clock_no_files_no_network_and_no_log() -> None:
    doors = {"time", "datetime", "os", "io", "pathlib", "socket", "logging", "threading", "asyncio", "subprocess",
             "random", "uuid", "sqlite3", "tempfile", "shutil", "sys"}  # fmt: skip
    assert breaches("device/squat", lambda name: name.split(".")[0] in doors) == []
    calls = [
        f"{path.name}: {node.func.id}"
        for path in modules("device/squat")
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in ("open", "print", "input")
    ]
    assert calls == []


def test_the_device_never_imports_the_toolchain_or_what_only_training_needs() -> None:
    assert breaches("device", lambda name: name.split(".")[0] in NEVER_ON_THE_DEVICE) == []


@pytest.mark.parametrize("folder", ADAPTERS)
def test_adapters_never_import_each_other(folder: str) -> None:
    def other(name: str) -> bool:
        parts = name.split(".")
        if parts[0] != "device" or len(parts) < 2 or parts[1] not in ADAPTERS or parts[1] == folder:
            return False
        return (folder, ".".join(parts[:3])) not in ALLOWED

    assert breaches(f"device/{folder}", other) == []


@pytest.mark.parametrize("folder", ["camera", "inference", "output", "squat"])
def test_nothing_below_the_station_imports_it_or_the_command_line(folder: str) -> None:
    above = {"station", "daemon", "replay", "check", "watch", "settings", "__main__"}
    assert breaches(f"device/{folder}", lambda name: name.startswith("device.") and name.split(".")[1] in above) == []


def loaded_by(module: str) -> set[str]:
    """Top-level modules that importing one module loads, in a process of its own."""
    code = f"import {module}, sys; print('\\n'.join({{name.split('.')[0] for name in sys.modules}}))"
    ran = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    return set(ran.stdout.split())


@pytest.mark.parametrize(
    ("module", "optional"),
    [
        ("device.replay", {"paho", "amqtt", "gpiozero", "lgpio", "sqlite3"}),
        ("device.__main__", {"paho", "amqtt", "gpiozero", "lgpio", "ai_edge_litert", "tflite_runtime"}),
        ("device.station", {"amqtt", "gpiozero", "lgpio"}),
        ("device.squat.judge", {"cv2", "paho", "amqtt", "gpiozero", "ai_edge_litert", "tflite_runtime", "tqdm"}),
    ],
)
def test_what_a_command_does_not_need_is_not_loaded(module: str, optional: set[str]) -> None:
    assert loaded_by(module) & (optional | NEVER_ON_THE_DEVICE) == set()

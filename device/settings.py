"""Settings: frozen dataclasses, read strictly from TOML. `default.toml` explains each key; the names are the same."""

import os
import sys
from collections.abc import Mapping
from dataclasses import MISSING, dataclass, fields, replace
from pathlib import Path
from typing import Any, TypeVar, get_type_hints

from device.camera.mounting import TURNS_DEG
from device.errors import SettingsError
from device.inference import pose_model, tflite
from device.squat.depth import ESTIMATORS
from device.squat.judge import JudgeSettings
from device.squat.perspective import Optics
from device.squat.rulebook import MODES, Rules

SYSTEM_FILE = Path("/etc/squatlight/squatlight.toml")
DEFAULT_FILE = Path(__file__).with_name("default.toml")

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Station:
    """Who this device is."""

    name: str
    mode: str


@dataclass(frozen=True, slots=True)
class Camera:
    """Where frames come from."""

    source: str
    width: int
    height: int
    rate_hz: float
    turn_deg: int
    mirrored: bool
    fov_deg: float
    learn_pitch: bool
    pitch_deg: float


@dataclass(frozen=True, slots=True)
class Lifter:
    """Who lifts."""

    height_cm: float


@dataclass(frozen=True, slots=True)
class Models:
    """Which models run, and how."""

    pose: str
    threads: int
    runtime: str


@dataclass(frozen=True, slots=True)
class DepthMethod:
    """How depth is found."""

    method: str


@dataclass(frozen=True, slots=True)
class RuleBounds:
    """How strict the judge is."""

    abstain_from: float
    abstain_to: float
    abstain_view_deg: float
    locked_deg: float


@dataclass(frozen=True, slots=True)
class Light:
    """The lamps."""

    pins: str
    red_pin: int
    white_pin: int
    amber_pin: int
    active_high: bool
    hold_s: float


@dataclass(frozen=True, slots=True)
class Mqtt:
    """The broker."""

    host: str
    port: int
    username: str
    password_file: str
    ca_file: str
    tls: bool
    discovery: str


@dataclass(frozen=True, slots=True)
class Store:
    """The database."""

    path: str


@dataclass(frozen=True, slots=True)
class Settings:
    """All settings of a station."""

    station: Station
    camera: Camera
    lifter: Lifter
    models: Models
    depth: DepthMethod
    rules: RuleBounds
    light: Light
    mqtt: Mqtt
    store: Store

    def judging(self) -> JudgeSettings:
        """What the judge needs of them."""
        r = self.rules
        return JudgeSettings(
            method=self.depth.method,
            height_cm=self.lifter.height_cm or None,
            optics=Optics(self.camera.fov_deg, self.camera.pitch_deg),
            learn_pitch=self.camera.learn_pitch,
            rules=Rules(self.station.mode, r.abstain_from, r.abstain_to, r.abstain_view_deg, r.locked_deg),
        )


def load(path: str | os.PathLike[str] | None = None) -> Settings:
    """The embedded default, changed by the file.

    Args:
        path: a TOML file; None takes the system's where it is.

    Raises:
        SettingsError: unreadable, an unknown key, or a value that cannot be.
    """
    settings = _build(Settings, _read(DEFAULT_FILE), "", None)
    if path is None and SYSTEM_FILE.exists():
        path = SYSTEM_FILE
    if path is not None:
        settings = _build(Settings, _read(Path(path)), "", settings)
    return checked(settings)


def checked(settings: Settings) -> Settings:
    """The settings, if every value can be.

    Raises:
        SettingsError: one cannot; it is named.
    """
    s = settings
    _one_of("station.mode", s.station.mode, MODES)
    _one_of("depth.method", s.depth.method, ESTIMATORS)
    _one_of("models.pose", s.models.pose, pose_model.NAMES)
    _one_of("models.runtime", s.models.runtime, ("", *tflite.RUNTIMES))
    _between("models.threads", s.models.threads, 1, 64)
    _between("camera.width", s.camera.width, 0, 10000)
    _between("camera.height", s.camera.height, 0, 10000)
    _between("camera.rate_hz", s.camera.rate_hz, 0, 240)
    _one_of("camera.turn_deg", s.camera.turn_deg, TURNS_DEG)
    _between("camera.fov_deg", s.camera.fov_deg, 20, 150)
    _between("camera.pitch_deg", s.camera.pitch_deg, -60, 60)
    if s.lifter.height_cm:
        _between("lifter.height_cm", s.lifter.height_cm, 100, 250)
    _between("rules.abstain_from", s.rules.abstain_from, 0, s.rules.abstain_to)
    _between("rules.abstain_to", s.rules.abstain_to, s.rules.abstain_from, 1)
    _between("rules.abstain_view_deg", s.rules.abstain_view_deg, 0, 180)
    _between("rules.locked_deg", s.rules.locked_deg, 90, 180)
    _between("light.hold_s", s.light.hold_s, 0.1, 600)
    _between("mqtt.port", s.mqtt.port, 0, 65535)
    return settings


def _one_of(key: str, value: str | int, known: Any) -> None:
    if value not in known:
        raise SettingsError(f"{key}: expected one of {', '.join(repr(k) for k in known)}, got {value!r}")


def _between(key: str, value: float, low: float, high: float) -> None:
    if not low <= value <= high:  # NaN falls out too
        raise SettingsError(f"{key}: expected {low} to {high}, got {value}")


def _read(path: Path) -> dict[str, Any]:
    if sys.version_info >= (3, 11):
        import tomllib
    else:
        import tomli as tomllib
    try:
        return dict(tomllib.loads(path.read_text("utf-8")))
    except OSError as error:
        raise SettingsError(f"{path}: cannot be read ({error.strerror})") from error
    except ValueError as error:  # not UTF-8, or not TOML
        raise SettingsError(f"{path}: {error}") from error


def _build(kind: type[T], values: Mapping[str, Any], at: str, before: T | None) -> T:
    """An object of a settings class from a table; what the table lacks stays as it was before."""
    hints = get_type_hints(kind)
    for key in values:
        if key not in hints:
            raise SettingsError(f"{at}{key}: unknown; known here are {', '.join(hints)}")
    found: dict[str, Any] = {}
    for key, value in values.items():
        wanted = hints[key]
        if wanted in (str, int, float, bool):
            found[key] = _scalar(wanted, value, f"{at}{key}")
        elif isinstance(value, Mapping):
            found[key] = _build(wanted, value, f"{at}{key}.", getattr(before, key, None))
        else:
            raise SettingsError(f"{at}{key}: expected a table, got {value!r}")
    if before is not None:
        return replace(before, **found)  # type: ignore[type-var]
    missing = [f.name for f in fields(kind) if f.name not in found and f.default is MISSING]  # type: ignore[arg-type]
    if missing:
        raise SettingsError(f"{at}{missing[0]}: missing")
    return kind(**found)


def _scalar(wanted: type, value: Any, key: str) -> Any:
    whole = isinstance(value, int) and not isinstance(value, bool)
    if wanted is float and whole:
        return float(value)
    if type(value) is not wanted:
        raise SettingsError(f"{key}: expected {wanted.__name__}, got {value!r}")
    return value

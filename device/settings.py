"""Settings: frozen dataclasses, read strictly from TOML. `default.toml` explains each key; the names are the same."""

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from device import strict_toml
from device.camera.mounting import TURNS_DEG
from device.errors import SettingsError
from device.inference import form_model, pose_model, squat_model, tflite
from device.logs import FORMS
from device.output import home_assistant, messages, pins
from device.output.evidence import SHOWS
from device.squat.depth import METHODS, NETWORK, SURFACE
from device.squat.judge import JudgeSettings
from device.squat.perspective import Optics
from device.squat.rulebook import MODES, Rules
from device.trust import read_trusted

_HOST = r"[^\s/:]*|[^\s/:]*(:[^\s/:]*){2,}"  # no colon, or an IPv6 address with two or more

SYSTEM_FILE = Path("/etc/squatlight/squatlight.toml")
DEFAULT_FILE = Path(__file__).with_name("default.toml")


@dataclass(frozen=True, slots=True)
class Station:
    """Who this device is."""

    name: str
    mode: str
    judging: bool


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
    height_cm: float


@dataclass(frozen=True, slots=True)
class Lifter:
    """Who lifts."""

    height_cm: float


@dataclass(frozen=True, slots=True)
class Models:
    """Which models run, and how."""

    pose: str
    form: str
    squat: str
    bar_ends: bool
    threads: int
    runtime: str


@dataclass(frozen=True, slots=True)
class DepthMethod:
    """How depth is found."""

    method: str

    @property
    def surfaces(self) -> bool:
        """Whether it asks for hip creases and knee tops."""
        return self.method in (SURFACE, NETWORK)


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
    """What is kept on the disk."""

    path: str
    overrides: str


@dataclass(frozen=True, slots=True)
class Pictures:
    """What is shown and kept of each rep, see `device.output.evidence`."""

    show: str
    folder: str
    clips: bool
    max_mb: float
    max_days: float


@dataclass(frozen=True, slots=True)
class Log:
    """How the log is written."""

    form: str


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
    evidence: Pictures
    log: Log

    @property
    def surfaces(self) -> bool:
        """Whether hip creases, knee tops and refined joints are looked for: what finds depth, or judges form, asks."""
        return self.depth.surfaces or self.models.form == form_model.REFINED

    def judging(self) -> JudgeSettings:
        """What the judge needs of them."""
        r = self.rules
        return JudgeSettings(
            method=self.depth.method,
            height_cm=self.lifter.height_cm or None,
            optics=Optics(
                self.camera.fov_deg,
                self.camera.pitch_deg,
                known=not self.camera.learn_pitch,
                height_m=self.camera.height_cm / 100 or None,
            ),
            learn_pitch=self.camera.learn_pitch,
            rules=Rules(self.station.mode, r.abstain_from, r.abstain_to, r.abstain_view_deg, r.locked_deg),
            velocity=self.models.bar_ends,
        )


def load(path: str | os.PathLike[str] | None = None) -> Settings:
    """The embedded default, changed by the file.

    Args:
        path: a TOML file; None takes the system's where it is.

    Raises:
        SettingsError: unreadable, writable by others, an unknown key, or a value that cannot be.
    """
    default = strict_toml.parse(DEFAULT_FILE.read_bytes(), str(DEFAULT_FILE))  # part of the program: no more to trust
    settings = strict_toml.build(Settings, default)
    if path is None and SYSTEM_FILE.exists():
        path = SYSTEM_FILE
    if path is not None and Path(path) != DEFAULT_FILE:
        settings = changed(settings, strict_toml.parse(read_trusted(Path(path)), str(path)))
    if path is not None and Path(path) == SYSTEM_FILE:
        _lasting(settings)
    return settings


def _lasting(settings: Settings) -> None:
    """The service works in a folder that goes with it: what is to be kept is kept elsewhere."""
    s = settings
    places = {"store.path": s.store.path, "store.overrides": s.store.overrides, "evidence.folder": s.evidence.folder}
    for key, place in places.items():
        if place and not Path(place).is_absolute():
            raise SettingsError(f"{key}: expected an absolute path, such as /var/lib/squatlight/{place}, got {place!r}")


def changed(settings: Settings, tables: Mapping[str, Any]) -> Settings:
    """The settings, changed by the tables of a file.

    Raises:
        SettingsError: an unknown key, or a value that cannot be.
    """
    return checked(strict_toml.build(Settings, tables, settings))


def checked(settings: Settings) -> Settings:
    """The settings, if every value can be.

    Raises:
        SettingsError: one cannot; it is named.
    """
    s = settings
    _like("station.name", s.station.name, messages.STATION, "letters, digits, _ and -")
    _one_of("station.mode", s.station.mode, MODES)
    _one_of("depth.method", s.depth.method, METHODS)
    if not s.models.pose.startswith(pose_model.RECORDED):
        _one_of("models.pose", s.models.pose, pose_model.NAMES)
    _one_of("models.form", s.models.form, ("", *form_model.NAMES))
    _one_of("models.squat", s.models.squat, ("", *squat_model.NAMES))
    _one_of("models.runtime", s.models.runtime, ("", *tflite.RUNTIMES))
    _between("models.threads", s.models.threads, 1, 64)
    _between("camera.width", s.camera.width, 0, 10000)
    _between("camera.height", s.camera.height, 0, 10000)
    _between("camera.rate_hz", s.camera.rate_hz, 0, 240)
    _one_of("camera.turn_deg", s.camera.turn_deg, TURNS_DEG)
    _between("camera.fov_deg", s.camera.fov_deg, 20, 150)
    _between("camera.pitch_deg", s.camera.pitch_deg, -60, 60)
    _between("camera.height_cm", s.camera.height_cm, 0, 400)
    if s.lifter.height_cm:
        _between("lifter.height_cm", s.lifter.height_cm, 100, 250)
    _between("rules.abstain_from", s.rules.abstain_from, 0, s.rules.abstain_to)
    _between("rules.abstain_to", s.rules.abstain_to, s.rules.abstain_from, 1)
    _between("rules.abstain_view_deg", s.rules.abstain_view_deg, 0, 180)
    _between("rules.locked_deg", s.rules.locked_deg, 90, 180)
    _between("light.hold_s", s.light.hold_s, 0.1, 600)
    _check_pins(s.light)
    _between("mqtt.port", s.mqtt.port, 0, 65535)
    _like("mqtt.host", s.mqtt.host, _HOST, "a name or an address, without a port")
    if s.mqtt.password_file and not s.mqtt.username:
        raise SettingsError("mqtt.username: missing; mqtt.password_file is given")
    if s.mqtt.discovery:
        _like("mqtt.discovery", s.mqtt.discovery, home_assistant.PREFIX, "the beginning of a topic")
    _one_of("evidence.show", s.evidence.show, SHOWS)
    if s.evidence.clips and s.evidence.show == "off":
        raise SettingsError("evidence.show: 'off' keeps no clips, and evidence.clips asks for them")
    if s.evidence.clips and not s.evidence.folder:
        raise SettingsError("evidence.folder: missing; evidence.clips wants a place for the clips")
    _between("evidence.max_mb", s.evidence.max_mb, 1, 1e6)
    _between("evidence.max_days", s.evidence.max_days, 0.01, 36500)
    _one_of("log.form", s.log.form, FORMS)
    return settings


def _one_of(key: str, value: str | int, known: Any) -> None:
    if value not in known:
        raise SettingsError(f"{key}: expected one of {', '.join(repr(k) for k in known)}, got {value!r}")


def _between(key: str, value: float, low: float, high: float) -> None:
    if not low <= value <= high:  # NaN falls out too
        raise SettingsError(f"{key}: expected {low} to {high}, got {value}")


def _like(key: str, value: str, pattern: str, words: str) -> None:
    if not re.fullmatch(pattern, value):
        raise SettingsError(f"{key}: expected {words}, got {value!r}")


def _check_pins(light: Light) -> None:
    if not light.pins.startswith(pins.FILE):
        _one_of("light.pins", light.pins, sorted(pins.FACTORIES))
    numbers = {"red_pin": light.red_pin, "white_pin": light.white_pin}
    if light.amber_pin != -1:
        numbers["amber_pin"] = light.amber_pin
    for key, number in numbers.items():
        _between(f"light.{key}", number, 0, 1023)
        if list(numbers.values()).count(number) > 1:
            raise SettingsError(f"light.{key}: each lamp needs a pin of its own, and {number} is given twice")

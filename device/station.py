"""The wiring: settings -> camera, models, judge, outputs."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import datetime, timezone
from pathlib import Path

from device.camera.cameras import open_camera
from device.camera.capture import Asked
from device.camera.clip import Clip
from device.camera.frames import FrameSource
from device.camera.live import LiveCamera
from device.camera.mounting import Mounting
from device.camera.paced import Paced
from device.camera.recorded import PREFIX, Recorded
from device.controls import Controls, Gate
from device.errors import SettingsError
from device.idle import Idle
from device.judging import open_judge, open_poses
from device.meter import Meter
from device.output.address import address_of
from device.output.broker import EmbeddedBroker
from device.output.evidence import Evidence
from device.output.home_assistant import Discovery
from device.output.light import SignalLight
from device.output.mqtt import Mqtt
from device.output.output import Fanout, Output
from device.output.record import Record, rep_record
from device.output.retention import Limits
from device.output.store import Store
from device.overrides import Overrides
from device.settings import Light, Settings
from device.squat.events import Event, RepJudged
from device.trust import read_trusted
from device.watch import Turn, watch

DEMO_CLIP = Path(__file__).with_name("demo") / "squat.webm"


class Station:
    """A camera, a judge and what they light, store and publish. A context manager.

    Args:
        settings: of this device.
        overrides: keeps what people change while it runs; None = nothing outlasts it. Closed with this.
        live: whether a clip plays at its own speed, as a camera would.

    Raises:
        SquatlightError: a part cannot be opened; what was open is closed again.
    """

    def __init__(self, settings: Settings, overrides: Overrides | None = None, live: bool = True) -> None:
        self.settings = settings
        self.overrides = overrides or Overrides(None)
        self.broker: EmbeddedBroker | None = None
        self.mqtt: Mqtt | None = None
        self.evidence: Evidence | None = None
        self.store: Store | None = None
        self._idle = Idle() if live else None
        self._parts = ExitStack()
        check_files(settings)  # wrong settings are told before anything is opened
        with ExitStack() as opened:
            opened.enter_context(self.overrides)
            self.light = opened.enter_context(open_light(settings.light, live))  # first: dark before anything else
            self.source: FrameSource = opened.enter_context(open_source(settings, live))
            self.light.live = isinstance(self.source, LiveCamera)
            model = open_poses(settings)
            opened.callback(model.close)
            self.judge, self._hashes = opened.enter_context(open_judge(settings))
            self.model = Gate(Meter(model, isinstance(self.source, LiveCamera)))
            self.model.open = settings.station.judging
            self.outputs: list[Output] = [self.model.meter.lighting(self.light), *self._open_rest(opened)]
            self._parts = opened.pop_all()

    def _open_rest(self, opened: ExitStack) -> Iterator[Output]:
        s = self.settings
        store = self.store = opened.enter_context(Store(Path(s.store.path), patient=True)) if s.store.path else None
        if s.mqtt.host:
            host, port = s.mqtt.host, s.mqtt.port or (8883 if s.mqtt.tls or s.mqtt.ca_file else 1883)
            if host == "embedded":
                self.broker = opened.enter_context(EmbeddedBroker(s.mqtt.port))
                host, port = "127.0.0.1", self.broker.port
            self.mqtt = Mqtt(
                host, port, s.station.name, s.mqtt.username or None, read_password(s), s.mqtt.ca_file or None,
                s.mqtt.tls, outbox=store, hold_s=s.light.hold_s, has_amber=s.light.amber_pin >= 0,
                discovery=self._discovery(),
                stats=self.model.meter.stats, height_cm=s.lifter.height_cm or None,
            )  # fmt: skip
            self.mqtt.live = isinstance(self.source, LiveCamera)
            self.mqtt.controls(s.station.judging, s.lifter.height_cm or None)
            yield opened.enter_context(self.mqtt)
        if store is not None:
            yield store
        if s.evidence.show != "off" and (self.mqtt is not None or s.evidence.folder):
            folder = Path(s.evidence.folder) if s.evidence.folder else None
            limits = Limits(s.evidence.max_mb, s.evidence.max_days)
            publish = self.mqtt.evidence if self.mqtt is not None else None
            self.evidence = opened.enter_context(Evidence(s.evidence.show, folder, s.evidence.clips, limits, publish))
            yield self.evidence
        elif self.mqtt is not None:
            self.mqtt.evidence(None)  # what an earlier run may have left at the broker

    def _discovery(self) -> Discovery | None:
        s = self.settings
        if not s.mqtt.discovery:
            return None
        return Discovery(
            s.station.name, s.mqtt.discovery,
            evidence=s.evidence.show != "off", velocity=s.models.bar_ends, corrections=bool(s.store.path),
        )  # fmt: skip

    def run(self, turned: Callable[[], None] = lambda: None) -> Iterator[tuple[Event, Record | None]]:
        """Judges until the source ends, telling the outputs first and then the caller.

        Args:
            turned: called after every turn of the loop that is done, also one in which the camera gave nothing in time.
        """
        told = Fanout(self.outputs)
        controls = Controls(self.judge, self.model, self.light, self.mqtt, self.overrides, self.store)
        for turn in watch(self.source, self.model, self.model.meter.judging(self.judge), self._idle):
            for event in turn.events:
                record = self._record(event) if isinstance(event, RepJudged) else None
                told.handle(event, record)
                yield event, record
            told.tick(turn.now_s)
            if self.evidence is not None and turn.frame is not None:
                self.evidence.remember(turn.frame.image, turn.frame.index, turn.frame.captured_s)
            self._tell_how_it_goes(turn)
            controls.obey()
            turned()

    def _record(self, event: RepJudged) -> Record:
        now = datetime.now(timezone.utc)
        return rep_record(event, self.source.name, self.settings.station.mode, self.model.hashes | self._hashes, now)

    def _tell_how_it_goes(self, turn: Turn) -> None:
        resting = self._idle is not None and self._idle.resting
        self.model.meter.count(turn, resting)
        if self.mqtt is None:
            return
        self.mqtt.idle(resting)
        if isinstance(self.source, LiveCamera):
            state = self.source.state
            self.mqtt.camera(state.value, not state.fault, state.fault)
        else:
            self.mqtt.camera("live", True, False)

    def close(self) -> None:
        """Ends dark: the lamps first, whatever else fails."""
        try:
            self.light.close()
        finally:
            if isinstance(self.source, LiveCamera):
                self.source.leave()  # its driver ends while the broker is told
            if self.store is not None:
                self.store.hurry()
            self._parts.close()

    def __enter__(self) -> "Station":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def open_source(settings: Settings, live: bool) -> FrameSource:
    """The camera or clip of the settings."""
    c = settings.camera
    camera = open_camera(c.source, Asked(c.width, c.height, c.rate_hz), Mounting(c.turn_deg, c.mirrored))
    if camera is not None:
        return camera
    if c.source.startswith(PREFIX):
        return Recorded(c.source)
    clip = Clip(DEMO_CLIP if c.source == "demo" else c.source)
    clip.name = "demo" if c.source == "demo" else clip.name
    return Paced(clip) if live else clip


def open_light(light: Light, live: bool = False) -> SignalLight:
    """The lamps of the settings; live, nothing stays lit beyond its hold time even where the loop hangs."""
    amber = light.amber_pin if light.amber_pin >= 0 else None
    return SignalLight(light.red_pin, light.white_pin, amber, light.hold_s, light.active_high, light.pins, live)


def check_files(settings: Settings) -> None:
    """Reads the files that the settings name for the broker.

    Raises:
        SettingsError: one cannot be used.
    """
    m, password = settings.mqtt, read_password(settings)
    if m.host:
        address_of(m.host, m.port, m.username, password, m.ca_file or None, m.tls)


def read_password(settings: Settings) -> str | None:
    """The broker's password, from the file that the settings name.

    Raises:
        SettingsError: it cannot be read, or everybody can read it.
    """
    path = settings.mqtt.password_file
    if not path:
        return None
    try:
        return read_trusted(Path(path), secret=True).decode("utf-8").strip()
    except (SettingsError, UnicodeDecodeError) as error:
        raise SettingsError(f"mqtt.password_file: {error}") from error

"""The commands that run a station: `run` and `demo`."""

import logging
import signal
import sys
from collections.abc import Callable
from dataclasses import asdict

from device.dark import note
from device.errors import PartFailed, SettingsError, SquatlightError
from device.notify import Notifier
from device.output.lamp import lamp_line
from device.output.record import row
from device.overrides import overridden
from device.settings import Settings
from device.squat.events import DepthReached, LifterLost, PhaseChanged, RepJudged
from device.station import Station, check_files

log = logging.getLogger(__name__)


class Daemon:
    """A station that runs until its source ends or the process is told to stop.

    SIGTERM and SIGINT end it dark and clean. SIGHUP has it read the settings anew and open all parts again; where the
    new settings cannot be used it goes on with the old ones. In a terminal SIGHUP is the terminal's end, and ends it.

    Args:
        read: gives the settings as the person has written them.
        systemd: told how it goes.
    """

    def __init__(self, read: Callable[[], Settings], systemd: Notifier) -> None:
        self._read, self._systemd = read, systemd
        self._ending = self._asked_anew = False  # plain flags: a signal may come at any moment
        self._station: Station | None = None
        self._new: Settings | None = None

    def run(self) -> int:
        """Judges; logs a line per rep.

        Raises:
            SquatlightError: a part cannot be opened.
        """
        signal.signal(signal.SIGHUP, self._end if sys.stdin.isatty() else self._ask_anew)
        used = self._read()
        station = Station(*overridden(used))
        for sign in (signal.SIGTERM, signal.SIGINT):
            signal.signal(sign, self._end)
        while True:
            with station:
                self._judge(station)
            if self._new is None or self._ending:
                return 0
            try:
                station, used = Station(*overridden(self._new)), self._new
            except SquatlightError as error:
                log.error("settings: %s; going on with the old ones", error)
                station = self._again(used)

    @staticmethod
    def _again(used: Settings) -> Station:
        """A station by settings that could be used before.

        Raises:
            PartFailed: they cannot be now. No `SettingsError`, after which nobody would start the device again.
        """
        try:
            return Station(*overridden(used))
        except SettingsError as error:
            raise PartFailed(str(error)) from error

    def _judge(self, station: Station) -> None:
        """Judges until the source ends, a signal ends it, or there are new settings."""
        self._station, self._new = station, None
        if self._ending:  # while the station was opened
            return
        note(asdict(station.settings.light))
        self._systemd.ready(f"judging {station.source.name}")
        log.info("judging %s as %s", station.source.name, station.settings.station.name)
        for event, record in station.run(self._turned):
            if record is not None:
                log.info("%s", row(record).strip())
            elif isinstance(event, LifterLost):
                log.info("nobody in view")
        if self._new is None:
            self._systemd.stopping()

    def _turned(self) -> None:
        """After every turn of the loop."""
        self._systemd.turned()
        if self._asked_anew and self._station is not None:
            self._asked_anew = False
            self._station.overrides.close()  # the new station reads them
            try:
                new = self._read()
                check_files(new)
            except SettingsError as error:
                log.error("settings: %s; going on with the old ones", error)
                return
            self._new = new
            self._systemd.reloading()
            self._station.source.stop()  # the loop then ends by itself

    def _end(self, *_: object) -> None:
        self._ending = True
        if self._station is not None:
            self._station.source.stop()

    def _ask_anew(self, *_: object) -> None:
        self._asked_anew = True


def demo(settings: Settings, stay: bool) -> int:
    """Shows the main job in a terminal: phases, the lamp, a row per rep.

    Args:
        settings: usually the embedded default.
        stay: play at the clip's own speed, again and again until Ctrl-C; else once, as fast as the machine goes.
    """
    try:
        while True:
            with Station(settings, live=stay) as station:
                _show(station)
            if not stay:
                return 0
            print("again; Ctrl-C ends", flush=True)
    except KeyboardInterrupt:
        print()
        return 0


def _show(station: Station) -> None:
    colour = sys.stdout.isatty()
    if station.broker is not None:
        name = station.settings.station.name
        print(f"listen in: mosquitto_sub -p {station.broker.port} -v -t 'squatlight/{name}/#'")
    print(f"{station.source.name}: judging", flush=True)
    for event, record in station.run():
        if record is not None and isinstance(event, RepJudged):
            print(row(record, header=event.rep.number == 1))
            print(f"  lamp     {lamp_line(station.light.shown, colour)}", flush=True)
        elif isinstance(event, DepthReached):
            print(f"  {event.at_s:7.2f} s  depth reached", flush=True)
        elif isinstance(event, PhaseChanged) and colour:
            print(f"  {event.at_s:7.2f} s  {event.phase.value}", flush=True)

"""The commands that run a station: `run` and `demo`."""

import logging
import signal
import sys

from device.output.lamp import lamp_line
from device.output.record import row
from device.settings import Settings
from device.squat.events import DepthReached, LifterLost, PhaseChanged, RepJudged
from device.station import Station

log = logging.getLogger(__name__)


def run(settings: Settings) -> int:
    """Judges until the source ends or the process is told to stop; logs a line per rep."""
    with Station(settings) as station:
        for sign in (signal.SIGTERM, signal.SIGINT):
            signal.signal(sign, lambda *_: station.source.stop())  # the loop then ends by itself, dark and clean
        log.info("judging %s as %s", station.source.name, settings.station.name)
        for event, record in station.run():
            if record is not None:
                log.info("%s", row(record).strip())
            elif isinstance(event, LifterLost):
                log.info("nobody in view")
    return 0


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

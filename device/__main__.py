"""The command line: `squatlight COMMAND`, or `python -m device`."""

import argparse
import logging
import os
import sys
import threading
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict, replace
from pathlib import Path

from device import __version__, logs, settings
from device.errors import InputError, PartFailed, SettingsError, SquatlightError
from device.inference import fetch, models, pose_model
from device.output import labels
from device.output.record import DEPTHS
from device.output.store import Store
from device.squat.rulebook import MODES

USAGE_ERROR = 2

log = logging.getLogger(__name__)


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs a command and returns its exit code: 0, 1 a part failed, 2 unusable input, 78 bad settings."""
    asked = _parser().parse_args(arguments)
    logs.set_up(asked.log or "text", asked.verbose)
    try:
        code: int = asked.run(asked)
    except SquatlightError as error:
        log.error("%s", error)
        return error.exit_code
    except KeyboardInterrupt:
        return 130
    except PermissionError as error:
        log.error("%s: not for this user; what the service keeps is for its own: sudo -u squatlight", error.filename)
        return PartFailed.exit_code
    except BrokenPipeError:  # `... | head` has read enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 141
    return code


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="squatlight", description="Judges squats: camera, light, MQTT.")
    parser.add_argument("--version", action="version", version=__version__)
    parser.add_argument("-v", "--verbose", action="store_true", help="log more")
    parser.add_argument("--log", choices=logs.FORMS, help="how the log is written, instead of what the settings say")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    run = commands.add_parser("run", help="the daemon")
    run.set_defaults(run=_run)
    demo = commands.add_parser("demo", help="the bundled clip, a mock lamp in the terminal, a broker in the process")
    demo.set_defaults(run=_demo)
    check = commands.add_parser("check", help="camera, lamps, broker, models, disk, clock, heat: a line each")
    check.set_defaults(run=_check)
    dark = commands.add_parser("dark", help="puts the lamps out and ends")
    dark.set_defaults(run=_dark)
    for command in (run, demo, check, dark):
        command.add_argument("-c", "--config", type=Path, metavar="FILE", help="settings, see device/default.toml")

    replay = commands.add_parser("replay", help="judge recorded clips")
    replay.set_defaults(run=_replay)
    replay.add_argument("clips", nargs="+", metavar="CLIP")
    replay.add_argument("--json", metavar="FILE", help="JSON lines into FILE; - is stdout")
    replay.add_argument("--video", type=Path, metavar="OUT", help="annotated video; for several clips a folder")
    replay.add_argument("--mode", choices=MODES)
    replay.add_argument("--height-cm", type=float, metavar="N", help="the lifter's height")
    replay.add_argument("--pose", metavar="MODEL", choices=pose_model.NAMES)
    replay.add_argument("--depth", metavar="METHOD", help="image_plane, floor_plane, surface or network")
    replay.add_argument("-c", "--config", type=Path, metavar="FILE")

    reps = commands.add_parser("reps", help="the newest reps in the store")
    reps.add_argument("-n", type=int, default=20, metavar="N", help="how many (20)")
    reps.set_defaults(run=_reps)
    correct = commands.add_parser("correct", help="say what a rep was; the verdict stays beside it")
    correct.add_argument("rep", metavar="REP", help="the beginning of its id, or last")
    correct.add_argument("depth", choices=DEPTHS, help="parallel: cannot be told; none: it was no squat")
    correct.set_defaults(run=_correct)
    export = commands.add_parser("labels", help="corrected reps as labels, a JSON line each")
    export.add_argument("--out", default="-", metavar="FILE", help="- is stdout")
    export.set_defaults(run=_labels)
    for command in (reps, correct, export):
        command.add_argument("-c", "--config", type=Path, metavar="FILE")

    model = commands.add_parser("models", help="the third-party pose model; hashes of all models")
    verbs = model.add_subparsers(required=True, metavar="VERB")
    get = verbs.add_parser("fetch", help="bring the third-party pose model")
    get.add_argument("--force", action="store_true", help="even where it is there and whole")
    get.set_defaults(run=_models_fetch)
    verbs.add_parser("verify", help="compare every model with its hash").set_defaults(run=_models_verify)
    return parser


def _run(asked: argparse.Namespace) -> int:
    from device.daemon import Daemon
    from device.notify import Notifier

    def read() -> settings.Settings:
        wanted = settings.load(asked.config)
        logs.set_up(asked.log or wanted.log.form, asked.verbose)
        return wanted

    return Daemon(read, Notifier()).run()


def _demo(asked: argparse.Namespace) -> int:
    from device.daemon import demo

    _fetch_if_missing()
    return demo(settings.load(asked.config or settings.DEFAULT_FILE), stay=sys.stdout.isatty() and sys.stdin.isatty())


def _check(asked: argparse.Namespace) -> int:
    from device.check import check
    from device.overrides import overridden

    return check(overridden(settings.load(asked.config))[0])


def _dark(asked: argparse.Namespace) -> int:
    from device.dark import dark

    return dark(lambda: asdict(settings.load(asked.config).light))


def _replay(asked: argparse.Namespace) -> int:
    from device.replay import Outlets, keep_clips, replay

    wanted = settings.load(asked.config)
    if asked.mode:
        wanted = replace(wanted, station=replace(wanted.station, mode=asked.mode))
    if asked.height_cm is not None:
        wanted = replace(wanted, lifter=replace(wanted.lifter, height_cm=asked.height_cm))
    if asked.pose:
        wanted = replace(wanted, models=replace(wanted.models, pose=asked.pose))
    if asked.depth:
        wanted = replace(wanted, depth=replace(wanted.depth, method=asked.depth))
    try:
        wanted = settings.checked(wanted)
    except SettingsError as error:  # the settings were checked as they were read: an argument it is
        raise InputError(str(error)) from error
    table, progress = (sys.stderr, sys.stderr.isatty()) if asked.json == "-" else (sys.stdout, sys.stderr.isatty())
    if asked.json and asked.json != "-":
        keep_clips(asked.clips, [Path(asked.json)], "--json")
        try:
            lines = open(asked.json, "w", encoding="utf-8")  # noqa: SIM115
        except OSError as error:
            raise InputError(f"--json {asked.json}: cannot be written ({error.strerror})") from error
        with lines:
            return replay(asked.clips, wanted, Outlets(lines, table, asked.video, progress))
    return replay(asked.clips, wanted, Outlets(sys.stdout if asked.json else None, table, asked.video, progress))


def _store(config: Path | None) -> Store:
    path = settings.load(config).store.path
    if not path or not Path(path).is_file():
        raise InputError(f"store.path: {f'no file {path}' if path else 'not set'}; no reps are kept there")
    return Store(Path(path))


def _reps(asked: argparse.Namespace) -> int:
    if asked.n < 1:
        raise InputError(f"-n: expected 1 or more, got {asked.n}")
    with _store(asked.config) as store:
        for line in labels.rows(store, asked.n):
            print(line)
    return 0


def _correct(asked: argparse.Namespace) -> int:
    with _store(asked.config) as store:
        rep = labels.correct(store, asked.rep, asked.depth)
    print(f"{rep['id'][:8]}: judged {rep['decision']}, you say {asked.depth}")
    return 0


def _labels(asked: argparse.Namespace) -> int:
    with _store(asked.config) as store:
        if asked.out == "-":
            labels.export(store, sys.stdout)
            return 0
        try:
            with open(asked.out, "x", encoding="utf-8") as out:
                count = labels.export(store, out)
        except OSError as error:
            raise InputError(f"--out {asked.out}: cannot be written ({error.strerror})") from error
    print(f"{count} labels in {asked.out}")
    return 0


def _fetch_if_missing() -> None:
    if not fetch.fetched():
        fetch.fetch(lambda words: print(f"squatlight: {words}", file=sys.stderr, flush=True))


def _models_fetch(asked: argparse.Namespace) -> int:
    if fetch.fetched() and not asked.force:
        for name in fetch.SOURCES:
            fetch.find(name)
        print(f"already there and whole: {models.fetched_folder()}")
        return 0
    fetch.fetch(lambda words: print(words, flush=True))
    return 0


def _models_verify(asked: argparse.Namespace) -> int:
    code = 0
    for manifest in models.all_models():
        try:
            models.verify(manifest)
            fetch.check_fold(manifest)
            print(f"{manifest.name:24s} ok      {manifest.sha256}")
        except SquatlightError as error:
            print(f"{manifest.name:24s} BROKEN  {error}")
            code = error.exit_code
    for name in fetch.SOURCES:
        if not (models.fetched_folder() / f"{name}.json").is_file():
            print(f"{name:24s} MISSING `squatlight models fetch` brings it")
            code = code or USAGE_ERROR
    return code


def command() -> None:
    """The entry: runs a command and ends the process.

    A thread that still hangs in a camera's driver would have the interpreter abort as it ends; it is not waited for.
    """
    code = main()
    if any(thread.daemon for thread in threading.enumerate()):
        logging.shutdown()
        with suppress(OSError, ValueError):  # nobody reads any more
            sys.stdout.flush()
        os._exit(code)
    sys.exit(code)


if __name__ == "__main__":
    command()

"""`python -m convert COMMAND`: the toolchain. Each command lives in the module of its name."""

import importlib
import sys
from collections.abc import Sequence
from pickle import UnpicklingError
from zipfile import BadZipFile

from device.errors import SquatlightError

COMMANDS = {
    "synth": ("convert.synth.cli", "renders lifters with exact truth"),
    "synth-report": ("convert.synth.report", "what the device makes of a rendered set, against its truth"),
    "prepare": ("convert.prepare", "data sets to the arrays that training reads"),
    "train": ("convert.train", "trains a network: one loop for all tasks"),
    "quantize": ("convert.quantize", "a training to the files that the device runs, if they pass"),
    "verify": ("convert.verify", "a quantized graph against its float one, in both TFLite runtimes"),
    "sweep": ("convert.sweep", "trains every cell of a grid, and writes a table"),
    "report": ("convert.report", "what the shipped networks must show, with the seeds used"),
    "evaluate": ("convert.evaluate", "the whole device over labelled clips"),
    "levels": ("convert.levels", "what the levels of the judge are chosen from: sets as true keypoints"),
    "tune": ("convert.tune", "fits the depth estimators' offset and sigma on the tune split"),
    "pose-clips": ("convert.pose_clips", "both pose models over labelled clips"),
    "bench-pose": ("convert.bench_pose", "how fast the pose networks are, in turn on one thread"),
    "bar-report": ("convert.bar_report", "the bar's ends and velocity on a rendered set, against its truth"),
    "surface-sheet": (
        "convert.surface_sheet",
        "draws the surface points and joints found on labelled clips, to be looked at",
    ),
    "frontsquat": ("convert.frontsquat", "depth on FrontSquat: the paper's network beside ours"),
    "real-sets": ("convert.real_sets", "what the device makes of FiT-AI, up/down, OpenCap and DeepSquat"),
    "bench": ("convert.bench", "frames a second, memory, start-up; against mediapipe's own Pose"),
    "latency": ("convert.latency", "how long a picture takes to the lamp"),
    "soak": ("convert.soak", "a day of keypoints, half an hour of pictures: memory, handles, files"),
}
SYNTH = ("scipy", "moderngl")
"""What the extra [synth] brings; all else that may be missing comes with [convert]."""


def main(arguments: Sequence[str]) -> int:
    """Runs a command and returns its exit code."""
    if not arguments or arguments[0] not in COMMANDS:
        wanted = not arguments or arguments[0] in ("-h", "--help")
        if not wanted:
            print(f"convert: no command {arguments[0]!r}", file=sys.stderr)
        print("usage: python -m convert COMMAND [-h] ...\n", file=sys.stdout if wanted else sys.stderr)
        for name, (_, words) in COMMANDS.items():
            print(f"  {name:12s} {words}", file=sys.stdout if wanted else sys.stderr)
        return 0 if wanted else 2
    try:
        code: int = importlib.import_module(COMMANDS[arguments[0]][0]).main(arguments[1:])
    except SquatlightError as error:
        print(f"convert: {error}", file=sys.stderr)
        return error.exit_code
    except ModuleNotFoundError as error:
        missing = (error.name or "").split(".")[0]
        if missing in ("", "convert", "device"):
            raise
        extra = "synth" if missing in SYNTH else "convert"
        print(f"convert: {arguments[0]} needs {missing}: pip install 'squatlight[{extra}]'", file=sys.stderr)
        return 2
    except OSError as error:
        named = f"{error.filename}: {error.strerror}" if error.filename is not None else error
        print(f"convert: {named}", file=sys.stderr)
        return 2
    except (EOFError, BadZipFile, UnpicklingError, UnicodeDecodeError) as error:
        print(
            f"convert: a damaged file, or none of the kind expected ({(str(error) or repr(error)).splitlines()[0]})",
            file=sys.stderr,
        )
        return 2
    except KeyboardInterrupt:
        return 130
    return code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

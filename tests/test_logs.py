import json
import logging
import os
import subprocess
import sys
from pathlib import Path

import pytest

from device.logs import Lines

ROOT = Path(__file__).parents[1]


def record(level: int, message: str, *values: object, exc_info: object = None) -> logging.LogRecord:
    return logging.LogRecord("device.camera.live", level, "", 0, message, values, exc_info)


def test_a_person_gets_the_programs_name() -> None:
    assert Lines(False, False).format(record(logging.INFO, "%s of %d", "one", 2)) == "squatlight: one of 2"


@pytest.mark.parametrize(
    ("level", "number"),
    [(logging.DEBUG, 7), (logging.INFO, 6), (logging.WARNING, 4), (logging.ERROR, 3), (logging.CRITICAL, 2), (25, 6)],
)
def test_the_journal_gets_the_level_at_the_beginning_of_each_line(level: int, number: int) -> None:
    assert Lines(False, True).format(record(level, "a\nb")) == f"<{number}>a\n<{number}>b"


def test_json_is_one_line_with_the_exception_in_it() -> None:
    try:
        raise OSError("no\nway")
    except OSError:
        told = record(logging.ERROR, 'it said "%s"', "ü\n", exc_info=sys.exc_info())
    line = Lines(True, False).format(told)
    assert "\n" not in line
    found = json.loads(line)
    assert (found["level"], found["from"], found["message"]) == ("error", "device.camera.live", 'it said "ü\n"')
    assert "OSError: no\nway" in found["exception"]
    assert found["at"].endswith("Z")
    assert Lines(True, True).format(told) == f"<3>{line}"


@pytest.mark.parametrize("ours", [True, False])
def test_the_journal_is_known_by_what_stderr_is(tmp_path: Path, ours: bool) -> None:
    """The variable is inherited by programs whose stderr has been sent elsewhere."""
    code = "from device import logs; import logging; logs.set_up(); logging.error('x')"
    read, write = os.pipe()
    about = os.fstat(write if ours else 0)
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "JOURNAL_STREAM": f"{about.st_dev}:{about.st_ino}"}
    subprocess.run([sys.executable, "-c", code], stderr=write, check=True, env=environment)
    os.close(write)
    with os.fdopen(read) as lines:
        assert lines.read() == ("<3>x\n" if ours else "squatlight: x\n")

"""Log lines on stderr: for a person, for systemd's journal, or as JSON."""

import json
import logging
import os
import sys
from datetime import datetime, timezone

FORMS = ("text", "json")
_JOURNAL = {logging.DEBUG: 7, logging.INFO: 6, logging.WARNING: 4, logging.ERROR: 3, logging.CRITICAL: 2}  # of syslog


def set_up(form: str = "text", verbose: bool = False) -> None:
    """Writes the log to stderr from now on; may be called again.

    Args:
        form: one of `FORMS`.
        verbose: log more.
    """
    handler = logging.StreamHandler()
    handler.setFormatter(Lines(form == "json", in_journal()))
    logging.basicConfig(level=logging.DEBUG if verbose else logging.INFO, handlers=[handler], force=True)
    logging.getLogger("amqtt").setLevel(logging.ERROR)


def in_journal() -> bool:
    """Whether stderr goes to systemd's journal, which adds the time and the name by itself."""
    try:
        about = os.fstat(sys.stderr.fileno())
    except (OSError, ValueError):  # closed, or none at all
        return False
    return os.environ.get("JOURNAL_STREAM") == f"{about.st_dev}:{about.st_ino}"


class Lines(logging.Formatter):
    """Writes a record as lines.

    Args:
        as_json: one JSON object a record, whatever it holds.
        journal: each line begins with its level, as sd-daemon(3) says, instead of the program's name.
    """

    def __init__(self, as_json: bool, journal: bool) -> None:
        super().__init__()
        self._as_json, self._journal = as_json, journal

    def format(self, record: logging.LogRecord) -> str:
        """The lines of a record."""
        lines = [_object(record)] if self._as_json else super().format(record).splitlines() or [""]
        level = next((n for at, n in sorted(_JOURNAL.items(), reverse=True) if record.levelno >= at), 7)
        if self._journal:
            return "\n".join(f"<{level}>{line}" for line in lines)
        return "\n".join(lines if self._as_json else [f"squatlight: {lines[0]}", *lines[1:]])


def _object(record: logging.LogRecord) -> str:
    at = datetime.fromtimestamp(record.created, timezone.utc).isoformat(timespec="milliseconds")
    told = {
        "at": at.replace("+00:00", "Z"), "level": record.levelname.lower(), "from": record.name,
        "message": record.getMessage(),
    }  # fmt: skip
    if record.exc_info:
        told["exception"] = logging.Formatter().formatException(record.exc_info)
    return json.dumps(told, ensure_ascii=False)

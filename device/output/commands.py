"""What people may tell the station over MQTT. Anybody who reaches the broker may send anything: nothing is trusted."""

import json
import logging
import re
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from time import monotonic
from typing import TypeAlias

from device.output.messages import Heard, Message
from device.output.record import DEPTHS, LAST

_log = logging.getLogger(__name__)

MAX_BYTES = 64  # of a payload; the longest that means something has 5
MAX_ANSWER_TOPIC = 256  # characters
MAX_WAITING = 32  # commands; the station's loop takes them with every frame
RATE_HZ, BURST = 5.0, 20  # a person who drags a slider in a dashboard stays below
QUIET_S = 60.0  # one line in the log per kind of refusal and minute
_MIN_CM, _MAX_CM = 100.0, 250.0  # as lifter.height_cm in the settings


@dataclass(frozen=True, slots=True)
class SetJudging:
    """Judge from now on, or do not."""

    on: bool


@dataclass(frozen=True, slots=True)
class ResetSet:
    """The next rep begins a new set."""


@dataclass(frozen=True, slots=True)
class LampTest:
    """Show each lamp once."""


@dataclass(frozen=True, slots=True)
class SetHeight:
    """The lifter's height.

    Attributes:
        height_cm: 100 to 250.
    """

    height_cm: float


@dataclass(frozen=True, slots=True)
class Correct:
    """A person's word on a rep.

    Attributes:
        rep: its id; `LAST` for the newest.
        depth: one of `DEPTHS`.
    """

    rep: str
    depth: str


Command: TypeAlias = SetJudging | ResetSet | LampTest | SetHeight | Correct

_WORDS: dict[str, dict[bytes, Command]] = {  # the words are what Home Assistant's switch and button send
    "judging": {b"ON": SetJudging(True), b"OFF": SetJudging(False)},
    "reset_set": {b"PRESS": ResetSet()},
    "lamp_test": {b"PRESS": LampTest()},
}
NAMES = (*_WORDS, "height", "correct")
_CORRECTION = re.compile(rf"(?:([0-9a-f]{{8}}(?:-[0-9a-f]{{4}}){{3}}-[0-9a-f]{{12}}) )?({'|'.join(DEPTHS)})", re.ASCII)


class Refused(ValueError):
    """Not a command.

    Attributes:
        kind: what is wrong, of a small fixed set.
    """

    def __init__(self, kind: str, words: str) -> None:
        super().__init__(words)
        self.kind = kind


def parse(name: str, payload: bytes) -> Command:
    """The command that a payload means.

    Args:
        name: of the command, from the topic.
        payload: as it came.

    Raises:
        Refused: it means none.
    """
    if name not in NAMES:
        raise Refused("unknown", f"there is no command {name[:MAX_BYTES]!r}; known are {', '.join(NAMES)}")
    if len(payload) > MAX_BYTES:
        raise Refused("size", f"{name}: more than {MAX_BYTES} bytes")
    try:
        words = payload.decode()
    except UnicodeDecodeError as error:
        raise Refused("encoding", f"{name}: not UTF-8: {payload!r}") from error
    if name == "height":
        return SetHeight(_height_cm(payload))
    if name == "correct":
        said = _CORRECTION.fullmatch(words)
        if said is None:
            expected = " or ".join(DEPTHS)
            raise Refused(name, f"{name}: expected {expected}, after a rep's id or alone for the last, got {payload!r}")
        return Correct(said[1] or LAST, said[2])
    found = _WORDS[name].get(payload)
    if found is None:
        raise Refused(name, f"{name}: expected {' or '.join(word.decode() for word in _WORDS[name])}, got {payload!r}")
    return found


def _height_cm(payload: bytes) -> float:
    # As bytes: digits of other scripts, signs, blanks, exponents and "nan" all pass through float().
    value = float(payload) if re.fullmatch(rb"[0-9]{3}(\.[0-9]{1,3})?", payload) else None
    if value is None or not _MIN_CM <= value <= _MAX_CM:
        raise Refused("height", f"height: expected {_MIN_CM:g} to {_MAX_CM:g}, got {payload!r}")
    return value


def answer(heard: Heard, refused: Refused | None, guarded: tuple[str, ...]) -> Message | None:
    """What the one who sent a command is told, where he asked to be and at a topic where it does no harm.

    Args:
        heard: the command.
        refused: why it was not taken; None = it was.
        guarded: beginnings of topics to which nobody may have us write.
    """
    topic = heard.response_topic
    if not topic or len(topic) > MAX_ANSWER_TOPIC or re.search(r"[+#\0]", topic) or topic.startswith(("$", *guarded)):
        return None
    if heard.correlation is not None and len(heard.correlation) > MAX_BYTES:
        return None
    told: dict[str, object] = {"ok": True} if refused is None else {"ok": False, "error": str(refused)}
    return Message(topic, json.dumps(told), qos=1, correlation=heard.correlation)


class TokenBucket:
    """Lets a burst through, and then so many a second.

    Args:
        rate_hz: how many a second, in the long run.
        burst: how many at once.
        clock: seconds, never backwards.
    """

    def __init__(self, rate_hz: float, burst: int, clock: Callable[[], float] = monotonic) -> None:
        self._rate_hz, self._burst, self._clock = rate_hz, burst, clock
        self._tokens, self._at_s = float(burst), clock()

    def take(self) -> bool:
        """Whether one more may pass now."""
        now_s = self._clock()
        self._tokens = min(float(self._burst), self._tokens + self._rate_hz * (now_s - self._at_s))
        self._at_s = now_s
        if self._tokens < 1.0:
            return False
        self._tokens -= 1.0
        return True


class CommandInbox:
    """Takes commands in one thread and gives them out in another; what is refused is logged now and then.

    Args:
        clock: seconds, never backwards.
    """

    def __init__(self, clock: Callable[[], float] = monotonic) -> None:
        self._clock = clock
        self._bucket = TokenBucket(RATE_HZ, BURST, clock)
        self._waiting: deque[Command] = deque()
        self._logged_s: dict[str, float] = {}  # when a kind of refusal was last logged

    def take(self, name: str, payload: bytes, retained: bool = False) -> None:
        """Takes what came in.

        Args:
            name: of the command, from the topic.
            payload: as it came.
            retained: whether the broker had kept it: obeyed, it would be obeyed again after every reconnect.

        Raises:
            Refused: it is no command, or there are too many; `kind` is `flood` where nothing should be answered.
        """
        try:
            if not self._bucket.take():
                raise Refused("flood", f"more than {RATE_HZ:g} a second")
            if retained:
                raise Refused("retained", f"{name[:MAX_BYTES]!r} was sent to be kept; send it without the retain flag")
            command = parse(name, payload)
            if len(self._waiting) >= MAX_WAITING:
                raise Refused("busy", f"{MAX_WAITING} wait already")
        except Refused as refused:
            self._tell(refused)
            raise
        self._waiting.append(command)

    def drain(self) -> list[Command]:
        """All that waits, the oldest first; may be called from another thread."""
        return [self._waiting.popleft() for _ in range(len(self._waiting))]  # only the caller takes out

    def _tell(self, refused: Refused) -> None:
        now_s = self._clock()
        if now_s - self._logged_s.get(refused.kind, -QUIET_S) >= QUIET_S:
            self._logged_s[refused.kind] = now_s
            _log.warning("mqtt: command refused: %s", refused)

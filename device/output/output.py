"""What every output is, and how all of them are told."""

import logging
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

from device.squat.events import Event

log = logging.getLogger(__name__)


class Output(Protocol):
    """A lamp, a broker, a store. None blocks the loop; one that raises is logged and does not stop judging."""

    name: str

    def handle(self, event: Event, record: Mapping[str, Any] | None) -> None:
        """Takes one event; `record` is the JSON of the rep with `RepJudged`, else None."""

    def tick(self, now_s: float) -> None:
        """Told the time of every frame, on the clock of `Event.at_s`: for what ends by itself."""

    def close(self) -> None:
        """Ends in a safe state; may be called twice."""


class Fanout:
    """Tells all outputs, in order; one that fails keeps nothing from the others and is logged once until it recovers.

    Args:
        outputs: the light first.
    """

    def __init__(self, outputs: Sequence[Output]) -> None:
        self._outputs = outputs
        self._failing: dict[tuple[str, str], str] = {}

    def handle(self, event: Event, record: Mapping[str, Any] | None) -> None:
        """Gives an event to every output."""
        for output in self._outputs:
            call = f"handle {type(event).__name__}"  # a change of phase that goes well says nothing of the next rep
            self._try(output, call, lambda output=output: output.handle(event, record))  # type: ignore[misc]

    def tick(self, now_s: float) -> None:
        """Gives every output the time."""
        for output in self._outputs:
            self._try(output, "tick", lambda output=output: output.tick(now_s))  # type: ignore[misc]

    def _try(self, output: Output, call: str, told: Callable[[], None]) -> None:
        key = (output.name, call)
        try:
            told()
        except Exception as error:  # a broken lamp or a full disk must not stop judging
            if self._failing.get(key) != str(error):
                log.error("%s: %s", output.name, str(error).removeprefix(f"{output.name}: "))
            self._failing[key] = str(error)
        else:
            if self._failing.pop(key, None) is not None:
                log.info("%s: works again", output.name)

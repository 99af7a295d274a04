"""What every output is."""

from collections.abc import Mapping
from typing import Any, Protocol

from device.squat.events import Event


class Output(Protocol):
    """A lamp, a broker, a store. None blocks the loop; one that raises is logged and does not stop judging."""

    name: str

    def handle(self, event: Event, record: Mapping[str, Any] | None) -> None:
        """Takes one event; `record` is the JSON of the rep with `RepJudged`, else None."""

    def tick(self, now_s: float) -> None:
        """Told the time of every frame, on the clock of `Event.at_s`: for what ends by itself."""

    def close(self) -> None:
        """Ends in a safe state; may be called twice."""

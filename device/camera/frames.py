"""What every camera and clip gives: frames with the time of their exposure."""

from collections.abc import Iterator
from dataclasses import dataclass
from types import TracebackType
from typing import TYPE_CHECKING, Protocol

import numpy as np
from numpy.typing import NDArray

from device.camera.state import NoFrame

if TYPE_CHECKING:
    from typing_extensions import Self


@dataclass(frozen=True, slots=True)
class Frame:
    """One picture.

    Attributes:
        image: (H, W, 3) uint8, RGB, upright.
        captured_s: monotonic seconds at exposure; for a clip, seconds since its first decoded frame.
        index: number of the frame, from 0.
        dropped: frames lost since the previous one.
    """

    image: NDArray[np.uint8]
    captured_s: float
    index: int
    dropped: int = 0


class FrameSource(Protocol):
    """A camera or a clip. A context manager; `close` may be called twice."""

    name: str

    def frames(self) -> Iterator[Frame | NoFrame]:
        """Yields frames in the order of their time, until the source ends or is closed.

        A live camera that has none in time says so instead, so that the loop goes on.
        """

    def stop(self) -> None:
        """Ends the frames soon; a signal handler may call it."""

    def close(self) -> None:
        """Frees the device or file."""

    def __enter__(self) -> "Self": ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None: ...

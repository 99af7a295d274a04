"""A live camera: captured in a thread of its own, newest picture first, back by itself after every outage."""

import logging
import threading
from collections.abc import Callable, Iterator
from time import monotonic

from device.camera.capture import Asked, CameraLost, Capture, Frozen, Shot
from device.camera.frames import Frame
from device.camera.mounting import Mounting, upright
from device.camera.outage import Outage
from device.camera.rate import Rate
from device.camera.sight import Sight
from device.camera.slot import Slot
from device.camera.state import CameraState, NoFrame
from device.errors import PartFailed

log = logging.getLogger(__name__)

TIMEOUT_S = 1.0  # the loop goes on after so long without a picture
SLICES = 10  # of the timeout: after each the loop looks whether it has to stop
RETRY_S = (0.5, 30.0)  # the first pause between attempts, doubled up to the second
STEADY_S = 10.0  # an outage is over when the camera has held for so long
OPENING_S = 10.0  # a camera that needs longer for its first picture is lost
HUNG_S = 60.0  # a driver's call that has not come back for so long never will: a stream's name may take 30 s to resolve
LEAVE_S = 1.0  # a capture that hangs in its driver is left behind after so long: it must not hold up the end
OFF = 0.2  # a rate further than this from the asked one is told
STEP_S = 1e-6  # a picture from before the loop gave up waiting comes so much later than that: time runs on


class LiveCamera:
    """A camera that stays, whatever happens to it. A context manager.

    Args:
        name: for people.
        open_capture: opens the camera, in the thread that captures; raises `CameraLost` where it cannot now.
        asked: what it is asked for; what comes instead is told once.
        mounting: how it hangs.
        timeout_s: the loop never waits longer for a picture.
        retry_s: first and longest pause between attempts to open it.
        steady_s: how long it has to hold until an outage is over.
        hung_s: a call of the driver that lasts longer is a driver that hangs.
        frozen_after: so many equal pictures are a frozen camera.
        clock: monotonic seconds.

    Attributes:
        state: as of the last turn of the loop.
        words: what is wrong, for a person; empty where nothing is.
    """

    def __init__(
        self,
        name: str,
        open_capture: Callable[[], Capture],
        asked: Asked | None = None,
        mounting: Mounting | None = None,
        *,
        timeout_s: float = TIMEOUT_S,
        retry_s: tuple[float, float] = RETRY_S,
        steady_s: float = STEADY_S,
        hung_s: float = HUNG_S,
        frozen_after: int = 90,
        clock: Callable[[], float] = monotonic,
    ) -> None:
        self.name = name
        self.asked, self.mounting, self.timeout_s = asked or Asked(), mounting or Mounting(), timeout_s
        self.state, self.words = CameraState.OPENING, ""
        self._open, self._retry_s, self._hung_s, self._clock = open_capture, retry_s, hung_s, clock
        self._pause_s = retry_s[0]  # before the next attempt to open it
        self._called: tuple[str, float] | None = None  # which call of the driver runs, and since when
        self._slot: Slot[tuple[Shot, CameraState]] = Slot()
        self._sight, self._rate, self._outage = Sight(frozen_after), Rate(), Outage(name, steady_s, clock)
        self._fault: tuple[CameraState, str] | None = None  # as the thread that captures sees it
        self._newest_s = float("-inf")
        self._told_size = self._told_rate = False
        self._closing = threading.Event()
        self._ending = False
        self._left_by_s = 0.0
        self._began_s = clock()
        self._thread: threading.Thread | None = None

    @property
    def rate_hz(self) -> float:
        """Pictures a second that the camera gives, whether the loop takes them or not; 0 while it gives none."""
        return 0.0 if self.state.fault else self._rate.hz

    def frames(self) -> Iterator[Frame | NoFrame]:
        """Starts the camera; yields the newest picture, or `NoFrame` where there is none to judge, until closed.

        Raises:
            PartFailed: while it is iterated: the driver hangs. Who is stuck in it holds the camera, so that only a new
                process can open it again.
        """
        if self._thread is None:
            self._thread = threading.Thread(target=self._capture, name=f"camera {self.name}", daemon=True)
            self._thread.start()
        return self._turns()

    def _turns(self) -> Iterator[Frame | NoFrame]:
        index, last_s = -1, float("-inf")
        while not (self._closing.is_set() or self._ending):
            taken = self._take()
            if self._closing.is_set() or self._ending:
                return
            if taken is None:
                self._check_driver()
                last_s = max(self._clock(), last_s + STEP_S)
                yield self._none(last_s, *self._missing())
                continue
            (shot, state), dropped = taken
            last_s = max(shot.captured_s, last_s + STEP_S)
            index += 1 + dropped
            if state is CameraState.LIVE:
                self.state, self.words = state, ""
                yield Frame(upright(shot.image, self.mounting), last_s, index, dropped)
            else:
                yield self._none(last_s, state, "the picture is black")

    def _take(self) -> tuple[tuple[Shot, CameraState], int] | None:
        """The newest picture; None where there is none in time, or a stop is asked for."""
        for _ in range(SLICES):
            taken = self._slot.take(self.timeout_s / SLICES)
            if taken is not None or self._closing.is_set() or self._ending:
                return taken
        return None

    def stop(self) -> None:
        """Ends `frames` within a tenth of `timeout_s`. A plain flag and no lock: a signal handler may call it."""
        self._ending = True

    def leave(self) -> None:
        """Begins to close: the driver has time to end while other things do."""
        self._left_by_s = self._left_by_s or monotonic() + LEAVE_S
        self._closing.set()
        self._slot.close()

    def close(self) -> None:
        """Ends `frames` and frees the camera; a driver that hangs is left behind."""
        self.leave()
        if self._thread is not None:
            self._thread.join(max(0.0, self._left_by_s - monotonic()))

    def __enter__(self) -> "LiveCamera":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _none(self, at_s: float, state: CameraState, words: str) -> NoFrame:
        self.state, self.words = state, words
        return NoFrame(at_s, state, words)

    def _missing(self) -> tuple[CameraState, str]:
        """Why no picture came within the timeout."""
        fault = self._fault
        if fault is not None:
            return fault
        if self.state is CameraState.OPENING and self._clock() - self._began_s < OPENING_S:
            return CameraState.OPENING, "no picture yet"
        words = f"no picture for {self.timeout_s:g} s"
        self._outage.fault(words)  # the thread that captures hangs, and cannot tell it
        return CameraState.LOST, words

    def _check_driver(self) -> None:
        called = self._called
        if called is not None and self._clock() - called[1] > self._hung_s:
            raise PartFailed(
                f"camera {self.name}: its driver hangs: {called[0]} has not come back for {self._hung_s:g} s, and only"
                " a new start of this program frees the camera"
            )

    def _calling(self, call: str) -> None:
        """Takes note that a call of the driver begins."""
        self._called = call, self._clock()

    def _capture(self) -> None:
        """The thread: opens, reads, and opens again."""
        while not self._closing.is_set():
            try:
                self._read_on()
            except Exception as error:  # a driver's own, too: whatever it is, the next attempt may do
                if self._closing.is_set():
                    return
                words = str(error) if isinstance(error, CameraLost) else f"{type(error).__name__}: {error}"
                self._fault = (CameraState.FROZEN if isinstance(error, Frozen) else CameraState.LOST), words
                self._outage.fault(words)
            self._called = None
            self._closing.wait(self._pause_s)
            self._pause_s = min(2 * self._pause_s, self._retry_s[1])

    def _read_on(self) -> None:
        """One connection: reads until it fails or the camera is closed."""
        self._calling("open")
        capture = self._open()
        try:
            self._rate, self._told_rate = Rate(), False
            while not self._closing.is_set():
                self._calling("read")
                shot = capture.read()
                state = self._sight.see(shot.image)
                if state is CameraState.FROZEN:
                    raise Frozen(f"frozen: {self._sight.frozen_after} times the same picture")
                if shot.captured_s <= self._newest_s:
                    continue  # a stamp that stands still or runs back: no new picture
                self._newest_s = shot.captured_s
                self._fault = None
                self._slot.put((shot, state))
                if self._outage.fine():
                    self._pause_s = self._retry_s[0]
                self._rate.see(shot.captured_s)
                self._verify(shot)
        finally:
            self._calling("close")
            capture.close()

    def _verify(self, shot: Shot) -> None:
        """Tells once where size or rate are not what was asked for."""
        height, width = shot.image.shape[:2]
        wanted = (self.asked.width or width, self.asked.height or height)
        if (width, height) != wanted and not self._told_size:
            self._told_size = True
            log.warning("camera %s: asked for %dx%d pixels, got %dx%d", self.name, *wanted, width, height)
        asked_hz = self.asked.rate_hz
        if asked_hz and self._rate.settled and not self._told_rate:
            hz = self._rate.hz
            if abs(hz - asked_hz) > OFF * asked_hz:
                self._told_rate = True
                log.warning("camera %s: asked for %g pictures a second, got %.1f", self.name, asked_hz, hz)

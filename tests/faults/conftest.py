"""The suite of faults: a table of what was judged and what arrived is printed at the end."""

import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from device import settings
from device.settings import Settings

sys.path[:0] = [str(Path(__file__).parents[1] / folder) for folder in ("output", "squat")]

ROWS: list[tuple[str, ...]] = []
TITLES = ("fault", "judged", "received", "repeated", "late", "what else")


@dataclass
class Tally:
    """A row of the table; the count is the test."""

    fault: str

    def count(self, judged: list[str], listener: Any, words: str = "") -> None:
        """Holds what was judged against what a subscriber has received: each once, in order.

        Args:
            judged: ids, in order.
            listener: a `Witness`.
            words: what else is to be told.
        """
        heard = [rep["id"] for rep in listener.reps()]
        once = list(dict.fromkeys(heard))
        late = len({rep["id"] for rep in listener.reps() if rep["late"]})
        ROWS.append((self.fault, *map(str, (len(judged), len(once), len(heard) - len(once), late)), words))
        assert judged
        assert once == judged


@pytest.fixture
def tally(request: pytest.FixtureRequest) -> Callable[[str], Tally]:
    return Tally


def pytest_terminal_summary(terminalreporter: Any) -> None:
    if not ROWS:
        return
    terminalreporter.section("reps judged and received under faults")
    widths = [max(len(row[column]) for row in [TITLES, *ROWS]) for column in range(len(TITLES))]
    for row in [TITLES, *ROWS]:
        cells = [
            cell.ljust(width) if column in (0, 5) else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        terminalreporter.write_line("  ".join(cells).rstrip())


@pytest.fixture(scope="session")
def keypoints(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Fast squats, good and bad, as a pose model would have seen them; the end goes with the beginning."""
    from figure import Shot, squat, stand

    from device.inference.recorded import save

    parts = stand(0.4)
    for thigh_deg in (12, -18, 15):
        parts += squat(thigh_deg, 0.55, 0.1, 0.45) + stand(0.35)
    path = tmp_path_factory.mktemp("keypoints") / "squats.npz"
    save(path, [(pose.captured_s, pose) for pose in Shot(fps=15, size=(72, 128)).film(parts)], (72, 128))
    return path


@pytest.fixture
def wanted(tmp_path: Path, keypoints: Path) -> Iterator[Callable[..., Settings]]:
    """Settings of a station that plays those keypoints; the light is dark between two reps."""

    def make(port: int, speed: float = 10, **changes: dict[str, Any]) -> Settings:
        found = settings.load(settings.DEFAULT_FILE)
        tables: dict[str, dict[str, Any]] = {
            "camera": {"source": f"recorded:{keypoints}?speed={speed:g}"},
            "models": {"pose": f"recorded:{keypoints}"},
            "light": {"hold_s": 0.6},
            "mqtt": {"host": "127.0.0.1", "port": port},
            "store": {"path": str(tmp_path / "store" / "squatlight.db")},
        }
        for name, values in changes.items():
            tables.setdefault(name, {}).update(values)
        return replace(found, **{name: replace(getattr(found, name), **values) for name, values in tables.items()})

    return make

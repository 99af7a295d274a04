import socket
from pathlib import Path

import pytest

from device.notify import Notifier


@pytest.fixture(params=["path", "abstract"])
def systemd(request: pytest.FixtureRequest, tmp_path: Path):
    address = str(tmp_path / "notify") if request.param == "path" else f"@squatlight-{tmp_path.name}-{id(tmp_path)}"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as bound:
        bound.bind(address.replace("@", "\0", 1) if address.startswith("@") else address)
        bound.setblocking(False)
        yield address, bound


def heard(bound: socket.socket) -> list[str]:
    found = []
    while True:
        try:
            found.append(bound.recv(4096).decode())
        except BlockingIOError:
            return found


def test_states_reach_systemd(systemd) -> None:
    address, bound = systemd
    notifier = Notifier({"NOTIFY_SOCKET": address})
    notifier.ready("judging pi")
    notifier.reloading()
    notifier.stopping()
    ready, reloading, stopping = heard(bound)
    assert "READY=1" in ready.splitlines()
    assert "STATUS=judging pi" in ready.splitlines()
    assert reloading.startswith("RELOADING=1\nMONOTONIC_USEC=")
    assert stopping == "STOPPING=1"


def test_the_watchdog_is_fed_by_turns_four_times_in_its_time_and_by_nothing_else(systemd) -> None:
    address, bound = systemd
    now_s = 0.0
    notifier = Notifier({"NOTIFY_SOCKET": address, "WATCHDOG_USEC": "10000000"}, lambda: now_s)
    for now_s in (0.0, 1.0, 2.49, 2.5, 2.6, 4.99, 5.0):  # noqa: B007
        notifier.turned()
    assert heard(bound) == ["WATCHDOG=1"] * 2


@pytest.mark.parametrize(
    "more", [{}, {"WATCHDOG_USEC": "x"}, {"WATCHDOG_USEC": "1000000", "WATCHDOG_PID": "1"}],
    ids=["not asked for", "nonsense", "asked of another process"],
)  # fmt: skip
def test_no_watchdog_is_fed_that_nobody_has_asked_for(systemd, more: dict[str, str]) -> None:
    address, bound = systemd
    now_s = 0.0
    notifier = Notifier({"NOTIFY_SOCKET": address, **more}, lambda: now_s)
    now_s = 100.0
    notifier.turned()
    assert heard(bound) == []


@pytest.mark.parametrize("environment", [{}, {"NOTIFY_SOCKET": "/no/such/socket"}, {"NOTIFY_SOCKET": "vsock:2:1"}])
def test_without_systemd_nothing_happens(environment: dict[str, str]) -> None:
    notifier = Notifier({**environment, "WATCHDOG_USEC": "1"})
    notifier.ready("x")
    notifier.turned()
    notifier.stopping()

"""What `make test-pi` makes of what it is told; the machines themselves are not emulated here."""

import json
from typing import Any

import image
import levels
import machine
import pytest
import table

from device import strict_toml

HERE = [
    {"decision": decision, "start_s": 1.0, "bottom_s": 2.0, "lockout_s": 3.0, "p_below": 0.9, "form": {"good": 0.8}}
    for decision in ("good_lift", "no_lift")
]
PI: dict[str, Any] = {
    "model": "Raspberry Pi 3 Model B", "kernel": "6.1.0 aarch64",
    "chips": ["gpiochip0: GPIOs 458-511, parent: platform/3f200000.gpio, pinctrl-bcm2835"],
    "wheels": {"numpy": "2.3.1", "lgpio": "0.2.2.0"},
    "start": {"state": "active", "user": "squatlight", "took_s": 2.0}, "held": {"17": "lg", "27": "lg"},
    "trace": [[0.0, []], [3.0, [27]], [5.01, []], [7.0, [17]], [9.0, []]], "poll_s": 0.01,
    "reps": [*HERE, HERE[0]],
    "killed": {"dark_s": 1.0, "back_s": 30.0},
    "frozen": {"dark_s": 15.5, "back_s": 30.0},
    "stopped": {"dark_s": 0.1, "took_s": 1.0, "result": "success", "lit": False},
    "refused": {"ActiveState": "failed", "ExecMainStatus": "78", "NRestarts": "0"},
}  # fmt: skip
BOARD: dict[str, Any] = {
    "camera": {
        "asked": [640, 360, 15.0], "sizes": [[640, 360]], "rate_hz": 15.01, "frames": 300, "dropped": 0,
        "age_s": 0.02, "faults": [], "told": [],
    },
    "other camera": {
        "asked": [300, 200, 17.0], "sizes": [[320, 180]], "rate_hz": 25.0, "frames": 200, "dropped": 0,
        "age_s": 0.02, "faults": [],
        "told": [
            "camera /dev/video0: asked for 300x200 pixels, got 320x180",
            "camera /dev/video0: asked for 17 pictures a second, got 25.0",
        ],
    },
    "networks": {"form": {"runtime": "ai_edge_litert", "took_s": 0.1, "off": 1e-5, "span": 1.0}},
    "systemd": "257", "starts_s": [100.0, 101.4, 103.8, 108.2, 116.3, 132.0],
}  # fmt: skip
PINS = """\
registered pins: 54
pin 14 (gpio14) 0:? function alt5 in hi; irq 0 (none)
pin 17 (gpio17) 0:? function gpio_out in hi; irq 0 (none)
pin 27 (gpio27) 0:? function gpio_out in lo; irq 0 (none)
"""
GPIO = """\
gpiochip1: GPIOs 450-457, parent: platform/soc:firmware:gpio, raspberrypi-exp-gpio, can sleep:
 gpio-452 (STATUS_LED          |led0                ) out lo

gpiochip0: GPIOs 458-511, parent: platform/3f200000.gpio, pinctrl-bcm2835:
 gpio-474 (GPIO16              )
 gpio-475 (GPIO17              |lg                  ) out hi
 gpio-485 (GPIO27              |lg                  ) out lo
"""


def of_pins(found: dict[str, Any]) -> list[table.Row]:
    return table.of_pins(found, {"lgpio": "0.2.2.0"}, HERE)


def of_board(found: dict[str, Any]) -> list[table.Row]:
    return table.of_board(found, ["form"])


def failed(rows: list[table.Row]) -> list[str]:
    return [row.what for row in rows if not row.ok]


def test_all_as_expected() -> None:
    assert failed(of_pins(PI)) == []
    assert failed(of_board(BOARD)) == []


def test_what_is_never_told_fails_its_row() -> None:
    assert all(not row.ok for row in of_pins({}) + of_board({}))


@pytest.mark.parametrize(
    ("what", "change"),
    [
        ("board", {"chips": ["gpiochip0: GPIOs 512-519, parent: amba/9030000.pl061"]}),
        ("wheels for aarch64", {"wheels": {"lgpio": "0.2.1.0"}}),
        ("service", {"start": {"state": "failed", "user": "squatlight", "took_s": 1.0}}),
        ("service", {"held": {"17": "lg"}}),
        ("lamps", {"trace": [[0.0, []], [3.0, [17]], [5.0, []], [7.0, [27]], [9.0, []]]}),
        ("hold", {"trace": [[0.0, []], [3.0, [27]], [5.0, []], [7.0, [17]], [9.3, []]]}),
        ("hold", {"trace": [[0.0, []], [3.0, [27]], [4.0, [17, 27]], [5.0, [17]], [6.0, []]]}),
        ("reps", {"reps": [HERE[0], {**HERE[1], "lockout_s": 3.01}]}),
        ("reps", {"reps": [HERE[0], {**HERE[1], "form": {"good": 0.7}}]}),
        ("reps", {"reps": HERE[:1]}),
        ("killed while lit", {"killed": {"dark_s": 3.1, "back_s": 30.0}}),
        ("frozen while lit", {"frozen": {"dark_s": 19.0, "back_s": 30.0}}),
        ("stopped while lit", {"stopped": {"dark_s": 0.1, "took_s": 9.0, "result": "timeout", "lit": False}}),
        ("bad settings", {"refused": {"ActiveState": "failed", "ExecMainStatus": "78", "NRestarts": "1"}}),
    ],
)
def test_what_is_otherwise_fails_its_row(what: str, change: dict[str, Any]) -> None:
    assert what in failed(of_pins({**PI, **change}))


@pytest.mark.parametrize(
    ("which", "change"),
    [
        ("camera", {"sizes": [[640, 480]]}),
        ("camera", {"rate_hz": 10.0}),
        ("camera", {"told": ["camera: asked for 640x360 pixels, got 640x480"]}),
        ("other camera", {"told": []}),
        ("other camera", {"sizes": [[300, 200]]}),
        ("other camera", {"rate_hz": 17.0}),
        ("networks", {"form": {"runtime": "ai_edge_litert", "took_s": 0.1, "off": 0.1, "span": 1.0}}),
    ],
)
def test_a_camera_or_a_network_that_does_otherwise_fails_its_row(which: str, change: dict[str, Any]) -> None:
    assert len(failed(of_board({**BOARD, which: {**BOARD[which], **change}}))) == 1


def test_pauses_that_do_not_grow_fail_their_row() -> None:
    assert failed(of_board({**BOARD, "starts_s": [100.0, 101.2, 102.4, 103.6, 104.8, 106.0]})) == ["fails at once"]


def test_levels_and_holders_are_read_as_the_kernel_writes_them() -> None:
    assert levels.high(PINS) == {14, 17}
    assert levels.held(GPIO) == {17: "lg", 27: "lg"}
    assert levels.held("gpiochip0: GPIOs 0-7, parent: amba/9030000.pl061\n gpio-3 (|lg) out hi\n") == {}


def test_the_table_knows_the_settings_inside() -> None:
    light = strict_toml.parse((image.INSIDE / "squatlight.toml").read_bytes(), "")["light"]
    assert {light["red_pin"]: "red", light["white_pin"]: "white"} == table.LAMPS
    assert light["hold_s"] == table.HOLD_S


def test_lit_is_told_from_the_changes() -> None:
    trace = [(0.0, []), (1.0, [27]), (3.0, []), (4.0, [17])]
    assert levels.lit(trace) == [levels.Lit(27, 1.0, 3.0), levels.Lit(17, 4.0, None)]


def test_a_line_of_the_console_is_an_object_or_nothing() -> None:
    assert machine.heard(json.dumps({"done": True}) + "\r\n") == {"done": True}
    assert machine.heard('{"torn') == machine.heard("3") == {}


def test_the_table_says_what_failed() -> None:
    rows = [table.Row("lamps", "white", "white", True), table.Row("hold", "2 s", "3 s", False)]
    assert table.lines(rows) == [
        "      what   expected  seen", "ok    lamps  white     white", "FAIL  hold   2 s       3 s",
    ]  # fmt: skip

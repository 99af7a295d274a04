from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from device import settings
from device.errors import SettingsError

BAD = {  # a settings file, and what the complaint must name
    "light.colour": '[light]\ncolour = "red"\n',
    "lamp": '[lamp]\npins = "mock"\n',
    "mqtt.port": '[mqtt]\nport = "1883"\n',
    "camera.fov_deg": '[camera]\nfov_deg = "wide"\n',
    "light.active_high": "[light]\nactive_high = 1\n",
    "light.red_pin": "[light]\nred_pin = 17.0\n",
    "models.threads": "[models]\nthreads = true\n",
    "models.form": '[models]\nform = "shape"\n',
    "models.squat": '[models]\nsquat = "lunge"\n',
    "station.name": "[station]\nname = 7\n",
    "rules.abstain_from": "[rules]\nabstain_from = 0.9\nabstain_to = 0.1\n",
    "station.mode": '[station]\nmode = "party"\n',
    "depth.method": '[depth]\nmethod = "guess"\n',
    "lifter.height_cm": "[lifter]\nheight_cm = 1.8\n",
    "light.hold_s": "[light]\nhold_s = nan\n",
    "rules.locked_deg": "[rules]\nlocked_deg = 1800\n",
    "camera": 'camera = "demo"\n',
    "mqtt.discovery": '[mqtt]\ndiscovery = "home/#"\n',
    "evidence.show": '[evidence]\nshow = "off"\nfolder = "/tmp"\nclips = true\n',
    "mqtt.host": '[mqtt]\nhost = "broker:1883"\n',
    "mqtt.username": '[mqtt]\npassword_file = "/etc/squatlight/password"\n',
    "light.pins": '[light]\npins = "magic"\n',
    "light.white_pin": "[light]\nwhite_pin = -1\n",
    "light.amber_pin": "[light]\namber_pin = -2\n",
    "log.form": '[log]\nform = "xml"\n',
}


def written(folder: Path, text: str) -> Path:
    path = folder / "squatlight.toml"
    path.write_text(text)
    return path


@pytest.mark.parametrize("key", BAD)
def test_a_setting_that_cannot_be_is_named(tmp_path: Path, key: str) -> None:
    with pytest.raises(SettingsError, match=rf"^{key.replace('.', '[.]')}: ") as raised:
        settings.load(written(tmp_path, BAD[key]))
    assert raised.value.exit_code == 78
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize("name", ["", "rack 1", "a/b", "+", "ré"])
def test_a_station_whose_name_makes_no_topic_is_refused_as_it_is_read(tmp_path: Path, name: str) -> None:
    with pytest.raises(SettingsError, match=r"^station\.name: expected letters"):
        settings.load(written(tmp_path, f'[station]\nname = "{name}"\n'))


def test_two_lamps_on_one_pin_are_refused_as_they_are_read(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"^light\.red_pin: each lamp needs a pin of its own, and 17"):
        settings.load(written(tmp_path, "[light]\nwhite_pin = 17\n"))


@pytest.mark.parametrize("prefix", ["home/#", "home/", "/home", "$SYS", "/"])
def test_what_topics_cannot_begin_with_is_refused(tmp_path: Path, prefix: str) -> None:
    with pytest.raises(SettingsError, match=r"^mqtt\.discovery: expected the beginning of a topic"):
        settings.load(written(tmp_path, f'[mqtt]\ndiscovery = "{prefix}"\n'))


@pytest.mark.parametrize("key", ["store.path", "store.overrides", "evidence.folder"])
def test_what_the_service_keeps_has_an_absolute_path(tmp_path: Path, key: str, monkeypatch: pytest.MonkeyPatch) -> None:
    table, _, name = key.partition(".")
    path = written(tmp_path, f'[{table}]\n{name} = "kept"\n')
    settings.load(path)  # by hand, where people know where they are
    monkeypatch.setattr(settings, "SYSTEM_FILE", path)
    with pytest.raises(SettingsError, match=rf"^{key.replace('.', '[.]')}: expected an absolute path"):
        settings.load()


@pytest.mark.parametrize("host", ["", "embedded", "10.0.0.7", "broker.local", "fe80::1", "::1"])
def test_a_broker_is_a_name_or_an_address(tmp_path: Path, host: str) -> None:
    assert settings.load(written(tmp_path, f'[mqtt]\nhost = "{host}"\n')).mqtt.host == host


@pytest.mark.parametrize("key", ["light.colour", "mqtt.port", "rules.abstain_from"])
@pytest.mark.parametrize("command", ["run", "check", "demo"])
def test_bad_settings_end_every_command_with_78_and_one_line_that_names_the_key(
    squatlight: Callable, one_line: Callable, tmp_path: Path, key: str, command: str
) -> None:
    line = one_line(squatlight(command, "-c", written(tmp_path, BAD[key])), 78)
    assert line.startswith(f"squatlight: {key}: ")


@pytest.mark.parametrize(
    "text", [b"[light\n", b"\xff\xfe\x00", b"name = ", b"[light]\nred_pin = 1\nred_pin = 2\n"],
    ids=["not TOML", "not UTF-8", "no value", "twice"],
)  # fmt: skip
def test_a_file_that_is_no_toml_is_named(tmp_path: Path, text: bytes) -> None:
    path = tmp_path / "squatlight.toml"
    path.write_bytes(text)
    with pytest.raises(SettingsError, match=r"squatlight\.toml: "):
        settings.load(path)


def test_unreadable_settings_end_with_78(squatlight: Callable, one_line: Callable, tmp_path: Path) -> None:
    for path in (tmp_path / "none.toml", tmp_path):
        assert str(path) in one_line(squatlight("run", "-c", path), 78)


def test_arguments_are_checked_as_settings_are(squatlight: Callable, one_line: Callable, tmp_path: Path) -> None:
    assert "lifter.height_cm" in one_line(squatlight("replay", "x.mp4", "--height-cm", "7"), 2)
    assert "depth.method" in one_line(squatlight("replay", "x.mp4", "--depth", "guess"), 2)
    assert squatlight("replay").returncode == 2
    assert squatlight("replay", "x.mp4", "--mode", "party").returncode == 2


def test_what_a_file_leaves_out_keeps_the_embedded_default(tmp_path: Path) -> None:
    default = settings.load(settings.DEFAULT_FILE)
    changed = settings.load(written(tmp_path, "[light]\nhold_s = 3\n[lifter]\nheight_cm = 180\n"))
    assert changed.light == replace(default.light, hold_s=3.0)
    assert isinstance(changed.light.hold_s, float)
    assert replace(changed, light=default.light, lifter=default.lifter) == default


@pytest.mark.parametrize(
    ("method", "form", "looks"),
    [("network", "", True), ("surface", "", True), ("image_plane", "", False), ("floor_plane", "form_paper", False),
     ("image_plane", "form", True)],
)  # fmt: skip
def test_the_head_looks_where_depth_or_form_asks_for_it(tmp_path: Path, method: str, form: str, looks: bool) -> None:
    text = f'[depth]\nmethod = "{method}"\n[models]\nform = "{form}"\n'
    assert settings.load(written(tmp_path, text)).surfaces == looks


def test_the_judge_gets_what_the_settings_say(tmp_path: Path) -> None:
    text = """
    [station]
    mode = "meet"
    [camera]
    fov_deg = 80
    pitch_deg = 5
    [lifter]
    height_cm = 190
    [depth]
    method = "floor_plane"
    [rules]
    abstain_from = 0.3
    abstain_to = 0.6
    abstain_view_deg = 90
    locked_deg = 150
    """
    judging = settings.load(written(tmp_path, text)).judging()
    assert (judging.method, judging.height_cm) == ("floor_plane", 190)
    assert (judging.optics.fov_deg, judging.optics.pitch_deg) == (80, 5)
    rules = judging.rules
    assert (rules.mode, rules.abstain_from, rules.abstain_to) == ("meet", 0.3, 0.6)
    assert (rules.abstain_view_deg, rules.locked_deg) == (90, 150)


def test_an_unknown_height_stays_unknown() -> None:
    assert settings.load(settings.DEFAULT_FILE).judging().height_cm is None

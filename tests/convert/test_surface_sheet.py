"""The sheet of surface points on real clips: how many it tells, and what it says where there is nothing to show."""

import cv2
import numpy as np
import pytest

from convert import surface_sheet
from device.errors import InputError


def test_it_holds_a_tile_for_each_rep_and_tells_their_number(tmp_path, monkeypatch, capsys):
    tile = np.full((surface_sheet.TILE_PX, surface_sheet.TILE_PX, 3), 200, np.uint8)
    monkeypatch.setattr(surface_sheet, "read_manifest", lambda path, split: range(surface_sheet.ACROSS + 1))
    monkeypatch.setattr(surface_sheet, "_tiles", lambda clip, reps: [tile])
    out = tmp_path / "sheet.png"
    assert surface_sheet.main(["--clips", "manifest.json", "--out", str(out)]) == 0
    assert f"{surface_sheet.ACROSS + 1} reps" in capsys.readouterr().out
    sheet = cv2.imread(str(out))
    assert sheet.shape == (2 * surface_sheet.TILE_PX, surface_sheet.ACROSS * surface_sheet.TILE_PX, 3)
    assert sheet[-1, 0].max() == 200
    assert sheet[-1, -1].max() == 0


def test_where_there_is_no_rep_one_line_says_so(tmp_path, monkeypatch):
    monkeypatch.setattr(surface_sheet, "read_manifest", lambda path, split: [])
    with pytest.raises(InputError, match="no whole rep"):
        surface_sheet.main(["--clips", "manifest.json", "--out", str(tmp_path / "sheet.png")])

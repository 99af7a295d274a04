import pytest

from convert.datasets import deepsquat
from device.errors import InputError

TEXT = """\
# a comment
a.mp4:
  - start: '1:10'
    mid: '2:15'
    end: '3:20'
    label: 1
  - start: '3:10'
    mid: '4:30'
    end: '1:01:05:00'
    label: 0
b.mp4:
  - start: '0:00'
    mid: '1:00'
    end: '2:00'
    label: 0
a.mp4:
  - start: '9:00'
    mid: '10:00'
    end: '11:00'
    label: 1
"""


def read(tmp_path, text):
    (tmp_path / "labels.yml").write_text(text)
    return deepsquat.read(tmp_path / "labels.yml")


def test_every_squat_is_read_those_under_a_repeated_key_too(tmp_path):
    labels = read(tmp_path, TEXT)
    assert [(s.video, s.good) for s in labels.squats] == [
        ("a.mp4", True), ("a.mp4", False), ("b.mp4", False), ("a.mp4", True)
    ]  # fmt: skip
    first, second = labels.squats[:2]
    assert (first.start_s, first.mid_s, first.end_s) == pytest.approx((1 + 1 / 3, 2.5, 3 + 2 / 3))
    assert second.mid_s == pytest.approx(5.0)  # thirty thirtieths roll over
    assert second.end_s == pytest.approx(3665.0)


def test_repeated_keys_odd_times_and_overlaps_are_told_with_their_lines(tmp_path):
    told = "\n".join(read(tmp_path, TEXT).oddities)
    for words in ("line 16: a.mp4 is there a second time, first in line 2", "mid '4:30' counts 30 thirtieths",
                  "line 7: a.mp4: a squat of", "line 7: a.mp4: begins at 3.33 s, before the one of line 3 ends",
                  "line 17: a.mp4: begins at 9.00 s, before the one of line 7 ends"):  # fmt: skip
        assert words in told


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("label: 1", "label: 2", "line 3: label 2, expected 0 or 1"),
        ("mid: '2:15'", "mid: 'two'", "line 3: mid: expected SS:ff"),
        ("    mid: '2:15'\n", "", "line 3: expected start, mid, end, label, got start, end, label"),
        ("a.mp4:\n  - start: '1:10'", "- 1", "line 2: expected a video's name"),
    ],
)
def test_what_cannot_be_read_is_one_line_with_its_place(tmp_path, old, new, words):
    with pytest.raises(InputError, match=words):
        read(tmp_path, TEXT.replace(old, new, 1))

"""Where a replay writes."""

from pathlib import Path

import pytest

from device.errors import InputError
from device.replay import keep_clips, video_paths


def test_each_clip_gets_a_video_of_its_own():
    paths = video_paths(["a/squat.mp4", "b/squat.mp4", "b/x.mov"], Path("out"))
    assert paths == [Path("out/squat.webm"), Path("out/squat-2.webm"), Path("out/x.webm")]
    assert video_paths(["a.mp4"], Path("seen.mp4")) == [Path("seen.mp4")]
    assert video_paths(["a.mp4", "b.mp4"], None) == [None, None]


def test_a_clip_is_never_written_over(tmp_path):
    clip = tmp_path / "own.webm"
    for out in (clip, tmp_path):
        with pytest.raises(InputError, match="is one of the clips"):
            video_paths([str(clip)], out)
    with pytest.raises(InputError, match="--json"):
        keep_clips([str(clip)], [tmp_path / "." / "own.webm"], "--json")


def test_one_file_does_not_take_several_clips():
    with pytest.raises(InputError, match="expected a folder for 2 clips"):
        video_paths(["a.mp4", "b.mp4"], Path("seen.mp4"))

"""Whether a video file was cut off: the lengths that its container gives, against the file's.

Counting frames does not tell it: a container of variable rate promises frames that never were, and one that was
trimmed hides frames that are there.
"""

import struct
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

_EBML, _SEGMENT = b"\x1a\x45\xdf\xa3", b"\x18\x53\x80\x67"


def ends_early(path: Path) -> bool:
    """Whether the container is longer than the file; False for containers that do not tell.

    Knows MP4 and MOV (ISO 14496-12, boxes), Matroska and WebM (RFC 8794 and 9559, elements) and AVI (RIFF).
    """
    length = path.stat().st_size
    with path.open("rb") as file:
        head = file.read(12)
        if head[4:8] in (b"ftyp", b"moov", b"mdat", b"wide", b"free", b"skip"):
            return any(end > length for end in _boxes(file, length))
        if head[:4] == _EBML:
            return _segment_end(file, length) > length
        if head[:4] == b"RIFF":
            return int(struct.unpack("<I", head[4:8])[0]) + 8 > length
    return False


def _boxes(file: BinaryIO, length: int) -> Iterator[int]:
    """Where each box of the top level ends."""
    at = 0
    while at + 8 <= length:
        file.seek(at)
        head = file.read(16)
        size = int.from_bytes(head[:4], "big")
        if size == 1:
            size = int.from_bytes(head[8:16], "big")
        if size < 8:  # 0: to the end of the file; less is no box
            return
        at += size
        yield at


def _segment_end(file: BinaryIO, length: int) -> int:
    """Where the segment, which holds all frames, ends; the file's length where it does not say."""
    file.seek(4)
    size, _ = _size(file)
    file.seek(size, 1)
    if file.read(4) != _SEGMENT:
        return length
    size, unknown = _size(file)
    return length if unknown else file.tell() + size


def _size(file: BinaryIO) -> tuple[int, bool]:
    """An element's length, and whether it is the one that means unknown: all bits set (a recording on the fly)."""
    first = file.read(1)
    if not first or not first[0]:
        return 0, True
    more = 8 - first[0].bit_length()
    value = int.from_bytes(bytes([first[0] & (0x7F >> more)]) + file.read(more), "big")
    return value, value == (1 << 7 * (more + 1)) - 1

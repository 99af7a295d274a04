"""A plain AVI of JPEG pictures (Motion JPEG), muxed here.

OpenCV's own MJPG writer is not used: its encoder can write one element past its buffer (opencv/opencv#19634, #29112,
mended after 4.13), which killed a long rendering by a damaged heap. Layout: Microsoft's AVI RIFF reference.
"""

import struct
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from device.errors import PartFailed

KEYFRAME, HAS_INDEX = 0x10, 0x10
MOST_BYTES = 2**32 - 2**20  # RIFF counts in 32 bits


def _chunk(name: bytes, data: bytes) -> bytes:
    return name + struct.pack("<I", len(data)) + data + b"\0" * (len(data) % 2)


def _list(name: bytes, data: bytes) -> bytes:
    return _chunk(b"LIST", name + data)


class MotionJpeg:
    """Writes frames as JPEG into an AVI; whole after `close`.

    Args:
        path: the file.
        size: width and height, pixels.
        fps: frames per second.
        quality: of the JPEGs, 1-100.
    """

    def __init__(self, path: Path, size: tuple[int, int], fps: float, quality: float) -> None:
        self.path, self.size, self.quality = path, size, round(quality)
        self.rate = Fraction(fps).limit_denominator(1001)
        self.lengths: list[int] = []
        self.file = path.open("wb")
        self.file.write(self._head(0))

    def write(self, image: NDArray[np.uint8]) -> None:
        """Appends a frame (height, width, 3) RGB.

        Raises:
            PartFailed: the file would grow past what AVI can count.
        """
        ok, jpeg = cv2.imencode(".jpg", image[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, self.quality])
        if not ok or self.file.tell() + len(jpeg) > MOST_BYTES:
            raise PartFailed(f"{self.path}: frame {len(self.lengths)} cannot be written; make the clip shorter")
        self.file.write(_chunk(b"00dc", jpeg.tobytes()))
        self.lengths.append(len(jpeg))

    def close(self) -> None:
        """Writes the index, then the header with the true lengths."""
        at, index = 4, b""
        for length in self.lengths:
            index += b"00dc" + struct.pack("<III", KEYFRAME, at, length)
            at += 8 + length + length % 2
        self.file.write(_chunk(b"idx1", index))
        self.file.seek(0)
        self.file.write(self._head(at))
        self.file.close()

    def _head(self, movie_bytes: int) -> bytes:
        """Everything before the first frame; `movie_bytes` counts the frames' list from its name on."""
        width, height = self.size
        count, most = len(self.lengths), max(self.lengths, default=0)
        per_frame_us = round(1e6 / self.rate)
        main = struct.pack("<14I", per_frame_us, 0, 0, HAS_INDEX, count, 0, 1, most, width, height, 0, 0, 0, 0)
        rate = (self.rate.denominator, self.rate.numerator, 0, count, most, 0xFFFFFFFF, 0)
        stream = b"vidsMJPG" + struct.pack("<IHHI7I4H", 0, 0, 0, 0, *rate, 0, 0, width, height)
        picture = struct.pack("<IiiHH4sIiiII", 40, width, height, 1, 24, b"MJPG", width * height * 3, 0, 0, 0, 0)
        heads = _chunk(b"avih", main) + _list(b"strl", _chunk(b"strh", stream) + _chunk(b"strf", picture))
        body = b"AVI " + _list(b"hdrl", heads)
        index_bytes = 8 + 16 * count
        whole = len(body) + 8 + movie_bytes + index_bytes
        return b"RIFF" + struct.pack("<I", whole) + body + b"LIST" + struct.pack("<I", movie_bytes) + b"movi"

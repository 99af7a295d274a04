"""An array of prepared data that grows row by row, larger than memory if need be, its length not known before."""

from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from convert.prepared import begin


class GrowingArray:
    """Writes rows to a .npy file; its header, which numpy leaves room to grow in, tells their number when closed.

    Args:
        path: the file, overwritten.
        shape: of one row.
        dtype: of the file.
    """

    def __init__(self, path: Path, shape: Sequence[int], dtype: Any) -> None:
        self.path, self._shape, self._dtype = path, tuple(shape), np.dtype(dtype)
        begin(path.parent)
        self._file = path.open("wb")
        self._header()
        self._start = self._file.tell()
        self.rows = 0

    def append(self, row: NDArray[Any]) -> None:
        """Adds a row."""
        if row.shape != self._shape:
            raise ValueError(f"{self.path}: row of shape {row.shape}, expected {self._shape}")
        self._file.write(np.ascontiguousarray(row, self._dtype).tobytes())
        self.rows += 1

    def close(self) -> "np.memmap[Any, Any]":
        """Finishes the file and opens it as a memory map."""
        if not self._file.closed:
            self._header()
            assert self._file.tell() == self._start
            self._file.close()
        return np.load(self.path, mmap_mode="r")  # type: ignore[no-any-return]

    def _header(self) -> None:
        rows = getattr(self, "rows", 0)
        self._file.seek(0)
        shape = (rows, *self._shape)
        descr = np.lib.format.dtype_to_descr(self._dtype)
        np.lib.format.write_array_header_1_0(self._file, {"descr": descr, "fortran_order": False, "shape": shape})

    def __enter__(self) -> "GrowingArray":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._file.close()

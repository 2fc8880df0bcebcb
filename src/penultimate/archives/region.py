"""Arrays that lie in a file as they would in memory: in .npy, .safetensors, and .npz that is not compressed."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import IO, Any, cast

import numpy as np
from numpy.typing import NDArray

from penultimate.archives.archive import Layout, check_size, check_texts
from penultimate.archives.blocks import spans
from penultimate.archives.narrow import widened
from penultimate.archives.packed import Packed
from penultimate.errors import FileError


@dataclass(frozen=True)
class Region:
    """A part of a file that is an array; it is read, not mapped, so a file cut short meanwhile is an error, no crash.

    Parameters
    ----------
    path : Path
        The file.
    offset : int
        Where the first number begins.
    shape : tuple of int
    dtype : dtype
        As stored; of numbers that NumPy lacks, their bits.
    by_column : bool, default False
        Numbers of a column lie side by side (Fortran's order).
    narrow : str, optional
        What the bits are, where NumPy lacks the type: "bfloat16", "float8_e4m3fn" or "float8_e5m2".
    """

    path: Path
    offset: int
    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    by_column: bool = False
    narrow: str | None = None

    @property
    def layout(self) -> Layout:
        """Shape and type."""
        return Layout(self.shape, self.narrow or self.dtype.name)

    @property
    def nbytes(self) -> int:
        """Size in the file."""
        return math.prod(self.shape) * self.dtype.itemsize

    def read(self) -> NDArray[Any]:
        """All of it.

        Returns
        -------
        ndarray

        Raises
        ------
        FileError
            When it takes more than 4 GiB, or the file ends before it does.
        """
        return self._widened(self._stored())

    def packed(self) -> Packed | NDArray[Any]:
        """A matrix as it is stored, if NumPy lacks its type and its rows lie one after another.

        Returns
        -------
        Packed or ndarray

        Raises
        ------
        FileError
            As `read`.
        """
        if self.narrow is None or len(self.shape) != 2:
            return self.read()
        return Packed(self._stored(), (self.shape[0], self.shape[1]), partial(widened, self.narrow))

    def _stored(self) -> NDArray[Any]:
        check_size(self.shape, self.dtype.itemsize, f"{self.path}: an array")
        with self.path.open("rb", buffering=0) as file:
            file.seek(self.offset)
            flat = np.empty(math.prod(self.shape), self.dtype)
            fill(file, flat, self.path)
        check_texts(flat, f"{self.path}: an array")
        return flat.reshape(self.shape, order="F" if self.by_column else "C")

    def blocks(self, start: int, size: int) -> Iterator[NDArray[Any]]:
        """Rows from one on, cut at the multiples of a size.

        Parameters
        ----------
        start : int
            The first row.
        size : int
            Rows of a block.

        Yields
        ------
        ndarray of shape (n, …)

        Raises
        ------
        FileError
            When the file ends before the array does.
        """
        if self.by_column:
            yield from self._across(start, size)
            return
        row = math.prod(self.shape[1:])
        with self.path.open("rb", buffering=0) as file:
            file.seek(self.offset + start * row * self.dtype.itemsize)
            for first, end in spans(start, self.shape[0], size):
                block = np.empty((end - first, *self.shape[1:]), self.dtype)
                fill(file, block, self.path)
                yield self._widened(block)

    def _across(self, start: int, size: int) -> Iterator[NDArray[Any]]:
        # A row is spread over the whole array: of every column a piece is read.
        rows, columns = self.shape[0], math.prod(self.shape[1:])
        with self.path.open("rb", buffering=0) as file:
            for first, end in spans(start, rows, size):
                pieces = np.empty((columns, end - first), self.dtype)
                for column in range(columns):
                    file.seek(self.offset + (column * rows + first) * self.dtype.itemsize)
                    fill(file, pieces[column], self.path)
                block = pieces.T.reshape((end - first, *self.shape[1:]), order="F")
                yield self._widened(np.ascontiguousarray(block))

    def _widened(self, array: NDArray[Any]) -> NDArray[Any]:
        return array if self.narrow is None else widened(self.narrow, array)


def fill(file: IO[bytes], array: NDArray[Any], path: Path) -> None:
    """Fill an array from an open file.

    Parameters
    ----------
    file : binary file
        Read from where it stands.
    array : ndarray
        Contiguous; overwritten.
    path : Path
        Named in the message.

    Raises
    ------
    FileError
        When the file ends too early.
    """
    rest = memoryview(cast(Any, array.reshape(-1).view(np.uint8)))
    while rest.nbytes:
        count = cast(Any, file).readinto(rest)
        if not count:
            raise FileError(f"{path}: the file is truncated, {rest.nbytes} bytes are missing: write it again")
        rest = rest[count:]

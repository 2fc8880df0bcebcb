"""Matrices that stay in memory as they lie in a file, and are widened some rows at a time.

The last layer of a large language model has a thousand million weights, two bytes each or one. As float32 it would not
fit beside them.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol, cast, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from penultimate.archives.archive import Archive


@dataclass(frozen=True, eq=False)
class Packed:
    """A matrix whose rows are made numbers when they are asked for.

    Parameters
    ----------
    stored : ndarray
        As stored, one entry along the first axis for each row; it may be mapped from a file.
    shape : tuple of int
        Rows and columns of the matrix.
    widen : callable
        Takes some rows as they are stored, and returns them as floats.

    Examples
    --------
    >>> import numpy as np
    >>> from penultimate.archives.packed import Packed
    >>> halves = Packed(np.arange(6, dtype=np.int8).reshape(3, 2), (3, 2), lambda rows: rows / np.float32(2))
    >>> halves[1:]
    array([[1. , 1.5],
           [2. , 2.5]], dtype=float32)
    """

    stored: NDArray[Any]
    shape: tuple[int, int]
    widen: Callable[[NDArray[Any]], NDArray[np.floating]]

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, rows: "slice | NDArray[np.int64]") -> NDArray[np.floating]:
        """Some rows, as floats."""
        return self.widen(self.stored[rows])


@runtime_checkable
class Packs(Protocol):
    """An archive that can keep arrays packed."""

    def packed(self, name: str) -> "Packed | NDArray[Any]":
        """A matrix as it is stored, or widened where nothing is saved by keeping it."""
        ...


def read_packed(archive: Archive, name: str) -> Packed | NDArray[Any]:
    """A matrix, packed if the archive can.

    Parameters
    ----------
    archive : Archive
    name : str

    Returns
    -------
    Packed or ndarray
    """
    return cast(Any, archive).packed(name) if isinstance(archive, Packs) else archive.read(name)

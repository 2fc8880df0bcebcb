"""Files of named arrays: what every format offers, how damage is told, and the sizes beyond which a file is refused."""

import math
from collections.abc import Generator, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from penultimate.errors import FileError, PenultimateError

# The most that is ever read at once: a head of a million classes and a width of 1,024 in float32.
LARGEST = 4 << 30
# The last code point of Unicode, and the halves of UTF-16's pairs, which are no characters.
_LAST_POINT = 0x10FFFF
_SURROGATES = (0xD800, 0xDFFF)


class Layout(NamedTuple):
    """What an array is before it is read.

    Attributes
    ----------
    shape : tuple of int
    dtype : str
        NumPy's name of the type, or "bfloat16", which is read as float32.
    rounding : float, optional
        Of numbers that were stored in fewer bits and are read as floats all the same: how far they lie from what was
        rounded, relative to their usual size.
    """

    shape: tuple[int, ...]
    dtype: str
    rounding: float | None = None


@runtime_checkable
class Archive(Protocol):
    """An open file of named arrays."""

    def names(self) -> list[str]:
        """Names of the arrays."""
        ...

    def layout(self, name: str) -> Layout:
        """Shape and type of an array, none of which is read for it."""
        ...

    def read(self, name: str) -> NDArray[Any]:
        """All of an array."""
        ...

    def blocks(self, name: str, start: int, size: int) -> Iterator[NDArray[Any]]:
        """Rows of an array from `start` on, cut at the multiples of `size`."""
        ...

    def classes(self) -> Sequence[object] | None:
        """Class names, if the file has them."""
        ...


@runtime_checkable
class Named(Protocol):
    """An archive whose metadata may name the rows of a layer."""

    def vocabulary(self, rows: int) -> Sequence[object] | None:
        """Names for so many rows, perhaps fewer where some pad a vocabulary; None where it has none that fit."""
        ...


@contextmanager
def reporting_damage(path: Path, kind: str) -> Generator[None]:
    """Turn whatever a library raises over a damaged file into one clear error.

    Parameters
    ----------
    path : Path
        The file, which the message names.
    kind : str
        What the file should be, with its article.

    Raises
    ------
    FileError
        For any error but those of this package, and lack of memory.
    """
    try:
        yield
    except (PenultimateError, MemoryError):
        raise
    except Exception as error:  # zipfile, zlib, HDF5, Arrow and zarr raise nearly anything
        reason = (str(error) or type(error).__name__).partition("\n")[0]
        raise FileError(f"{path}: the file is damaged, or is not {kind} ({reason}): write it again") from None


def check_texts(array: NDArray[Any], what: str) -> None:
    """Refuse text with code points that Unicode does not have, which NumPy would hand on as it is.

    Parameters
    ----------
    array : ndarray
        Of any type; only text is looked at.
    what : str
        Named in the message, with the file.

    Raises
    ------
    FileError
        When it holds some.
    """
    if array.dtype.kind != "U" or not array.dtype.itemsize or not array.size:
        return
    points = np.ascontiguousarray(array).view(np.dtype(np.uint32).newbyteorder(array.dtype.byteorder))
    if ((points > _LAST_POINT) | ((points >= _SURROGATES[0]) & (points <= _SURROGATES[1]))).any():
        raise FileError(f"{what} holds text with characters that do not exist: it is damaged, write it again")


def check_size(shape: Sequence[int], itemsize: int, what: str) -> None:
    """Refuse what would take more than 4 GiB at once, before it is allocated.

    Parameters
    ----------
    shape : sequence of int
    itemsize : int
        Bytes of one number.
    what : str
        Named in the message, with the file.

    Raises
    ------
    FileError
        When it is larger.
    """
    if math.prod(shape) * itemsize > LARGEST:
        raise FileError(f"{what} of shape {tuple(shape)} takes more than 4 GiB at once: that is not read")


def reblock(pieces: Iterable[NDArray[Any]], start: int, size: int) -> Iterator[NDArray[Any]]:
    """Cut rows that come in pieces of any length into blocks that end at the multiples of a size.

    Parameters
    ----------
    pieces : iterable of ndarray
        Rows in order.
    start : int
        Index of the first of them.
    size : int
        Rows of a block.

    Yields
    ------
    ndarray
        The same rows.

    Examples
    --------
    >>> import numpy as np
    >>> from penultimate.archives.archive import reblock
    >>> [block.tolist() for block in reblock([np.arange(1, 3), np.arange(3, 10)], start=1, size=4)]
    [[1, 2, 3], [4, 5, 6, 7], [8, 9]]
    """
    held: list[NDArray[Any]] = []
    missing = size - start % size
    for piece in pieces:
        while len(piece) >= missing:
            yield _together([*held, piece[:missing]])
            piece = piece[missing:]
            held, missing = [], size
        if len(piece):
            held.append(piece)
            missing -= len(piece)
    if held:
        yield _together(held)


def _together(pieces: list[NDArray[Any]]) -> NDArray[Any]:
    return pieces[0] if len(pieces) == 1 else np.concatenate(pieces)


def chunk_span(chunk: int, size: int) -> int:
    """How many rows to read at once of an array stored in chunks: whole chunks, about one block.

    Parameters
    ----------
    chunk, size : int
        Rows of a chunk, and of a block.

    Returns
    -------
    int
        A multiple of the chunk, so that none is decompressed twice.
    """
    return chunk * max(1, size // chunk)

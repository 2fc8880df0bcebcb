"""The table of all pairs of rows, in tiles that are read and thrown away: all of them, or those of a sample of rows.

A tile and its mirror image are made once, in float64. Of a sample, each row is held against all others: products are
made in single precision, as the average over a sample has a larger error of its own; readers get the rows as well, so
that what has to be exact is taken anew.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol, Self, TypeVar, runtime_checkable

import numpy as np
from jaxtyping import Int
from numpy.typing import NDArray

from penultimate.features.blocks import slices
from penultimate.features.metrics.centred import Rows
from penultimate.features.metrics.pair_kernels import keep_larger, keep_largest
from penultimate.threads import at_once, in_turns

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Found = TypeVar("Found", Floats, Ints)

# Rows and columns of the tile of a table that a thread holds at a time, which stays in cache.
_TILE = 512
# Multiplications that comparing all rows with one another may take, about a minute; beyond, a sample of rows is held
# against all. Of shares and averages so many rows leave an error of 1 % or so.
WORK = 1 << 42
SAMPLE = 4096
_SEED = 0


@dataclass(frozen=True)
class Tile:
    """Inner products of some rows with others.

    Attributes
    ----------
    rows, columns : slice
        Where what is read off is kept: numbers of rows, or places in the sample, and numbers of columns.
    own : ndarray of shape (b,)
        The column that is the same row of the table.
    vectors, squares : tuple of ndarray
        The rows themselves, and the others; their squared lengths.
    gram : ndarray
        Their inner products, of single precision in a sample.
    mirrored : bool
        Whether the tile stands for its mirror image too, for which none comes.
    """

    rows: slice
    columns: slice
    own: Ints
    vectors: tuple[Floats, Floats]
    squares: tuple[Floats, Floats]
    gram: NDArray[np.floating]
    mirrored: bool

    @property
    def slack(self) -> float:
        """What a product in single precision may be off by, over the lengths of both vectors; 0 in float64."""
        return 0.0 if self.gram.dtype == np.float64 else float(np.finfo(np.float32).eps) * self.vectors[0].shape[1]

    @property
    def first(self) -> tuple[int, int]:
        """Number of the first row, and of the first column."""
        return self.rows.start, self.columns.start

    def known(self, values: Floats) -> tuple[Floats, Floats]:
        """What is known of all rows of the table: of those of the tile, and of its columns."""
        return values[self.own], values[self.columns]

    def kept(self, found: Found) -> tuple[Found, Found]:
        """Where to write what is found: of its rows, and of its columns, which only a tile with a mirror image has."""
        return found[..., self.rows], found[..., self.columns if self.mirrored else self.rows]


@runtime_checkable
class Reader(Protocol):
    """What is read off a table of pairs."""

    def part(self) -> Self:
        """Another one, for another thread, which has read nothing."""
        ...

    def merge(self, other: Self) -> None:
        """Take in what another thread has read."""
        ...

    def add(self, tile: Tile) -> None:
        """Read a tile."""
        ...


def sampled(rows: int, width: int) -> Int[np.ndarray, " n"] | None:
    """Which of so many rows are compared with all; None where all are."""
    if rows**2 * width <= WORK or rows <= SAMPLE:
        return None
    return np.sort(np.random.default_rng(_SEED).choice(rows, SAMPLE, replace=False))


def sweep(vectors: Rows, *readers: Any, sample: Int[np.ndarray, " n"] | None = None) -> None:
    """Show readers the inner products of some rows, in threads; between tiles an interrupt is heeded.

    Parameters
    ----------
    vectors : array or Rows of shape (s, d)
    *readers : Reader
    sample : ndarray of shape (n,), optional
        Which rows are shown, with all others; all by default.
    """
    if sample is None:
        _all(vectors, readers)
    else:
        _some(vectors, readers, sample)


def _all(table: Rows, readers: Sequence[Reader]) -> None:
    # Each row is read many times over.
    vectors: Floats = table[:]
    every: Ints = np.arange(len(vectors))
    squares: Floats = np.vecdot(vectors, vectors)
    parts = list(slices(len(vectors), _TILE))
    threads = at_once(len(parts))
    # Which thread reads which tile is always the same, and so are the roundings of sums.
    own = [readers, *([reader.part() for reader in readers] for _ in range(threads - 1))]

    def show(thread: int, first: int) -> None:
        rows = parts[first]
        left, places = vectors[rows], every[rows]
        for columns in parts[first:]:
            right = left if columns is rows else vectors[columns]
            lengths = squares[rows], squares[columns]
            tile = Tile(rows, columns, places, (left, right), lengths, left @ right.T, columns is not rows)
            for reader in own[thread]:
                reader.add(tile)

    in_turns(show, range(len(parts)), threads)
    _merge(own)


def _some(vectors: Rows, readers: Sequence[Reader], sample: Int[np.ndarray, " n"]) -> None:
    left = vectors[sample]
    squares: Floats = np.vecdot(left, left)
    narrow, parts = left.astype(np.float32), list(slices(sample.size, _TILE))
    every = list(slices(vectors.shape[0], 4 * _TILE))
    threads = at_once(len(every))
    own = [readers, *([reader.part() for reader in readers] for _ in range(threads - 1))]

    def show(thread: int, columns: slice) -> None:
        # Rows that are made when read are made here, in as many threads.
        right = vectors[columns]
        turned, others = right.astype(np.float32).T, np.vecdot(right, right)
        for rows in parts:
            both = left[rows], right
            tile = Tile(rows, columns, sample[rows], both, (squares[rows], others), narrow[rows] @ turned, False)
            for reader in own[thread]:
                reader.add(tile)

    in_turns(show, every, threads)
    _merge(own)


def _merge(readers: Sequence[Sequence[Any]]) -> None:
    """Let those of the first thread take in what the others have read."""
    for others in readers[1:]:
        for reader, other in zip(readers[0], others, strict=True):
            reader.merge(other)


class Leading:
    """The largest entry of every row of a table that comes in tiles; the first one of several."""

    def __init__(self, rows: int) -> None:
        self.index, self.value = np.zeros(rows, dtype=np.int64), np.full(rows, -np.inf)

    def add(self, rows: slice, columns: slice, tile: NDArray[np.floating]) -> None:
        """Take in a tile; those of the same rows come in the order of their columns."""
        keep_largest(tile, self.value[rows], self.index[rows], columns.start)

    def merge(self, other: "Leading") -> None:
        """Take in what was found elsewhere in the same table."""
        keep_larger(other.value, other.index, self.value, self.index)

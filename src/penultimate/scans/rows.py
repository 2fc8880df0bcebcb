"""The rows of a last layer as a scan reads them: in blocks, as float32, whatever they are stored in.

A vocabulary may have 256,000 rows of 4,096 numbers. Its weights are kept as they are stored, and no float32 copy of the
whole is made; every pass widens a block of rows at a time.
"""

from collections.abc import Iterator, Sequence

import numpy as np
from jaxtyping import Bool, Float, Int
from numpy.typing import NDArray

from penultimate.archives.packed import Packed

# Numbers of a block: 32 MiB in float32.
_ENTRIES = 1 << 23
# Sums of squares below this have lost digits in single precision.
_LEAST = 1e-30


class Rows:
    """Some rows of a matrix, streamed in blocks.

    Parameters
    ----------
    weight : ndarray or Packed, of shape (K, d)
        Floats of any precision.
    chosen : ndarray of shape (n,), optional
        Which rows, in rising order; all by default.
    """

    def __init__(self, weight: Packed | NDArray[np.floating], chosen: Int[np.ndarray, " n"] | None = None) -> None:
        self._weight = weight
        self.chosen: NDArray[np.int64] = np.arange(len(weight)) if chosen is None else chosen.astype(np.int64)

    def __len__(self) -> int:
        return self.chosen.size

    @property
    def dimension(self) -> int:
        """Numbers in a row, d."""
        return self._weight.shape[1]

    def among(self, index: Int[np.ndarray, " m"]) -> "Rows":
        """Some of these rows, by their place among them."""
        return Rows(self._weight, self.chosen[index])

    def without(self, gone: Bool[np.ndarray, " n"]) -> "Rows":
        """These rows less some of them."""
        return Rows(self._weight, self.chosen[~gone])

    def read(self, index: Int[np.ndarray, " m"] | None = None) -> Float[np.ndarray, "m d"]:
        """Rows as float32, by their place among these."""
        with np.errstate(over="ignore"):
            return self._weight[self.chosen if index is None else self.chosen[index]].astype(np.float32)

    def blocks(self) -> Iterator[tuple[slice, Float[np.ndarray, "b d"]]]:
        """Blocks of rows as float32, with their place among these."""
        step = max(1, _ENTRIES // max(self.dimension, 1))
        for start in range(0, len(self), step):
            place = slice(start, min(start + step, len(self)))
            picked = self.chosen[place]
            whole = picked[-1] - picked[0] == picked.size - 1  # neighbours, so that nothing is copied twice
            block = self._weight[picked[0] : picked[-1] + 1] if whole else self._weight[picked]
            with np.errstate(over="ignore"):  # beyond single precision is infinity
                narrow = np.asarray(block, dtype=np.float32)
            yield place, narrow

    def distances(self, centres: Sequence[Float[np.ndarray, " d"]]) -> Float[np.ndarray, "c n"]:
        """Distances of all rows from some points, in one pass; subtracted before squared, so that nothing cancels."""
        out = np.empty((len(centres), len(self)))
        for place, block in self.blocks():
            for i, centre in enumerate(centres):
                out[i, place] = row_lengths(block - centre.astype(np.float32))
        return out

    def mean(self) -> Float[np.ndarray, " d"]:
        """The mean row, in float64."""
        total = np.zeros(self.dimension)
        for _, block in self.blocks():
            total += block.sum(axis=0, dtype=np.float64)
        return total / max(len(self), 1)

    def project(self, basis: Float[np.ndarray, "d q"]) -> Float[np.ndarray, "n q"]:
        """Rows along the columns of a basis, as float32."""
        out = np.empty((len(self), basis.shape[1]), dtype=np.float32)
        narrow = basis.astype(np.float32)
        for place, block in self.blocks():
            out[place] = block @ narrow
        return out


def row_lengths(block: Float[np.ndarray, "b d"]) -> Float[np.ndarray, " b"]:
    """Lengths of rows in float32; NaN for rows that hold NaN or infinity.

    Squares are added in single precision, five times as fast; where they would overflow or vanish, in double.
    """
    with np.errstate(over="ignore", under="ignore", invalid="ignore"):
        squared = np.einsum("bd,bd->b", block, block).astype(np.float64)
    odd = np.flatnonzero(~((squared > _LEAST) & (squared < np.inf)))
    if odd.size:
        rare = block[odd].astype(np.float64)
        squared[odd] = np.where(np.isfinite(rare).all(axis=1), np.einsum("bd,bd->b", rare, rare), np.nan)
    return np.sqrt(squared)

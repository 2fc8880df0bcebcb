"""A matrix that is read a block at a time, as a tall one, with its rows centred and scaled on the way."""

from collections.abc import Iterator
from typing import Any

import numpy as np
from jaxtyping import Float
from numpy.typing import NDArray

Floats = NDArray[np.float64]

# Numbers of a block, 1 MiB in single precision: the second product finds it in the cache of a processor.
_ENTRIES = 1 << 18
# The same for one product of a block with itself.
_LARGE = 1 << 22


class Oriented:
    """``diag(scale) (M − shift meanᵀ)``, transposed where it is wide, and its products with few vectors.

    Parameters
    ----------
    matrix : ndarray of shape (K, d)
        Of any floating type; it is converted a block at a time, and nothing of its size is held.
    scale : ndarray of shape (K,)
    shift, mean : ndarray of shape (K,), (d,), optional
        What is taken off; nothing by default.

    Attributes
    ----------
    tall : bool
        Whether K ≥ d. Vectors on the smaller side are over columns then, else over rows.
    small, large : int
        Lengths of the two sides.
    reads : int
        How often the matrix was read.
    """

    def __init__(
        self,
        matrix: NDArray[Any],
        scale: Float[np.ndarray, " K"],
        shift: Float[np.ndarray, " K"] | None = None,
        mean: Float[np.ndarray, " d"] | None = None,
    ) -> None:
        self._matrix, self._scale = matrix, scale
        self.tall = matrix.shape[0] >= matrix.shape[1]
        self.small, self.large = min(matrix.shape), max(matrix.shape)
        self._type: type[np.floating[Any]] = np.float64 if matrix.dtype.itemsize > 4 else np.float32
        over, under = np.zeros(matrix.shape[0]) if shift is None else shift, mean
        under = np.zeros(matrix.shape[1]) if under is None else under
        self._off = (over, under) if self.tall else (under, over)
        self.reads = 0

    @property
    def rounding(self) -> float:
        """What products leave of a unit vector: 8 units of their type, and one of float64 a column.

        8 was enough in 10,000 random matrices (studies/randomised_svd.py).
        """
        return float(8.0 * np.finfo(self._type).eps + self.small * np.finfo(np.float64).eps)

    def squared(self, vectors: Floats) -> Floats:
        """``AᵀA`` times vectors on the smaller side, both products of a block in one read."""
        inside = self._inside(vectors)
        out, narrow, (_, across) = np.zeros(vectors.shape), inside.astype(self._type), self._off
        taken = across @ inside
        for place, block in self._blocks():
            along = self._off[0][place]
            part = block @ narrow - along[:, None] * taken
            part = part * self._scale[place, None] ** 2 if self.tall else part
            out += block.T @ part.astype(self._type) - across[:, None] * (along @ part)
        return self._inside(out)

    def times(self, vectors: Floats) -> Floats:
        """``A`` times vectors on the smaller side: vectors on the larger."""
        inside = self._inside(vectors)
        out, narrow = np.empty((self.large, vectors.shape[1])), inside.astype(self._type)
        taken = self._off[1] @ inside
        for place, block in self._blocks():
            out[place] = block @ narrow - self._off[0][place, None] * taken
        return out * self._scale[:, None] if self.tall else out

    def gram(self) -> Floats:
        """``AᵀA``; products of a block in its own precision, their sum in float64."""
        out = np.zeros((self.small, self.small))
        for place, block in self._blocks(_LARGE):
            rows = block - np.outer(self._off[0][place], self._off[1]).astype(self._type)
            if self.tall:
                rows *= self._scale[place, None].astype(self._type)
            out += rows.T @ rows
        return out if self.tall else out * np.outer(self._scale, self._scale)

    def _inside(self, vectors: Floats) -> Floats:
        """Where rows are the smaller side, their scale goes with the vectors."""
        return vectors if self.tall else vectors * self._scale[:, None]

    def _blocks(self, entries: int = _ENTRIES) -> Iterator[tuple[slice, NDArray[np.floating]]]:
        """Rows of the tall matrix, as they are stored."""
        self.reads += 1
        step = max(1, entries // self.small)
        for start in range(0, self.large, step):
            place = slice(start, min(start + step, self.large))
            block = self._matrix[place] if self.tall else self._matrix[:, place].T
            yield place, block.astype(self._type, copy=False)

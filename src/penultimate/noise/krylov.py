"""Leading singular values and vectors of a large matrix from a few reads of it, with a bound on what they are off by.

Block Krylov on the smaller side (Musco and Musco 2015, arXiv 1504.05477): all blocks are kept, and Rayleigh and Ritz
choose among them. The bound asks for what no iteration gives, an upper bound of the next singular value: probes do, but
for a chance of one in 100,000 (docs/theory §12.2).
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from numpy.typing import NDArray

from penultimate.errors import ProblemError
from penultimate.noise.oriented import Oriented
from penultimate.reported import OneLine

Floats = NDArray[np.float64]

# A matrix whose smaller side is shorter is decomposed by its Gram matrix, which takes as long.
SMALL = 1000
# Columns over those that are wanted: with none, a small Gaussian matrix has to be inverted, whose tails are heavy.
_OVER = 10
# Probes, and how small the share of each in the vector sought may be: all of them are smaller with a probability of
# (0.4 √(2/π))^10 = 1e-5.
_PROBES, _SHARE = 10, 0.4
# Reads before the probes start, which need the leading directions roughly, and at most.
_SETTLING, _MOST = 2, 12


@dataclass(frozen=True, eq=False, repr=False)
class Leading(OneLine):
    """Leading singular values and vectors of a matrix.

    Made by `leading`.

    Attributes
    ----------
    singular_values : ndarray of shape (r,)
        Largest first.
    left, right : ndarray of shape (K, r), (d, r)
        Singular vectors.
    sine : ndarray of shape (r,)
        Each vector's angle to the space of the r exact ones is at most this: certified, but for a chance of 1e-5. One
        where nothing is known.
    row_error : ndarray of shape (K,)
        Estimate, no bound, of the distance of each row of `left` from its exact place, up to a rotation.
    next_at_most : float
        Upper bound of the next singular value.
    reads : int
        How often the matrix was read.

    Examples
    --------
    >>> import numpy as np, penultimate as pen
    >>> pen.noise.leading(np.diag([3.0, 2.0, 1.0]), 2).singular_values.round(6)
    array([3., 2.])
    """

    singular_values: Float[np.ndarray, " r"]
    left: Float[np.ndarray, "K r"]
    right: Float[np.ndarray, "d r"]
    sine: Float[np.ndarray, " r"]
    row_error: Float[np.ndarray, " K"]
    next_at_most: float
    reads: int


def leading(matrix: object, rank: int, *, target: float = 1e-3, seed: int = 0) -> Leading:
    """Leading singular values and vectors of a matrix, by as few reads of it as the target needs.

    Parameters
    ----------
    matrix : ndarray of shape (K, d)
        Of any floating type. float16 and float32 are multiplied in single precision, float64 in double.
    rank : int
        How many.
    target : float, default 1e-3
        Reading stops when every sine is certified to be at most so much, or cannot become so within twelve reads.
    seed : int, default 0
        Of start and probes.

    Returns
    -------
    Leading

    Raises
    ------
    ProblemError
        When the matrix is no matrix of finite numbers, the rank is not below its smaller side, or the target is none.

    Notes
    -----
    A matrix of less than 1,000 on its smaller side is decomposed by its Gram matrix, exactly but for rounding.

    Examples
    --------
    >>> import numpy as np, penultimate as pen
    >>> rng = np.random.default_rng(0)
    >>> strong = rng.normal(size=(1500, 3)) @ rng.normal(size=(3, 1100))
    >>> found = pen.noise.leading(strong + rng.normal(size=strong.shape), 3)
    >>> bool(found.sine.max() < 1e-3), found.reads <= 12
    (True, True)
    """
    array = as_matrix(matrix)
    if not 1 <= rank < min(array.shape):
        raise ProblemError(f"rank {rank} of a matrix of shape {array.shape}: give one from 1 to {min(array.shape) - 1}")
    if not 0.0 < target < 1.0:
        raise ProblemError(f"target {target} is a sine: give a number between 0 and 1")
    oriented = Oriented(array, np.ones(len(array)))
    if oriented.small < SMALL:
        values, vectors = by_gram(oriented)
        return exact(oriented, values, vectors, rank)
    return Krylov(oriented, rank, seed).certified(rank, target)


def as_matrix(matrix: object) -> NDArray[np.floating]:
    """A matrix of finite numbers, in its own floating type; ProblemError otherwise."""
    array = np.asarray(matrix)
    if array.ndim != 2 or not array.size:
        raise ProblemError(f"an array of shape {array.shape} is no matrix: give rows and columns")
    if array.dtype.kind not in "fiu":
        raise ProblemError(f"a matrix of {array.dtype}: give real numbers")
    array = array if array.dtype.kind == "f" else array.astype(np.float64)
    for start in range(0, len(array), 4096):
        if not np.isfinite(array[start : start + 4096]).all():
            raise ProblemError("the matrix holds NaN or infinity: mend those rows, or leave them out")
    return array


def by_gram(oriented: Oriented) -> tuple[Floats, Floats]:
    """All singular values, largest first, and the vectors on the smaller side."""
    squares, vectors = np.linalg.eigh(oriented.gram())
    return np.sqrt(np.maximum(squares[::-1], 0.0)), vectors[:, ::-1]


class Krylov:
    """The space of all blocks so far, and what the squared matrix makes of it.

    Parameters
    ----------
    oriented : Oriented
    rank : int
        Directions to be found; the block is by ten wider.
    seed : int
    start : ndarray, optional
        Vectors on the smaller side to begin with, if some are known.
    """

    def __init__(self, oriented: Oriented, rank: int, seed: int, start: Floats | None = None) -> None:
        self._matrix, self._rng = oriented, np.random.default_rng(seed)
        width = min(rank + _OVER, oriented.small)
        block = self._rng.standard_normal((oriented.small, width))
        if start is not None:
            block[:, : start.shape[1]] = start[:, :width]
        self._next = np.linalg.qr(block)[0]
        self._basis = np.empty((oriented.small, 0))
        self._image = np.empty((oriented.small, 0))

    def read(self, beside: Floats | None = None) -> Floats:
        """One read: the next block, and what the squared matrix makes of other vectors."""
        width = self._next.shape[1]
        both = self._next if beside is None else np.hstack([self._next, beside])
        image = self._matrix.squared(both)
        self._basis, self._image = np.hstack([self._basis, self._next]), np.hstack([self._image, image[:, :width]])
        room = min(width, self._matrix.small - self._basis.shape[1])
        rest = image[:, :width]
        for _ in range(2):  # once leaves what rounding was multiplied by
            rest = rest - self._basis @ (self._basis.T @ rest)
            rest = np.linalg.qr(rest)[0]
        self._next = rest[:, :room]
        return image[:, width:]

    def ritz(self) -> tuple[Floats, Floats, Floats]:
        """Squares of singular values, largest first, their vectors, and what is left of the equation of each."""
        inner = self._basis.T @ self._image
        squares, turn = np.linalg.eigh(0.5 * (inner + inner.T))
        squares, turn = np.maximum(squares[::-1], 0.0), turn[:, ::-1]
        vectors = self._basis @ turn
        return squares, vectors, self._image @ turn - vectors * squares

    def certified(self, rank: int, target: float) -> Leading:
        """Read until every sine is at most the target, or it is no use."""
        for _ in range(_SETTLING):
            self.read()
        probes = _Probes(self.ritz()[1][:, :rank], self._rng, _SHARE, _PROBES)
        while True:
            probes.add(self.read(probes.next))
            squares, vectors, left = (part[..., :rank] for part in self.ritz())
            bound = probes.bound()
            sine = self._sines(squares, left, bound)
            if sine.max(initial=0.0) <= target or self._matrix.reads >= _MOST:
                return _finished(self._matrix, squares, vectors, left, bound, sine)

    def _sines(self, squares: Floats, left: Floats, bound: float) -> Floats:
        gap = np.maximum(squares - bound, 0.0)
        with np.errstate(divide="ignore", invalid="ignore"):
            sine = np.linalg.norm(left, axis=0) / gap
            floor = self._matrix.rounding * np.sqrt(squares.max(initial=0.0) * squares) / gap
        return np.where(gap > 0.0, np.minimum(sine + floor, 1.0), 1.0)


class _Probes:
    """Lanczos from Gaussian vectors outside a few directions: an upper bound of the largest eigenvalue there.

    After k steps ``p(B) ω`` is known for a polynomial p that is largest beyond what ω has seen, and with
    ``|⟨ω, v⟩| ≥ t`` for an eigenvector v of λ, ``t |p(λ)| ≤ ‖p(B) ω‖`` (Hochstenbach 2013, doi 10.1137/120863411).
    """

    def __init__(self, outside: Floats, rng: np.random.Generator, share: float, number: int) -> None:
        self._outside, self._share = outside, share
        start = self._freed(rng.standard_normal((len(outside), number)))
        self._size = np.linalg.norm(start, axis=0)
        self.next = start / self._size
        self._before = np.zeros_like(self.next)
        self._diagonal: list[Floats] = []
        self._beside: list[Floats] = []

    def add(self, image: Floats) -> None:
        """A step, from what the squared matrix makes of `next`."""
        image = self._freed(image)
        diagonal = np.einsum("ij,ij->j", self.next, image)
        image -= self.next * diagonal
        if self._beside:
            image -= self._before * self._beside[-1]
        image = self._freed(image)
        beside = np.linalg.norm(image, axis=0)
        self._diagonal.append(diagonal)
        self._beside.append(beside)
        self._before, self.next = self.next, image / np.where(beside > 0.0, beside, 1.0)

    def bound(self) -> float:
        """Upper bound of the largest eigenvalue, but for the chance that every probe misses its vector."""
        diagonal, beside = np.array(self._diagonal), np.array(self._beside)
        tridiagonal = np.zeros((diagonal.shape[1], len(diagonal), len(diagonal)))
        places = np.arange(len(diagonal))
        tridiagonal[:, places, places] = diagonal.T
        tridiagonal[:, places[1:], places[:-1]] = tridiagonal[:, places[:-1], places[1:]] = beside[:-1].T
        roots = np.linalg.eigvalsh(tridiagonal)
        with np.errstate(divide="ignore"):
            grown: Floats = np.log(self._size / self._share) + np.log(beside).sum(axis=0)
        low: Floats = np.asarray(roots[:, -1], dtype=np.float64)
        high: Floats = low + np.exp(grown / len(diagonal))  # where every factor is at least its mean
        for _ in range(60):
            middle: Floats = 0.5 * (low + high)
            with np.errstate(divide="ignore"):
                above = np.log(middle[:, None] - roots).sum(axis=1) > grown
            low, high = np.where(above, low, middle), np.where(above, middle, high)
        return float(high.max())

    def _freed(self, vectors: Floats) -> Floats:
        return vectors - self._outside @ (self._outside.T @ vectors)


def _finished(matrix: Oriented, squares: Floats, vectors: Floats, left: Floats, bound: float, sine: Floats) -> Leading:
    """With the vectors on the larger side, and what their rows are off by, from one more read."""
    values = np.sqrt(squares)
    both = matrix.times(np.hstack([vectors, left]))
    rank = values.size
    other = both[:, :rank] / values
    with np.errstate(divide="ignore", invalid="ignore"):
        weight = np.where(squares > bound, values * (squares - bound), np.nan)
    off = both[:, rank:] / weight
    if not matrix.tall:
        # Rows are the smaller side, whose vectors are off by the residual itself.
        off = left / (weight / values)
    first, second = (other, vectors) if matrix.tall else (vectors, other)
    return Leading(values, first, second, sine, np.linalg.norm(off, axis=1), float(np.sqrt(bound)), matrix.reads)


def exact(matrix: Oriented, values: Floats, vectors: Floats, rank: int) -> Leading:
    """The leading ones of all singular values and vectors, which `by_gram` gave."""
    squares, bound = values[:rank] ** 2, float(values[rank] ** 2)
    gap = squares - bound
    with np.errstate(divide="ignore"):
        floor = matrix.rounding * squares.max(initial=0.0) / gap
    sine = np.where(gap > 0.0, np.minimum(floor, 1.0), 1.0)
    return _finished(matrix, squares, vectors[:, :rank], np.zeros((matrix.small, rank)), bound, sine)

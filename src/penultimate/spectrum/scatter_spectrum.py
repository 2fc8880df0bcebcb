"""Singular values and vectors of a label scatter: all of them, or for very many labels the leading ones.

The squared singular values are eigenvalues of ``S = Yᵀ Y − n nᵀ/N`` (free bias), of ``Yᵀ Y`` (none) or of
``S + N β βᵀ`` (docs/theory §16). Up to 4,096 labels LAPACK finds all, in O(K³) time and O(K²) memory; above, Lanczos
finds the leading ones from products with the sparse ``Yᵀ Y`` alone.
"""

import contextlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import Float
from numpy.typing import NDArray

from penultimate.reported import OneLine
from penultimate.targets.label_scatter import LabelScatter
from penultimate.threads import one_thread_of_blas

if TYPE_CHECKING:
    from scipy.sparse.linalg import LinearOperator

# All directions of so many labels take less than a minute (benchmarks/bench_targets.py); of twice as many, eight times
# as long.
MOST_DENSE = 4096
# Labels up to which one thread of BLAS decomposes: with other work on two cores two threads wait for one another, and
# take four times as long for 600 labels, and seven times for 2,000.
_ALONE = 2048
# How many leading directions are sought, one number after the other, until the last lies below what is asked for.
_RANKS = (32, 128, 512)
# Relative residual of a leading singular vector; its value is right to the square of that.
_RESIDUAL = 1e-7


@dataclass(frozen=True, repr=False)
class ScatterSpectrum(OneLine):
    """Directions of a label scatter, the strongest first.

    Attributes
    ----------
    sigma : ndarray of shape (r,)
        Singular values s > 0.
    vectors : ndarray of shape (K, r)
        U, one column a direction.
    diagonal : ndarray of shape (K,)
        Of the matrix that was decomposed: what each label has of it.
    complete : bool
        Whether these are all directions.

    Examples
    --------
    >>> import penultimate as pen
    >>> from penultimate.spectrum.scatter_spectrum import scatter_spectrum
    >>> scatter_spectrum(pen.LabelScatter.from_counts([60, 30, 10])).sigma.round(3)
    array([6.383, 3.64 ])
    """

    sigma: Float[np.ndarray, " r"]
    vectors: Float[np.ndarray, "K r"]
    diagonal: Float[np.ndarray, " K"]
    complete: bool

    @property
    def rank(self) -> int:
        """How many directions were found."""
        return self.sigma.size

    @property
    def rest(self) -> float:
        """Sum of the squared singular values that were not found."""
        return 0.0 if self.complete else max(0.0, float(self.diagonal.sum() - self.sigma @ self.sigma))


def scatter_spectrum(
    targets: LabelScatter, shift: Float[np.ndarray, " K"] | None = None, *, enough: float = 0.0
) -> ScatterSpectrum:
    """Decompose ``S + N β βᵀ``.

    Parameters
    ----------
    targets : LabelScatter
    shift : ndarray of shape (K,), optional
        β = ȳ − b; zero by default, for a free bias, and ȳ where there is none.
    enough : float, default 0
        Of more than 4,096 labels: directions below this singular value are not needed.

    Returns
    -------
    ScatterSpectrum
        Complete up to 4,096 labels; above, the 32, 128 or 512 strongest.
    """
    beta = np.zeros(targets.labels) if shift is None else shift
    diagonal = targets.variance + targets.samples * beta**2
    if targets.labels <= MOST_DENSE:
        return _all(moment_of(targets, beta), diagonal)
    *lower, most = _RANKS
    for rank in lower:
        found = _leading(targets, beta, diagonal, rank)
        if found.rank < rank or found.sigma[-1] < enough:
            return found
    return _leading(targets, beta, diagonal, most)


def strongest(targets: LabelScatter, scales: Float[np.ndarray, " K"]) -> float:
    """The largest singular value of the centred targets, each label multiplied by a number.

    Parameters
    ----------
    targets : LabelScatter
    scales : ndarray of shape (K,)

    Returns
    -------
    float
    """
    zero = np.zeros(targets.labels)
    if targets.labels <= _RANKS[-1]:
        scaled = scales[:, None] * moment_of(targets, zero) * scales
        with one_thread_of_blas():
            return float(np.sqrt(np.linalg.eigvalsh(scaled)[-1]))
    from scipy.sparse.linalg import LinearOperator, eigsh

    plain: Any = _operator(targets, zero)

    def product(vector: Any) -> Any:
        return scales * plain.matvec(scales * vector.ravel())

    operator: Any = LinearOperator(plain.shape, matvec=product, dtype=np.float64)  # pyright: ignore[reportCallIssue]
    start = np.random.default_rng(0).normal(size=targets.labels)
    square = eigsh(operator, k=1, v0=start, tol=_RESIDUAL, return_eigenvectors=False)
    return float(np.sqrt(square[0]))


def moment_of(targets: LabelScatter, beta: Float[np.ndarray, " K"]) -> Float[np.ndarray, "K K"]:
    """``S + N β βᵀ`` as a dense matrix."""
    dense: NDArray[np.float64] = targets.second_moment.toarray()
    dense += np.outer(targets.samples * beta, beta) - np.outer(targets.positives, targets.mean)
    return dense


def _all(moment: NDArray[np.float64], diagonal: Float[np.ndarray, " K"]) -> ScatterSpectrum:
    from scipy.linalg import eigh

    with one_thread_of_blas() if len(moment) <= _ALONE else contextlib.nullcontext():
        squares, vectors = eigh(moment, overwrite_a=True, check_finite=False, driver="evd")
    # What a direction that does not exist leaves of rounding.
    real = squares > squares.size * np.finfo(float).eps * max(float(squares[-1]), 0.0)
    return ScatterSpectrum(np.sqrt(squares[real][::-1]), vectors[:, real][:, ::-1], diagonal, True)


def _leading(
    targets: LabelScatter, beta: Float[np.ndarray, " K"], diagonal: Float[np.ndarray, " K"], rank: int
) -> ScatterSpectrum:
    from scipy.sparse.linalg import eigsh

    # Seeded, so that the same targets give the same last digits.
    start = np.random.default_rng(0).normal(size=targets.labels)
    squares, vectors = eigsh(_operator(targets, beta), k=rank, v0=start, tol=_RESIDUAL)
    order = np.argsort(-squares)
    order = order[squares[order] > _RESIDUAL**2 * squares.max()]
    return ScatterSpectrum(np.sqrt(squares[order]), vectors[:, order], diagonal, False)


def _operator(targets: LabelScatter, beta: Float[np.ndarray, " K"]) -> "LinearOperator":
    from scipy.sparse.linalg import LinearOperator

    moment, mean, samples = targets.second_moment, targets.mean, targets.samples

    def product(vector: Any) -> Any:
        flat = vector.ravel()
        return moment @ flat + samples * (beta * (beta @ flat) - mean * (mean @ flat))

    return LinearOperator(moment.shape, matvec=product, dtype=np.float64)  # pyright: ignore[reportCallIssue]

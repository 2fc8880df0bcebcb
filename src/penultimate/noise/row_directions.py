"""Which directions of a matrix of rows, such as a head, stand above the noise of its entries.

Rows are brought to noise of one size first: a direction's strength then is never less than in the rows as they are, and
mostly more (docs/theory §12.1).
"""

import hashlib
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int
from numpy.typing import NDArray

from penultimate.errors import ProblemError
from penultimate.noise.bulk import Bulk, bulk_of
from penultimate.noise.edges import margin, strengths
from penultimate.noise.krylov import SMALL, Krylov, Leading, as_matrix, by_gram, exact
from penultimate.noise.oriented import Oriented
from penultimate.reported import OneLine

Floats = NDArray[np.float64]

# Rows and columns from which on the edge, which is a limit, is good to 3 % and more.
LEAST = 20
# Rounds in which variances of rows and directions settle, and the change at which they have.
_ROUNDS, _SETTLED = 8, 1e-2
# A row that a direction rests on alone has no noise left to be measured by: it keeps at least this part of its size,
# and counts for no more than this part of the direction.
_KEPT, _LEVERAGE = 1e-6, 0.9
# Directions that are looked for first in a large matrix, and reads for it. With more than an eighth of all, its Gram
# matrix is as quick.
_FIRST, _READS, _MANY = 16, 3, 8


@dataclass(frozen=True, eq=False, repr=False)
class Directions(OneLine):
    """Directions of a matrix of K rows and d columns that stand above its noise.

    Made by `directions`. All but `row_variance` and `coordinates` are of the rows brought to noise of one size.

    Attributes
    ----------
    count : int
        r, how many stand above.
    columns : int
        d.
    edge : float
        Largest singular value that noise alone has.
    singular_values : ndarray of shape (r,)
        As they are seen, largest first.
    strengths : ndarray of shape (r,)
        Without the noise; NaN where not quantified, within 20 % of the edge.
    alignment_classes, alignment_features : ndarray of shape (r,)
        Expected squared cosine of each singular vector with the true one, over rows and over columns; NaN as above.
    sine : ndarray of shape (r,)
        Each is at most so far from the space of the r exact singular vectors: certified, but for a chance of 1e-5.
    row_error : ndarray of shape (K,)
        Estimate of what a row of the left singular vectors is off by for that reason.
    row_variance : ndarray of shape (K,)
        τ_k, of the rows as they are; NaN for rows left out.
    coordinates : ndarray of shape (K, r)
        Of the rows as they are along the directions; their noise has variance τ_k. NaN for rows left out.
    bulk : Bulk
        Quartiles of the singular values below the edge, and those of noise.
    reads : int
        How often the matrix was read for the certificate.
    zero, repeated : ndarray
        Rows that were left out: of zeros, and equal to one before.

    Examples
    --------
    >>> import numpy as np, penultimate as pen
    >>> rng = np.random.default_rng(0)
    >>> rows = 3 * rng.normal(size=(400, 2)) @ rng.normal(size=(2, 50)) + rng.normal(size=(400, 50))
    >>> found = pen.noise.directions(rows)
    >>> found.count, round(found.edge, 1), found.fits
    (2, 27.1, True)
    """

    count: int
    columns: int
    edge: float
    singular_values: Float[np.ndarray, " r"]
    strengths: Float[np.ndarray, " r"]
    alignment_classes: Float[np.ndarray, " r"]
    alignment_features: Float[np.ndarray, " r"]
    sine: Float[np.ndarray, " r"]
    row_error: Float[np.ndarray, " K"]
    row_variance: Float[np.ndarray, " K"]
    coordinates: Float[np.ndarray, "K r"]
    bulk: Bulk
    reads: int
    zero: Int[np.ndarray, " z"]
    repeated: Int[np.ndarray, " c"]

    @property
    def fits(self) -> bool:
        """Whether what is below the edge looks like noise; otherwise the count means nothing.

        Quartiles agree to 10 %, and fewer than half of all directions stand above: beyond, more are taken for real the
        fewer are left for noise.
        """
        return self.bulk.fits and self.count < _most(int(np.isfinite(self.row_variance).sum()), self.columns)


@dataclass(frozen=True)
class Shifted:
    """Rows less a multiple of one row, which is taken off while they are read: ``M − shift meanᵀ``."""

    matrix: NDArray[np.floating]
    shift: Float[np.ndarray, " K"]
    mean: Float[np.ndarray, " d"]

    def taken(self, rows: Int[np.ndarray, " k"]) -> "Shifted":
        """Some of the rows; nothing is copied where it is all."""
        if rows.size == len(self.matrix):
            return self
        return Shifted(self.matrix[rows], self.shift[rows], self.mean)

    def scaled(self, scale: Float[np.ndarray, " K"]) -> Oriented:
        """The rows times a number each."""
        return Oriented(self.matrix, scale, self.shift, self.mean)

    def rows(self, places: "Int[np.ndarray, ' k'] | slice") -> Floats:
        """Some rows in float64."""
        return self.matrix[places].astype(np.float64) - np.outer(self.shift[places], self.mean)

    def squares(self) -> Floats:
        """Squared length of every row."""
        out, step = np.empty(len(self.matrix)), max(1, (1 << 22) // self.matrix.shape[1])
        for start in range(0, out.size, step):
            block = self.rows(slice(start, start + step))
            out[start : start + step] = np.einsum("kd,kd->k", block, block)
        return out


def directions(
    matrix: object,
    row_variance: object = None,
    *,
    target: float = 1e-3,
    rank: int | None = None,
    seed: int = 0,
) -> Directions:
    """Find the directions of a matrix of rows that stand above the noise of its entries.

    Parameters
    ----------
    matrix : ndarray of shape (K, d)
        One row a class, of any floating type. At least 20 rows and columns: the edge is a limit for large ones.
    row_variance : float or array-like of shape (K,), optional
        Variance of the noise of each row. By default it is estimated from what lies outside the directions.
    target : float, default 1e-3
        Sine to the exact singular vectors that large matrices are read often enough for.
    rank : int, optional
        Look at no more directions than these; by default all above the edge.
    seed : int, default 0
        Of the random vectors that a large matrix is multiplied with.

    Returns
    -------
    Directions

    Raises
    ------
    ProblemError
        When there are fewer than 20 different rows, or columns, or numbers that are not finite; for variances that
        are not positive, and a rank or target that cannot be.

    Notes
    -----
    Randomised singular vectors against noise: Zhang and Tang (arXiv 2203.10262); the rest is derived in docs/theory
    §12. That the rest of a trained head is independent noise is an assumption: `Directions.fits` says whether the
    singular values below the edge look like it.

    Examples
    --------
    >>> import numpy as np, penultimate as pen
    >>> rng = np.random.default_rng(1)
    >>> noise = rng.normal(size=(300, 60)) * np.exp(0.5 * rng.normal(size=(300, 1)))
    >>> found = pen.noise.directions(noise + 2 * rng.normal(size=(300, 1)) @ rng.normal(size=(1, 60)))
    >>> found.count, bool(found.alignment_features[0] > 0.9)
    (1, True)
    """
    array = as_matrix(matrix)
    size, columns = int(array.shape[0]), int(array.shape[1])
    plain = Shifted(array, np.zeros(size), np.zeros(columns))
    return directions_of(plain, row_variance, target=target, rank=rank, seed=seed)


def directions_of(
    rows: Shifted, row_variance: object = None, *, target: float = 1e-3, rank: int | None = None, seed: int = 0
) -> Directions:
    """The same of rows less what they have in common; see `directions`."""
    size, columns = int(rows.matrix.shape[0]), int(rows.matrix.shape[1])
    if rank is not None and not 1 <= rank < min(size, columns):
        raise ProblemError(f"rank {rank}: give one from 1 to {min(size, columns) - 1}")
    if not 0.0 < target < 1.0:
        raise ProblemError(f"target {target} is a sine: give a number between 0 and 1")
    squares = rows.squares()
    zero, repeated = _useless(rows.matrix, squares)
    kept = np.delete(np.arange(size), np.concatenate([zero, repeated]))
    if kept.size < LEAST or columns < LEAST:
        raise ProblemError(
            f"{kept.size} different rows of width {columns}: where noise ends is a law of large matrices, so give at "
            f"least {LEAST} rows and columns"
        )
    given = None if row_variance is None else _variances(row_variance, size)[kept]
    used = rows.taken(kept)
    variance, found = _settled(used, squares[kept], given, rank, target, seed)
    worth = strengths(found.singular_values, np.ones(kept.size), columns)
    return Directions(
        count=found.singular_values.size,
        columns=columns,
        edge=float(np.sqrt(kept.size) + np.sqrt(columns)),
        singular_values=found.singular_values,
        strengths=worth.strength,
        alignment_classes=worth.rows,
        alignment_features=worth.columns,
        sine=found.sine,
        row_error=_placed(size, kept, found.row_error),
        row_variance=_placed(size, kept, variance),
        coordinates=_placed(size, kept, found.left * found.singular_values * np.sqrt(variance)[:, None]),
        bulk=bulk_of(used.rows, variance, found, seed),
        reads=found.reads,
        zero=zero,
        repeated=repeated,
    )


def _most(rows: int, columns: int) -> int:
    return min(rows, columns) // 2


def _settled(
    rows: Shifted, squares: Floats, given: Floats | None, rank: int | None, target: float, seed: int
) -> tuple[Floats, Leading]:
    """Variances of the rows, and the directions above the noise that they make: each follows from the other."""
    size, columns = rows.matrix.shape
    least = (np.sqrt(size) + np.sqrt(columns)) * margin(size, columns)
    most = _most(size, columns) if rank is None else rank
    variance = squares / columns if given is None else given
    known: Floats | None = None
    for _ in range(_ROUNDS):
        matrix = rows.scaled(variance**-0.5)
        values, vectors = _searched(matrix, least, seed, known)
        known = vectors[:, : min(most, int(np.count_nonzero(values > least)))]
        after = variance if given is not None else _outside(matrix, values, known, squares, variance, columns)
        change, variance = np.abs(after / variance - 1.0).max(), after
        if change <= _SETTLED:
            break
    matrix = rows.scaled(variance**-0.5)
    values, vectors = _searched(matrix, least, seed, known)
    count = min(most, int(np.count_nonzero(values > least)))
    if values.size == matrix.small:
        return variance, exact(matrix, values, vectors, count)
    return variance, Krylov(matrix, count, seed, vectors[:, :count]).certified(count, target)


def _outside(
    matrix: Oriented, values: Floats, vectors: Floats, squares: Floats, variance: Floats, columns: int
) -> Floats:
    """Variance of each row outside the directions.

    A direction follows the noise of a row by the row's share h in it: ``(1 − h)²`` of that noise's square is left.
    """
    rank = vectors.shape[1]
    inside = matrix.times(vectors) if matrix.tall else vectors * values[:rank]
    left = squares - variance * np.einsum("kr,kr->k", inside, inside)
    share = np.minimum(np.einsum("kr,kr->k", inside / values[:rank], inside / values[:rank]), _LEVERAGE)
    return np.maximum(left / ((columns - rank) * (1.0 - share) ** 2), _KEPT * squares / columns)


def _searched(matrix: Oriented, least: float, seed: int, known: Floats | None) -> tuple[Floats, Floats]:
    """All singular values and vectors; of a large matrix where few stand above a value the leading ones, roughly."""
    width = _FIRST if known is None else max(_FIRST, known.shape[1] + 1)
    while matrix.small >= SMALL and width * _MANY <= matrix.small:
        krylov = Krylov(matrix, width, seed, known)
        for _ in range(_READS):
            krylov.read()
        squares, vectors, _ = krylov.ritz()
        if np.count_nonzero(squares > least**2) < width:
            return np.sqrt(squares), vectors
        width *= 2
    return by_gram(matrix)


def _useless(matrix: NDArray[np.floating], squares: Floats) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Rows of zeros, once centred, and rows that are equal to one before: neither has noise of its own."""
    zero = np.flatnonzero(squares == 0.0)
    seen: set[bytes] = set()
    repeated: list[int] = []
    for place, row in enumerate(matrix):
        digest = hashlib.blake2b((row + 0.0).tobytes(), digest_size=16).digest()
        if digest in seen and squares[place] > 0.0:
            repeated.append(place)
        seen.add(digest)
    return zero, np.array(repeated, dtype=np.int64)


def _variances(given: object, rows: int) -> Floats:
    values = np.asarray(given, dtype=np.float64)
    if values.shape not in ((), (rows,)) or not np.all(np.isfinite(values) & (values > 0.0)):
        raise ProblemError(f"row_variance must be positive, one number or {rows} of them")
    return np.broadcast_to(values, (rows,))


def _placed(rows: int, kept: Int[np.ndarray, " k"], values: Floats) -> Floats:
    """Values of the rows that were kept, among all; NaN for the others."""
    out = np.full((rows, *values.shape[1:]), np.nan)
    out[kept] = values
    return out

"""What is read off a tile of the table of all pairs, in one go over its entries.

Each tile is of some rows with others (`Tile`). Where it stands for its mirror image too, what it gives its columns is
kept as well. Arrays come in twos: of the rows, and of the columns.
"""

import numpy as np
from numpy.typing import NDArray

from penultimate.kernels import SUM_FLAGS, kernel

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Two = tuple[Floats, Floats]
Places = tuple[Ints, Ints]
Sums = tuple[Floats, Floats, Floats]


def keep_largest(table: NDArray[np.floating], best: Floats, place: Ints, first: int) -> None:
    """Keep the largest entry of every row, and which column it is of: the first of several."""
    index = table.argmax(axis=1)
    keep_larger(table[np.arange(len(table)), index], index + first, best, place)


def keep_larger(value: NDArray[np.floating], index: Ints, best: Floats, place: Ints) -> None:
    """Keep values that are larger than the best so far, and where they are; of equal ones the first."""
    better = (value > best) | ((value == best) & (index < place))
    best[better], place[better] = value[better], index[better]


def _keep_others(
    table: Floats, diagonal: Ints, mirrored: bool, best: Two, place: Places, first: tuple[int, int]
) -> None:
    """Keep the largest entry of every row but its own, and of every column of a tile with a mirror image."""
    _put_own(table, diagonal, first[1], -np.inf)
    keep_largest(table, best[0], place[0], first[1])
    if mirrored:
        keep_largest(table.T, best[1], place[1], first[0])


def _put_own(table: Floats, diagonal: Ints, first: int, value: float) -> None:
    own = diagonal - first
    rows = np.flatnonzero((own >= 0) & (own < table.shape[1]))
    table[rows, own[rows]] = value


def _quotients(
    gram: NDArray[np.floating],
    vectors: Two,
    diagonal: Ints,
    squares: Two,
    spreads: Two,
    close: float,
    mirrored: bool,
    totals: Two,
    worst: Two,
    place: Places,
    first: tuple[int, int],
) -> None:
    """`add_quotients` by NumPy."""
    sizes = squares[0][:, None] + squares[1]
    distances = sizes - 2.0 * gram
    near = distances < close * sizes
    for i in np.flatnonzero(near.any(axis=1)):
        apart = vectors[0][i] - vectors[1][near[i]]
        distances[i, near[i]] = np.vecdot(apart, apart)
    table = 0.5 * (spreads[0][:, None] + spreads[1])
    table = np.where(distances > 0.0, table / distances, np.inf)
    _put_own(table, diagonal, first[1], 0.0)
    totals[0][...] += table.sum(axis=1)
    if mirrored:
        totals[1][...] += table.sum(axis=0)
    _keep_others(table, diagonal, mirrored, worst, place, first)


def _angles(
    gram: NDArray[np.floating],
    vectors: Two,
    diagonal: Ints,
    inverse: Two,
    simplex: float,
    slack: float,
    mirrored: bool,
    sums: tuple[Sums, Sums],
    nearest: Two,
    place: Places,
    first: tuple[int, int],
) -> None:
    """`add_angles` by NumPy."""
    table = (
        (vectors[0] @ vectors[1].T if slack > 0.0 else gram.astype(np.float64, copy=False))
        * inverse[1]
        * inverse[0][:, None]
    )
    _put_own(table, diagonal, first[1], -simplex)
    off = table + simplex
    parts = off, off**2, np.abs(off)
    for axis in (1, 0) if mirrored else (1,):
        for total, part in zip(sums[1 - axis], parts, strict=True):
            total[...] += part.sum(axis=axis)
    _keep_others(table, diagonal, mirrored, nearest, place, first)


def _nearness(
    gram: NDArray[np.floating],
    vectors: Two,
    diagonal: Ints,
    squares: Two,
    noise: Two,
    slack: float,
    mirrored: bool,
    nearest: Two,
    place: Places,
    first: tuple[int, int],
) -> None:
    """`add_nearness` by NumPy."""
    table = 2.0 * (vectors[0] @ vectors[1].T if slack > 0.0 else gram.astype(np.float64, copy=False))
    table -= squares[0][:, None] + squares[1]
    table /= noise[0][:, None] + noise[1]
    _keep_others(table, diagonal, mirrored, nearest, place, first)


@kernel(twin=_quotients, error_model="numpy", fastmath=SUM_FLAGS)
def add_quotients(
    gram: NDArray[np.floating],
    vectors: Two,
    diagonal: Ints,
    squares: Two,
    spreads: Two,
    close: float,
    mirrored: bool,
    totals: Two,
    worst: Two,
    place: Places,
    first: tuple[int, int],
) -> None:
    """Add variance over squared distance to the totals, and keep where it is largest."""
    quotient = np.empty(gram.shape[1])
    for i in range(gram.shape[0]):
        own = diagonal[i] - first[1]
        _distances(gram[i], vectors[0][i], vectors[1], squares[0][i], squares[1], close, quotient)
        # Two collapsed classes with one mean: nothing tells them apart.
        for j in range(quotient.size):
            spread = 0.5 * (spreads[0][i] + spreads[1][j])
            quotient[j] = spread / quotient[j] if quotient[j] > 0.0 else np.inf
        _put(quotient, own, 0.0)
        total = 0.0
        for j in range(quotient.size):
            total += quotient[j]
        totals[0][i] += total
        _put(quotient, own, -np.inf)
        _keep_row(quotient, worst[0], place[0], i, first[1])
        if mirrored:
            for j in range(quotient.size):
                totals[1][j] += quotient[j]
            _keep_columns(quotient, worst[1], place[1], first[0] + i)


@kernel(twin=_angles, error_model="numpy", fastmath=SUM_FLAGS)
def add_angles(
    gram: NDArray[np.floating],
    vectors: Two,
    diagonal: Ints,
    inverse: Two,
    simplex: float,
    slack: float,
    mirrored: bool,
    sums: tuple[Sums, Sums],
    nearest: Two,
    place: Places,
    first: tuple[int, int],
) -> None:
    """Add a cosine less a simplex's, its square and its size to sums, and keep where the cosine is largest."""
    cosine = np.empty(gram.shape[1])
    for i in range(gram.shape[0]):
        own = diagonal[i] - first[1]
        for j in range(cosine.size):
            cosine[j] = gram[i, j] * inverse[0][i] * inverse[1][j]
        # An angle is one of two rows: a row's own is put on the simplex, where it adds nothing to any sum.
        _put(cosine, own, -simplex)
        total, square, away = 0.0, 0.0, 0.0
        for j in range(cosine.size):
            off = cosine[j] + simplex
            total += off
            square += off * off
            away += abs(off)
        sums[0][0][i] += total
        sums[0][1][i] += square
        sums[0][2][i] += away
        _put(cosine, own, -np.inf)
        if slack > 0.0:
            least = nearest[0][i]
            for j in range(cosine.size):
                least = max(least, cosine[j] - slack)
            for j in range(cosine.size):
                if cosine[j] + slack >= least and j != own:
                    cosine[j] = _dot(vectors[0][i], vectors[1][j]) * inverse[0][i] * inverse[1][j]
        _keep_row(cosine, nearest[0], place[0], i, first[1])
        if mirrored:
            _add_off(cosine, simplex, sums[1])
            _keep_columns(cosine, nearest[1], place[1], first[0] + i)


@kernel(twin=_nearness, error_model="numpy", fastmath=SUM_FLAGS)
def add_nearness(
    gram: NDArray[np.floating],
    vectors: Two,
    diagonal: Ints,
    squares: Two,
    noise: Two,
    slack: float,
    mirrored: bool,
    nearest: Two,
    place: Places,
    first: tuple[int, int],
) -> None:
    """Keep where minus the squared distance over the noise of both is largest."""
    value, off = np.empty(gram.shape[1]), np.empty(gram.shape[1])
    for i in range(gram.shape[0]):
        own = diagonal[i] - first[1]
        for j in range(value.size):
            both = noise[0][i] + noise[1][j]
            value[j] = (2.0 * gram[i, j] - squares[0][i] - squares[1][j]) / both
            off[j] = slack * (squares[0][i] + squares[1][j]) / both
        _put(value, own, -np.inf)
        if slack > 0.0:
            least = nearest[0][i]
            for j in range(value.size):
                least = max(least, value[j] - off[j])
            for j in range(value.size):
                if value[j] + off[j] >= least and j != own:
                    value[j] = -_apart(vectors[0][i], vectors[1][j]) / (noise[0][i] + noise[1][j])
        _keep_row(value, nearest[0], place[0], i, first[1])
        if mirrored:
            _keep_columns(value, nearest[1], place[1], first[0] + i)


@kernel(error_model="numpy", fastmath=SUM_FLAGS)
def _distances(
    gram: NDArray[np.floating],
    row: Floats,
    others: Floats,
    square: float,
    squares: Floats,
    close: float,
    out: Floats,
) -> None:
    """Squared, of one row; those of close ones without cancellation."""
    for j in range(out.size):
        out[j] = square + squares[j] - 2.0 * gram[j]
    for j in range(out.size):
        if out[j] < close * (square + squares[j]):
            out[j] = _apart(row, others[j])


@kernel(error_model="numpy", fastmath=SUM_FLAGS)
def _apart(one: Floats, other: Floats) -> float:
    """Squared distance, without cancellation."""
    square = 0.0
    for k in range(one.size):
        square += (one[k] - other[k]) ** 2
    return square


@kernel(error_model="numpy", fastmath=SUM_FLAGS)
def _dot(one: Floats, other: Floats) -> float:
    total = 0.0
    for k in range(one.size):
        total += one[k] * other[k]
    return total


@kernel(error_model="numpy", fastmath=SUM_FLAGS)
def _add_off(cosine: Floats, simplex: float, sums: Sums) -> None:
    for j in range(cosine.size):
        off = cosine[j] + simplex
        sums[0][j] += off
        sums[1][j] += off * off
        sums[2][j] += abs(off)


@kernel()
def _put(values: Floats, where: int, value: float) -> None:
    if 0 <= where < values.size:
        values[where] = value


@kernel()
def _keep_row(values: Floats, best: Floats, place: Ints, row: int, first: int) -> None:
    """Keep the largest value of a row, and which column it is of: the first of several."""
    for j in range(values.size):
        if values[j] > best[row] or (values[j] == best[row] and first + j < place[row]):
            best[row], place[row] = values[j], first + j


@kernel()
def _keep_columns(values: Floats, best: Floats, place: Ints, number: int) -> None:
    """Keep a row's values where they are the largest of their columns."""
    for j in range(values.size):
        if values[j] > best[j] or (values[j] == best[j] and number < place[j]):
            best[j], place[j] = values[j], number

"""What `Moments` does with blocks of rows: sums about shifts, shifts of new classes, and products."""

import numpy as np
from numpy.typing import NDArray

from penultimate.features.blocks import CACHED, blocks
from penultimate.features.by_class import ByClass
from penultimate.kernels import SUM_FLAGS, kernel

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

# Longest rows between which float32 holds the products of a block with all digits that count: 4,096 squares of 2^50 add
# up to 2^112, and what is 2^-20 of 2^-30 still has a square of 2^-100, where the range is 2^-126 to 2^128.
_SAFE = (2.0**-30, 2.0**50)
# A class's first shift is the mean of its first samples, at most so many.
FIRST = 32


def _add_rows_by_class(
    rows: NDArray[np.floating],
    labels: Ints,
    weights: Floats,
    shift: Floats,
    weight: Floats,
    total: Floats,
    square: Floats,
    out: NDArray[np.floating],
) -> float:
    """`add_rows` by NumPy, a few rows at a time."""
    longest = 0.0
    for some in blocks(len(rows), rows.shape[1], CACHED):
        own, w = labels[some], weights[some] if weights.size else np.ones(len(labels[some]))
        centred = rows[some] - shift[own]
        lengths = w * np.vecdot(centred, centred)
        by_class = ByClass.of(own)
        total[by_class.classes] += by_class.sums(centred * w[:, None] if weights.size else centred)
        weight += np.bincount(own, w, len(weight))
        square += np.bincount(own, lengths, len(square))
        out[some] = np.sqrt(w)[:, None] * centred if weights.size else centred
        longest = max(longest, float(lengths.max()))
    return float(np.sqrt(longest))


def _add_first_by_class(rows: NDArray[np.floating], labels: Ints, taken: Ints, total: Floats) -> None:
    """`add_first` by NumPy."""
    first = ByClass.of(labels).places() + taken[labels] < FIRST
    by_class = ByClass.of(labels[first])
    total[by_class.classes] += by_class.sums(rows[first])
    taken += np.bincount(labels[first], minlength=taken.size)


def _merge_rows_at_once(
    weight: Floats, shift: Floats, total: Floats, weights: Floats, shifts: Floats, totals: Floats, scaled: Floats
) -> None:
    """`merge_rows` by NumPy."""
    one, two, whole = weight.copy(), weights, weight + weights
    both, new = (one > 0) & (two > 0), (one == 0) & (two > 0)
    rest = total / np.where(one > 0, one, 1.0)[:, None]
    left = totals / np.where(two > 0, two, 1.0)[:, None]
    gap = np.where(both[:, None], (shifts - shift) + (left - rest), 0.0)
    np.multiply(gap, np.sqrt(np.where(both, one * two / whole, 0.0))[:, None], out=scaled)
    shift[new], rest[new] = shifts[new], left[new]
    shift[whole == 0] = 0.0
    rest += gap * np.where(both, two / whole, 0.0)[:, None]
    before = shift.copy()
    shift += rest
    rest -= shift - before
    np.multiply(rest, whole[:, None], out=total)
    weight[...] = whole


@kernel(twin=_merge_rows_at_once, error_model="numpy")
def merge_rows(
    weight: Floats, shift: Floats, total: Floats, weights: Floats, shifts: Floats, totals: Floats, scaled: Floats
) -> None:
    """Merge sums of some classes with those of others about other shifts, and put shifts where the means are.

    What lies between both means is written into scaled, so that its products are what the scatter gains. Of shifts and
    of what is left to the means, each apart: means themselves are rounded.
    """
    for k in range(weight.size):
        one, two = weight[k], weights[k]
        whole = one + two
        both, new = one > 0.0 and two > 0.0, one == 0.0 and two > 0.0
        root = np.sqrt(one * two / whole) if both else 0.0
        share = two / whole if both else 0.0
        own_divisor = one if one > 0.0 else 1.0
        divisor = two if two > 0.0 else 1.0
        for j in range(shift.shape[1]):
            before, rest, left = shift[k, j], total[k, j] / own_divisor, totals[k, j] / divisor
            gap = (shifts[k, j] - before) + (left - rest) if both else 0.0
            if new:
                before, rest = shifts[k, j], left
            if whole == 0.0:
                before = 0.0
            scaled[k, j] = gap * root
            rest += gap * share
            after = before + rest
            shift[k, j] = after
            total[k, j] = (rest - (after - before)) * whole
        weight[k] = whole


@kernel(twin=_add_rows_by_class, error_model="numpy", fastmath=SUM_FLAGS)
def add_rows(
    rows: NDArray[np.floating],
    labels: Ints,
    weights: Floats,
    shift: Floats,
    weight: Floats,
    total: Floats,
    square: Floats,
    out: NDArray[np.floating],
) -> float:
    """Add rows to the sums and write ``√w (x − s)`` into out, whose longest row is returned; no weights mean 1."""
    longest = 0.0
    for i in range(rows.shape[0]):
        k = labels[i]
        w = weights[i] if weights.size else 1.0
        root = np.sqrt(w)
        row, own_shift, own_total, own_out = rows[i], shift[k], total[k], out[i]
        length = 0.0
        for j in range(row.size):
            z = np.float64(row[j]) - own_shift[j]
            own_total[j] += w * z
            own_out[j] = root * z
            length += z * z
        weight[k] += w
        square[k] += w * length
        longest = max(longest, w * length)
    return np.sqrt(longest)


@kernel(twin=_add_first_by_class)
def add_first(rows: NDArray[np.floating], labels: Ints, taken: Ints, total: Floats) -> None:
    """Sum of the first rows of each class."""
    for i in range(rows.shape[0]):
        k = labels[i]
        if taken[k] < FIRST:
            taken[k] += 1
            for j in range(rows.shape[1]):
                total[k, j] += rows[i, j]


def products(rows: NDArray[np.floating], longest: float) -> NDArray[np.floating]:
    """``rowsᵀ rows``, of rows that are scaled by a power of two where their products leave the range of float32."""
    if rows.dtype == np.float64 or longest == 0.0 or _SAFE[0] <= longest <= _SAFE[1]:
        return rows.T @ rows
    exponent = int(np.frexp(longest)[1])
    scaled = np.ldexp(rows, -exponent)
    return np.ldexp((scaled.T @ scaled).astype(np.float64), 2 * exponent)

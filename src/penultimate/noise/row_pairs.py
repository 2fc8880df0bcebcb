"""Are two rows the same, but for noise? A test along the directions above it, and the gap that it would have seen.

Noise in d coordinates hides what r of them show: cosines and distances of whole rows call rows different that are the
same, and cannot say of others whether they differ (docs/theory §12.3).
"""

from copy import copy
from dataclasses import dataclass
from typing import Literal

import numpy as np
from jaxtyping import Float, Int
from numpy.typing import NDArray
from scipy.special import chdtrc, chdtri, chndtrinc

from penultimate.errors import ProblemError
from penultimate.features.metrics.centred import Rows
from penultimate.features.metrics.pair_kernels import add_nearness
from penultimate.features.metrics.sweeping import WORK, Leading, Tile, sweep
from penultimate.noise.row_directions import Directions
from penultimate.reported import OneLine

Floats = NDArray[np.float64]

# Level of the test, before Holm's correction, and the power that is asked for.
LEVEL, POWER = 0.01, 0.8


@dataclass(frozen=True, eq=False, repr=False)
class EqualRows(OneLine):
    """Pairs of rows, tested for being the same.

    Made by `equal_rows`.

    Attributes
    ----------
    pairs : ndarray of shape (p, 2)
        Rows, the smaller number first.
    p_value : ndarray of shape (p,)
        How often equal rows look so different.
    adjusted : ndarray of shape (p,)
        The same after Holm's correction for the number of pairs.
    gap : ndarray of shape (p,)
        Distance along the directions, less what noise adds to its square.
    min_gap : ndarray of shape (p,)
        Distance that would have been seen with a probability of 0.8, at 1 % over the number of pairs.

    Examples
    --------
    >>> import numpy as np, penultimate as pen
    >>> rng = np.random.default_rng(0)
    >>> rows = 5 * rng.normal(size=(300, 2)) @ rng.normal(size=(2, 40))
    >>> rows[1] = rows[0]
    >>> found = pen.noise.directions(rows + rng.normal(size=rows.shape))
    >>> (pen.noise.equal_rows(found, [(0, 1), (0, 2)]).p_value > 0.01).tolist()
    [True, False]
    """

    pairs: Int[np.ndarray, "p 2"]
    p_value: Float[np.ndarray, " p"]
    adjusted: Float[np.ndarray, " p"]
    gap: Float[np.ndarray, " p"]
    min_gap: Float[np.ndarray, " p"]


def equal_rows(directions: Directions, pairs: "object | Literal['nearest']" = "nearest") -> EqualRows:
    """Test pairs of rows for being the same.

    Parameters
    ----------
    directions : Directions
        Of the rows.
    pairs : array-like of shape (p, 2), or "nearest"
        Rows to compare; by default each with the one nearest to it. Rows that were left out are compared with none.

    Returns
    -------
    EqualRows

    Raises
    ------
    ProblemError
        When no direction stands above the noise, the rest does not look like noise, or a pair is none.

    Notes
    -----
    ``‖V̂ᵀ(M_k − M_l)‖²/(τ_k + τ_l)`` is χ² with r degrees of freedom where rows are the same.

    Examples
    --------
    >>> import numpy as np, penultimate as pen
    >>> rng = np.random.default_rng(0)
    >>> rows = 5 * rng.normal(size=(300, 2)) @ rng.normal(size=(2, 40)) + rng.normal(size=(300, 40))
    >>> tested = pen.noise.equal_rows(pen.noise.directions(rows))
    >>> bool((tested.adjusted > 0.01).any())
    True
    """
    if not directions.count:
        raise ProblemError("no direction stands above the noise, so there is nothing that rows could differ along")
    if not directions.fits:
        raise ProblemError(
            "what is left of these rows does not look like noise (directions.bulk), so a test has no level"
        )
    both = _nearest_pairs(directions) if isinstance(pairs, str) else _checked(pairs, directions)
    one, other = both.T
    apart = directions.coordinates[one] - directions.coordinates[other]
    noise = directions.row_variance[one] + directions.row_variance[other]
    square = np.einsum("pr,pr->p", apart, apart) / noise
    rank, size = directions.count, max(len(both), 1)
    p_value = np.asarray(chdtrc(rank, square), dtype=np.float64)
    needed = chndtrinc(chdtri(rank, LEVEL / size), rank, 1.0 - POWER)
    gap = np.sqrt(noise * np.maximum(square - rank, 0.0))
    return EqualRows(both, p_value, holm(p_value), gap, np.sqrt(noise * float(needed)))


def _nearest_pairs(directions: Directions) -> NDArray[np.int64]:
    """Every row with the one nearest to it, each pair once."""
    known = np.flatnonzero(np.isfinite(directions.row_variance))
    points, noise = directions.coordinates[known], directions.row_variance[known]
    if known.size**2 * max(directions.count, 1) > WORK:
        raise ProblemError(f"comparing {known.size} rows with one another takes too long: give the pairs to test")
    nearest = nearest_of(points, noise)
    return np.unique(np.sort(np.column_stack([known, known[nearest]]), axis=1), axis=0)


def nearest_of(points: Rows, noise: Floats, sample: NDArray[np.int64] | None = None) -> NDArray[np.int64]:
    """For every point, or those of a sample, the one at the least squared distance over the sum of their noise."""
    nearness = _Nearness(noise, sample)
    sweep(points, nearness, sample=sample)
    return nearness.leading.index


class _Nearness:
    """Of every row, the nearest other one."""

    def __init__(self, noise: Floats, sample: NDArray[np.int64] | None) -> None:
        self._noise = noise
        self.leading = Leading(len(noise) if sample is None else sample.size)

    def part(self) -> "_Nearness":
        other = copy(self)
        other.leading = Leading(self.leading.index.size)
        return other

    def merge(self, other: "_Nearness") -> None:
        self.leading.merge(other.leading)

    def add(self, tile: Tile) -> None:
        add_nearness.at(classes=self._noise.size)(
            tile.gram,
            tile.vectors,
            tile.own,
            tile.squares,
            tile.known(self._noise),
            tile.slack,
            tile.mirrored,
            tile.kept(self.leading.value),
            tile.kept(self.leading.index),
            tile.first,
        )


def holm(p_value: Floats) -> Floats:
    """Adjusted for being the least of several (Holm 1979)."""
    order = np.argsort(p_value, kind="stable")
    steps = p_value[order] * np.arange(p_value.size, 0, -1)
    out = np.empty_like(p_value)
    out[order] = np.minimum(np.maximum.accumulate(steps), 1.0)
    return out


def _checked(pairs: object, directions: Directions) -> NDArray[np.int64]:
    given = np.asarray(pairs)
    rows = directions.row_variance.size
    if given.ndim != 2 or given.shape[1] != 2 or given.dtype.kind not in "iu":
        raise ProblemError("pairs must be 'nearest', or an array of two row numbers a pair")
    if given.size and (given.min() < 0 or given.max() >= rows or (given[:, 0] == given[:, 1]).any()):
        raise ProblemError(f"a pair is of two different rows from 0 to {rows - 1}")
    missing = np.flatnonzero(np.isnan(directions.row_variance[given]).any(axis=1))
    if missing.size:
        raise ProblemError(
            f"rows {given[missing[0]].tolist()}: one of them was left out, because it is zero or equals another "
            "(directions.zero, directions.repeated)"
        )
    return given.astype(np.int64)

"""Whether what is left of a matrix looks like noise: its singular values against Marchenko and Pastur's law."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from numpy.typing import NDArray

from penultimate.noise.krylov import Leading
from penultimate.reported import OneLine

Floats = NDArray[np.float64]

# Rows of a large matrix that are looked at, and what a quartile may be off by.
_ROWS, _WITHIN = 1024, 0.1
# Points of the law's distribution.
_POINTS = 4000


@dataclass(frozen=True, eq=False, repr=False)
class Bulk(OneLine):
    """Quartiles of the singular values that are left without the directions above the noise.

    Attributes
    ----------
    measured, expected : ndarray of shape (3,)
        Lower quartile, median, upper quartile, of the matrix and of noise.

    Examples
    --------
    >>> import numpy as np, penultimate as pen
    >>> pen.noise.directions(np.random.default_rng(0).normal(size=(200, 100))).bulk.expected.round(1)
    array([ 8.9, 12.9, 17.2])
    """

    measured: Float[np.ndarray, "3"]
    expected: Float[np.ndarray, "3"]

    @property
    def fits(self) -> bool:
        """Whether all three agree to 10 %."""
        return bool((np.abs(self.measured - self.expected) <= _WITHIN * self.expected).all())


def bulk_of(rows: Callable[[NDArray[np.int64]], Floats], variance: Floats, found: Leading, seed: int) -> Bulk:
    """Look at some rows, less the directions found, each over its own noise.

    Parameters
    ----------
    rows : callable
        Gives the rows at some places.
    variance : ndarray of shape (K,)
        Of the noise of each.
    found : Leading
        Of the rows over their noise.
    seed : int
        Of the choice.

    Returns
    -------
    Bulk
    """
    size, rank = len(variance), found.singular_values.size
    places = np.arange(size)
    if size > _ROWS:
        places = np.sort(np.random.default_rng(seed).choice(size, _ROWS, replace=False))
    along = (found.left[places] * found.singular_values) @ found.right.T
    rest: Floats = rows(places) / np.sqrt(variance[places])[:, None] - along
    gram = rest @ rest.T if len(rest) <= rest.shape[1] else rest.T @ rest
    # Directions taken off leave as many zeros, on both sides where all rows are there.
    high, wide = places.size - (rank if size <= _ROWS else 0), rest.shape[1] - rank
    values = np.sqrt(np.maximum(np.linalg.eigvalsh(gram)[::-1][: min(high, wide)], 0.0))
    return Bulk(np.quantile(values, [0.25, 0.5, 0.75]), _quartiles(high, wide))


def _quartiles(rows: int, columns: int) -> Floats:
    """Of the singular values of independent noise of variance one."""
    low, high = (np.sqrt(rows) - np.sqrt(columns)) ** 2, (np.sqrt(rows) + np.sqrt(columns)) ** 2
    angle: Floats = (np.arange(_POINTS) + 0.5) * np.pi / _POINTS
    squares: Floats = 0.5 * (low + high) - 0.5 * (high - low) * np.cos(angle)
    below: Floats = np.cumsum(np.sin(angle) ** 2 / squares)
    return np.sqrt(np.interp(np.array([0.25, 0.5, 0.75]) * float(below[-1]), below, squares))

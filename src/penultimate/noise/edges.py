"""Where noise ends: the largest singular value that a matrix of noise has, and what a direction above it is worth.

A matrix ``S + E`` of K rows and d columns, where E is independent noise with variance τ_k in row k. With

    z(m) = −1/m + Σ_k τ_k / (1 + d τ_k m),        −1/(d max τ) < m < 0,

the noise alone reaches ``√min z``; above it, ``z(m) = s²`` tells how strong the direction is that is seen at s, and how
far its vectors are from the true ones (docs/theory §12.1).
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from numpy.typing import NDArray

from penultimate.errors import ProblemError
from penultimate.reported import OneLine

Floats = NDArray[np.float64]

# Halvings of a bracket: to the last bit.
_HALVINGS = 80
# Nearer to the edge than this nothing is said of a direction's strength: with unequal rows the formula is off by 0.2
# there in simulation, and by 0.02 beyond.
QUANTIFIED = 1.2


def margin(rows: int, columns: int) -> float:
    """Above so many edges a direction is taken for real: fluctuations of the largest are of size min(K, d)^(−2/3)."""
    return 1.0 + min(rows, columns) ** (-2.0 / 3.0)


def edge(row_variance: object, columns: int) -> float:
    """Largest singular value of a matrix of independent noise whose rows have variances of their own.

    Parameters
    ----------
    row_variance : array-like of shape (K,)
        τ_k, zero or above.
    columns : int
        d.

    Returns
    -------
    float
        With equal variances ``√τ (√K + √d)``. A finite matrix lies about ``min(K, d)^(−2/3)`` of it lower.

    Raises
    ------
    ProblemError
        When a variance is negative or not finite, or all are zero, or there is no column.

    Notes
    -----
    The edge of a sample covariance with rows that are not identically distributed (Louart and Couillet 2021,
    arXiv 2109.02644), here with independent columns; a step costs O(K).

    Examples
    --------
    >>> import numpy as np, penultimate as pen
    >>> round(pen.noise.edge(np.ones(400), 100), 6)
    30.0
    """
    noise = _Noise(row_variance, columns)
    return float(np.sqrt(noise.z(noise.turning)))


def edge_of_groups(variance: Floats, times: Floats, columns: int) -> float:
    """The same where so many rows share each variance."""
    noise = _Noise(variance, columns, times)
    return float(np.sqrt(noise.z(noise.turning)))


@dataclass(frozen=True, eq=False, repr=False)
class Strengths(OneLine):
    """What directions that are seen above the edge are worth.

    Made by `strengths`; NaN for those within 20 % of the edge, which are not quantified.

    Attributes
    ----------
    strength : ndarray of shape (r,)
        θ, the singular value without noise.
    rows, columns : ndarray of shape (r,)
        Squared cosine of the vector seen with the true one, over rows (R^K) and over columns (R^d).

    Examples
    --------
    >>> import numpy as np, penultimate as pen
    >>> pen.noise.strengths([25.0], np.ones(400), 100)
    Strengths(strength=float64[1], rows=float64[1], columns=float64[1])
    """

    strength: Float[np.ndarray, " r"]
    rows: Float[np.ndarray, " r"]
    columns: Float[np.ndarray, " r"]


def strengths(singular_values: object, row_variance: object, columns: int) -> Strengths:
    """True strengths of directions, and how far what is seen of them points where they do.

    Parameters
    ----------
    singular_values : array-like of shape (r,)
        As seen.
    row_variance : array-like of shape (K,)
        τ_k of the noise.
    columns : int
        d.

    Returns
    -------
    Strengths
        For signal vectors that do not follow the noise of the rows.

    Raises
    ------
    ProblemError
        As `edge`.

    Notes
    -----
    Benaych-Georges and Nadakuditi 2012 (arXiv 1103.2221), with the transforms of unequal rows.

    Examples
    --------
    >>> import numpy as np, penultimate as pen
    >>> found = pen.noise.strengths([50.0, 31.0], np.ones(400), 100)
    >>> found.strength.round(2), found.rows.round(2), found.columns.round(2)
    (array([44.49,   nan]), array([0.82,  nan]), array([0.94,  nan]))
    """
    noise, seen = _Noise(row_variance, columns), np.asarray(singular_values, dtype=np.float64)
    least = QUANTIFIED * np.sqrt(noise.z(noise.turning))
    out = np.full((3, seen.size), np.nan)
    for i in np.flatnonzero(seen >= least).tolist():
        out[:, i] = _quantified(noise, float(seen[i]))
    return Strengths(*out)


def fisher_edge(rows: int, columns: int, freedom: float) -> float:
    """The same for noise that was whitened by a covariance estimated from other samples.

    Parameters
    ----------
    rows, columns : int
        Of the matrix of noise, of variance one.
    freedom : float
        Degrees of freedom of the covariance, more than columns.

    Returns
    -------
    float
        ``√K (1 + √(y_1 + y_2 − y_1 y_2))/(1 − y_2)`` with ``y_1 = d/K`` and ``y_2 = d/freedom``.

    Raises
    ------
    ProblemError
        When there are not more degrees of freedom than columns.

    Notes
    -----
    The edge of an F matrix (Wachter 1980). With ever more degrees of freedom it is ``√K + √d``.

    Examples
    --------
    >>> import penultimate as pen
    >>> round(pen.noise.fisher_edge(400, 100, 1e9), 3), round(pen.noise.fisher_edge(400, 100, 400), 3)
    (30.0, 44.305)
    """
    if not 0 < columns < freedom or rows < 1:
        raise ProblemError(
            f"{freedom:g} degrees of freedom for {columns} columns: a covariance that whitens needs more than columns"
        )
    one, other = columns / rows, columns / freedom
    return float(np.sqrt(rows) * (1.0 + np.sqrt(one + other - one * other)) / (1.0 - other))


def fisher_strengths(singular_values: Floats, rows: int, columns: int, freedom: float) -> Floats:
    """True strengths of directions of such a matrix; NaN within 20 % of the edge.

    ``s²/K = a (a − 1 + y_1)/(a − 1 − a y_2)`` with ``a = 1 + θ²/K`` (Wang and Yao 2017, doi 10.1214/16-AOS1463).
    """
    one, other = columns / rows, columns / freedom
    seen = singular_values**2 / rows
    half = 0.5 * ((1.0 - one) + seen * (1.0 - other))
    root = half + np.sqrt(np.maximum(half**2 - seen, 0.0))
    strengths = np.sqrt(rows * np.maximum(root - 1.0, 0.0))
    return np.where(singular_values >= QUANTIFIED * fisher_edge(rows, columns, freedom), strengths, np.nan)


class _Noise:
    """The equation, over the distinct variances."""

    def __init__(self, row_variance: object, columns: int, times: Floats | None = None) -> None:
        given = np.asarray(row_variance, dtype=np.float64)
        if given.ndim != 1 or not given.size or not np.all(np.isfinite(given) & (given >= 0.0)) or not given.any():
            raise ProblemError("variances of rows must be one finite number a row, none negative and not all zero")
        if columns < 1:
            raise ProblemError(f"{columns} columns: noise needs one at least")
        of_each = np.ones(given.size) if times is None else times
        self.columns, self.rows = columns, float(of_each.sum())
        self.variance, places = np.unique(given, return_inverse=True)
        self.times = np.bincount(places, weights=of_each)
        self.lowest = -1.0 / (columns * float(self.variance[-1]))
        self.turning = self._turning()

    def z(self, m: float) -> float:
        return -1.0 / m + float(self.times @ (self.variance / (1.0 + self.columns * self.variance * m)))

    def slope(self, m: float) -> float:
        """``dz/dm``, which grows with m: z is convex."""
        parts = self.variance / (1.0 + self.columns * self.variance * m)
        return 1.0 / m**2 - self.columns * float(self.times @ parts**2)

    def _turning(self) -> float:
        return _halved(lambda m: self.slope(m) > 0.0, self.lowest, self.lowest * 1e-16)

    def at(self, singular_value: float) -> float:
        """The m with ``z(m) = s²``, above the edge."""
        return _halved(lambda m: self.z(m) > singular_value**2, self.turning, self.turning * 1e-16)


def _halved(beyond: Callable[[float], bool], low: float, high: float) -> float:
    """Where a condition begins to hold, on a scale of logarithms: both ends are negative."""
    for _ in range(_HALVINGS):
        middle = -float(np.sqrt(low * high)) if low / high > 4.0 else 0.5 * (low + high)
        if beyond(middle):
            high = middle
        else:
            low = middle
    return high


def _quantified(noise: _Noise, s: float) -> tuple[float, float, float]:
    """Strength and squared cosines over rows and columns of a direction seen at s."""
    m, size, d = noise.at(s), noise.rows, noise.columns
    change = 2.0 * s / noise.slope(m)
    over_columns, over_rows = -s * m, (-d * s * m + (size - d) / s) / size
    slope_columns, slope_rows = -m - s * change, (-d * m - d * s * change - (size - d) / s**2) / size
    product = over_columns * over_rows
    slope = over_columns * slope_rows + over_rows * slope_columns
    return product**-0.5, -2.0 * over_rows * product / slope, -2.0 * over_columns * product / slope

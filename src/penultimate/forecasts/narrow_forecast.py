"""Cross-entropy with more classes than dimensions, before training: row lengths and margins, and a proven lower bound.

In fewer dimensions than classes the problem is not convex, and no method proves a minimum. But full width is a
convex problem, which bounds every width from below; and a width changes little of its minimum as long as the margin
that the decay asks for stays well below it (docs/theory §11). counts → `penultimate.forecast` with ``features`` →
`NarrowForecast`.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np
from jaxtyping import Float

from penultimate.counts import ClassCounts
from penultimate.forecasts.width_margin import Width, WidthMargin
from penultimate.minimisers.solution import Outcome, Solution
from penultimate.model.grouped_matrix import per_class
from penultimate.model.problem import Problem
from penultimate.reported import Reported

Features = Literal["free", "sphere"]


@dataclass(frozen=True, eq=False, repr=False)
class NarrowForecast(Reported, presenter="narrow_forecast"):
    """What class counts do to a last layer with more classes than dimensions, trained with cross-entropy: an estimate.

    Made by `penultimate.forecast` with ``features``. Figures are NaN where the law breaks down (`outcome`): then only
    the lower bound is known.

    Attributes
    ----------
    counts : ClassCounts
        Samples per class.
    problem : Problem
        Decays, bias, width.
    features : {"free", "sphere"}
        Whether features may have any length, which decays, or all the same, as a normalisation makes them.
    radius : float or None
        That length.
    full_width : Solution
        The convex problem whose minimum bounds this one's.
    lower_bound : float
        What the objective never falls below, proven. On a sphere the decay of features, which is then a constant, is
        not part of it.
    margin : WidthMargin
        The margin that the decay asks for, against the width.
    group_head_norms, group_mean_norms, group_margins : ndarray of shape (m,)
        Length a of a row, length r of a feature and margin a r, for the classes of each group (distinct count).

    Examples
    --------
    >>> import penultimate as pen
    >>> counts = pen.ClassCounts.long_tailed(300, 20000, 300, "zipf")
    >>> forecast = pen.forecast(counts, 3e-3, loss="ce", width=64, features="free", feature_ratio=1)
    >>> forecast.outcome.name, round(forecast.margin.share, 2), round(forecast.lower_bound, 2)
    ('ESTIMATED', 0.13, 0.37)
    """

    counts: ClassCounts
    problem: Problem
    features: Features
    radius: float | None
    full_width: Solution
    lower_bound: float
    margin: WidthMargin
    group_head_norms: Float[np.ndarray, " m"]
    group_mean_norms: Float[np.ndarray, " m"]

    @property
    def outcome(self) -> Outcome:
        """Whether this is an estimate, or a bound alone."""
        return Outcome.BOUNDED if self.margin.width is Width.BEYOND else Outcome.ESTIMATED

    @property
    def is_known(self) -> bool:
        """Whether there is more than the lower bound."""
        return self.outcome is Outcome.ESTIMATED

    @property
    def group_margins(self) -> Float[np.ndarray, " m"]:
        """Length of a row times that of its class's feature, which points along it, shape (m,)."""
        return self.group_head_norms * self.group_mean_norms

    @property
    def head_norms(self) -> Float[np.ndarray, " K"]:
        """Length of every row of the head, shape (K,); NaN for classes without samples."""
        return per_class(self.counts, self.group_head_norms)

    @property
    def mean_norms(self) -> Float[np.ndarray, " K"]:
        """Length of every class's feature, shape (K,); NaN for classes without samples."""
        return per_class(self.counts, self.group_mean_norms)

    @property
    def margins(self) -> Float[np.ndarray, " K"]:
        """Margin of every class, shape (K,); NaN for classes without samples."""
        return per_class(self.counts, self.group_margins)

    @cached_property
    def singular_values(self) -> Float[np.ndarray, " d"]:
        """Singular values of the head, largest first, shape (d,): the flattest that the lengths of rows allow."""
        return flattest_spectrum(self.group_head_norms, self.counts.multiplicity, self.margin.dimension)

    @cached_property
    def slope(self) -> float:
        """Of log length on log count, over classes; NaN where all have one count, or rows vanish."""
        some = self.group_head_norms > 0
        sizes, x = self.counts.multiplicity[some], np.log(self.counts.distinct[some])
        if not some.any() or np.ptp(x) == 0.0:
            return float("nan")
        x = x - np.average(x, weights=sizes)
        return float((sizes * x) @ np.log(self.group_head_norms[some]) / ((sizes * x) @ x))


def flattest_spectrum(norms: Float[np.ndarray, " m"], sizes: np.ndarray, dimension: int) -> Float[np.ndarray, " d"]:
    """Singular values, nearest to equal, of a matrix of ``dimension`` columns whose rows have these lengths.

    A row longer than its share takes a direction of its own, and the others share what is left (Schur and Horn:
    squared lengths are majorised by squared singular values).

    Parameters
    ----------
    norms, sizes : ndarray of shape (m,)
        Length of the rows of each group, and how many there are; together at least `dimension`.
    dimension : int

    Returns
    -------
    ndarray of shape (dimension,)

    Examples
    --------
    >>> import numpy as np
    >>> from penultimate.forecasts.narrow_forecast import flattest_spectrum
    >>> flattest_spectrum(np.array([3.0, 1.0]), np.array([1, 8]), 3)
    array([3., 2., 2.])
    """
    squares = norms**2
    order = np.argsort(-squares, kind="stable")
    whole = float(sizes @ squares)
    first = np.repeat(squares[order], np.minimum(sizes[order], dimension))[:dimension]
    before = np.append(0.0, np.cumsum(first)[:-1])
    # From each place on: what is left, a direction.
    shared = np.maximum(whole - before, 0.0) / (dimension - np.arange(first.size))
    own = int(np.argmin(np.append(first > shared, False)))
    return np.sqrt(np.append(first[:own], np.full(dimension - own, shared[own] if own < first.size else 0.0)))

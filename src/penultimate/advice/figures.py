"""The figures that advice is weighed by: directions alive, and how frequent and rare classes fare.

*Many* and *few* are the third of the classes with most samples and the third with fewest. Classes of equal count are
alike, so it does not matter which of them a third takes.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from penultimate.counts import ClassCounts
from penultimate.forecasts.forecast import Forecast


@dataclass(frozen=True)
class Figures:
    """Key figures of a forecast.

    Attributes
    ----------
    survivors, directions : int
        Directions alive, and there are.
    own, shared, lost : int
        Classes by what they keep (`Forecast.status`).
    many_margin, few_margin : float
        Mean margin, bias included, of the class means of the third with most samples, and of that with fewest.
    many_cosine, few_cosine : float
        Mean cosine to the nearest other class mean over the same thirds; NaN where means are zero.
    strength : float
        ``Σ x_i``, what weight decay charges for: margins compare at equal strength.
    reserve : float
        Samples over samples needed (`Forecast.group_samples_needed`) of the class that has least; NaN if not known.
    over_corrects : bool
        Whether the largest class ends below the smallest (`Forecast.over_corrects`).
    """

    survivors: int
    directions: int
    own: int
    shared: int
    lost: int
    many_margin: float
    few_margin: float
    many_cosine: float
    few_cosine: float
    strength: float
    reserve: float
    over_corrects: bool

    @classmethod
    def from_forecast(cls, forecast: Forecast) -> "Figures":
        """Read them off a forecast."""
        geometry, solution = forecast.geometry, forecast.solution
        many_margin, few_margin = of_thirds(forecast.counts, geometry.group_margins)
        many_cosine, few_cosine = of_thirds(forecast.counts, geometry.group_nearest[1])
        return cls(
            survivors=forecast.survivors,
            directions=forecast.directions,
            own=forecast.classes_with("own"),
            shared=forecast.classes_with("shared"),
            lost=forecast.classes_with("lost"),
            many_margin=many_margin,
            few_margin=few_margin,
            many_cosine=many_cosine,
            few_cosine=few_cosine,
            strength=float(solution.strength @ (geometry.share * solution.multiplicity)),
            reserve=float(np.min(forecast.counts.distinct / forecast.group_samples_needed)),
            over_corrects=forecast.over_corrects,
        )


def of_thirds(counts: ClassCounts, values: Float[np.ndarray, " m"]) -> tuple[float, float]:
    """Mean of a figure over the third of the classes with most samples, and over that with fewest."""
    many, few = thirds(counts)
    return _mean(values, many), _mean(values, few)


def _mean(values: Float[np.ndarray, " m"], part: Float[np.ndarray, " m"]) -> float:
    # A figure that does not exist must not spoil the other third.
    return float(values[part > 0] @ part[part > 0])


def thirds(counts: ClassCounts) -> tuple[Float[np.ndarray, " m"], Float[np.ndarray, " m"]]:
    """What each group weighs in the mean over the third with most samples, and over that with fewest.

    Parameters
    ----------
    counts : ClassCounts
        The classes.

    Returns
    -------
    many, few : ndarray of shape (m,)
        Each sums to one.

    Examples
    --------
    >>> import penultimate as pen
    >>> thirds(pen.ClassCounts([9, 5, 5, 5, 1, 1]))
    (array([0.5, 0.5, 0. ]), array([0., 0., 1.]))
    """
    size = max(1, counts.seen // 3)
    last = np.cumsum(counts.multiplicity).astype(np.float64)
    first = last - counts.multiplicity
    many = np.clip(np.minimum(last, size) - first, 0.0, None)
    few = np.clip(last - np.maximum(first, counts.seen - size), 0.0, None)
    return many / size, few / size

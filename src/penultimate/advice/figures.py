"""The figures that advice is weighed by: directions alive, and how head and tail of the counts stand.

*Head* and *tail* are the third of the classes with most samples and the third with fewest. Classes of equal count are
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
    head_margin, tail_margin : float
        Mean margin, bias included, of each third's class means.
    head_cosine, tail_cosine : float
        Mean cosine to the nearest other class mean; NaN where means are zero.
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
    head_margin: float
    tail_margin: float
    head_cosine: float
    tail_cosine: float
    strength: float
    reserve: float
    over_corrects: bool

    @classmethod
    def from_forecast(cls, forecast: Forecast) -> "Figures":
        """Read them off a forecast."""
        geometry, solution = forecast.geometry, forecast.solution
        head_margin, tail_margin = of_thirds(forecast.counts, geometry.group_margins)
        head_cosine, tail_cosine = of_thirds(forecast.counts, geometry.group_nearest[1])
        return cls(
            survivors=forecast.survivors,
            directions=forecast.directions,
            own=forecast.classes_with("own"),
            shared=forecast.classes_with("shared"),
            lost=forecast.classes_with("lost"),
            head_margin=head_margin,
            tail_margin=tail_margin,
            head_cosine=head_cosine,
            tail_cosine=tail_cosine,
            strength=float(solution.strength @ (geometry.share * solution.multiplicity)),
            reserve=float(np.min(forecast.counts.distinct / forecast.group_samples_needed)),
            over_corrects=forecast.over_corrects,
        )


def of_thirds(counts: ClassCounts, values: Float[np.ndarray, " m"]) -> tuple[float, float]:
    """Mean of a figure over the classes of the head, and over those of the tail."""
    head, tail = thirds(counts)
    return _mean(values, head), _mean(values, tail)


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
    head, tail : ndarray of shape (m,)
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
    head = np.clip(np.minimum(last, size) - first, 0.0, None)
    tail = np.clip(last - np.maximum(first, counts.seen - size), 0.0, None)
    return head / size, tail / size

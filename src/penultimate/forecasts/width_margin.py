"""Whether the width of a head binds at a weight decay: the margin that cross-entropy asks for, against d.

Derived for this project (docs/theory §11.1): at full width every class has about the margin z₀ = log(Σ √π / (λ √c)),
and in d dimensions other rows leak into the softmax, which asks for about z²/(4d) more.
"""

from dataclasses import dataclass
from enum import Enum

import numpy as np
from jaxtyping import Float

from penultimate.model.problem import Problem

# Up to here the leak asks for less than 4 % more margin; from ⅔ on lengths of descent solutions are off by a tenth and
# more, and near 1 the formula breaks down (chosen from those simulations).
_BINDS, _BEYOND = 0.15, 2.0 / 3.0
# A class that misses more than this is near death, and more than this share of them is too many for the law.
MISS, _MANY = 0.3, 0.05


class Width(Enum):
    """What the width of a head does."""

    FREE = "width does not bind"
    BINDS = "width binds"
    BEYOND = "beyond what the law of free features can say"


@dataclass(frozen=True)
class WidthMargin:
    """The margin that a decay asks for, beside the width.

    Attributes
    ----------
    weight_decay : float
        λ.
    ratio : float or None
        c: 1 unless a problem says otherwise; None where features have one length.
    margin : float
        z₀, or where features have one length the mean over the classes.
    dimension : int
        d.
    near_death : float
        Share of the classes that would miss more than 30 % of their samples.
    """

    weight_decay: float
    ratio: float | None
    margin: float
    dimension: int
    near_death: float

    @property
    def share(self) -> float:
        """z₀/d."""
        return self.margin / self.dimension

    @property
    def is_too_large(self) -> bool:
        """Whether the margin comes near the width, where the law breaks down."""
        return self.share >= _BEYOND

    @property
    def many_near_death(self) -> bool:
        """Whether more than a twentieth of the classes are near death."""
        return self.near_death > _MANY

    @property
    def width(self) -> Width:
        """What follows."""
        if self.is_too_large or self.many_near_death:
            return Width.BEYOND
        return Width.BINDS if self.share >= _BINDS else Width.FREE


def width_margin(counts: Float[np.ndarray, " n"], dimension: int, problem: Problem) -> WidthMargin:
    """The margin for some positive counts.

    Examples
    --------
    >>> import numpy as np, penultimate as pen
    >>> from penultimate.forecasts.width_margin import width_margin
    >>> found = width_margin(1e6 / np.arange(1, 1001), 128, pen.Problem.from_decays(1e-5))
    >>> round(found.margin, 1), found.width.value
    (14.6, 'width does not bind')
    """
    samples = float(counts.sum())
    decay = problem.weight_decay[0]
    ratio = problem.resolved_feature_decay(samples) * samples / decay
    miss = decay * np.sqrt(ratio * samples / counts)
    margin = float(np.log(np.sqrt(counts / samples).sum() / (decay * np.sqrt(ratio))))
    return WidthMargin(decay, ratio, max(margin, 0.0), dimension, float(np.mean(miss > MISS)))

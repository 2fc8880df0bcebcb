"""Losses of one strength each, from none, the plain loss, upwards: what inverse design searches."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from penultimate.counts import ClassCounts
from penultimate.losses import Loss, SquaredError, resolve

# VS loss joins temperatures and offsets; along this ray they keep about the proportion of its defaults, 0.3 to 1.
_VS_RATIO = 3.0


@dataclass(frozen=True)
class Family:
    """A family of losses.

    Attributes
    ----------
    name : str
        What it is called.
    symbol : str
        Of its strength.
    pattern : str
        The loss's name, with ``{s}`` for the strength (and ``{t}`` for the offsets of VS).
    strongest : float
        Where the search ends: well beyond what the literature uses.
    consistent : float or None
        The strength at which it decides best for balanced accuracy (`penultimate.losses.consistency`), if there is one.
    known_as : str or None
        The loss's usual name at that strength.
    """

    name: str
    symbol: str
    pattern: str
    strongest: float
    consistent: float | None = None
    known_as: str | None = None

    def loss(self, strength: float) -> str:
        """The name of the loss with this strength, as `penultimate.losses.names` knows it."""
        if self.known_as is not None and strength == self.consistent:
            return self.known_as
        return self.pattern.format(s=f"{strength:.12g}", t=f"{strength * _VS_RATIO:.4g}")

    def grid(self, points: int) -> Float[np.ndarray, " p"]:
        """Strengths from none to the strongest, denser where they are small."""
        return self.strongest * np.linspace(0.0, 1.0, points) ** 2


SOFTMAX = (
    Family("logit adjustment", "τ", "la:{s}", 2.0, consistent=1.0, known_as="la:1"),
    Family("weights n^(−ρ)", "ρ", "weighted:power:{s}", 1.5, consistent=1.0, known_as="weighted:inverse"),
    Family("temperatures", "γ", "cdt:{s}", 0.5),
    Family("vector scaling", "γ", "vs:{s}:{t}", 0.5),
    Family("LDAM margins", "m", "ldam:{s}", 16.0),
)
SQUARED = (Family("weights n^(−ρ)", "ρ", "mse:power:{s}", 1.5, consistent=1.0, known_as="mse:inverse"),)


def families_of(loss: str | Loss, counts: ClassCounts) -> tuple[str, tuple[Family, ...]]:
    """The plain loss of the same kind, and the families that begin with it.

    Scores of squared error and of a softmax have different units, so one kind is not traded for the other.

    Parameters
    ----------
    loss : str, CrossEntropy or SquaredError
        In use.
    counts : ClassCounts
        For which it is.

    Returns
    -------
    plain : str
        "ce" or "mse".
    families : tuple of Family
    """
    squared = isinstance(resolve(loss, counts), SquaredError)
    return ("mse", SQUARED) if squared else ("ce", SOFTMAX)

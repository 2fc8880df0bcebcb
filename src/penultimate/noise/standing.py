"""What samples can say of one direction of class means over training."""

from dataclasses import dataclass
from enum import Enum

import numpy as np
from jaxtyping import Float

from penultimate.reported import OneLine


class Standing(Enum):
    """What samples can say of a direction."""

    ABOVE = "above noise"
    NOT_ABOVE = "not above noise"
    TOO_FEW = "too few samples to tell"


@dataclass(frozen=True, eq=False, repr=False)
class Direction(OneLine):
    """A class, or a direction of the labels, over training.

    Attributes
    ----------
    name : str
        The class, or ``direction/i``.
    samples : float
        Behind it: of the class, or of all classes.
    standing : Standing
    p : float
        Of all checkpoints together; never below what the signs of so few parts can give.
    born_at : int or None
        The first step at which it stands above noise by itself.
    died_at : int or None
        The first step from which on less than half of its largest strength is left.
    strength : ndarray of shape (T,)
        Of a class, its distance from the mean of all other samples in standard deviations within classes, along one
        direction of features; of labels, the root mean square over samples of what they explain, in the same unit.
    error : float
        Standard deviation of each of these.
    alignment : float
        |cos| of that direction of features with the true one, by the law of `penultimate.noise.SpikedTensor`; 0 where
        none can be said to be.
    """

    name: str
    samples: float
    standing: Standing
    p: float
    born_at: int | None
    died_at: int | None
    strength: Float[np.ndarray, " T"]
    error: float
    alignment: float

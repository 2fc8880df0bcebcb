"""What a solver asks of a loss: columns of logits, one a group of classes that nothing tells apart.

For a sample of a class of group h only m + 1 different logits exist: one for *another* class of each group g, row g,
and its own, row m. Every array here has these m + 1 rows and one column a group; `multiplicity` says for how many
classes a row stands, ``s_g`` (one less in the own group), and 1 in row m.
"""

from typing import Protocol, runtime_checkable

import numpy as np
from jaxtyping import Float


@runtime_checkable
class LossPoint(Protocol):
    """Value and derivatives at some logits; a row's derivatives are summed over the classes that it stands for."""

    @property
    def value(self) -> Float[np.ndarray, " m"]:
        """The loss of one sample of each group, unweighted."""
        ...

    @property
    def slope(self) -> Float[np.ndarray, "m1 m"]:
        """First derivatives."""
        ...

    def curve(self, change: Float[np.ndarray, "m1 m"]) -> Float[np.ndarray, "m1 m"]:
        """Second derivatives times a change of the logits."""
        ...

    def pair_curvature(self) -> Float[np.ndarray, "m m"]:
        """Second derivative of column h when all logits of group g move together."""
        ...

    def shared_curvature(self, share: Float[np.ndarray, " m"]) -> Float[np.ndarray, "m m"]:
        """Second derivatives in one bias a group, summed over columns with these weights."""
        ...


@runtime_checkable
class GroupedLoss(Protocol):
    """A loss over columns of logits."""

    @property
    def weight(self) -> Float[np.ndarray, " m"]:
        """ω, the weight of each group's samples."""
        ...

    @property
    def bound(self) -> float:
        """No second derivative exceeds it."""
        ...

    @property
    def exact_leverage(self) -> bool:
        """Whether the loss's `leverage` holds whatever features the other groups have."""
        ...

    @property
    def steepness(self) -> Float[np.ndarray, "m1 m"]:
        """How fast second derivatives change with each logit: logits may move by its inverse before they are stale."""
        ...

    @property
    def unseen_shift(self) -> Float[np.ndarray, " m"] | None:
        """The change of the logits, one number a group, that this loss does not see; None if it sees all."""
        ...

    def at(self, logits: Float[np.ndarray, "m1 m"]) -> LossPoint:
        """Evaluate for the solver."""
        ...

    def value(self, logits: Float[np.ndarray, "m1 m"]) -> Float[np.ndarray, " m"]:
        """Evaluate for the certificate, apart from the solver's code."""
        ...

    def slope(self, logits: Float[np.ndarray, "m1 m"]) -> Float[np.ndarray, "m1 m"]:
        """First derivatives for the certificate, in one class of each row."""
        ...

    def best_multiple(self, slope: Float[np.ndarray, "m1 m"], weight: Float[np.ndarray, " m"]) -> float:
        """The multiple of these derivatives with the least weighted conjugate; 1 if more may leave its domain."""
        ...

    def conjugate(self, slope: Float[np.ndarray, "m1 m"]) -> Float[np.ndarray, " m"]:
        """Convex conjugate at first derivatives at some logits, times at most 1: always inside its domain."""
        ...

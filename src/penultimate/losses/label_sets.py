"""Losses over several labels a sample, one column of logits for each distinct label set (docs/theory §17).

Of a label set with targets t and the weight c of each entry,

    sigmoids              Σ_k c_k [ softplus(z_k) − t_k z_k ],       c = ω y + 1 − y,   t = ω y/c
    pick-all softmax      c [ logsumexp(z) − tᵀz ],                  c = Σ y,           t = y/c

so that a first derivative is ``c (p − t)`` with the probabilities p, and the convex conjugate there is c times the
negative entropy of p. Derivatives are those of `losses.grouped.LossPoint`, each row a label.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import Protocol, runtime_checkable

import numpy as np
from jaxtyping import Float

from penultimate.losses.grouped import LossPoint

Columns = Float[np.ndarray, "K M"]


@runtime_checkable
class LabelSetLoss(Protocol):
    """A loss over columns of logits, one a label set."""

    @property
    def targets(self) -> Columns:
        """y: the label sets, one a column."""
        ...

    @property
    def bound(self) -> float:
        """No second derivative exceeds it."""
        ...

    @property
    def unseen_shift(self) -> Float[np.ndarray, " K"] | None:
        """The change of the logits that this loss does not see; None if it sees all."""
        ...

    def nothing(self, share: Float[np.ndarray, " M"]) -> Float[np.ndarray, " K"]:
        """The free bias that is best where all features are zero, label sets having these shares of the samples."""
        ...

    def at(self, logits: Columns) -> LossPoint:
        """Evaluate."""
        ...

    def scores(self, logits: Columns) -> Columns:
        """What stands against the targets y: they are equal where the loss is zero."""
        ...

    def feasible(self, slope: Columns, share: Float[np.ndarray, " M"]) -> Columns:
        """First derivatives near these that have a finite conjugate, and add up to zero for every label."""
        ...

    def conjugate(self, slope: Columns) -> Float[np.ndarray, " M"]:
        """Convex conjugate at first derivatives that `feasible` gave, or at a part of them."""
        ...


@dataclass(frozen=True)
class Sigmoids:
    """One sigmoid a label.

    Attributes
    ----------
    targets : ndarray of shape (K, M)
        y: the label sets, one a column, between 0 and 1.
    weights : ndarray of shape (K,)
        ω: of each label's positives.
    """

    targets: Columns
    weights: Float[np.ndarray, " K"]

    @cached_property
    def entry(self) -> Columns:
        """``ω y + 1 − y``."""
        return self.weights[:, None] * self.targets + (1.0 - self.targets)

    @cached_property
    def label(self) -> Columns:
        """``ω y/(ω y + 1 − y)``."""
        return self.weights[:, None] * self.targets / self.entry

    @property
    def bound(self) -> float:
        """A quarter of the largest weight."""
        return 0.25 * float(self.entry.max())

    @property
    def unseen_shift(self) -> None:
        """None: every change of the logits is seen."""
        return None

    def nothing(self, share: Float[np.ndarray, " M"]) -> Float[np.ndarray, " K"]:
        """The log of weighted odds."""
        return np.log((self.entry * self.label) @ share) - np.log((self.entry * (1.0 - self.label)) @ share)

    def at(self, logits: Columns) -> "_SigmoidPoint":
        """Probabilities of every label set."""
        return _SigmoidPoint(self, logits)

    def scores(self, logits: Columns) -> Columns:
        """Probabilities."""
        return self.at(logits).on

    def feasible(self, slope: Columns, share: Float[np.ndarray, " M"]) -> Columns:
        """Clipped to probabilities; then the larger of a label's two sides is scaled down to the other."""
        up, down = self.entry * (1.0 - self.label), self.entry * self.label
        held = np.clip(slope, -down, up)
        above, below = np.maximum(held, 0.0), np.maximum(-held, 0.0)
        more, less = above @ share, below @ share
        both = np.minimum(more, less)
        above *= np.divide(both, more, out=np.zeros_like(both), where=more > 0)[:, None]
        below *= np.divide(both, less, out=np.zeros_like(both), where=less > 0)[:, None]
        return above - below

    def conjugate(self, slope: Columns) -> Float[np.ndarray, " M"]:
        """Negative entropies of coins."""
        from scipy.special import xlogy

        step = slope / self.entry
        on, off = np.maximum(self.label + step, 0.0), np.maximum(1.0 - self.label - step, 0.0)
        return np.sum(self.entry * (xlogy(on, on) + xlogy(off, off)), axis=0)


class _SigmoidPoint:
    """Sigmoids at some logits."""

    def __init__(self, loss: Sigmoids, logits: Columns) -> None:
        from scipy.special import expit

        self._loss, self._logits = loss, logits
        self.on, self.off = expit(logits), expit(-logits)
        self._curvature = loss.entry * self.on * self.off

    @property
    def value(self) -> Float[np.ndarray, " M"]:
        loss = self._loss
        right = loss.label * np.logaddexp(0.0, -self._logits) + (1.0 - loss.label) * np.logaddexp(0.0, self._logits)
        return np.sum(loss.entry * right, axis=0)

    @property
    def slope(self) -> Columns:
        # Not p − t, which rounds away what a label that is certain still lacks.
        return self._loss.entry * ((1.0 - self._loss.label) * self.on - self._loss.label * self.off)

    def curve(self, change: Columns) -> Columns:
        return self._curvature * change

    def pair_curvature(self) -> Columns:
        return self._curvature

    def shared_curvature(self, share: Float[np.ndarray, " M"]) -> Float[np.ndarray, "K K"]:
        return np.diag(self._curvature @ share)


@dataclass(frozen=True)
class PickAll:
    """One softmax over all labels, its loss summed over the labels that are on (or weighted by soft ones).

    Attributes
    ----------
    targets : ndarray of shape (K, M)
        y: the label sets, one a column, none of them empty.
    """

    targets: Columns

    @cached_property
    def size(self) -> Float[np.ndarray, " M"]:
        """``Σ y``: how many labels are on."""
        return self.targets.sum(axis=0)

    @cached_property
    def entry(self) -> Columns:
        """``Σ y``, for every label."""
        return np.broadcast_to(self.size, self.targets.shape)

    @cached_property
    def label(self) -> Columns:
        """``y/Σ y``."""
        return self.targets / self.size

    @property
    def bound(self) -> float:
        """Half the largest number of labels."""
        return 0.5 * float(self.size.max())

    @property
    def unseen_shift(self) -> Float[np.ndarray, " K"]:
        """One for each label: the same change of all logits."""
        return np.ones_like(self.targets[:, 0])

    def nothing(self, share: Float[np.ndarray, " M"]) -> Float[np.ndarray, " K"]:
        """The log of each label's share of all labels, with the mean zero."""
        logs = np.log(self.targets @ share)
        return logs - logs.mean()

    def at(self, logits: Columns) -> "_SoftmaxPoint":
        """Probabilities of every label set."""
        return _SoftmaxPoint(self, logits)

    def scores(self, logits: Columns) -> Columns:
        """Probabilities, times the number of labels that are on."""
        return self.size * self.at(logits).on

    def feasible(self, slope: Columns, share: Float[np.ndarray, " M"]) -> Columns:
        """What is over for a label is taken off all its entries; then mixed with the slopes of no features."""
        step = slope / self.size
        mean = (self.targets @ share) / (self.size @ share)
        step -= step.mean(axis=0)
        step -= ((step * self.size) @ share / (self.size @ share))[:, None]
        # (1 − ε) p + ε π is no probability below zero from this ε on.
        lacking = np.maximum(-(self.label + step), 0.0)
        part = float(np.max(lacking / (lacking + mean[:, None])))
        return self.size * ((1.0 - part) * step + part * (mean[:, None] - self.label))

    def conjugate(self, slope: Columns) -> Float[np.ndarray, " M"]:
        """Negative entropies of the probabilities of all labels."""
        from scipy.special import xlogy

        p = np.maximum(self.label + slope / self.size, 0.0)
        return self.size * np.sum(xlogy(p, p), axis=0)


class _SoftmaxPoint:
    """A softmax at some logits."""

    def __init__(self, loss: PickAll, logits: Columns) -> None:
        from scipy.special import logsumexp

        self._loss, self._logits = loss, logits
        self._total = logsumexp(logits, axis=0)
        self.on = np.exp(logits - self._total)

    @property
    def value(self) -> Float[np.ndarray, " M"]:
        return self._loss.size * np.sum(self._loss.label * (self._total - self._logits), axis=0)

    @property
    def slope(self) -> Columns:
        return self._loss.size * (self.on - self._loss.label)

    def curve(self, change: Columns) -> Columns:
        moved = self.on * change
        return self._loss.size * (moved - self.on * moved.sum(axis=0))

    def pair_curvature(self) -> Columns:
        return self._loss.size * self.on * (1.0 - self.on)

    def shared_curvature(self, share: Float[np.ndarray, " M"]) -> Float[np.ndarray, "K K"]:
        weighted = self.on * (self._loss.size * share)
        return np.diag(weighted.sum(axis=1)) - weighted @ self.on.T

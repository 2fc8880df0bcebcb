"""Few-parameter calibrations of a trained head for balanced classes: three numbers, or one scale a class."""

from typing import Self

import numpy as np
from jaxtyping import Float, Int
from numpy.typing import NDArray

from penultimate.counts.matching import PerClass
from penultimate.errors import FeaturesError
from penultimate.features.head import Head
from penultimate.features.statistics import FeatureStatistics
from penultimate.heads.based_head import base_of, classes_of, log_shares, training_counts
from penultimate.heads.linear_head import NEVER, SamplesHead
from penultimate.heads.scoring_head import text_names
from penultimate.heads.softmax import balanced_weights, by_class, cross_entropy, descend

# Keeps parameters that samples say nothing about where they start.
_PRIOR = 1e-4
# Log scales, powers of shares and multiples of their logarithms stay within these, so that no step overflows.
_SCALE, _POWER, _MULTIPLE = (-10.0, 10.0), (-3.0, 3.0), (-10.0, 10.0)
_MAX_ITER = 200
_TOL = 1e-5


class _FittedOnTop(SamplesHead):
    base: Head | None

    def _classes_given(self) -> int | None:
        return classes_of(self.base)

    def _prepared(
        self, rows: NDArray[np.floating], own: Int[np.ndarray, " N"]
    ) -> tuple[Head, NDArray[np.floating], float]:
        """The base head, its scores, and their size."""
        base, classes = self.base, len(self.classes_)
        if base is None:
            base = base_of(None, FeatureStatistics.from_features(rows, own, classes))
        base.check(classes, rows.shape[1])
        scores = by_class(base.logits(rows))
        told = scores[:, base.offset > NEVER / 2]  # a class that is never the answer says nothing of their size
        middle = told - told.mean(axis=1, keepdims=True)
        size = float(np.sqrt(np.mean(np.square(middle), dtype=np.float64))) or 1.0
        return base, scores, size


class CalibratedHead(_FittedOnTop):
    """Temperature and adjustment of a trained head, found in the head's own units: ``a s_k π_k^(−ρ) − τ log π_k``.

    The three numbers minimise the cross-entropy of samples that every class weighs alike in. τ is logit adjustment
    (for logarithmic scores), ρ that of shares (for squared error), and 1/a the temperature: whichever a head needs.

    Parameters
    ----------
    base : Head, optional
        The trained head; by default a `RidgeHead` is fitted first.
    counts : array of shape (K,), or mapping by class name, optional
        Samples of each class in the training of the base; by default those in `fit`. Fit on other samples than the
        base was trained on: on those its probabilities look better than they are.

    Attributes
    ----------
    temperature_, rho_, tau_ : float
        1/a, ρ and τ.

    Notes
    -----
    Temperature: Guo et al. 2017 (arXiv 1706.04599). Logit adjustment: Menon et al. 2021 (arXiv 2007.07314). The power ρ
    and the joint fit are derived for this project (docs/heads).

    Examples
    --------
    >>> import penultimate as pen
    >>> source = pen.datasets.features("cnn-mse-test")
    >>> batch = next(source.batches())
    >>> head = pen.heads.CalibratedHead(source.head, counts=pen.datasets.counts("fashion-mnist-lt").values)
    >>> head.fit(batch.features, batch.labels).temperature_ < 0.3
    True
    """

    counts: PerClass | None
    temperature_: float
    rho_: float
    tau_: float
    n_iter_: int

    def __init__(self, base: Head | None = None, *, counts: PerClass | None = None) -> None:
        self.base = base
        self.counts = counts

    def _fit_samples(self, rows: NDArray[np.floating], own: Int[np.ndarray, " N"]) -> Self:
        base, scores, size = self._prepared(rows, own)
        present = np.bincount(own, minlength=len(self.classes_)).astype(np.float64)
        names = text_names(self.classes_) if self.base is None else self.base.names
        counts = training_counts(self.counts, present, names)
        log_prior = log_shares(counts)
        seen = counts > 0
        if present[~seen].any():
            raise FeaturesError("there are samples of a class whose training count is 0: leave them out")
        numbers, self.n_iter_ = _fit_three(scores[:, seen] / size, _places(own, seen), log_prior[seen])
        self.temperature_, self.rho_, self.tau_ = (float(v) for v in (size * np.exp(-numbers[0]), *numbers[1:]))
        factor = np.exp(-self.rho_ * (log_prior - log_prior[seen].mean())) / self.temperature_
        weights = base.product * factor[:, None], base.offset * factor - self.tau_ * log_prior
        return self._settle(weights, counts, seen / np.count_nonzero(seen))


def _places(own: Int[np.ndarray, " N"], seen: NDArray[np.bool_]) -> Int[np.ndarray, " N"]:
    return (np.cumsum(seen) - 1)[own]


def _fit_three(
    scores: Float[np.ndarray, "N K"], labels: Int[np.ndarray, " N"], log_prior: Float[np.ndarray, " K"]
) -> tuple[NDArray[np.float64], int]:
    """Log a, ρ and τ."""
    weights = balanced_weights(labels, len(log_prior))
    powers = log_prior - log_prior.mean()

    def objective(numbers: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        scaled = scores * np.exp(numbers[0] - numbers[1] * powers).astype(scores.dtype)
        value, slope = cross_entropy(scaled - (numbers[2] * log_prior).astype(scores.dtype), labels, weights)
        along = np.sum(slope * scaled, axis=0, dtype=np.float64)
        gradient = np.array([along.sum(), -along @ powers, -slope.sum(axis=0, dtype=np.float64) @ log_prior])
        return value + 0.5 * _PRIOR * float(numbers @ numbers), gradient + _PRIOR * numbers

    return descend(objective, np.zeros(3), _MAX_ITER, _TOL, [_SCALE, _POWER, _MULTIPLE])


class WeightScalingHead(_FittedOnTop):
    """Learnable weight scaling: one factor a class, ``f_k (w_k h + b_k)``, fitted on balanced cross-entropy.

    Parameters
    ----------
    base : Head, optional
        The trained head; by default a `RidgeHead` is fitted first.

    Attributes
    ----------
    scales_ : ndarray of shape (K,)
        f, all positive.

    Notes
    -----
    Kang et al. 2020 (arXiv 1910.09217), section 4.3; here scales stay positive, and classes without samples take the
    mean factor.

    Examples
    --------
    >>> import penultimate as pen
    >>> source = pen.datasets.features("cnn-ce-test")
    >>> batch = next(source.batches())
    >>> scales = pen.heads.WeightScalingHead(source.head).fit(batch.features, batch.labels).scales_
    >>> bool(scales[0] < scales[9])
    True
    """

    scales_: NDArray[np.float64]
    n_iter_: int

    def __init__(self, base: Head | None = None) -> None:
        self.base = base

    def _fit_samples(self, rows: NDArray[np.floating], own: Int[np.ndarray, " N"]) -> Self:
        base, scores, size = self._prepared(rows, own)
        scores = scores / np.asarray(size, dtype=scores.dtype)
        classes = len(self.classes_)
        present = np.bincount(own, minlength=classes) > 0
        weights = balanced_weights(own, classes)

        def objective(logs: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
            scaled = scores * np.exp(logs).astype(scores.dtype)
            value, slope = cross_entropy(scaled.copy(), own, weights)
            away = logs - logs.mean()
            gradient = np.sum(slope * scaled, axis=0, dtype=np.float64) + _PRIOR * away
            return value + 0.5 * _PRIOR * float(away @ away), gradient

        logs, self.n_iter_ = descend(objective, np.zeros(classes), _MAX_ITER, _TOL, [_SCALE] * classes)
        self.scales_ = np.exp(np.where(present, logs, logs[present].mean())) / size
        kept = np.ones(classes)
        return self._settle((base.product * self.scales_[:, None], base.offset * self.scales_), kept, None)

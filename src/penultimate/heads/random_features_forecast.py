"""Would a non-linear head pay, and how wide need it be? Its accuracy over the number of random features, by the law."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from typing import NamedTuple, cast

import numpy as np
from jaxtyping import Float, Int
from numpy.typing import ArrayLike, NDArray

from penultimate.equivalents.random_features import RandomFeaturesLaw, paired_kernels
from penultimate.errors import FeaturesError
from penultimate.features.arrays import as_features, finite_rows
from penultimate.heads.comparison.selection import deal
from penultimate.heads.random_features import centre_and_unit
from penultimate.heads.scikit import plain_labels
from penultimate.model.arguments import positive, whole

# Parts that samples are dealt into; every one is forecast from the others.
_PARTS = 4
# Samples looked at: the law's kernels are n × n. With a thousand one number of pairs takes four to six seconds.
_MOST = 1000
# What is tried where nothing is said: bandwidths in units of the features' distance from their mean, and weight decays.
_PAIRS = (32, 64, 128, 256, 512, 1024)
_BANDWIDTHS = (0.5, 1.0, 2.0, 4.0)
_DECAYS = (1e-5, 1e-4, 1e-3, 1e-2, 1e-1)
# The decays of the linear head beside it, whose kernel has a mean of 1 on the diagonal, too.
_LINEAR_DECAYS = (1e-5, 1e-4, 1e-3, 1e-2, 1e-1, 1.0)
# A head is wide enough where its accuracy is within half a point of that of infinitely many pairs: a convention.
_NEAR = 0.005


@dataclass(frozen=True, eq=False)
class RandomFeaturesForecast:
    """What a non-linear head should bring on new samples, beside the best linear one.

    Accuracies are balanced, the mean recall of all classes; errors are squared ones, all classes together.

    Attributes
    ----------
    pairs : ndarray of shape (m,)
        Numbers of random directions.
    squared_error, accuracy : ndarray of shape (m,)
        Of `RandomFeaturesHead` with so many pairs, on average over what it draws.
    kernel_squared_error, kernel_accuracy : float
        Of infinitely many: kernel ridge regression.
    linear_squared_error, linear_accuracy : float
        Of `RidgeHead` at its best weight decay.
    bandwidth, weight_decay : float
        Those with the least squared error of the kernel's, of what was tried.
    gain_error : float
        Standard error of `gain`, for these samples.
    samples : int
        Samples that each head was fitted on: three quarters of those given, or of 1,000 of them.
    classes : int
        K.

    Examples
    --------
    >>> import numpy as np, penultimate as pen
    >>> X = np.random.default_rng(0).normal(size=(400, 2))
    >>> forecast = pen.heads.forecast_random_features(X, X[:, 0] * X[:, 1] > 0, pairs=[8, 64])
    >>> forecast.verdict.startswith("A non-linear head would pay"), forecast.enough
    (True, 64)
    """

    pairs: Int[np.ndarray, " m"]
    squared_error: Float[np.ndarray, " m"]
    accuracy: Float[np.ndarray, " m"]
    kernel_squared_error: float
    kernel_accuracy: float
    linear_squared_error: float
    linear_accuracy: float
    bandwidth: float
    weight_decay: float
    gain_error: float
    samples: int
    classes: int

    @property
    def gain(self) -> float:
        """Balanced accuracy of infinitely many pairs less that of the linear head."""
        return self.kernel_accuracy - self.linear_accuracy

    @property
    def enough(self) -> int | None:
        """The least number of pairs whose accuracy is within half a point of the kernel's; None where none is."""
        near = self.pairs[self.accuracy >= self.kernel_accuracy - _NEAR]
        return int(near.min()) if near.size else None

    @property
    def verdict(self) -> str:
        """Whether it would pay, and with how many pairs, in two or three sentences."""
        heads = (
            f"balanced accuracy {self.kernel_accuracy:.1%} against {self.linear_accuracy:.1%} of the best linear head"
        )
        between = f"{100 * self.gain:+.1f} ± {200 * self.gain_error:.1f} points"
        if self.gain < -2.0 * self.gain_error:
            return f"A non-linear head would do worse: {heads} ({between})."
        if self.gain <= 2.0 * self.gain_error:
            return f"Not enough to say that a non-linear head would pay: {heads} ({between})."
        known = f"A non-linear head would pay: {heads} ({between}), with bandwidth {self.bandwidth:g} and weight decay "
        known += f"{self.weight_decay:g}. "
        if self.enough is None:
            return known + f"It needs more than {self.pairs.max():,} pairs of random features."
        return known + f"{self.enough:,} pairs of random features come within half a point of that."


class _Answers(NamedTuple):
    """What a head does on each sample that it was not fitted on."""

    errors: Float[np.ndarray, " N"]
    right: Float[np.ndarray, " N"]  # how likely


def forecast_random_features(
    features: ArrayLike,
    labels: ArrayLike,
    *,
    pairs: Sequence[int] = _PAIRS,
    bandwidths: Sequence[float] = _BANDWIDTHS,
    weight_decays: Sequence[float] = _DECAYS,
) -> RandomFeaturesForecast:
    """Say what a `RandomFeaturesHead` would bring, for several numbers of random features, before any are drawn.

    Bandwidth and weight decay are those that are best with infinitely many pairs; give one of each to forecast at it.
    Every sample is forecast from three quarters of the others.

    Parameters
    ----------
    features : array-like of shape (N, d)
        Held-out features: those that a network was trained on say nothing. Of more than 1,000, a part is taken.
    labels : array-like of shape (N,)
        Of any kind; four samples of every class at least.
    pairs : sequence of int, default 32, 64, … 1,024
        Numbers of random directions.
    bandwidths : sequence of float, default 0.5, 1, 2, 4
        As `RandomFeaturesHead`.
    weight_decays : sequence of float, default 1e-5, 1e-4, … 0.1
        λ.

    Returns
    -------
    RandomFeaturesForecast

    Raises
    ------
    FeaturesError
        For NaN, shapes that do not fit, classes of too few samples, or samples that are all the same.
    ProblemError
        For numbers that are not positive, and numbers of pairs that are not whole.

    Notes
    -----
    The law of `RandomFeaturesLaw`; docs/theory §10.2. A thousand samples take half a minute.

    Examples
    --------
    >>> import penultimate as pen
    >>> batch = next(pen.datasets.features("cnn-ce-test").batches())
    >>> forecast = pen.heads.forecast_random_features(batch.features[:200], batch.labels[:200], pairs=[50])
    >>> forecast.samples, forecast.accuracy.shape
    (150, (1,))
    """
    rows, own = _samples(features, labels)
    numbers = [whole(value, "the number of pairs") for value in pairs]
    widths = [positive(value, "the bandwidth") for value in bandwidths]
    decays = [positive(value, "the weight decay") for value in weight_decays]
    if not (numbers and widths and decays):
        raise FeaturesError("give at least one number of pairs, one bandwidth and one weight decay to forecast at")
    part = deal(own, _PARTS, np.random.default_rng(0))
    folds = [_Fold(rows, own, part == number) for number in range(_PARTS)]
    order = np.concatenate([fold.own for fold in folds])
    (width, decay), kernel = _best(folds, list(product(widths, decays)))
    _, linear = _best(folds, [(None, decay) for decay in _LINEAR_DECAYS])
    curve = [_joined([fold.forecast(number, decay, cast("float", width)) for fold in folds]) for number in numbers]
    return RandomFeaturesForecast(
        pairs=np.array(numbers),
        squared_error=np.array([found.errors.mean() for found in curve]),
        accuracy=np.array([_balanced(found.right, order) for found in curve]),
        kernel_squared_error=float(kernel.errors.mean()),
        kernel_accuracy=_balanced(kernel.right, order),
        linear_squared_error=float(linear.errors.mean()),
        linear_accuracy=_balanced(linear.right, order),
        bandwidth=cast("float", width),
        weight_decay=decay,
        gain_error=_standard_error(kernel.right - linear.right, order),
        samples=len(folds[0].rows),
        classes=int(own.max()) + 1,
    )


class _Fold:
    """Samples to fit on, and others to be asked about, in the unit that the head itself takes."""

    def __init__(self, rows: Float[np.ndarray, "N d"], own: Int[np.ndarray, " N"], held: NDArray[np.bool_]) -> None:
        centre, unit = centre_and_unit(rows[~held])
        self.rows, self.new = (rows[~held] - centre) / unit, (rows[held] - centre) / unit
        self.own, answers = own[held], np.eye(int(own.max()) + 1)
        shares = answers[own[~held]].mean(axis=0)
        self.targets, self.wanted = answers[own[~held]] - shares, answers[self.own] - shares
        self._shares = shares
        self._solved: dict[float | None, tuple[NDArray[np.float64], ...]] = {}

    def limit(self, width: float | None, decay: float) -> _Answers:
        """Of kernel ridge regression with a Gaussian kernel, or without a width of the linear head."""
        if width not in self._solved:
            kernel, asked = self._kernel(width, self.rows), self._kernel(width, self.new)
            values, vectors = np.linalg.eigh(kernel)
            self._solved[width] = np.maximum(values, 0.0), vectors.T @ self.targets, asked @ vectors
        values, targets, asked = self._solved[width]
        scores = asked @ (targets / (values + decay * len(values))[:, None])
        right = (scores + self._shares).argmax(axis=1) == self.own
        return _Answers(np.square(scores - self.wanted).sum(axis=1), right.astype(np.float64))

    def forecast(self, pairs: int, decay: float, width: float) -> _Answers:
        """Of so many pairs."""
        law = RandomFeaturesLaw(self.rows, self.targets, self.new, pairs, decay, width)
        likely = law.probabilities(offsets=self._shares)
        return _Answers(law.squared_errors(self.wanted), likely[np.arange(len(likely)), self.own])

    def _kernel(self, width: float | None, rows: Float[np.ndarray, "m d"]) -> Float[np.ndarray, "m n"]:
        if width is None:
            return rows @ self.rows.T
        return paired_kernels(rows / width, self.rows / width).sum(axis=0)


def _best(
    folds: Sequence[_Fold], tried: Sequence[tuple[float | None, float]]
) -> tuple[tuple[float | None, float], _Answers]:
    """The width and decay of the least squared error, and what comes of them."""
    answers = [_joined([fold.limit(width, decay) for fold in folds]) for width, decay in tried]
    best = int(np.argmin([found.errors.mean() for found in answers]))
    return tried[best], answers[best]


def _joined(parts: Sequence[_Answers]) -> _Answers:
    return _Answers(*(np.concatenate(column) for column in zip(*parts, strict=True)))


def _balanced(right: Float[np.ndarray, " N"], own: Int[np.ndarray, " N"]) -> float:
    """Mean over classes of how often they are right."""
    return float(np.mean(np.bincount(own, right) / np.bincount(own)))


def _standard_error(values: Float[np.ndarray, " N"], own: Int[np.ndarray, " N"]) -> float:
    """Of the balanced mean, with the classes' own variances."""
    number = np.bincount(own)
    spread = np.bincount(own, values**2) / number - (np.bincount(own, values) / number) ** 2
    return float(np.sqrt(np.sum(np.maximum(spread, 0.0) / (number - 1))) / number.size)


def _samples(features: ArrayLike, labels: ArrayLike) -> tuple[Float[np.ndarray, "N d"], Int[np.ndarray, " N"]]:
    """Features and class indices, checked; a part of them, class by class, where there are too many."""
    rows, given = as_features(features), np.asarray(plain_labels(labels, "labels"))
    if given.shape != (len(rows),):
        raise FeaturesError(f"labels of shape {given.shape} for {len(rows)} samples: give one label for each row")
    if finite_rows(rows) is not None:
        raise FeaturesError("features hold NaN or infinity: leave those samples out")
    classes, own, counts = np.unique(given, return_inverse=True, return_counts=True)
    if classes.size < 2:
        raise FeaturesError("samples of fewer than two classes: give at least two")
    rng = np.random.default_rng(0)
    kept = deal(own, -(-len(own) // _MOST), rng) == 0
    counts = np.bincount(own[kept], minlength=classes.size)
    if counts.min() < _PARTS:
        raise FeaturesError(
            f"class {classes[int(counts.argmin())]} has {counts.min()} of the {kept.sum():,} samples looked at: give "
            f"at least {_PARTS} of each, or leave that class out"
        )
    return rows[kept].astype(np.float64), own[kept]

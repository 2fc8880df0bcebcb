"""What to keep of a stream of features that cannot all be logged: whole samples, as many of a rare class as of any."""

import os
from numbers import Integral

import numpy as np
from jaxtyping import Float, Int

from penultimate.errors import FeaturesError
from penultimate.features.arrays import as_features, as_labels
from penultimate.features.sources.source import ArraySource
from penultimate.features.sources.writing import save_features
from penultimate.model.arguments import checked_seed


class Reservoir:
    """Up to so many samples of each class, each sample of a class kept with the same chance (Vitter 1985, algorithm R).

    Parameters
    ----------
    classes, dimension : int
        K and d.
    per_class : int, default 200
        Samples that are kept of each class; of a class with fewer, all.
    seed : int, default 0
        Of what is kept.

    Raises
    ------
    FeaturesError
        When one of them is below 1.

    Attributes
    ----------
    seen : ndarray of shape (K,)
        Samples of each class that went by: what `audit` takes as ``counts``.

    Notes
    -----
    Memory is that of the samples kept, in float32. They are spread evenly over what went by: for what has changed of
    late, begin another one.

    Examples
    --------
    >>> import numpy as np, penultimate as pen
    >>> rng, reservoir = np.random.default_rng(0), pen.Reservoir(classes=3, dimension=4, per_class=50)
    >>> for _ in range(10):
    ...     labels = rng.choice(3, size=100, p=[0.8, 0.18, 0.02])
    ...     reservoir.update(np.eye(3, 4)[labels] + 0.1 * rng.normal(size=(100, 4)), labels)
    >>> kept = reservoir.source()
    >>> reservoir.seen.tolist(), kept.samples
    ([808, 174, 18], 118)
    >>> audit = pen.audit(kept, counts=reservoir.seen)
    """

    def __init__(self, classes: int, dimension: int, per_class: int = 200, *, seed: int = 0) -> None:
        for what, value in (("classes", classes), ("dimension", dimension), ("per_class", per_class)):
            if not isinstance(value, Integral) or value < 1:
                raise FeaturesError(f"{what}={value}: give a whole number, at least 1")
        self.dimension, self.per_class = int(dimension), int(per_class)
        self.seen: Int[np.ndarray, " K"] = np.zeros(classes, dtype=np.int64)
        self._kept: list[list[Float[np.ndarray, " d"]]] = [[] for _ in range(classes)]
        self._rng = np.random.default_rng(checked_seed(seed))

    def update(self, features: object, labels: object) -> None:
        """Let a batch go by.

        Parameters
        ----------
        features : array-like of shape (N, d)
            As for `FeatureStatistics.update`.
        labels : array-like of shape (N,)
            Whole numbers from 0 to K − 1. Where no labels are known, what the model answers tells rare classes, too.

        Raises
        ------
        FeaturesError
            For shapes that do not fit, and labels out of range.
        """
        rows = as_features(features, self.dimension)
        own = as_labels(labels, len(rows), self.seen.size)
        for k in np.unique(own).tolist():
            mine = np.flatnonzero(own == k)
            # The t-th sample of its class takes a place drawn from 0 … t − 1, if there is such a place.
            before = self.seen[k] + np.arange(mine.size)
            places = np.where(before < self.per_class, before, self._rng.integers(before + 1))
            for row, place in zip(mine.tolist(), places.tolist(), strict=True):
                if place < self.per_class:
                    self._keep(k, place, rows[row].astype(np.float32))
            self.seen[k] += mine.size

    def source(self) -> ArraySource:
        """What is kept, class after class, as a source that `audit`, `drift` and all others read.

        Raises
        ------
        FeaturesError
            When nothing went by.
        """
        numbers = [len(kept) for kept in self._kept]
        if not any(numbers):
            raise FeaturesError("the reservoir is empty: update it with features and labels first")
        features = np.stack([row for kept in self._kept for row in kept])
        return ArraySource(features, np.repeat(np.arange(self.seen.size), numbers))

    def save(self, path: "str | os.PathLike[str]") -> None:
        """Write what is kept as a ``.safetensors`` file of features, whole or not at all.

        Raises
        ------
        FileError
            When it cannot be written, or has another ending.
        FeaturesError
            When nothing went by.
        """
        save_features(self.source(), path)

    def __repr__(self) -> str:
        kept = sum(len(kept) for kept in self._kept)
        return f"Reservoir({kept} of {int(self.seen.sum())} samples, {self.seen.size} classes, width {self.dimension})"

    def _keep(self, k: int, place: int, row: Float[np.ndarray, " d"]) -> None:
        kept = self._kept[k]
        if place == len(kept):
            kept.append(row)
        else:
            kept[place] = row

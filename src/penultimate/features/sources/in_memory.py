"""All samples of a source in memory."""

from collections.abc import Generator
from contextlib import contextmanager
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int

from penultimate.errors import FeaturesError
from penultimate.features.arrays import usable_rows
from penultimate.features.sources.source import FeatureSource


class Samples(NamedTuple):
    """Features and labels.

    Attributes
    ----------
    features : ndarray of shape (M, d), float32
    labels : ndarray of shape (M,)
    """

    features: Float[np.ndarray, "M d"]
    labels: Int[np.ndarray, " M"]

    # Two are the same when they are one, so that what was fitted to some can be remembered.
    __hash__ = object.__hash__
    __eq__ = object.__eq__

    def take(self, rows: Int[np.ndarray, " m"]) -> "Samples":
        """Some of them."""
        return Samples(self.features[rows], self.labels[rows])

    def evenly(self, limit: int) -> Int[np.ndarray, " m"]:
        """Rows of at most about so many, evenly over them all."""
        step = max(1, -(-len(self.labels) // max(limit, 1)))
        return np.arange(0, len(self.labels), step)

    def thinned(self, limit: int) -> "Samples":
        """These rows."""
        return self.take(self.evenly(limit))

    def joined(self, others: "Samples") -> "Samples":
        """These and others."""
        return Samples(*(np.concatenate(parts) for parts in zip(self, others, strict=True)))


def gather(source: FeatureSource, whose: str | None = None) -> Samples:
    """All samples of a source in memory.

    Parameters
    ----------
    source : FeatureSource
    whose : str, optional
        What messages call it: "VALID".

    Returns
    -------
    Samples

    Raises
    ------
    FeaturesError
        When they hold NaN, infinity or negative labels, or have weights.
    """
    called = str(source) if whose is None else f"{whose} ({source})"
    features: list[np.ndarray] = []
    labels: list[np.ndarray] = []
    seen = 0
    for batch in source.batches():
        if batch.weights is not None:
            raise FeaturesError(f"{called} has weights, which have no use here: leave them out")
        with named(called):
            usable_rows(batch.features, seen, gaps="refuse")
        if len(batch.labels) and int(batch.labels.min()) < 0:
            raise FeaturesError(f"{called} has label {int(batch.labels.min())}: give whole numbers from 0")
        features.append(in_single(batch.features))
        labels.append(np.asarray(batch.labels, dtype=np.int64))
        seen += len(batch.labels)
    if not labels:
        return Samples(np.zeros((0, source.dimension), dtype=np.float32), np.zeros(0, dtype=np.int64))
    return Samples(np.concatenate(features), np.concatenate(labels))


@contextmanager
def named(called: str) -> Generator[None]:
    """Errors of features begin with whose these are."""
    try:
        yield
    except FeaturesError as error:
        raise FeaturesError(f"{called}: {error}") from None


def in_single(features: Float[np.ndarray, "M d"]) -> Float[np.ndarray, "M d"]:
    """Features in single precision, without a copy where they are; what that cannot hold becomes infinite.

    Parameters
    ----------
    features : ndarray of shape (M, d)

    Returns
    -------
    ndarray of shape (M, d), float32
    """
    with np.errstate(over="ignore"):
        return np.asarray(features, dtype=np.float32)

"""Samples in memory, and what those that are held out must be for heads to be chosen on them."""

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from jaxtyping import Float, Int
from scipy.sparse import coo_array

from penultimate.counts import ClassCounts
from penultimate.counts.class_names import NumberedNames
from penultimate.counts.matching import places
from penultimate.errors import FeaturesError
from penultimate.features.head import Head
from penultimate.features.naming import as_it_stands, other_order
from penultimate.features.statistics import FeatureStatistics

if TYPE_CHECKING:
    from penultimate.features.sources import FeatureSource


class Samples(NamedTuple):
    """Features and labels.

    Attributes
    ----------
    features : ndarray of shape (M, d), float32
    labels : ndarray of shape (M,)
    """

    features: Float[np.ndarray, "M d"]
    labels: Int[np.ndarray, " M"]

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


def held_out(source: "FeatureSource", present: Head, counts: ClassCounts, parts: int) -> Samples:
    """The samples of VALID, checked.

    Parameters
    ----------
    source : FeatureSource
    present : Head
    counts : ClassCounts
        Of the training.
    parts : int
        Into how many they will be dealt.

    Returns
    -------
    Samples

    Raises
    ------
    FeaturesError
        When width, names or labels do not fit those of the training, or there are too few samples to choose with.
    """
    if source.dimension != present.dimension:
        raise FeaturesError(f"VALID has features of width {source.dimension} and TRAIN of {present.dimension}")
    own = None if source.names is None else places(source.names, counts.names, "VALID", "TRAIN", all_of_them=False)
    samples = gather(source)
    if not len(samples.labels):
        raise FeaturesError("VALID has no samples: give some, or leave it out")
    if int(samples.labels.max()) >= present.classes:
        raise FeaturesError(
            f"VALID has label {int(samples.labels.max())}: the head has classes 0 … {present.classes - 1}"
        )
    if own is not None:
        samples = Samples(samples.features, _renumbered(samples.labels, own))
    number = np.bincount(samples.labels, minlength=present.classes)
    strange = np.flatnonzero((number > 0) & (counts.values == 0))
    if strange.size:
        raise FeaturesError(
            f"class {counts.names[int(strange[0])]!r} has {int(number[strange[0]])} samples in VALID and none in TRAIN "
            f"({strange.size} such classes): no head can be fitted to it; leave these samples out"
        )
    if np.count_nonzero(number) < 2 or len(samples.labels) < 2 * parts:
        raise FeaturesError(
            f"VALID has {len(samples.labels)} samples of {np.count_nonzero(number)} classes: choosing needs at least "
            f"{2 * parts} samples of two classes; without VALID the head is adjusted as theory says"
        )
    return samples


def _renumbered(labels: Int[np.ndarray, " M"], own: Int[np.ndarray, " n"]) -> Int[np.ndarray, " M"]:
    """Labels that count by VALID's own names, as labels that count by those of TRAIN."""
    if int(labels.max()) >= own.size:
        raise FeaturesError(f"VALID has label {int(labels.max())} and names {own.size} classes: name each of them")
    return own[labels]


def order_notes(source: "FeatureSource", samples: Samples, present: Head, counts: ClassCounts) -> tuple[str, ...]:
    """What was taken of the order of VALID's classes, and what speaks against it.

    Parameters
    ----------
    source : FeatureSource
        VALID.
    samples : Samples
        Of it, with labels in the order of TRAIN.
    present : Head
    counts : ClassCounts
        Of TRAIN.

    Returns
    -------
    tuple of str
    """
    notes: list[str] = []
    names = counts.names
    if source.names is None and not isinstance(names, NumberedNames):
        notes.append(as_it_stands("VALID", names, "TRAIN"))
    elif source.names is not None and tuple(source.names) != tuple(names):
        notes.append("The classes of VALID were put in the order of TRAIN, by their names.")
    answers = present.predict(samples.features)
    shape = (present.classes, present.classes)
    table = coo_array((np.ones(answers.size, dtype=np.int64), (samples.labels, answers)), shape=shape)
    return (*notes, *other_order(table, names, "The labels of VALID"))


def gather(source: "FeatureSource") -> Samples:
    """All samples of a source in memory.

    Parameters
    ----------
    source : FeatureSource

    Returns
    -------
    Samples

    Raises
    ------
    FeaturesError
        When they hold NaN, infinity or negative labels, or have weights.
    """
    features: list[np.ndarray] = []
    labels: list[np.ndarray] = []
    seen = 0
    for batch in source.batches():
        if batch.weights is not None:
            raise FeaturesError(f"{source} has weights, which a comparison of heads cannot use: leave them out")
        FeatureStatistics.finite(batch.features, seen, drop_bad=False)
        if len(batch.labels) and int(batch.labels.min()) < 0:
            raise FeaturesError(f"{source} has label {int(batch.labels.min())}: give whole numbers from 0")
        features.append(np.asarray(batch.features, dtype=np.float32))
        labels.append(np.asarray(batch.labels, dtype=np.int64))
        seen += len(batch.labels)
    if not labels:
        return Samples(np.zeros((0, source.dimension), dtype=np.float32), np.zeros(0, dtype=np.int64))
    return Samples(np.concatenate(features), np.concatenate(labels))

"""The second look at a side: each class's scatter along its own directions, and what the head answers."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float
from numpy.typing import NDArray

from penultimate.drifts.groups import Groups, design_effect
from penultimate.drifts.neighbours import Neighbours
from penultimate.errors import FeaturesError
from penultimate.features.by_class import ByClass
from penultimate.features.decisions import Decisions
from penultimate.features.head import Head
from penultimate.features.passes.deciding import AffineScores
from penultimate.features.passes.worst import WorstSamples
from penultimate.features.sources import FeatureSource
from penultimate.features.statistics import FeatureStatistics

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Seen:
    """What is known of a side along the directions of each class, about the mean of both sides.

    Attributes
    ----------
    mean : ndarray of shape (K, r)
    scatter : ndarray of shape (K, r, r) or None
        ``Σ z zᵀ``; None for statistics that keep no scatter of single classes.
    coordinates : dict of int to ndarray
        Those of all samples of the classes that were asked for; empty for statistics.
    independent : ndarray of shape (K,)
        Groups of samples of each class; samples, where all are independent.
    design : ndarray of shape (K,)
        Variance of the mean over that of independent samples.
    decisions : Decisions or None
        What the head answers.
    effective : ndarray of shape (K,)
        Independent samples that would know the recall as well.
    at_home : ndarray of shape (K,) or None
        Recall if the mean of each class had not moved: of samples taken back by its shift.
    worst : WorstSamples or None
        The samples of the smallest margins; None where they were not asked for, and for statistics.
    """

    mean: Float[np.ndarray, "K r"]
    scatter: Float[np.ndarray, "K r r"] | None
    coordinates: dict[int, Float[np.ndarray, "n r"]]
    independent: Float[np.ndarray, " K"]
    design: Float[np.ndarray, " K"]
    decisions: Decisions | None
    effective: Float[np.ndarray, " K"]
    at_home: Float[np.ndarray, " K"] | None
    worst: WorstSamples | None = None


def first_look(source: FeatureSource, classes: int) -> FeatureStatistics:
    """Means and scatter of a source.

    Raises
    ------
    FeaturesError
        For samples with weights, and as `FeatureStatistics.update`.
    """
    statistics = FeatureStatistics(classes, source.dimension)
    for batch in source.batches():
        if batch.weights is not None:
            raise FeaturesError(f"{source} has weights, which have no use here: leave them out")
        try:
            statistics.update(batch.features, batch.labels)
        except FeaturesError as error:
            raise FeaturesError(f"{source}: {error}") from None
    if not statistics.rows:
        raise FeaturesError(f"{source}: there are no samples: give features of at least two classes")
    return statistics


def from_statistics(statistics: FeatureStatistics, about: Neighbours) -> Seen:
    """What statistics that were kept say."""
    mean = _means(statistics, about)
    decisions = statistics.decisions if statistics.decisions.answered.any() else None
    alone = np.ones(statistics.classes)
    answered = statistics.decisions.answered.astype(np.float64)
    if not statistics.per_class:
        return Seen(mean, None, {}, statistics.counts, alone, decisions, answered, None)
    own = statistics.class_scatters_along(about.basis)
    scatter = own + statistics.counts[:, None, None] * mean[:, :, None] * mean[:, None, :]
    return Seen(mean, scatter, {}, statistics.counts, alone, decisions, answered, None)


def second_look(
    source: FeatureSource,
    statistics: FeatureStatistics,
    about: Neighbours,
    keep: Bool[np.ndarray, " K"],
    head: Head | None,
    shift: Float[np.ndarray, "K d"] | None,
    groups: Groups = None,
    judge: AffineScores | None = None,
) -> Seen:
    """Stream a source along the directions of each class.

    Parameters
    ----------
    source : FeatureSource
    statistics : FeatureStatistics
        Of its first pass.
    about : Neighbours
    keep : ndarray of bool of shape (K,)
        Classes whose coordinates are kept.
    head : Head or None
        Whose answers are counted.
    shift : ndarray of shape (K, d), optional
        What is taken off the samples of each class for `Seen.at_home`.
    groups : ndarray of shape (N,), optional
        The group of each sample; without, all are independent.
    judge : AffineScores, optional
        By whose margins samples are kept.
    """
    classes, rank = statistics.classes, about.basis.shape[2]
    scatter = np.zeros((classes, rank, rank))
    kept: dict[int, list[Floats]] = {int(k): [] for k in np.flatnonzero(keep)}
    answers = None if head is None else Decisions.empty(classes)
    told: list[NDArray[np.int64]] = []
    right: list[NDArray[np.bool_]] = []
    at_home = np.zeros(classes)
    moved = None if head is None or shift is None else shift @ head.product.T
    worst, rows_read = None if judge is None else WorstSamples.empty(classes), 0
    origin = np.matmul(np.nan_to_num(about.centres)[:, None, :], about.basis)[:, 0]
    for batch in source.batches():
        labels = np.asarray(batch.labels, dtype=np.int64)
        told.append(labels)
        if judge is not None and worst is not None and len(worst.row):
            best, margin = judge.judged(np.asarray(batch.features, dtype=np.float64), labels)
            worst.add(labels, margin, rows_read + np.arange(labels.size), best)
        rows_read += labels.size
        for k, rows in ByClass.of(labels).rows():
            z = batch.features[rows].astype(np.float64) @ about.basis[k] - origin[k]
            scatter[k] += z.T @ z
            if k in kept:
                kept[k].append(z)
        if head is not None and answers is not None:
            predicted = head.predict(batch.features)
            answers.add(labels, predicted)
            right.append(predicted == labels)
            if moved is not None:
                back = np.argmax(head.logits(batch.features) - moved[labels], axis=1)
                at_home += np.bincount(labels[back == labels], minlength=classes)
    coordinates = {k: np.concatenate(parts) for k, parts in kept.items() if parts}
    home = at_home / np.where(statistics.counts > 0, statistics.counts, np.nan) if moved is not None else None
    correct = np.concatenate(right) if right else None
    independent, design, effective = _correlated(np.concatenate(told), statistics.counts, coordinates, correct, groups)
    return Seen(_means(statistics, about), scatter, coordinates, independent, design, answers, effective, home, worst)


def _correlated(
    labels: NDArray[np.int64],
    counts: Floats,
    coordinates: dict[int, Floats],
    right: NDArray[np.bool_] | None,
    groups: Groups,
) -> tuple[Floats, Floats, Floats]:
    """Groups, design effect of the mean, and samples as good as independent ones for recall, class by class."""
    independent, design, effective = counts.copy(), np.ones_like(counts), counts.copy()
    if groups is None:
        return independent, design, effective
    for k, rows in ByClass.of(labels).rows():
        own = groups[rows]
        independent[k] = np.unique(own).size
        design[k] = design_effect(coordinates[k], own)
        if right is not None:
            effective[k] /= design_effect((right[rows] - right[rows].mean())[:, None], own)
    return independent, design, effective


def _means(statistics: FeatureStatistics, about: Neighbours) -> Floats:
    seen = statistics.counts > 0
    apart = np.where(seen[:, None], statistics.means - about.centres, 0.0)
    return np.matmul(apart[:, None, :], about.basis)[:, 0]

"""What the passes of an audit fill and keep beside statistics, and what they say of answers."""

import hashlib
import os
from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from penultimate.counts import ClassCounts
from penultimate.features.arrays import Gaps
from penultimate.features.decisions import Decisions
from penultimate.features.head import Head
from penultimate.features.passes.answering import Drawn, answers
from penultimate.features.passes.checkpoint import Checkpoint
from penultimate.features.passes.deciding import Deciding
from penultimate.features.passes.residuals import MOST_CLASSES, Slopes
from penultimate.features.passes.scatters import MOST, Scatters
from penultimate.features.passes.worst import WorstSamples
from penultimate.features.sources import FeatureSource
from penultimate.features.statistics import FeatureStatistics
from penultimate.losses import resolve
from penultimate.model.problem import Problem
from penultimate.noise.class_means import ClassDirections, MeansOutcome


def slopes_of(
    statistics: FeatureStatistics, head: Head | None, problem: Problem, counts: ClassCounts, gaps: Gaps
) -> Slopes | None:
    """What sums the residuals of another loss than squared error; None where they are not needed, or too many."""
    if head is None or problem.is_plain_squared_error or head.classes > MOST_CLASSES:
        return None
    return Slopes(statistics, head, resolve(problem.loss, counts), counts, gaps=gaps)


def scatters_of(statistics: FeatureStatistics, directions: ClassDirections, gaps: Gaps) -> Scatters | None:
    """What sums each class's own scatter along the directions; None where there is none, or it is too much to hold."""
    rank = directions.singular_values.size
    if directions.outcome is MeansOutcome.TOO_FEW_SAMPLES or not rank or statistics.classes * rank**2 > MOST:
        return None
    return Scatters(statistics, directions.basis, gaps=gaps)


class Told(NamedTuple):
    """What the second pass says of answers.

    Attributes
    ----------
    decisions : Decisions
    worst : WorstSamples
    certified : int
        As in an `Audit`.
    drawn : int or None
        Of so many samples; None where it is of all.
    """

    decisions: Decisions
    worst: WorstSamples
    certified: int
    drawn: int | None


def told_by(second: Deciding | Drawn, statistics: FeatureStatistics, head: Head | None) -> Told:
    """What a second pass says of all samples, or of those that it drew."""
    if isinstance(second, Deciding):
        return Told(second.decisions, second.worst, second.certified, None)
    features, labels = second.sample
    decisions = answers(features, labels, statistics, head)
    return Told(decisions, WorstSamples.empty(statistics.classes), 0, len(labels))


def of_loss(problem: Problem, counts: ClassCounts | None) -> dict[str, object]:
    """What the second pass depends on with another loss than squared error: its numbers, and the training counts."""
    if problem.is_plain_squared_error:
        return {}
    vectors = {} if isinstance(problem.loss, str) else problem.loss.vectors
    sums = {name: float(vector @ np.arange(1.0, vector.size + 1.0)) for name, vector in vectors.items()}
    return {"loss": str(problem.loss), **sums, "counts": None if counts is None else counts.values.tolist()}


def checkpoint_of(
    path: "os.PathLike[str] | str | None",
    source: FeatureSource,
    head: Head | None,
    classes: int,
    gaps: Gaps,
    layout: Mapping[str, object],
) -> Checkpoint | None:
    """The checkpoint of a run, and what that depends on; None where no file was given."""
    if path is None:
        return None
    digest = hashlib.blake2b(digest_size=16)
    for array in [] if head is None else [*head.weights, head.offset]:
        digest.update(np.ascontiguousarray(array).data)
    settings = {"data": source.fingerprint, "head": digest.hexdigest(), "classes": classes, "gaps": gaps}
    return Checkpoint(path, {**settings, **layout})

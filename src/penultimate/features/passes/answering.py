"""The second pass with very many classes: it keeps a sample of the samples, and what they are answered follows from it.

Scores of N samples against K classes take N K d multiplications: at K = N = 256,000 and d = 1,024 most of an hour. The
share of right answers in a sample drawn evenly from all is known to 1 % or so from 4,096 of them, whatever N is.
"""

import math
from collections.abc import Callable, Mapping
from copy import copy
from typing import Any

import numpy as np
from numpy.typing import NDArray

from penultimate.features.arrays import Gaps, as_features, as_labels, usable_rows
from penultimate.features.blocks import blocks
from penultimate.features.decisions import Decisions
from penultimate.features.head import Head
from penultimate.features.metrics.centred import Rows
from penultimate.features.metrics.sweeping import SAMPLE, Leading
from penultimate.features.passes.deciding import unit_of
from penultimate.features.statistics import FeatureStatistics
from penultimate.threads import at_once, in_turns

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
# Vectors of some classes, and what is added to their products.
Score = Callable[[slice], tuple[Floats, Floats]]

# Multiplications that scoring all samples may take, as many as comparing all classes. Radii of certain answers take as
# many as four samples a class do, and leave few samples to be scored.
_WORK, _RADII = 1 << 42, 4
_SEED = 0


def too_many(samples: float, classes: int, dimension: int) -> bool:
    """Whether answers are counted on a sample of the samples."""
    return samples > SAMPLE and min(samples, _RADII * classes) * classes * dimension > _WORK


class Drawn:
    """Keeps samples drawn evenly from all.

    Parameters
    ----------
    statistics : FeatureStatistics
        Of the first pass, which counted the samples.
    gaps : {"refuse", "drop", "observed"}, default "refuse"
        Leave out rows that hold NaN or infinity, unless they are refused.

    Examples
    --------
    >>> import numpy as np, penultimate as pen
    >>> from penultimate.features.passes.answering import Drawn, answers
    >>> features, labels = np.array([[1.0, 0.0], [3.0, 0.0], [0.0, 5.0]]), np.array([0, 0, 1])
    >>> statistics = pen.FeatureStatistics.from_features(features, labels)
    >>> drawn = Drawn(statistics)
    >>> drawn.update(features, labels)
    >>> answers(*drawn.sample, statistics, None).accuracy
    1.0
    """

    deals = False

    def __init__(self, statistics: FeatureStatistics, *, gaps: Gaps = "refuse") -> None:
        self._gaps: Gaps = gaps
        self._classes, self._dimension = statistics.classes, statistics.dimension
        samples = statistics.rows + statistics.dropped
        drawn = np.random.default_rng(_SEED).choice(samples, min(SAMPLE, samples), replace=False)
        self._chosen: Ints = np.sort(drawn).astype(np.int64)
        self._next = 0
        self._kept: list[tuple[NDArray[np.floating], Ints]] = []

    @property
    def sample(self) -> tuple[NDArray[np.floating], Ints]:
        """Features and labels of what was kept."""
        if not self._kept:
            return np.empty((0, self._dimension), dtype=np.float32), np.empty(0, dtype=np.int64)
        features, labels = zip(*self._kept, strict=True)
        return np.concatenate(features), np.concatenate(labels)

    def update(self, features: object, labels: object, weights: object = None) -> None:
        """Keep what was drawn of a batch; answers are counted without weights."""
        rows = as_features(features, self._dimension)
        own = as_labels(labels, len(rows), self._classes)
        first, last = np.searchsorted(self._chosen, [self._next, self._next + len(rows)])
        mine = self._chosen[first:last] - self._next
        chosen, labels = rows[mine], own[mine]
        # The first pass has seen all rows; here those matter that are kept.
        kept = usable_rows(chosen, self._next, gaps=self._gaps)
        self._next += len(rows)
        if kept is not None:
            chosen, labels = chosen[kept], labels[kept]
        if labels.size:
            self._kept.append((chosen, labels))

    def fresh(self, before: Ints | None = None) -> "Drawn":
        """One that has kept nothing, for samples before which others see so many of each class."""
        other = copy(self)
        other._next, other._kept = 0 if before is None else int(before.sum()), []
        return other

    def merge(self, other: "Drawn") -> "Drawn":
        """Add what was kept elsewhere."""
        self._next = max(self._next, other._next)
        self._kept = [*self._kept, *other._kept]
        return self

    def arrays(self) -> dict[str, NDArray[Any]]:
        """What was kept, for a checkpoint."""
        features, labels = self.sample
        return {"features": features, "labels": labels, "next": np.array([self._next])}

    def restore(self, arrays: Mapping[str, NDArray[Any]]) -> None:
        """Go on from what `arrays` gave."""
        self._next = int(arrays["next"][0])
        self._kept = [(arrays["features"], arrays["labels"])] if len(arrays["labels"]) else []


def answers(
    features: NDArray[np.floating], labels: Ints, statistics: FeatureStatistics, head: Head | None
) -> Decisions:
    """What the head answers to some samples, and the nearest class means.

    Parameters
    ----------
    features : ndarray of shape (n, d)
    labels : ndarray of shape (n,)
    statistics : FeatureStatistics
        Of the first pass: class means are taken from it.
    head : Head, optional
        Without it the nearest class mean is the answer.

    Returns
    -------
    Decisions
    """
    out, nearest = Decisions.empty(statistics.classes), _nearest(features, statistics)
    if head is None:
        out.add(labels, nearest)
    else:
        out.add(labels, _answers(features, statistics.global_mean, head), nearest)
    return out


def _nearest(features: NDArray[np.floating], statistics: FeatureStatistics) -> Ints:
    """The class whose mean is nearest to each sample."""
    means, origin = statistics.means, statistics.global_mean

    def score(place: slice) -> tuple[Floats, Floats]:
        rows = means[place] - origin
        seen = np.isfinite(rows[:, 0])
        rows[~seen] = 0.0
        return rows, np.where(seen, -0.5 * np.vecdot(rows, rows), -np.inf)

    return _best(features, origin, means, score, 1.0)


def _answers(features: NDArray[np.floating], origin: Floats, head: Head) -> Ints:
    """The class that the head scores highest for each sample."""

    def score(place: slice) -> tuple[Floats, Floats]:
        rows = head[place]
        return rows, head.offset[place] + rows @ origin

    return _best(features, origin, head, score, math.prod(max(w.max(), -w.min()) for w in head.weights))


def _best(features: NDArray[np.floating], origin: Floats, table: Rows, score: Score, largest: float) -> Ints:
    """Where affine scores are highest, some classes at a time, products in the features' own precision."""
    centred = features.astype(np.float64) - origin
    narrow = np.float64 if features.dtype == np.float64 else np.float32
    # Units in which neither features nor weights leave the range of single precision.
    unit, factor = unit_of(float(np.abs(centred).max(initial=0.0))), unit_of(float(largest))
    points = (centred * unit).astype(narrow)
    places = list(blocks(table.shape[0], table.shape[1]))
    threads = at_once(len(places))
    leading, *others = found = [Leading(len(features)) for _ in range(threads)]

    def show(thread: int, place: slice) -> None:
        rows, offsets = score(place)
        scores = points @ (rows * factor).astype(narrow).T
        scores += (offsets * (unit * factor)).astype(narrow)
        found[thread].add(slice(None), place, scores)

    in_turns(show, places, threads)
    for other in others:
        leading.merge(other)
    return leading.index

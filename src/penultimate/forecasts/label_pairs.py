"""Pairs of labels that are one label in two columns, or that no head can tell apart."""

from typing import NamedTuple

import numpy as np

from penultimate.minimisers.label_solution import LabelSolution
from penultimate.spectrum.scatter_spectrum import MOST_DENSE
from penultimate.targets.label_scatter import LabelScatter

# Correlations of columns of 0 and 1 that differ in one sample lie further from 1 than this, up to 10⁹ samples.
_ROUNDING = 1e-10
# At this correlation one score explains 98 % of the other's variance.
ALIKE = 0.99
# Pairs that are listed.
_MOST = 200


class LabelPair(NamedTuple):
    """Two labels, by index, and how they correlate.

    Attributes
    ----------
    first, second : int
    correlation : float
        Of the two columns, or of their scores; −1 where one label is on exactly where the other is off.
    """

    first: int
    second: int
    correlation: float


def one_label_twice(targets: LabelScatter) -> tuple[LabelPair, ...]:
    """Labels that are equal in every sample, or on exactly where the other is off.

    Parameters
    ----------
    targets : LabelScatter

    Returns
    -------
    tuple of LabelPair
        Each label with one other at most, 200 at most.

    Examples
    --------
    >>> import penultimate as pen
    >>> from penultimate.forecasts.label_pairs import one_label_twice
    >>> one_label_twice(pen.LabelScatter.from_labels([["cat", "pet"], ["cat", "pet"], ["dog"]]))[0]
    LabelPair(first=0, second=1, correlation=-1.0)
    """
    together = targets.second_moment.tocoo()
    rows, columns, entries = (np.asarray(part) for part in (together.row, together.col, together.data))
    upper = rows < columns
    first, second, both = rows[upper], columns[upper], entries[upper]
    n, spread = targets.positives, targets.variance
    product = np.sqrt(spread[first] * spread[second])
    correlation = np.divide(
        both - n[first] * n[second] / targets.samples, product, out=np.zeros(both.size), where=product > 0
    )
    found = np.flatnonzero(np.abs(correlation) >= 1.0 - _ROUNDING)
    pairs = [LabelPair(int(first[i]), int(second[i]), float(np.sign(correlation[i]))) for i in found[:_MOST].tolist()]
    return tuple(sorted({*pairs, *_complements(targets)})[:_MOST])


def _complements(targets: LabelScatter) -> list[LabelPair]:
    """Labels that never occur together, and one of which is always there."""
    if targets.kind != "sets":
        return []
    n, together = targets.positives, targets.second_moment
    by_count: dict[float, list[int]] = {}
    for label, count in enumerate(n.tolist()):
        by_count.setdefault(count, []).append(label)
    found: list[LabelPair] = []
    for count, labels in by_count.items():
        others = by_count.get(targets.samples - count, [])
        if count < targets.samples / 2 or count == targets.samples or not others:
            continue
        apart = np.argwhere(np.asarray(together[labels][:, others].toarray()) == 0)[:_MOST]
        pairs = [(labels[int(i)], others[int(j)]) for i, j in apart]
        found += [LabelPair(min(pair), max(pair), -1.0) for pair in pairs]
    return found


def told_apart_by_no_head(solution: LabelSolution) -> tuple[LabelPair, ...] | None:
    """Labels whose scores correlate at 0.99 or more over all samples, those that are one label left out.

    Parameters
    ----------
    solution : LabelSolution

    Returns
    -------
    tuple of LabelPair, or None
        Each label with its most alike one; None above 4,096 labels, where they are not compared.
    """
    targets = solution.targets
    if targets.labels > MOST_DENSE:
        return None
    twice = {pair[:2] for pair in one_label_twice(targets)}
    nearest, correlation = solution.geometry.nearest(np.arange(targets.labels), by_scores=True)
    alike = [
        LabelPair(min(k, other), max(k, other), round(found, 6))
        for k, (other, found) in enumerate(zip(nearest.tolist(), correlation.tolist(), strict=True))
        if found >= ALIKE and (min(k, other), max(k, other)) not in twice
    ]
    return tuple(dict.fromkeys(sorted(alike, key=lambda pair: -pair.correlation)))[:_MOST]

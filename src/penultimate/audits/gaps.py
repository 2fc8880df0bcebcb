"""Features with gaps, as an audit reads them: statistics of the entries that are there, and what the gaps are like."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from penultimate.errors import FeaturesError
from penultimate.features.moments import Moments
from penultimate.features.passes.accumulator import Accumulator
from penultimate.features.passes.observed import ObservedEntries, ObservedPairs
from penultimate.features.statistics import FeatureStatistics
from penultimate.reported import OneLine

Floats = NDArray[np.float64]

# Gaps that differ so much between classes are refused: of audits of gaps at random one in ten thousand.
_REFUSED = 1e-4
# Samples in which two columns were both seen: with fewer, their product says nothing.
_TOGETHER = 5
# Entries of a class and column with which its own variance is used.
_OWN = 5


@dataclass(frozen=True, repr=False)
class GapsFound(OneLine):
    """What the gaps in features are like.

    Attributes
    ----------
    missing : float
        Share of entries that are missing.
    rows, whole_rows : int
        Samples, and those without gaps, from which decisions are counted.
    least_seen : int
        Fewest entries of a class in a column.
    least_pairs : int
        Fewest samples in which two columns were both seen.
    p : float
        How often gaps that have nothing to do with the class would differ so much between classes.
    """

    missing: float
    rows: int
    whole_rows: int
    least_seen: int
    least_pairs: int
    p: float

    def to_dict(self) -> dict[str, object]:
        """For JSON."""
        return dict(vars(self))


def read_observed(
    run: Callable[[Accumulator, str], object], classes: int, dimension: int, parts: int
) -> tuple[FeatureStatistics, list[FeatureStatistics], GapsFound]:
    """Read features with gaps in two passes.

    Parameters
    ----------
    run : callable
        Runs a pass that fills an accumulator, by its name.
    classes, dimension, parts : int
        K, d, and the parts that the statistics are kept in.

    Returns
    -------
    FeatureStatistics
        Of all entries that are there.
    list of FeatureStatistics
        The same without each part; empty where there is one.
    GapsFound

    Raises
    ------
    FeaturesError
        For infinity, gaps that depend on the class, a column never seen in a class, and columns seldom seen together.
    """
    first = ObservedEntries(classes, dimension, parts)
    run(first, "features")
    _check_seen(first)
    p = first.p_of_class()
    if p < _REFUSED:
        raise FeaturesError(
            f"the gaps depend on the class (p = {p:.0e}), as those of entries that overflowed do, and then no estimate "
            "from the rest is right: find out why entries are missing, or read whole rows only (gaps='drop')"
        )
    second = ObservedPairs(first)
    run(second, "pairs")
    least = int(second.pairs.sum(axis=0).min())
    if least < _TOGETHER:
        raise FeaturesError(
            f"two columns were seen together in {least} samples only, and their covariance takes {_TOGETHER} at least: "
            "give more samples, or fewer columns"
        )
    everything = list(range(parts))
    whole = _statistics(first, second, everything)
    without = (
        [] if parts == 1 else [_statistics(first, second, [g for g in everything if g != left]) for left in everything]
    )
    seen = first.seen.sum(axis=0)
    some = first.samples.sum(axis=0) > 0
    total = float(first.rows) * dimension
    missing = 1.0 - float(seen.sum()) / total if total else 0.0
    return whole, without, GapsFound(missing, first.rows, first.whole_rows, int(seen[some].min()), least, p)


def _check_seen(first: ObservedEntries) -> None:
    seen, some = first.seen.sum(axis=0), first.samples.sum(axis=0) > 0
    if not some.any():
        raise FeaturesError("there are no samples: give features of at least two classes")
    never = np.argwhere((seen == 0) & some[:, None])
    if never.size:
        k, j = never[0].tolist()
        raise FeaturesError(
            f"column {j} was never seen in class {k} ({len(never)} such {'pair' if len(never) == 1 else 'pairs'}), so "
            "that its mean is not known there: leave the column out, or the class"
        )


def _statistics(first: ObservedEntries, second: ObservedPairs, kept: list[int]) -> FeatureStatistics:
    """What other parts of an audit take: the estimates in place of sums."""
    counts = first.samples[kept].sum(axis=0)
    seen, means, squares = first.seen[kept].sum(axis=0), first.means(kept), first.squares(kept)
    some = counts > 0
    freedom = np.maximum(seen - 1.0, 0.0)
    pooled = squares.sum(axis=0) / np.maximum(freedom.sum(axis=0), 1.0)
    own: Floats = squares / np.maximum(freedom, 1.0)
    own = own + (seen < _OWN) * (pooled - own)
    spreads = np.maximum(counts - 1.0, 0.0) * own.sum(axis=1)
    scatter = _covariance(second, kept, pooled, float(counts.sum())) * max(float(counts.sum()) - some.sum(), 1.0)
    # A part may lack the only entry of a class: then that mean is the one of all parts.
    known = np.where(np.isnan(means), first.means(list(range(len(first.samples)))), means)
    statistics = FeatureStatistics(*means.shape)
    shift = np.where(some[:, None], known, 0.0)
    moments = Moments(counts, shift, np.zeros_like(shift), spreads, scatter[None], looked_at=float(counts.sum()))
    arrays = statistics.arrays() | {
        "weight": moments.weight,
        "shift": moments.shift,
        "total": moments.total,
        "square": moments.square,
        "moment": moments.moment,
        "progress": np.array([moments.looked_at, counts.sum(), 0.0]),
    }
    return FeatureStatistics.from_arrays(arrays)


def _covariance(second: ObservedPairs, kept: list[int], variances: Floats, samples: float) -> Floats:
    """Products over pairs seen; what gaps alone add to its noise is shrunk, and no direction has negative variance."""
    pairs = np.maximum(second.pairs[kept].sum(axis=0), 1.0)
    covariance = second.products[kept].sum(axis=0) / pairs
    np.fill_diagonal(covariance, variances)
    off = covariance - np.diag(variances)
    noise = float(np.sum(np.outer(variances, variances) * np.maximum(1.0 / pairs - 1.0 / samples, 0.0)))
    if noise <= 0.0:
        return covariance
    size = float(np.sum(off**2))
    covariance = np.diag(variances) + off * (max(size - noise, 0.0) / size if size > 0 else 0.0)
    try:
        np.linalg.cholesky(covariance)
    except np.linalg.LinAlgError:
        values, vectors = np.linalg.eigh(covariance)
        # A negative variance is noise of its own size.
        return (vectors * np.abs(values)) @ vectors.T
    return covariance

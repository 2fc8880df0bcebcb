"""How far class counts explain the lengths of a head's rows: by the law, and by any function of counts at all.

The law is that of features of one length (`penultimate.forecasts.sphere_law`), with its one free number and a scale
fitted. That for free features, ‖w‖ ∝ n^¼, misses the lengths of all heads looked at by two fifths and more
(docs/theory §11.4). The most that any function of counts can explain is measured by the mean length in each of up to
fifty quantiles of count. Classes of equal count always share one.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from jaxtyping import Float
from numpy.typing import NDArray

from penultimate.features.metrics.frames import slope_of
from penultimate.forecasts.sphere_law import sphere_margins
from penultimate.reported import OneLine

# With fewer classes neither their share nor its interval means anything; a scan asks for as many.
FEWEST = 64
# Below this share of the variance at most, counts are said not to explain lengths. Of heads whose counts are known they
# explain 61, 54 and 14 % at most (docs/theory §11); chosen to lie between.
EXPLAINED = 0.2
# Bins of equal width in log n, within which the law is all but constant, and quantiles of the best possible function.
_BINS, _QUANTILES = 256, 50
# From a margin at which nearly all classes would be at death's door, lengths ∝ n, to one at which all rows are alike.
_MARGINS = np.geomspace(0.01, 1000.0, 121)
_REPLICATES = 200
_LEVEL = 0.95
_SEED = 0


@dataclass(frozen=True)
class Explained:
    """What one description leaves of the lengths of rows.

    Attributes
    ----------
    error : float
        ``‖a − model‖ / ‖a‖`` over classes, at the scale that fits best.
    share : float
        Of the variance of lengths, less what as many free numbers explain by chance; at least 0.
    interval : tuple of float
        95 % of it, by a bootstrap over classes.
    """

    error: float
    share: float
    interval: tuple[float, float]


@dataclass(frozen=True, repr=False)
class RowLengths(OneLine):
    """Lengths of rows against counts; made by `row_lengths`.

    Attributes
    ----------
    lengths, counts : ndarray of shape (n,)
        Of the rows compared.
    margin : float
        The free number of the law that fits best. It takes up width and scale as well, so no decay can be read from it.
    blind_error : float
        The error of equal lengths.
    law : Explained
        The law of features of one length.
    best : Explained
        The best of all functions of counts.
    by_law, by_best : ndarray of shape (n,)
        Their lengths.
    """

    lengths: Float[np.ndarray, " n"]
    counts: Float[np.ndarray, " n"]
    margin: float
    blind_error: float
    law: Explained
    best: Explained
    by_law: Float[np.ndarray, " n"]
    by_best: Float[np.ndarray, " n"]

    @property
    def explained(self) -> bool:
        """Whether counts explain lengths at all."""
        return self.best.share >= EXPLAINED

    @cached_property
    def slope(self) -> float:
        """Of log length on log count."""
        return slope_of(self.lengths, self.counts)[0]


def row_lengths(lengths: Float[np.ndarray, " n"], counts: Float[np.ndarray, " n"]) -> RowLengths | None:
    """Compare lengths of rows with what counts make of them.

    Parameters
    ----------
    lengths, counts : ndarray of shape (n,)
        Positive.

    Returns
    -------
    RowLengths or None
        None with fewer than 64 classes, or where counts or lengths are all alike: there is nothing to explain.

    Examples
    --------
    >>> import numpy as np
    >>> from penultimate.audits.row_lengths import row_lengths
    >>> counts = 1e6 / np.arange(1, 1001)
    >>> found = row_lengths(3.0 + 0.2 * np.log(counts), counts)
    >>> bool(found.law.share > 0.99), found.explained
    (True, True)
    """
    if lengths.size < FEWEST or np.ptp(counts) == 0.0 or np.ptp(lengths) <= 1e-9 * lengths.max():
        return None
    law, best = _Law(counts), _Quantiles(counts)
    sums = _Sums(lengths, np.ones(lengths.size))
    at, law_left = law.fit(sums)
    best_left = min(best.fit(sums), law_left)
    size = float(lengths @ lengths)
    drawn = np.array([_shares(law, best, _Sums(lengths, weights)) for weights in _resampled(lengths.size)])
    law_share, best_share = _shares(law, best, sums)
    return RowLengths(
        lengths=lengths,
        counts=counts,
        margin=float(_MARGINS[at]),
        blind_error=float(np.sqrt(sums.variance / size)),
        law=Explained(float(np.sqrt(law_left / size)), max(law_share, 0.0), _interval(law_share, drawn[:, 0])),
        best=Explained(float(np.sqrt(best_left / size)), max(best_share, 0.0), _interval(best_share, drawn[:, 1])),
        by_law=law.lengths(sums, at),
        by_best=best.lengths(sums),
    )


class _Sums:
    """Sums over classes that stand in the place of lengths, each class as often as its weight says."""

    def __init__(self, lengths: Float[np.ndarray, " n"], weights: Float[np.ndarray, " n"]) -> None:
        self.weights, self.weighted = weights, weights * lengths
        self.total, self.square = float(weights.sum()), float(self.weighted @ lengths)
        self.variance = self.square - float(self.weighted.sum()) ** 2 / self.total

    def by(self, group: NDArray[np.int64], size: int) -> tuple[Float[np.ndarray, " b"], Float[np.ndarray, " b"]]:
        """Classes and sum of their lengths in each group."""
        return np.bincount(group, self.weights, size), np.bincount(group, self.weighted, size)


class _Law:
    """The law in bins of log count, for every margin."""

    def __init__(self, counts: Float[np.ndarray, " n"]) -> None:
        distinct, group = np.unique(counts, return_inverse=True)
        if distinct.size > _BINS:
            logs = np.log(counts)
            width = np.ptp(logs) / _BINS
            group = np.unique(np.minimum((logs - logs.min()) // width, _BINS - 1), return_inverse=True)[1]
        self.group: NDArray[np.int64] = group.astype(np.int64)
        sizes = np.bincount(self.group)
        shares = np.bincount(self.group, counts) / sizes / counts.sum()
        self.table = np.stack([sphere_margins(shares, sizes, margin) for margin in _MARGINS])

    def fit(self, sums: _Sums) -> tuple[int, float]:
        """The margin that fits best, by its place, and the squares that are left."""
        classes, total = sums.by(self.group, self.table.shape[1])
        left = sums.square - (self.table @ total) ** 2 / (self.table**2 @ classes)
        at = int(left.argmin())
        return at, float(max(left[at], 0.0))

    def lengths(self, sums: _Sums, at: int) -> Float[np.ndarray, " n"]:
        """Of every class, at the scale that fits best."""
        classes, total = sums.by(self.group, self.table.shape[1])
        shape = self.table[at]
        return (shape * (shape @ total) / (shape**2 @ classes))[self.group]


class _Quantiles:
    """Means within quantiles of count: at most √n of them, so that each holds about as many classes."""

    def __init__(self, counts: Float[np.ndarray, " n"]) -> None:
        wanted = min(_QUANTILES, int(np.sqrt(counts.size)))
        edges = np.unique(np.quantile(counts, np.arange(1, wanted) / wanted, method="lower"))
        place = np.searchsorted(edges, counts, side="left")
        self.group: NDArray[np.int64] = np.unique(place, return_inverse=True)[1].astype(np.int64)
        self.size = int(self.group.max()) + 1

    def fit(self, sums: _Sums) -> float:
        """The squares that are left."""
        classes, total = sums.by(self.group, self.size)
        return max(sums.square - float(np.sum(total**2 / np.maximum(classes, 1.0))), 0.0)

    def lengths(self, sums: _Sums) -> Float[np.ndarray, " n"]:
        """Of every class, the mean of its quantile."""
        classes, total = sums.by(self.group, self.size)
        return (total / classes)[self.group]


def _shares(law: _Law, best: _Quantiles, sums: _Sums) -> tuple[float, float]:
    """Shares of the variance that the law and the quantiles explain; the second is at least the first."""
    by_law = _share(law.fit(sums)[1], 2, sums)
    return by_law, max(_share(best.fit(sums), best.size, sums), by_law)


def _share(left: float, free: int, sums: _Sums) -> float:
    """Of the variance, adjusted for the free numbers."""
    if sums.variance <= 0.0:
        return 0.0
    return 1.0 - left / sums.variance * (sums.total - 1.0) / (sums.total - free)


def _resampled(size: int) -> Iterator[Float[np.ndarray, " n"]]:
    rng = np.random.default_rng(_SEED)
    for _ in range(_REPLICATES):
        yield np.bincount(rng.integers(0, size, size), minlength=size).astype(np.float64)


def _interval(share: float, drawn: Float[np.ndarray, " r"]) -> tuple[float, float]:
    """The basic bootstrap, reflected about the estimate: resampled classes are explained better than fresh ones."""
    low, high = np.quantile(drawn, [0.5 - _LEVEL / 2, 0.5 + _LEVEL / 2])
    ends = np.clip([2.0 * share - high, 2.0 * share - low], 0.0, 1.0)
    return float(ends[0]), float(ends[1])

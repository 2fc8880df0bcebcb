"""Statistics of features with gaps, from the entries that are there: two passes, both mergeable.

The first counts, for each class and column, the entries seen, their sum and their squares; the second multiplies
residuals of entries that were seen together. Filling gaps in first would bias every spread (docs/theory, "Features with
gaps").
"""

from collections.abc import Mapping
from copy import copy
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float
from numpy.typing import NDArray
from scipy.special import betainc, chdtrc

from penultimate.errors import FeaturesError
from penultimate.features.arrays import as_features, as_labels, wide_of
from penultimate.features.by_class import ByClass
from penultimate.features.moments import ROWS
from penultimate.features.passes.replicates import deal
from penultimate.kernels import kernel

Floats = NDArray[np.float64]

# Gaps that a class would have in a column if they fell alike in all: for fewer χ² does not hold, and such classes are
# taken together.
_EXPECTED = 5.0


def _add_seen_by_class(
    rows: NDArray[np.floating],
    labels: NDArray[np.int64],
    parts: NDArray[np.int64],
    shift: Floats,
    seen: Floats,
    total: Floats,
    square: Floats,
    samples: Floats,
) -> int:
    """`_add_seen` by NumPy."""
    if np.isinf(rows).any():
        return -1
    there = ~np.isnan(rows)
    # The first entry of a class and column is written last, and so it stays.
    i, j = (index[::-1] for index in np.nonzero(there & np.isnan(shift)[labels]))
    shift[labels[i], j] = rows[i, j]
    z = np.where(there, rows - shift[labels], 0.0)
    by_class = ByClass.of(parts * len(shift) + labels)
    place = np.divmod(by_class.classes, len(shift))
    seen[place] += by_class.sums(there)
    total[place] += by_class.sums(z)
    square[place] += by_class.sums(z * z)
    filled = there.sum(axis=1)
    samples[place] += by_class.sums(filled > 0)
    return int(np.count_nonzero(filled == rows.shape[1]))


@kernel(twin=_add_seen_by_class)
def _add_seen(
    rows: NDArray[np.floating],
    labels: NDArray[np.int64],
    parts: NDArray[np.int64],
    shift: Floats,
    seen: Floats,
    total: Floats,
    square: Floats,
    samples: Floats,
) -> int:
    """Add entries that are there; the number of rows without gaps, or −1 for an infinite entry."""
    whole = 0
    for i in range(rows.shape[0]):
        k, g = labels[i], parts[i]
        there = 0
        for j in range(rows.shape[1]):
            x = np.float64(rows[i, j])
            if np.isnan(x):
                continue
            if np.isinf(x):
                return -1
            there += 1
            if np.isnan(shift[k, j]):
                shift[k, j] = x
            z = x - shift[k, j]
            seen[g, k, j] += 1.0
            total[g, k, j] += z
            square[g, k, j] += z * z
        if there > 0:
            samples[g, k] += 1.0
        if there == rows.shape[1]:
            whole += 1
    return whole


class _Tables(NamedTuple):
    """What the first pass fills: shifts of shape (K, d), sums of shape (parts, K, d), samples of shape (parts, K)."""

    shift: Floats
    seen: Floats
    total: Floats
    square: Floats
    samples: Floats


class ObservedEntries:
    """The first pass: entries seen of each part, class and column; an accumulator of a pass.

    Parameters
    ----------
    classes, dimension, number : int
        K, d, and parts for the jackknife; each class is dealt out evenly.
    before : ndarray of shape (K,), optional
        As for `Replicates`.

    Attributes
    ----------
    seen : ndarray of shape (parts, K, d)
        Entries that are there.
    samples : ndarray of shape (parts, K)
        Rows with any entry.

    Examples
    --------
    >>> import numpy as np
    >>> from penultimate.features.passes.observed import ObservedEntries
    >>> entries = ObservedEntries(2, 2, 1)
    >>> entries.update(np.array([[1.0, np.nan], [3.0, 5.0], [0.0, 0.0]]), np.array([0, 0, 1]))
    >>> entries.means([0]), entries.whole_rows
    (array([[2., 5.],
           [0., 0.]]), 2)
    """

    def __init__(self, classes: int, dimension: int, number: int, *, before: NDArray[np.int64] | None = None) -> None:
        self._shape = classes, dimension, number
        self._before = np.zeros(classes, dtype=np.int64) if before is None else before
        self._dealt = np.zeros(classes, dtype=np.int64)
        self._counted = np.zeros(2)

    @cached_property
    def _tables(self) -> _Tables:
        """Made when they are asked for: what is sent to a worker needs none."""
        classes, dimension, number = self._shape
        seen, total, square = np.zeros((3, number, classes, dimension))
        return _Tables(np.full((classes, dimension), np.nan), seen, total, square, np.zeros((number, classes)))

    @property
    def seen(self) -> Float[np.ndarray, "g K d"]:
        """Entries that are there."""
        return self._tables.seen

    @property
    def samples(self) -> Float[np.ndarray, "g K"]:
        """Rows with any entry."""
        return self._tables.samples

    @property
    def deals(self) -> bool:
        """Whether there is more than one part."""
        return self._shape[2] > 1

    @property
    def rows(self) -> int:
        """All rows."""
        return int(self._counted[0])

    @property
    def whole_rows(self) -> int:
        """Rows without gaps."""
        return int(self._counted[1])

    def update(self, features: object, labels: object, weights: object = None) -> None:
        """Add a batch.

        Raises
        ------
        FeaturesError
            For weights, and for infinity.
        """
        if weights is not None:
            raise FeaturesError("features with gaps and weights cannot be read together: leave one out")
        classes, dimension, number = self._shape
        rows = as_features(features, dimension)
        own = as_labels(labels, len(rows), classes)
        wide = wide_of(rows)
        turn = deal(own, self._before, self._dealt, number)
        add_seen = _add_seen.at(classes=classes, samples=int(self._before.sum()) + self.rows + len(rows))
        whole = add_seen(wide, own, turn, *self._tables)
        if whole < 0:
            raise FeaturesError(
                "an entry is infinite: it overflowed where features were written, and what overflows is not missing at "
                "random, so no estimate from the rest is right. Write the features in float32"
            )
        self._counted += (len(rows), whole)

    def fresh(self, before: NDArray[np.int64] | None = None) -> "ObservedEntries":
        """Nothing seen yet, for samples before which others deal out so many of each class."""
        return ObservedEntries(*self._shape, before=before)

    def merge(self, other: "ObservedEntries") -> "ObservedEntries":
        """Add what others have seen, about the shifts of this one."""
        own, others = self._tables, other._tables
        known = np.isnan(own.shift)
        own.shift[known] = others.shift[known]
        gap = np.where(np.isnan(others.shift), 0.0, others.shift - own.shift)
        own.square[...] += others.square + 2.0 * gap * others.total + gap**2 * others.seen
        own.total[...] += others.total + gap * others.seen
        own.seen[...] += others.seen
        own.samples[...] += others.samples
        self._dealt += other._dealt
        self._counted += other._counted
        return self

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Everything, for a checkpoint."""
        return self._tables._asdict() | {"dealt": self._dealt, "counted": self._counted}

    def restore(self, arrays: Mapping[str, NDArray[Any]]) -> None:
        """Go on from what `arrays` gave."""
        for name, array in self.arrays().items():
            array[...] = arrays[name]

    def means(self, kept: list[int]) -> Float[np.ndarray, "K d"]:
        """Of the entries seen in some parts; NaN where there are none."""
        seen = self.seen[kept].sum(axis=0)
        return self._tables.shift + self._tables.total[kept].sum(axis=0) / np.where(seen > 0, seen, np.nan)

    def squares(self, kept: list[int]) -> Float[np.ndarray, "K d"]:
        """``Σ (x − mean)²`` of the entries seen in some parts."""
        seen, total = self.seen[kept].sum(axis=0), self._tables.total[kept].sum(axis=0)
        return np.maximum(self._tables.square[kept].sum(axis=0) - total**2 / np.where(seen > 0, seen, 1.0), 0.0)

    def p_of_class(self) -> float:
        """How often gaps that fall alike in all classes would differ so much between them (χ², Bonferroni)."""
        samples = self.samples.sum(axis=0)
        seen = self.seen.sum(axis=0)
        gaps = np.maximum(samples[:, None] - seen, 0.0)
        p = [_alike(gaps[:, j], samples) for j in np.flatnonzero(gaps.any(axis=0))]
        return min(1.0, len(p) * min(p)) if p else 1.0


class ObservedPairs:
    """The second pass: products of residuals of entries that were seen together; an accumulator of a pass.

    Parameters
    ----------
    first : ObservedEntries
        Of the first pass.
    """

    def __init__(self, first: ObservedEntries) -> None:
        number, classes, dimension = first.seen.shape
        self._shape = number, dimension
        self._before, self._dealt = np.zeros((2, classes), dtype=np.int64)
        self._means = first.means(list(range(number)))
        seen = first.seen.sum(axis=0)
        # What the mean takes of a residual, so that without gaps nothing of the scatter is lost.
        self._factor = np.sqrt(np.divide(seen, seen - 1.0, out=np.zeros_like(seen), where=seen > 1))
        self._sums: Floats | None = None

    @property
    def deals(self) -> bool:
        """Whether there is more than one part."""
        return self._shape[0] > 1

    @property
    def products(self) -> Float[np.ndarray, "g d d"]:
        """Sums of products of residuals, by part."""
        return self._made[0]

    @property
    def pairs(self) -> Float[np.ndarray, "g d d"]:
        """Samples that have both columns, by part."""
        return self._made[1]

    @property
    def _made(self) -> Floats:
        # When they are asked for: what is sent to a worker needs none.
        if self._sums is None:
            number, dimension = self._shape
            self._sums = np.zeros((2, number, dimension, dimension))
        return self._sums

    def update(self, features: object, labels: object, weights: object = None) -> None:
        """Add a batch."""
        rows = as_features(features, self._means.shape[1])
        own = as_labels(labels, len(rows), len(self._means))
        turn = deal(own, self._before, self._dealt, self._shape[0])
        for g in range(self._shape[0]):
            mine = np.flatnonzero(turn == g)
            for start in range(0, len(mine), ROWS):
                self._add(rows[mine[start : start + ROWS]], own[mine[start : start + ROWS]], g)

    def fresh(self, before: NDArray[np.int64] | None = None) -> "ObservedPairs":
        """Nothing multiplied yet; it has the means and what they take of residuals, and no tables of the first pass."""
        other = copy(self)
        other._before = np.zeros_like(self._dealt) if before is None else before
        other._dealt, other._sums = np.zeros_like(self._dealt), None
        return other

    def merge(self, other: "ObservedPairs") -> "ObservedPairs":
        """Add the products of other samples."""
        self._made[...] += other._made
        self._dealt = self._dealt + other._dealt
        return self

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Everything, for a checkpoint."""
        return {"products": self.products, "pairs": self.pairs, "dealt": self._dealt}

    def restore(self, arrays: Mapping[str, NDArray[Any]]) -> None:
        """Go on from what `arrays` gave."""
        for name, array in self.arrays().items():
            array[...] = arrays[name]

    def _add(self, rows: NDArray[np.floating], own: NDArray[np.int64], part: int) -> None:
        there = ~np.isnan(rows)
        residuals = np.where(there, (rows - self._means[own]) * self._factor[own], 0.0)
        # In the type of the features, as the scatter of features without gaps is.
        narrow = residuals.astype(np.float64 if rows.dtype == np.float64 else np.float32, copy=False)
        self.products[part] += narrow.T @ narrow
        counted = there.astype(np.float32)
        self.pairs[part] += counted.T @ counted


def _alike(gaps: Floats, samples: Floats) -> float:
    """The same share of gaps in every class? χ² over classes that expect enough, and the rest by its own tail."""
    share = float(gaps.sum() / samples.sum())
    large = np.minimum(share, 1.0 - share) * samples >= _EXPECTED
    own, size = gaps[large], samples[large]
    rest, others = float(gaps[~large].sum()), float(samples[~large].sum())
    p = [float(betainc(rest, others - rest + 1.0, share))] if rest > 0.0 and share < 1.0 else [1.0]
    if own.size > 1:
        common = float(own.sum() / size.sum())
        spread = size * common * (1.0 - common)
        if spread.all():
            p.append(float(chdtrc(own.size - 1, np.sum((own - common * size) ** 2 / spread))))
    return min(1.0, len(p) * min(p))

"""Feature statistics in several parts, so that any figure of them has a jackknife interval after one pass."""

from collections.abc import Mapping, Sequence
from copy import copy
from typing import Any

import numpy as np
from jaxtyping import Float
from numpy.typing import NDArray

from penultimate.errors import FeaturesError
from penultimate.features.arrays import Gaps, as_features, as_labels, as_weights, usable_rows, wide_of
from penultimate.features.by_class import ByClass
from penultimate.features.decisions import QUANTILE
from penultimate.features.statistics import FeatureStatistics
from penultimate.threads import each, workers


def deal(
    labels: NDArray[np.int64], before: NDArray[np.int64], dealt: NDArray[np.int64], parts: int
) -> NDArray[np.int64]:
    """The part of each sample, one a part in turn within each class; `dealt` is brought forward."""
    turn = (before + dealt)[labels] + ByClass.of(labels).places()
    dealt += np.bincount(labels, minlength=dealt.size)
    return turn % parts


class Replicates:
    """Statistics of a few disjoint parts of the samples; each class is dealt out evenly, one sample a part in turn.

    Parameters
    ----------
    classes, dimension : int
        K and d.
    number : int
        How many parts; 1 keeps the whole only, and there are no intervals.
    gaps : {"refuse", "drop", "observed"}, default "refuse"
        Leave out rows that hold NaN or infinity, and count them, instead of refusing the batch.
    before : ndarray of shape (K,), optional
        Samples of each class that others deal out before these: with it, parts of several readers are those of one.

    Examples
    --------
    >>> import numpy as np
    >>> from penultimate.features.passes.replicates import Replicates
    >>> replicates = Replicates(classes=2, dimension=1, number=2)
    >>> replicates.update(np.array([[0.0], [1.0], [2.0], [7.0]]), np.array([0, 0, 0, 1]))
    >>> [part.samples for part in replicates.parts], replicates.whole.samples
    ([3.0, 1.0], 4.0)
    """

    def __init__(
        self,
        classes: int,
        dimension: int,
        number: int,
        *,
        gaps: Gaps = "refuse",
        before: NDArray[np.int64] | None = None,
    ) -> None:
        self.gaps: Gaps = gaps
        self._shape, self._number = (classes, dimension), number
        self._before = np.zeros(classes, dtype=np.int64) if before is None else before
        self._dealt = np.zeros(classes, dtype=np.int64)
        self._parts = self._empty()

    def fresh(self, before: NDArray[np.int64] | None = None) -> "Replicates":
        """Empty parts of the same kind, for samples before which others deal out so many of each class.

        They are made when they are asked for: what is sent to a worker, and what is restored, needs none.
        """
        other = copy(self)
        other._before = np.zeros_like(self._before) if before is None else before
        other._dealt, other._parts = np.zeros_like(self._dealt), []
        return other

    @property
    def deals(self) -> bool:
        """Whether there is more than one part."""
        return self._number > 1

    def take(self, whole: FeatureStatistics) -> None:
        """Hold what others have gathered of all samples, as the only part."""
        self._parts = [self._in_place(whole)]

    @property
    def parts(self) -> list[FeatureStatistics]:
        """The statistics, one a part."""
        if not self._parts:
            self._parts = self._empty()
        return self._parts

    def _empty(self) -> list[FeatureStatistics]:
        return [self._in_place(FeatureStatistics(*self._shape)) for _ in range(self._number)]

    def _in_place(self, part: FeatureStatistics) -> FeatureStatistics:
        part.one_of, part.before = self._number, int(self._before.sum())
        return part

    @property
    def rows(self) -> int:
        """Samples seen, those with weights counted once."""
        return sum(part.rows for part in self.parts)

    def update(self, features: object, labels: object, weights: object = None) -> None:
        """Add a batch; arguments and errors are those of `FeatureStatistics.update`."""
        if len(self.parts) == 1:
            self.parts[0].update(features, labels, weights, gaps=self.gaps)
            return
        first = self.parts[0]
        rows = wide_of(as_features(features, first.dimension))  # once for all parts
        own = as_labels(labels, len(rows), first.classes)
        factor = None if weights is None else as_weights(weights, len(rows))
        kept = usable_rows(rows, self.rows, gaps=self.gaps)
        # Bad rows are dealt out too, so that labels alone tell the part of a sample.
        turn = deal(own, self._before, self._dealt, len(self.parts))
        if kept is not None:
            rows, own, turn = rows[kept], own[kept], turn[kept]
            factor = None if factor is None else factor[kept]
        order = np.argsort(turn, kind="stable")
        ends = np.cumsum(np.bincount(turn, minlength=len(self.parts)))
        chosen = np.split(order, ends[:-1])
        threads = min(workers(), len(self.parts))

        def work(thread: int) -> None:
            for part, mine in zip(self.parts[thread::threads], chosen[thread::threads], strict=True):
                part.update(rows[mine], own[mine], None if factor is None else factor[mine])

        each(work, threads)
        first.dropped += 0 if kept is None else int((~kept).sum())

    def merge(self, other: "Replicates") -> "Replicates":
        """Add the samples that others have seen, part by part."""
        if len(self.parts) != len(other.parts):
            raise FeaturesError(f"{len(self.parts)} parts cannot be merged with {len(other.parts)}: use as many")
        for own, others in zip(self.parts, other.parts, strict=True):
            own.merge(others)
        self._dealt += other._dealt
        return self

    @property
    def whole(self) -> FeatureStatistics:
        """The statistic of all samples; of a single part, that itself."""
        return self.parts[0] if len(self.parts) == 1 else _merged(self.parts)

    @property
    def leave_one_out(self) -> list[FeatureStatistics]:
        """For each part the statistic of all others; empty when there is one part only."""
        if len(self.parts) == 1:
            return []
        return [_merged([*self.parts[:g], *self.parts[g + 1 :]]) for g in range(len(self.parts))]

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Everything, for a checkpoint."""
        arrays = {
            f"{index}/{name}": array for index, part in enumerate(self.parts) for name, array in part.arrays().items()
        }
        return arrays | {"dealt": self._dealt}

    def restore(self, arrays: Mapping[str, NDArray[Any]]) -> None:
        """Go on from what `arrays` gave."""
        named: list[dict[str, NDArray[Any]]] = [{} for _ in range(self._number)]
        for key, array in arrays.items():
            index, _, name = key.partition("/")
            if name:
                named[int(index)][name] = array
        self._parts = [self._in_place(FeatureStatistics.from_arrays(own)) for own in named]
        self._dealt = arrays["dealt"]


def _merged(parts: list[FeatureStatistics]) -> FeatureStatistics:
    whole = parts[0].copy()
    for part in parts[1:]:
        whole.merge(part)
    return whole


class Jackknife:
    """Intervals of figures computed from all samples and again without each part (delete-a-group jackknife).

    Parameters
    ----------
    whole : dict of str to ndarray
        Figures from all samples.
    without : sequence of dict
        The same without each part.
    """

    def __init__(self, whole: Mapping[str, Float[np.ndarray, "..."]], without: Sequence[Mapping[str, Any]]) -> None:
        self._whole = whole
        self._without = without

    def intervals(self) -> dict[str, Float[np.ndarray, "... 2"]]:
        """The interval of every figure that has one."""
        found = {name: self.interval(name) for name in self._whole}
        return {name: interval for name, interval in found.items() if interval is not None}

    def interval(self, name: str) -> Float[np.ndarray, "... 2"] | None:
        """Lower and upper end of the 95 % interval of one figure; None without parts, NaN where a part lacks it.

        ``(G−1)/G Σ_g (f_g − f̄)²`` is the variance of f for G parts (Efron and Tibshirani 1993, chapter 11).
        """
        if not self._without:
            return None
        values = np.stack([np.asarray(figures[name], dtype=np.float64) for figures in self._without])
        groups = len(values)
        error = np.sqrt((groups - 1) / groups * np.sum((values - values.mean(axis=0)) ** 2, axis=0))
        middle = np.asarray(self._whole[name], dtype=np.float64)
        return np.stack([middle - QUANTILE * error, middle + QUANTILE * error], axis=-1)

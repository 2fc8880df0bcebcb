"""What a loss still asks of a head: the residuals ``g = ∂ℓ/∂z`` of all samples, summed in the second pass.

Two sums tell all (docs/theory §6.1): that of the residuals of each class, and that of ``g (h − h_G)ᵀ``, which is N
times the gradient in ``W_L ⋯ W_1``. Squared error needs neither, for its residuals are linear in the features.
"""

from collections.abc import Mapping
from copy import copy
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from numpy.typing import NDArray

from penultimate.counts import ClassCounts
from penultimate.features.arrays import Gaps, as_features, as_labels, as_weights, usable_rows
from penultimate.features.by_class import ByClass
from penultimate.features.head import Head
from penultimate.features.statistics import FeatureStatistics
from penultimate.losses import Loss

# Above this many classes the K × K residuals are not kept.
MOST_CLASSES = 4096
# Logits of a block of samples: 16 MiB.
_ENTRIES = 1 << 21


@dataclass(frozen=True)
class Residuals:
    """Residuals of a head's samples.

    Attributes
    ----------
    of_class : ndarray of shape (K, K)
        Their mean over the samples of class k in row k; zero for classes without samples.
    within : ndarray of shape (K, d)
        Mean over samples of ``g (h − h̄_k)ᵀ``: how they vary with the features inside a class.
    """

    of_class: Float[np.ndarray, "K K"]
    within: Float[np.ndarray, "K d"]


class Slopes:
    """Sums residuals, batch by batch.

    Parameters
    ----------
    statistics : FeatureStatistics
        Of the first pass.
    head : Head
        The linear layers and the bias.
    loss : CrossEntropy or SquaredError
        That trained them.
    counts : ClassCounts
        Of the training, over which class weights have the mean 1.
    gaps : {"refuse", "drop", "observed"}, default "refuse"
        Leave out rows that hold NaN or infinity, unless they are refused.

    Examples
    --------
    >>> import numpy as np, penultimate as pen
    >>> from penultimate.features.passes.residuals import Slopes
    >>> features, labels = np.array([[1.0, 0.0], [-1.0, 0.0]]), np.array([0, 1])
    >>> statistics, counts = pen.FeatureStatistics(classes=2, dimension=2), pen.ClassCounts([1, 1])
    >>> statistics.update(features, labels)
    >>> slopes = Slopes(statistics, pen.Head((np.eye(2),)), pen.losses.resolve("ce", counts), counts)
    >>> slopes.update(features, labels)
    >>> slopes.residuals().of_class.round(2)
    array([[-0.27,  0.27],
           [ 0.27, -0.27]])
    """

    deals = False

    def __init__(
        self, statistics: FeatureStatistics, head: Head, loss: Loss, counts: ClassCounts, *, gaps: Gaps = "refuse"
    ) -> None:
        self._statistics, self._head, self._loss, self._counts = statistics, head, loss, counts
        self._gaps: Gaps = gaps
        self._origin = statistics.global_mean
        self.rows = 0
        self._of_class = np.zeros((head.classes, head.classes))
        self._whole = np.zeros((head.classes, head.dimension))

    def update(self, features: object, labels: object, weights: object = None) -> None:
        """Add a batch; weights are those of its samples."""
        rows = as_features(features, self._head.dimension)
        own = as_labels(labels, len(rows), self._head.classes)
        size = np.ones(len(rows)) if weights is None else as_weights(weights, len(rows))
        kept = usable_rows(rows, self.rows, gaps=self._gaps)
        if kept is not None:
            rows, own, size = rows[kept], own[kept], size[kept]
        self.rows += len(rows)
        step = max(1, _ENTRIES // self._head.classes)
        for start in range(0, len(rows), step):
            block = slice(start, start + step)
            self._add(rows[block].astype(np.float64), own[block], size[block])

    def residuals(self) -> Residuals:
        """What was found, once all samples are in."""
        statistics = self._statistics
        counts = statistics.counts[:, None]
        of_class = np.divide(self._of_class, counts, out=np.zeros_like(self._of_class), where=counts > 0)
        means = np.where(counts > 0, statistics.means - self._origin, 0.0)
        return Residuals(of_class, (self._whole - self._of_class.T @ means) / statistics.samples)

    def fresh(self, before: NDArray[np.int64] | None = None) -> "Slopes":
        """Nothing summed yet; whatever is summed elsewhere makes no difference."""
        other = copy(self)
        other.rows = 0
        other._of_class, other._whole = np.zeros_like(self._of_class), np.zeros_like(self._whole)
        return other

    def merge(self, other: "Slopes") -> "Slopes":
        """Add the sums of other samples."""
        self.rows += other.rows
        self._of_class += other._of_class
        self._whole += other._whole
        return self

    def arrays(self) -> dict[str, NDArray[np.float64]]:
        """The sums, for a checkpoint."""
        return {"of_class": self._of_class, "whole": self._whole, "rows": np.array([float(self.rows)])}

    def restore(self, arrays: Mapping[str, NDArray[np.float64]]) -> None:
        """Go on from what `arrays` gave."""
        self._of_class[...] = arrays["of_class"]
        self._whole[...] = arrays["whole"]
        self.rows = int(arrays["rows"][0])

    def _add(self, rows: NDArray[np.float64], own: NDArray[np.int64], size: NDArray[np.float64]) -> None:
        slopes = self._loss.slopes(self._head.logits(rows), own, self._counts) * size[:, None]
        by_class = ByClass.of(own)
        self._of_class[by_class.classes] += by_class.sums(slopes)
        self._whole += slopes.T @ (rows - self._origin)

"""The second pass, too: the scatter of every class along a few directions that the first pass told."""

from collections.abc import Mapping
from copy import copy

import numpy as np
from jaxtyping import Float
from numpy.typing import NDArray

from penultimate.features.arrays import Gaps, as_features, as_labels, as_weights, usable_rows
from penultimate.features.by_class import ByClass
from penultimate.features.moments import ROWS
from penultimate.features.statistics import FeatureStatistics

Floats = NDArray[np.float64]

# Numbers of all scatters: 128 MiB. Beyond, classes have none of their own.
MOST = 1 << 24


class Scatters:
    """Sums ``z zᵀ`` class by class, z a sample less the mean of its class, in coordinates of a few directions.

    Parameters
    ----------
    statistics : FeatureStatistics
        Of the first pass.
    basis : ndarray of shape (d, r)
        Takes features to coordinates.
    gaps : {"refuse", "drop", "observed"}, default "refuse"
        Leave out rows that hold NaN or infinity, unless they are refused.

    Attributes
    ----------
    sums : ndarray of shape (K, r, r)

    Examples
    --------
    >>> import numpy as np, penultimate as pen
    >>> from penultimate.features.passes.scatters import Scatters
    >>> features, labels = np.array([[0.0, 1.0], [2.0, 1.0], [5.0, 5.0]]), np.array([0, 0, 1])
    >>> scatters = Scatters(pen.FeatureStatistics.from_features(features, labels), np.eye(2)[:, :1])
    >>> scatters.update(features, labels)
    >>> scatters.sums.ravel()
    array([2., 0.])
    """

    deals = False

    def __init__(
        self, statistics: FeatureStatistics, basis: Float[np.ndarray, "d r"], *, gaps: Gaps = "refuse"
    ) -> None:
        self._basis = basis
        self._gaps: Gaps = gaps
        self._origin = statistics.global_mean
        self._means = (statistics.means - self._origin) @ basis
        self.rows = 0
        self.sums = np.zeros((statistics.classes, basis.shape[1], basis.shape[1]))

    def update(self, features: object, labels: object, weights: object = None) -> None:
        """Add a batch; weights are those of its samples."""
        rows = as_features(features, len(self._basis))
        own = as_labels(labels, len(rows), len(self.sums))
        size = np.ones(len(rows)) if weights is None else as_weights(weights, len(rows))
        kept = usable_rows(rows, self.rows, gaps=self._gaps)
        if kept is not None:
            rows, own, size = rows[kept], own[kept], size[kept]
        self.rows += len(rows)
        for start in range(0, len(rows), ROWS):
            block = slice(start, start + ROWS)
            self._add(rows[block].astype(np.float64), own[block], size[block])

    def fresh(self, before: NDArray[np.int64] | None = None) -> "Scatters":
        """Nothing summed yet; whatever is summed elsewhere makes no difference."""
        other = copy(self)
        other.rows, other.sums = 0, np.zeros_like(self.sums)
        return other

    def merge(self, other: "Scatters") -> "Scatters":
        """Add the sums of other samples."""
        self.rows += other.rows
        self.sums += other.sums
        return self

    def arrays(self) -> dict[str, Floats]:
        """The sums, for a checkpoint."""
        return {"sums": self.sums, "rows": np.array([float(self.rows)])}

    def restore(self, arrays: Mapping[str, Floats]) -> None:
        """Go on from what `arrays` gave."""
        self.sums[...] = arrays["sums"]
        self.rows = int(arrays["rows"][0])

    def _add(self, rows: Floats, own: NDArray[np.int64], size: Floats) -> None:
        along = ((rows - self._origin) @ self._basis - self._means[own]) * np.sqrt(size)[:, None]
        for k, mine in ByClass.of(own).rows():
            part = along[mine]
            self.sums[k] += part.T @ part

"""The singular value decomposition of the (centred) label matrix, from the class counts alone.

With a free bias the labels enter the model as ``Ŷ = (I − n1ᵀ/N) D``, ``D = diag(√n)`` (docs/theory §2); without bias
as D itself. Nothing of size K × K is formed.
"""

from functools import lru_cache

import numpy as np

from penultimate.counts import ClassCounts
from penultimate.counts.given import Counts, counts_of
from penultimate.spectrum.grouped_svd import GroupedSVD
from penultimate.spectrum.quotient import CauchyQuotient, DiagonalQuotient, Quotient
from penultimate.spectrum.secular import CauchySystem


class LabelSpectrum(GroupedSVD):
    """Singular values and vectors of the label matrix of some class counts.

    Parameters
    ----------
    counts : ClassCounts, path, bundled name, mapping or array of shape (K,)
        Samples per class; classes without samples have no direction.
    centred : bool, default True
        True for ``Ŷ = (I − n1ᵀ/N) D`` (free bias: seen − 1 directions), False for D (no bias: one per seen class).

    Attributes
    ----------
    sigma : ndarray of shape (t,)
        The distinct non-zero singular values, largest first.
    multiplicity : ndarray of shape (t,)
        How many directions share each of them.
    U, V : scipy.sparse.linalg.LinearOperator of shape (K, rank)
        Singular vectors, column i for the i-th largest value counted with multiplicity.

    Notes
    -----
    The eigenvalues σ² of ``Ŷ Ŷᵀ = diag(n) − n nᵀ/N`` are each distinct count c_g, s_g − 1 times, and one root of
    ``Σ_g s_g c_g / (c_g − σ²) = 0`` in every gap between distinct counts (docs/theory §3; the interlacing estimate is
    finding 5 of arXiv 2411.17278). Relative errors are about 1e-15. Time for m distinct
    counts O(m²), and O(m log m) above 4,096; memory O(K).

    Examples
    --------
    >>> import penultimate as pen
    >>> spectrum = pen.LabelSpectrum(pen.ClassCounts([50, 50, 10, 10, 10]))
    >>> (spectrum.sigma**2).round(6)                # two groups: the mixed value is K a c / N = 2500 / 130
    array([50.      , 19.230769, 10.      ])
    >>> spectrum.multiplicity
    array([1, 1, 2])
    >>> spectrum.count_above(4.0)
    2
    """

    def __init__(self, counts: Counts, *, centred: bool = True) -> None:
        counts = counts_of(counts)
        super().__init__(counts, _quotient(counts, centred=centred))
        self.centred = centred

    def __repr__(self) -> str:
        return (
            f"LabelSpectrum({self.rank} directions, σ from {self.sigma[0]:.4g} to {self.sigma[-1]:.4g}, "
            f"{'centred' if self.centred else 'not centred'})"
        )

    def count_above(self, threshold: float) -> int:
        """How many singular values exceed a threshold, without finding a root: O(m), by Sylvester's law of inertia.

        Parameters
        ----------
        threshold : float
            Compared with σ; zero or above.

        Returns
        -------
        int
            Number of directions with σ > threshold, counted with multiplicity (docs/theory §3).
        """
        distance = (np.sqrt(self.counts.distinct) - threshold) * (np.sqrt(self.counts.distinct) + threshold)
        above = int(self.counts.multiplicity[distance > 0].sum())
        if not self.centred or np.any(distance == 0):
            return above
        weights = self.counts.multiplicity * self.counts.distinct
        return above - 1 if float(np.sum(weights / distance)) >= 0 else above


def _quotient(counts: ClassCounts, *, centred: bool) -> Quotient:
    if not centred:
        return DiagonalQuotient(np.sqrt(counts.distinct))
    return _solved(counts.distinct.tobytes(), counts.multiplicity.astype(np.float64).tobytes())


# The spectrum depends on the groups of the counts alone, so that whoever tries one weight decay after the other has it
# solved once. The key is the groups, as counts that are equal may be grouped otherwise.
@lru_cache(2)
def _solved(distinct: bytes, multiplicity: bytes) -> CauchyQuotient:
    # Copies, for what is compiled takes arrays that can be written to.
    poles, sizes = np.frombuffer(distinct).copy(), np.frombuffer(multiplicity).copy()
    return CauchyQuotient(CauchySystem.solve(poles, sizes, poles))

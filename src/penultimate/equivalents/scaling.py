"""Scaling exponents from a spectrum: by how much more data and wider features help, where a power law holds."""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from jaxtyping import Float, Int
from numpy.typing import ArrayLike

from penultimate.equivalents.power_law import PowerLaw
from penultimate.equivalents.ridge_law import eigenvalues_given
from penultimate.errors import FeaturesError
from penultimate.model.arguments import positive

# Ranks two decades apart, at least: over fewer, curves of many shapes look like power laws. One of the four spectra of
# the bundled networks does over a factor of 54, though the thirds of its scatter within classes go from 0.7 to 2.8.
_SPAN = 100.0
# Thirds of the range whose exponents agree within a tenth; a convention, as elsewhere in this package.
_AGREE = 0.1
# Ranks looked at for each doubling.
_STEPS = 4
# Of n samples, eigenvalues up to rank n/20 are right to about a tenth: at rank i the rest adds i/((a − 1) n) of them.
_SEEN = 20.0


@dataclass(frozen=True)
class ScalingLaw:
    """Exponents with which the error of a linear head falls, and the ranks of the spectrum that they rest on.

    For features whose eigenvalues fall like ``i^(−a)`` and a target without preferred directions, one pass of SGD over
    N samples on M random projections of the features has an error of ``M^(−(a − 1)) + N_eff^(−(a − 1)/a)`` beyond
    noise, each with a factor, N_eff being N over its logarithm (base 2).

    Attributes
    ----------
    exponent : float
        a.
    least, most : float
        The exponents of the thirds of the range: how far a is known.
    first, last : int
        Ranks that the power law holds for. It says nothing about widths beyond `last`.
    scale : float
        s_1 of the power law, which need not be the first eigenvalue.

    Notes
    -----
    Lin, Wu, Kakade, Bartlett and Lee 2024 (arXiv 2406.08466); docs/theory §10.3. The two exponents were met within 7 %,
    each by itself (docs/laws).

    Examples
    --------
    >>> import numpy as np, penultimate as pen
    >>> law = pen.scaling_law(np.arange(1.0, 2001.0) ** -1.8)
    >>> round(law.exponent, 3), law.first, law.last, round(law.by_samples, 3)
    (1.8, 1, 2000, 0.444)
    """

    exponent: float
    least: float
    most: float
    first: int
    last: int
    scale: float

    @property
    def by_width(self) -> float:
        """``a − 1``: doubling the number M of random projections divides the error of few projections by 2^this."""
        return self.exponent - 1.0

    @property
    def by_samples(self) -> float:
        """``(a − 1)/a``: doubling N_eff, samples over their logarithm, divides the error of one pass by 2^this."""
        return self.by_width / self.exponent

    @property
    def spectrum(self) -> PowerLaw:
        """The power law itself, for `RidgeLaw`, with a target without preferred directions."""
        return PowerLaw(self.exponent, self.scale, source=self.exponent)

    @property
    def verdict(self) -> str:
        """Both exponents in words, with the ranks that they rest on."""
        return (
            f"Eigenvalues fall like rank^−{self.exponent:.2f} from rank {self.first} to {self.last} ({self.least:.2f} "
            f"to {self.most:.2f} within it). In that range doubling the width divides the error of few features by "
            f"{2**self.by_width:.2f}, and doubling the samples of one pass that of few samples by "
            f"{2**self.by_samples:.2f}."
        )


def scaling_law(spectrum: ArrayLike, samples: float | None = None) -> ScalingLaw:
    """Exponents of scaling from the eigenvalues of a covariance, refused where they follow no stable power law.

    Parameters
    ----------
    spectrum : array-like of shape (d,)
        Eigenvalues, in any order; zeros are left out.
    samples : float, optional
        n, where these are eigenvalues of the covariance of n samples: only ranks up to n/20 are looked at, since
        further eigenvalues are those of the sample and not of the features.

    Returns
    -------
    ScalingLaw

    Raises
    ------
    FeaturesError
        When no range of ranks that spans a factor of 100 has the same exponent, above 1, in all its thirds, or fewer
        are known. Features of small networks are like that: ask `ScoreLaw` what more samples bring.
    ProblemError
        For eigenvalues that are negative, not finite or all zero.

    Examples
    --------
    >>> import numpy as np, penultimate as pen
    >>> pen.scaling_law(np.exp(-np.arange(200.0) / 20))
    Traceback (most recent call last):
    ...
    penultimate.errors.FeaturesError: ...
    """
    values = np.sort(eigenvalues_given(spectrum))[::-1]
    values = values[values > 0.0]
    size = values.size if samples is None else min(values.size, int(positive(samples, "the number of samples") / _SEEN))
    if size < _SPAN:
        given = "" if samples is None else f" of {samples:g} samples"
        raise FeaturesError(
            f"{values.size} eigenvalues{given} are too few for a power law: it takes {_SPAN:g} or more, and "
            f"{_SEEN:g} samples for each of them"
        )
    ranks = np.unique(np.geomspace(1, size, int(_STEPS * np.log2(size))).round().astype(np.int64))
    x, y = np.log(ranks), np.log(values[ranks - 1])
    first, last = np.triu_indices(ranks.size, 1)
    wide = ranks[last] >= _SPAN * ranks[first]
    first, last = first[wide], last[wide]
    whole, thirds = _exponents(x, y, first, last)
    stable = (thirds.min(axis=0) > 1.0) & (np.abs(thirds - whole).max(axis=0) <= _AGREE * whole)
    if not stable.any():
        widest = int(np.argmax(x[last] - x[first]))
        raise FeaturesError(
            f"no stable power law in {size} eigenvalues: from the first third of the ranks (on a logarithmic scale) to "
            f"the last the exponent is {', '.join(f'{part:.2f}' for part in thirds[:, widest])}. Exponents of scaling "
            "would mean nothing here; ScoreLaw says what more samples bring without them"
        )
    best = int(np.argmax(np.where(stable, x[last] - x[first], -1.0)))
    low, high, exponent = int(first[best]), int(last[best]), float(whole[best])
    scale = float(np.exp(np.mean(y[low : high + 1] + exponent * x[low : high + 1])))
    least, most = float(thirds[:, best].min()), float(thirds[:, best].max())
    return ScalingLaw(exponent, least, most, int(ranks[low]), int(ranks[high]), scale)


def _exponents(
    x: Float[np.ndarray, " m"], y: Float[np.ndarray, " m"], first: Int[np.ndarray, " r"], last: Int[np.ndarray, " r"]
) -> tuple[Float[np.ndarray, " r"], Float[np.ndarray, "3 r"]]:
    """Exponents of ranges from one place to another, and of their thirds."""
    inner = [np.searchsorted(x, x[first] + share * (x[last] - x[first])) for share in (1 / 3, 2 / 3)]
    cuts = [first, *inner, last]
    sums = np.cumsum(np.stack([np.ones_like(x), x, y, x * x, x * y]), axis=1)
    sums = np.pad(sums, ((0, 0), (1, 0)))

    def slopes(low: Int[np.ndarray, " r"], high: Int[np.ndarray, " r"]) -> Float[np.ndarray, " r"]:
        """Of the lines of least squares, from sums over each range."""
        one, sx, sy, sxx, sxy = sums[:, high + 1] - sums[:, low]
        return -(one * sxy - sx * sy) / (one * sxx - sx * sx)

    return slopes(first, last), np.stack([slopes(low, high) for low, high in pairwise(cuts)])

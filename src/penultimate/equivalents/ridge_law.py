"""The error of ridge regression in any dimension, from the spectrum of the features (docs/theory §10.1)."""

from typing import Self

import numpy as np
from jaxtyping import Float
from numpy.typing import ArrayLike
from scipy.optimize import brentq

from penultimate.equivalents.power_law import PowerLaw
from penultimate.errors import ProblemError
from penultimate.model.arguments import number, positive

Spectrum = PowerLaw | ArrayLike


class RidgeLaw:
    """Bias, variance and effective dimension of least squares with weight decay, whatever the number of features.

    The head minimises ``1/(2n) ‖Xβ − y‖² + (λ/2) ‖β‖²``. What n samples make of it is what an infinity of samples would
    under a larger ridge κ, plus noise: the same formulas for fewer features than samples and for more, the peak between
    them included.

    Parameters
    ----------
    spectrum : array-like of shape (d,), or PowerLaw
        Eigenvalues s of the covariance of the features (of all there are, not of a sample: see `from_sample`).
    samples : float
        n; need not be whole.
    weight_decay : float
        λ, zero or above. Zero is least squares, or the interpolation of least norm.

    Attributes
    ----------
    samples, weight_decay : float
        As given.
    kappa : float
        κ, the effective ridge: ``κ (1 − dimension/n) = λ``.
    dimension : float
        ``Σ s/(s + κ)``, how many directions the head uses.
    squared_dimension : float
        ``Σ (s/(s + κ))²``, how many it fits noise with.

    Raises
    ------
    ProblemError
        For eigenvalues that are negative or none, no samples, a negative weight decay, or none at all where there are
        as many samples as directions: there the error is infinite.

    Notes
    -----
    Cheng and Montanari 2022 (arXiv 2210.08571); docs/theory §10.1. Errors are those of Gaussian-like features. For
    other features and few samples they are leading terms.

    Examples
    --------
    >>> import numpy as np, penultimate as pen
    >>> s, beta = np.arange(1.0, 1001.0) ** -1.5, np.arange(1.0, 1001.0) ** -0.5
    >>> law = pen.equivalents.RidgeLaw(s, samples=100, weight_decay=1e-3)
    >>> round(law.kappa, 4), round(law.dimension, 1)
    (0.0043, 76.6)
    >>> round(law.bias(beta), 4), round(law.variance(0.1), 4)
    (0.004, 0.0431)
    """

    _spectrum: "PowerLaw | _Listed | None"  # of the population, where it is known
    samples: float
    weight_decay: float
    kappa: float
    dimension: float
    squared_dimension: float

    def __init__(self, spectrum: Spectrum, samples: float, weight_decay: float) -> None:
        self._spectrum = known = spectrum if isinstance(spectrum, PowerLaw) else _Listed(spectrum)
        samples, decay = positive(samples, "the number of samples"), not_negative(weight_decay, "the weight decay")
        kappa = _effective_ridge(known, samples, decay)
        dimension = known.dimension(kappa)
        self._settle(samples, decay, kappa, dimension, known.squared_dimension(kappa))

    @classmethod
    def from_sample(cls, eigenvalues: ArrayLike, samples: float, weight_decay: float) -> Self:
        """The law as one sample tells it, without the population's spectrum.

        Parameters
        ----------
        eigenvalues : array-like of shape (r,)
            Of ``XᵀX/n`` of the sample itself. Zeros may be left out.
        samples : float
            n; one less than there are where the features were centred by their own mean.
        weight_decay : float
            λ, above zero.

        Returns
        -------
        RidgeLaw
            With κ and both dimensions. It knows no directions of the population, so it has a variance and no bias.

        Raises
        ------
        ProblemError
            As the class; and for more eigenvalues above zero than samples.

        Notes
        -----
        The sample's own ``Σ ŝ/(ŝ + λ)`` is the population's ``Σ s/(s + κ)``, and how κ grows with λ tells the second
        sum: docs/theory §10.1.

        Examples
        --------
        >>> import numpy as np, penultimate as pen
        >>> rng = np.random.default_rng(0)
        >>> s = np.arange(1.0, 501.0) ** -1.5
        >>> X = rng.standard_normal((200, 500)) * np.sqrt(s)
        >>> seen = pen.equivalents.RidgeLaw.from_sample(np.linalg.eigvalsh(X @ X.T / 200), 200, 0.01)
        >>> round(seen.dimension, 1), round(pen.equivalents.RidgeLaw(s, 200, 0.01).dimension, 1)
        (37.5, 37.6)
        """
        values = _Listed(eigenvalues)
        samples, decay = positive(samples, "the number of samples"), positive(weight_decay, "the weight decay")
        if values.rank > samples:
            raise ProblemError(
                f"{values.rank} eigenvalues above zero, of {samples:g} samples: there are no more than samples"
            )
        # Shares of n that are left free, written so that nothing cancels where the sample is nearly interpolated.
        idle, left = 1.0 - values.rank / samples, values.left(decay)
        free = idle + float(left.sum()) / samples
        growth = (idle + float(np.square(left).sum()) / samples) / free**2  # dκ/dλ
        law = cls.__new__(cls)
        law._spectrum = None
        law._settle(samples, decay, decay / free, values.dimension(decay), samples * (1.0 - 1.0 / growth))
        return law

    def _settle(self, samples: float, weight_decay: float, kappa: float, dimension: float, squared: float) -> None:
        self.samples, self.weight_decay, self.kappa = samples, weight_decay, kappa
        self.dimension, self.squared_dimension = dimension, squared

    @property
    def inflation(self) -> float:
        """``1/(1 − squared_dimension/n)``, by which few samples multiply every error; largest at the peak."""
        return 1.0 / (1.0 - self.squared_dimension / self.samples)

    def bias(self, coefficients: ArrayLike | None = None) -> float:
        """Test error that more noise-free labels would still leave: the target's part that the ridge takes away.

        Parameters
        ----------
        coefficients : array-like of shape (d,), or (d, K) for several targets
            β of the target along the eigenvectors, in the order of the spectrum. A `PowerLaw` has its `source` instead.

        Returns
        -------
        float
            ``κ² Σ β² s/(s + κ)² · inflation``, summed over targets.

        Raises
        ------
        ProblemError
            When shapes do not fit, entries are not finite, or the directions are not known.
        """
        if isinstance(self._spectrum, PowerLaw):
            if coefficients is not None:
                raise ProblemError(
                    "the target of a power law is its source: give PowerLaw(…, source=b), no coefficients"
                )
            return self._spectrum.lost(self.kappa) * self.inflation
        if self._spectrum is None or coefficients is None:
            raise ProblemError("a bias needs the population's spectrum and the target's coefficients along it")
        return self._spectrum.lost(self.kappa, coefficients) * self.inflation

    def variance(self, noise: float) -> float:
        """Test error that noise in the labels makes.

        Parameters
        ----------
        noise : float
            Variance of the labels about the target, zero or above; summed over targets.

        Returns
        -------
        float
            ``noise · (inflation − 1)``.

        Raises
        ------
        ProblemError
            If the noise is negative.
        """
        return not_negative(noise, "the noise") * (self.inflation - 1.0)

    def __repr__(self) -> str:
        return (
            f"RidgeLaw({self.samples:g} samples, weight decay {self.weight_decay:.3g}: effective ridge "
            f"{self.kappa:.3g}, dimension {self.dimension:.4g})"
        )


class _Listed:
    """A spectrum as a list of eigenvalues."""

    def __init__(self, values: ArrayLike) -> None:
        self.values = eigenvalues_given(values)
        self.rank = int(np.count_nonzero(self.values))

    def dimension(self, kappa: float) -> float:
        return float(self._kept(kappa).sum())

    def squared_dimension(self, kappa: float) -> float:
        return float(np.square(self._kept(kappa)).sum())

    def lost(self, kappa: float, coefficients: ArrayLike) -> float:
        beta = np.asarray(coefficients, dtype=np.float64)
        if beta.ndim not in (1, 2) or len(beta) != self.values.size or not np.isfinite(beta).all():
            raise ProblemError(
                f"coefficients of shape {beta.shape}: give a finite one for each of {self.values.size} eigenvalues"
            )
        squares = np.square(beta).reshape(self.values.size, -1).sum(axis=1)
        return float(squares @ (self.values * np.square(1.0 - self._kept(kappa))))

    def left(self, decay: float) -> Float[np.ndarray, " r"]:
        """``λ/(s + λ)`` of the directions that have variance."""
        return decay / (self.values[self.values > 0.0] + decay)

    def bracket(self, samples: float, decay: float) -> tuple[float, float]:
        """Between which κ lies: ``rank s_min/(s_min + κ) ≤ dimension ≤ Σ s/κ``."""
        least = float(self.values[self.values > 0.0].min())
        return max(decay, least * (self.rank / samples - 1.0)), decay + float(self.values.sum()) / samples

    def _kept(self, kappa: float) -> Float[np.ndarray, " d"]:
        # Directions without variance are never used, not even without any ridge.
        return np.divide(self.values, self.values + kappa, out=np.zeros_like(self.values), where=self.values > 0.0)


def eigenvalues_given(values: ArrayLike) -> Float[np.ndarray, " d"]:
    """Eigenvalues, checked; what rounding made negative is zero.

    Raises
    ------
    ProblemError
        When they are no list of finite numbers, negative, or all zero.
    """
    try:
        known = np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError):
        raise ProblemError("a spectrum is a list of eigenvalues, and this is none") from None
    if known.ndim != 1 or not known.size or not np.isfinite(known).all():
        raise ProblemError(
            f"a spectrum is a list of finite eigenvalues, got an array of shape {known.shape}: give one row"
        )
    rounding = known.size * np.finfo(np.float64).eps * float(known.max())
    if known.max() <= 0.0 or known.min() < -rounding:
        raise ProblemError(
            f"eigenvalues of a covariance are zero or above, and not all zero; these run from {known.min():.3g} to "
            f"{known.max():.3g}"
        )
    return np.where(known > rounding, known, 0.0)


def not_negative(value: object, what: str) -> float:
    """A finite number of zero or above; raises ProblemError for any other."""
    known = number(value, what)
    if known < 0.0:
        raise ProblemError(f"{what} must be zero or above, got {known:g}")
    return known


def _effective_ridge(spectrum: PowerLaw | _Listed, samples: float, decay: float) -> float:
    """κ, the root of ``dimension(κ) + n λ/κ = n``, whose left side falls from infinity, or the rank, to zero."""
    if decay == 0.0 and samples >= spectrum.rank:
        if samples == spectrum.rank:
            raise ProblemError(
                f"without weight decay the error is infinite for {samples:g} samples of {spectrum.rank:g} directions: "
                "give a positive one, or more samples"
            )
        return 0.0
    low, high = spectrum.bracket(samples, decay)

    def surplus(log_kappa: float) -> float:
        kappa = float(np.exp(log_kappa))
        return spectrum.dimension(kappa) / samples + decay / kappa - 1.0

    # A hair wider, for rounding; the ends are roots where there is one direction.
    return float(np.exp(brentq(surplus, np.log(low) - 1e-9, np.log(high) + 1e-9, xtol=1e-14)))

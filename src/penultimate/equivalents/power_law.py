"""A spectrum ``s_i = s_1 i^(−a)`` without end, whose sums have closed forms."""

import numpy as np

from penultimate.errors import ProblemError
from penultimate.model.arguments import number, positive

# An integral and its first correction stand for the sums: right to a hundredth of a degree of freedom up to this share
# of the largest eigenvalue (exponents up to 4), and less and less beyond.
_CLOSED = 0.1


class PowerLaw:
    """Eigenvalues of a covariance that fall as a power of their rank: ``s_i = scale · i^(−exponent)``, i = 1, 2, ….

    Give it to `RidgeLaw` in place of a list of eigenvalues.

    Parameters
    ----------
    exponent : float
        a, above 1, so that the features have a finite variance.
    scale : float, default 1
        s_1, in squared units of the features.
    source : float, optional
        b of a target whose parts fall as ``β_i² s_i = scale · i^(−b)``; only a bias needs it. Above 1, so that the
        target has a finite variance, and up to 1 + a: the bias of a smoother one is that of its first directions.

    Raises
    ------
    ProblemError
        If an exponent is 1 or less, or the scale is not positive.

    Notes
    -----
    ``Σ s/(s + κ) = c − ½`` and ``Σ (s/(s + κ))² = (1 − 1/a) c − ½`` with ``c = (κ/s_1)^(−1/a) (π/a)/sin(π/a)``: an
    integral, and Euler–Maclaurin's correction for a sum that begins at i = 1. Cheng and Montanari 2022 (arXiv
    2210.08571) take such spectra as their example; the forms are derived in docs/theory §10.1.

    Examples
    --------
    >>> import numpy as np, penultimate as pen
    >>> law = pen.equivalents.PowerLaw(2.0)
    >>> s = np.arange(1.0, 100_001.0) ** -2.0
    >>> round(law.dimension(0.01), 3), round(float(np.sum(s / (s + 0.01))), 3)
    (15.208, 15.207)
    """

    def __init__(self, exponent: float, scale: float = 1.0, *, source: float | None = None) -> None:
        self.exponent = _above_one(exponent, "the exponent of the spectrum")
        self.scale = positive(scale, "the scale")
        self.source = None if source is None else _above_one(source, "the exponent of the source")
        if self.source is not None and self.source > 1.0 + self.exponent:
            raise ProblemError(
                f"the exponent of the source must be at most 1 + a = {1.0 + self.exponent:g}, got {self.source:g}: "
                "for a smoother target give the eigenvalues and its coefficients themselves"
            )

    def dimension(self, kappa: float) -> float:
        """``Σ s/(s + κ)``: how many directions an effective ridge κ leaves.

        Parameters
        ----------
        kappa : float
            κ, at most a tenth of the largest eigenvalue.

        Returns
        -------
        float

        Raises
        ------
        ProblemError
            When κ is larger: there the closed form is wrong, and a list of eigenvalues is not.
        """
        return self._integral(kappa) - 0.5

    def squared_dimension(self, kappa: float) -> float:
        """``Σ (s/(s + κ))²``; parameters and errors as `dimension`.

        Returns
        -------
        float
        """
        return (1.0 - 1.0 / self.exponent) * self._integral(kappa) - 0.5

    def lost(self, kappa: float) -> float:
        """``κ² Σ β² s/(s + κ)²``: what of the target an effective ridge κ takes away; parameters as `dimension`.

        Returns
        -------
        float

        Raises
        ------
        ProblemError
            As `dimension`, and without a `source`.
        """
        if self.source is None:
            raise ProblemError("a bias needs a target: give PowerLaw(…, source=b)")
        power = (self.source - 1.0) / self.exponent
        # Euler's integral of the first kind B(2 − p, p) is 1/sinc(1 − p), by reflection.
        return self.scale * self._share(kappa) ** power / float(np.sinc(1.0 - power)) / self.exponent

    @property
    def rank(self) -> float:
        """Directions there are."""
        return float("inf")

    def bracket(self, samples: float, decay: float) -> tuple[float, float]:
        """Between which the effective ridge of `RidgeLaw` lies: above that of no decay, which has a closed form."""
        alone = self.scale * ((samples + 0.5) * float(np.sinc(1.0 / self.exponent))) ** -self.exponent
        high = _CLOSED * self.scale
        if self.dimension(high) / samples + decay / high > 1.0:
            raise ProblemError(
                f"so few samples ({samples:g}), or so large a weight decay ({decay:.3g}), leave an effective ridge "
                f"above {_CLOSED:g} of the largest eigenvalue, where closed forms of power laws do not hold: give the "
                "eigenvalues themselves"
            )
        return max(decay, alone), high

    def _integral(self, kappa: float) -> float:
        return self._share(kappa) ** (-1.0 / self.exponent) / float(np.sinc(1.0 / self.exponent))

    def _share(self, kappa: float) -> float:
        share = positive(kappa, "the effective ridge") / self.scale
        if share > 1.001 * _CLOSED:
            raise ProblemError(
                f"the effective ridge is {share:.2g} of the largest eigenvalue: above {_CLOSED:g} closed forms of "
                "power laws do not hold, so give the eigenvalues themselves, or a smaller weight decay or more samples"
            )
        return share

    def __repr__(self) -> str:
        source = "" if self.source is None else f", source={self.source:g}"
        return f"PowerLaw({self.exponent:g}, {self.scale:g}{source})"


def _above_one(value: object, what: str) -> float:
    known = number(value, what)
    if known <= 1.0:
        raise ProblemError(f"{what} must be above 1, got {known:g}: at 1 or below its sums are infinite")
    return known

"""One direction in a matrix or tensor of noise: from which strength on it is seen, and how well it is then known."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from numbers import Integral

import numpy as np
from jaxtyping import Float
from numpy.typing import NDArray

from penultimate.errors import ProblemError
from penultimate.reported import OneLine

Floats = NDArray[np.float64]
_LARGEST = 1e100  # products of two such stay numbers
# Roots to the last digit: four units of rounding are the least that Brent's method takes.
_EXACT = 4 * float(np.finfo(np.float64).eps)


@dataclass(frozen=True, eq=False, repr=False)
class Spike(OneLine):
    """One direction, as it is and as it is seen, for one or several strengths.

    Attributes
    ----------
    strength : ndarray of shape (…)
        θ, in standard deviations of one entry of the noise. NaN where only a norm at or below the edge was seen.
    norm : ndarray of shape (…)
        Largest singular value of the matrix; of a tensor, its product with the best unit vectors. It scatters by 1. NaN
        below the threshold.
    alignments : ndarray of shape (…, p)
        Absolute cosines of the true vector of each mode with the one found; 0 below the threshold.
    error : ndarray of shape (…)
        Standard deviation of a strength that is inferred from the norm; NaN below the threshold.

    Examples
    --------
    >>> import penultimate as pen
    >>> pen.noise.SpikedTensor((100, 64)).seen([5.0, 20.0]).alignments.round(2)
    array([[0.  , 0.  ],
           [0.88, 0.91]])
    """

    strength: Floats
    norm: Floats
    alignments: Floats
    error: Floats


class SpikedTensor:
    """The law of ``T = θ x_1 ⊗ … ⊗ x_p + E``: unit vectors x_i, independent entries of E with mean 0 and variance 1.

    Parameters
    ----------
    shape : sequence of int
        m_1 … m_p: two sizes for a matrix, three or more for a tensor.

    Raises
    ------
    ProblemError
        For fewer than two sizes, or one below 1.

    Notes
    -----
    After Seddik, Guillaud and Couillet 2021 (arXiv 2112.12348), in a parametrisation without a fixed point that was
    derived for this project (docs/theory §14). A law for large sizes: within 0.02 where they add up to 150 or more and
    the strength is a fifth above the threshold. The vectors are those of the largest norm *near the direction*; for a
    tensor, finding them from the data alone needs more, see `unfolding_threshold`.

    Examples
    --------
    A direction shared over 100 classes, 64 features and 10 checkpoints; and the same, once the class is known:

    >>> import penultimate as pen
    >>> law = pen.noise.SpikedTensor((100, 64, 10))
    >>> round(law.threshold, 1), round(law.unfolding_threshold, 1), round(pen.noise.SpikedTensor((64, 10)).threshold, 1)
    (13.4, 15.9, 5.0)
    >>> law.seen(20.0).alignments.round(2)
    array([0.87, 0.91, 0.98])
    >>> round(float(law.behind(law.seen(20.0).norm).strength), 6)
    20.0
    """

    def __init__(self, shape: Sequence[int]) -> None:
        sizes = tuple(shape)
        if len(sizes) < 2 or not all(isinstance(size, Integral) and size >= 1 for size in sizes):
            raise ProblemError(f"the shape is {sizes}: give two sizes or more, whole numbers from 1 on")
        self.shape = tuple(int(size) for size in sizes)
        self._sizes = np.array(self.shape, dtype=np.float64)
        self._turn = self._turning_point()

    @property
    def threshold(self) -> float:
        """Strength above which the direction is seen; for a matrix (m_1 m_2)^¼."""
        return float(self._strength(self._turn))

    @property
    def edge(self) -> float:
        """Norm at the threshold; for a matrix the largest singular value of the noise, √m_1 + √m_2."""
        return float(self._norm(self._turn))

    @property
    def unfolding_threshold(self) -> float:
        """Strength above which the largest singular vectors of every unfolding know the direction, (m_1 ⋯ m_p)^¼."""
        return float(np.prod(self._sizes**0.25))

    def seen(self, strength: object) -> Spike:
        """What will be seen of directions of some strengths.

        Parameters
        ----------
        strength : float or array-like
            θ, from 0 on.

        Returns
        -------
        Spike

        Raises
        ------
        ProblemError
            For strengths that are negative, not numbers, or beyond 1e100.

        Examples
        --------
        >>> import penultimate as pen
        >>> pen.noise.SpikedTensor((50, 50, 50)).seen([35.0, 40.0]).norm.round(2)
        array([37.17, 41.89])
        """
        given = _checked(strength, "strength")
        return self._spike(given, self._roots(given, self._strength))

    def behind(self, norm: object) -> Spike:
        """Strengths and alignments behind norms that were seen.

        Parameters
        ----------
        norm : float or array-like

        Returns
        -------
        Spike
            With strength NaN and alignments 0 for a norm at or below the edge.

        Raises
        ------
        ProblemError
            For norms that are negative, not numbers, or beyond 1e100.

        Examples
        --------
        >>> import penultimate as pen
        >>> spike = pen.noise.SpikedTensor((100, 64)).behind(25.0)
        >>> print(f"{spike.strength:.2f} ± {spike.error:.2f}", spike.alignments.round(2))
        21.13 ± 1.22 [0.89 0.92]
        """
        given = _checked(norm, "norm")
        root = self._roots(given, self._norm)
        return self._spike(self._strength(root), root)

    def __repr__(self) -> str:
        return f"SpikedTensor({self.shape}): seen above strength {self.threshold:.4g}, norm {self.edge:.4g}"

    def _spike(self, strength: Floats, root: Floats) -> Spike:
        seen = np.isfinite(root)
        squares = self._squares(np.where(seen, root, 1.0))
        alignments = np.where(seen[..., None], np.sqrt(squares), 0.0)
        with np.errstate(divide="ignore"):
            error = np.where(seen, 1.0 / np.prod(alignments, axis=-1), np.nan)
        norm = np.where(seen, self._norm(np.where(seen, root, 1.0)), np.nan)
        return Spike(strength, norm, alignments, error)

    def _turning_point(self) -> float:
        """The s at which strength and norm are least: Σ (1 − q²)/(2 − q²) = 1, which is Σ (1 − s/√(s² + 4m)) = 2."""
        from scipy.optimize import brentq

        if len(self.shape) == 2:
            return 0.0
        sizes = self._sizes
        return brentq(lambda s: np.sum(1 - s / np.hypot(s, 2 * np.sqrt(sizes))) - 2, 0.0, np.sqrt(sizes.sum()))

    def _sums(self, s: "Floats | float") -> Floats:
        """(s + √(s² + 4 m_i))/2, which is m_i over −g_i."""
        root = np.asarray(s, dtype=np.float64)[..., None]
        return (root + np.hypot(root, 2 * np.sqrt(self._sizes))) / 2

    def _squares(self, s: Floats) -> Floats:
        return s[..., None] / self._sums(s)

    def _norm(self, s: "Floats | float") -> Floats:
        return np.asarray(s + np.sum(self._sizes / self._sums(s), axis=-1))

    def _strength(self, s: "Floats | float") -> Floats:
        # s/Π q, with s taken out where a matrix, whose s may be 0, would divide by it.
        sums = self._sums(s)
        rest = sums[..., 2:] / np.asarray(s, dtype=np.float64)[..., None]
        return np.asarray(np.prod(np.sqrt(sums[..., :2]), axis=-1) * np.prod(np.sqrt(rest), axis=-1))

    def _roots(self, values: Floats, curve: Callable[[float], Floats]) -> Floats:
        """The s beyond the turning point at which the curve has each value; NaN for values that it does not reach."""
        from scipy.optimize import brentq

        def root(value: float) -> float:
            if value <= least:
                return float("nan")
            # Neither norm nor strength is below its s.
            return brentq(lambda s: float(curve(s)) - value, self._turn, value, xtol=1e-300, rtol=_EXACT)

        least = float(curve(self._turn))
        return np.array([root(value) for value in values.ravel().tolist()]).reshape(values.shape)


def _checked(values: object, what: str) -> Float[np.ndarray, "..."]:
    given = np.asarray(values, dtype=np.float64)
    if not np.all((given >= 0.0) & (given <= _LARGEST)):
        raise ProblemError(f"the {what} is {values!r}: give numbers from 0 to {_LARGEST:g}")
    return given

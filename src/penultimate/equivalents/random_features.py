"""The test error of a ridge head on random Fourier features, before any are drawn: the classes are cos and sin."""

from functools import cached_property

import numpy as np
from jaxtyping import Float
from numpy.typing import ArrayLike, NDArray

from penultimate.equivalents.population import Population
from penultimate.equivalents.read_out import first_places, roots
from penultimate.equivalents.score_law import ScoreLaw
from penultimate.errors import FeaturesError
from penultimate.features.arrays import as_features, finite_rows
from penultimate.model.arguments import positive, whole

# Samples up to which the law is asked: its kernels are n × n, and a step inverts one: four seconds in all.
LARGEST = 2000


class RandomFeaturesLaw:
    """Scores of a ridge head on N pairs ``cos(wᵀx), sin(wᵀx)``, ``w ~ N(0, I/σ²)``, over the draws of w.

    The head minimises ``1/(2n) Σ ‖B φ(x) − y‖² + (λ/2) ‖B‖²`` with ``φ = (cos Wx, sin Wx)/√N``. With many pairs it
    tends to kernel ridge regression with the kernel ``exp(−‖x − z‖²/(2σ²))`` and the penalty nλ. Few pairs make a
    smoother mean head (a larger penalty), and noise; where there are half as many pairs as samples, and little decay,
    a peak.

    Parameters
    ----------
    features : array-like of shape (n, d)
        That the head is fitted on; 2,000 samples at most.
    targets : array-like of shape (n, K)
        What it shall answer there.
    new : array-like of shape (m, d)
        Where it is asked.
    pairs : int
        N.
    weight_decay : float
        λ, positive.
    bandwidth : float, default 1
        σ, in the units of the features; scikit-learn's gamma is ``1/(2σ²)``.

    Attributes
    ----------
    mean : ndarray of shape (m, K)
        Scores of the mean head at the new samples.

    Raises
    ------
    FeaturesError
        When shapes do not fit, something is not finite, or there are too many samples.
    ProblemError
        If a number is not positive, or a number of pairs not whole.

    Notes
    -----
    Liao, Couillet and Mahoney 2020 (arXiv 2006.05013), who take n, d and N to be large together; the case K = 2 of
    `ScoreLaw` with samples and features in each other's place (docs/theory §10.2). Test errors are right within 12 %
    of simulations, the peak included, where features vary in some tens of directions; in a handful, and with hardly
    any decay, up to 25 % off. Training errors beyond the peak are not right, and not offered.

    Examples
    --------
    >>> import numpy as np, penultimate as pen
    >>> rng = np.random.default_rng(0)
    >>> x, z = rng.standard_normal((60, 2)), rng.standard_normal((200, 2))
    >>> few, many = (
    ...     pen.equivalents.RandomFeaturesLaw(x, np.sin(2 * x[:, :1]), z, pairs, 1e-4) for pairs in (30, 300)
    ... )
    >>> few.squared_error(np.sin(2 * z[:, :1])) > many.squared_error(np.sin(2 * z[:, :1]))
    True
    """

    def __init__(
        self,
        features: ArrayLike,
        targets: ArrayLike,
        new: ArrayLike,
        pairs: int,
        weight_decay: float,
        bandwidth: float = 1.0,
    ) -> None:
        sigma, number = positive(bandwidth, "the bandwidth"), whole(pairs, "the number of random features")
        rows = _finite(features, "features") / sigma
        self._targets, answered = _finite(targets, "targets"), _finite(new, "new features") / sigma
        if len(rows) > LARGEST:
            raise FeaturesError(f"{len(rows):,} samples: the law takes at most {LARGEST:,}, so give some of them")
        if len(self._targets) != len(rows) or answered.shape[1] != rows.shape[1]:
            raise FeaturesError(
                f"features {rows.shape}, targets {self._targets.shape} and new features {answered.shape} do not fit: "
                "give (n, d), (n, K) and (m, d)"
            )
        # The columns of φ over the n samples are drawn from two populations, N from each; what they shall answer is
        # their own values at the new samples. A factor makes the mean over 2N columns the kernel over n.
        scale = 2.0 / len(rows)
        population = Population(
            np.zeros((2, len(rows))),
            scale * paired_kernels(rows, rows),
            targets=np.zeros((2, len(answered))),
            cross=scale * paired_kernels(answered, rows),
            target_covariances=scale * paired_kernels(answered, answered),
        )
        self._law = ScoreLaw(population, [number, number], weight_decay, bias=False)
        self.mean: NDArray[np.float64] = self._law.weight @ self._targets

    @cached_property
    def _spreads(self) -> Float[np.ndarray, "m 2"]:
        """How far cos and sin at each new sample are from what the mean head makes of them, squared."""
        return np.clip(np.diagonal(self._law.residual_covariances, axis1=1, axis2=2).T, 0.0, None)

    @cached_property
    def _noise(self) -> Float[np.ndarray, "2 K K"]:
        """Covariance of the K scores for each unit of those: quadratic in the targets, so sums give the mixed terms."""
        columns, size = self._targets.T, self._targets.shape[1]
        one, other = np.triu_indices(size, 1)
        own = self._law.noise(columns)
        noise = np.empty((2, size, size))
        noise[:, range(size), range(size)] = own.T
        if one.size:
            mixed = (self._law.noise(columns[one] + columns[other]) - own[one] - own[other]).T / 2.0
            noise[:, one, other] = noise[:, other, one] = mixed
        return noise

    @property
    def covariance(self) -> Float[np.ndarray, "m K K"]:
        """Covariance of the scores at each new sample over the draws of w, shape (m, K, K)."""
        return np.tensordot(self._spreads, self._noise, axes=1)

    def squared_errors(self, targets: ArrayLike) -> Float[np.ndarray, " m"]:
        """Expected ``‖score − y‖²`` at each new sample, over the draws of w.

        Parameters
        ----------
        targets : array-like of shape (m, K)

        Returns
        -------
        ndarray of shape (m,)

        Raises
        ------
        FeaturesError
            When targets do not fit the new samples.
        """
        wanted = _finite(targets, "targets")
        if wanted.shape != self.mean.shape:
            raise FeaturesError(f"targets of shape {wanted.shape}: give {self.mean.shape}, as the new samples have")
        return np.square(self.mean - wanted).sum(axis=1) + self._spreads @ np.trace(self._noise, axis1=1, axis2=2)

    def squared_error(self, targets: ArrayLike) -> float:
        """Mean of `squared_errors`; parameters and errors as there.

        Returns
        -------
        float
        """
        return float(self.squared_errors(targets).mean())

    def probabilities(self, *, offsets: ArrayLike = 0.0, seed: int = 0) -> Float[np.ndarray, "m K"]:
        """How likely each score is the largest at each new sample, over the draws of w.

        Parameters
        ----------
        offsets : array-like of shape (K,), default 0
            Added to the scores.
        seed : int, default 0
            Of the heads that are drawn.

        Returns
        -------
        ndarray of shape (m, K)
            Rows sum to one.
        """
        return first_places(self.mean + np.asarray(offsets), self._spreads, list(roots(self._noise)), seed)


def paired_kernels(one: Float[np.ndarray, "n d"], other: Float[np.ndarray, "m d"]) -> Float[np.ndarray, "2 n m"]:
    """``E cos(wᵀx) cos(wᵀz)`` and ``E sin(wᵀx) sin(wᵀz)`` for ``w ~ N(0, I)``; their sum is the Gaussian kernel.

    Written with ``‖x ∓ z‖²``, so that nothing overflows where hyperbolic functions would.
    """
    squares = np.square(one).sum(axis=1)[:, None] + np.square(other).sum(axis=1)
    product = 2.0 * one @ other.T
    near, far = np.exp(-np.maximum(squares - product, 0.0) / 2.0), np.exp(-np.maximum(squares + product, 0.0) / 2.0)
    return np.stack([near + far, near - far]) / 2.0


def _finite(values: ArrayLike, what: str) -> NDArray[np.float64]:
    rows = as_features(values).astype(np.float64)
    if not len(rows) or finite_rows(rows) is not None:
        raise FeaturesError(f"{what} must be finite, and at least one row")
    return rows

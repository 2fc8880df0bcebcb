"""How far two sets of features are apart, shape included: the Sinkhorn divergence, in linear time by positive features.

Scetbon and Cuturi 2020 (arXiv 2006.07057): the kernel ``e^{−|x−y|²/ε}`` is the mean of products of positive random
features, so that no table of n × m distances is needed. In the form used here each side lies about its own mean, and
each principal direction has the proposal that suits it (docs/theory, "Sinkhorn divergences by positive features").
"""

from collections.abc import Callable

import numpy as np
from jaxtyping import Float
from numpy.typing import NDArray

from penultimate.errors import FeaturesError, ProblemError
from penultimate.features.arrays import as_features

Floats = NDArray[np.float64]
Product = Callable[[Floats], Floats]

# Largest change of a log-potential at which Sinkhorn's iterations end, and how many there may be.
_TOLERANCE, _ITERATIONS = 1e-5, 2000


def sinkhorn_divergence(
    one: object, other: object, epsilon: float = 1.0, *, features: int = 500, seed: int = 0
) -> float:
    """Sinkhorn divergence of two sets of samples, in squared units of their features.

    Parameters
    ----------
    one, other : array-like of shape (n, d) and (m, d)
    epsilon : float, default 1.0
        Regularisation, in units of the mean squared distance within the sets, ``tr Σ_one + tr Σ_other``.
    features : int, default 500
        Random features r.
    seed : int, default 0
        Of these.

    Returns
    -------
    float
        ``W(one, other) − W(one, one)/2 − W(other, other)/2``, W the optimal transport of squared distance with the
        penalty ``ε KL(P ‖ a ⊗ b)``. It is above zero for two samples of one law: hold it against those of sets whose
        samples changed sides.

    Raises
    ------
    FeaturesError
        For fewer than two samples, other widths, NaN or infinity.
    ProblemError
        When epsilon is not above 0, or so small that the features of some sample vanish, or features below 1.

    Notes
    -----
    Cost ``O((n + m) r (d + iterations))``. From ε = 1 on, 200 features do in any dimension, and the divergence says
    little more than the squared distance of the means, which it becomes as ε grows. At 0.3 take 2,000 features; below,
    they fail in every dimension (studies/positive_features.py). `drift` has a simpler test that sees more.

    Examples
    --------
    >>> import numpy as np, penultimate as pen
    >>> one = np.random.default_rng(0).normal(size=(400, 5))
    >>> shifted = one + [0.6, 0, 0, 0, 0]
    >>> [round(pen.metrics.sinkhorn_divergence(one, other), 2) for other in (shifted, 1.5 * one)]
    [0.36, 0.41]
    """
    if not (np.isfinite(epsilon) and epsilon > 0):
        raise ProblemError(f"epsilon={epsilon}: give a number above 0")
    if features < 1:
        raise ProblemError(f"features={features}: give at least 1")
    first = _checked(one, None)
    second = _checked(other, first.shape[1])
    apart = first.mean(axis=0) - second.mean(axis=0)
    both = in_their_span(np.concatenate([first - first.mean(axis=0), second - second.mean(axis=0)]))
    first, second = both[: len(first)], both[len(first) :]
    within = float(np.sum(first**2) / len(first) + np.sum(second**2) / len(second))
    if not within > 0.0:
        return float(apart @ apart)
    scale = epsilon * within
    proposals = Proposals.of(first.T @ first / len(first) + second.T @ second / len(second), scale)
    drawn = np.random.default_rng(seed).standard_normal((features, first.shape[1]))
    left, right = proposals.features(first, drawn), proposals.features(second, drawn)
    a, b = np.full((len(first), 1), 1.0 / len(first)), np.full((len(second), 1), 1.0 / len(second))
    with np.errstate(all="ignore"):
        cross = transport(lambda z: left @ (right.T @ z), lambda z: right @ (left.T @ z), a, b)
        own = [_alone(lambda z, f=f: f @ (f.T @ z), w) for f, w in ((left, a), (right, b))]
        shape = float(scale * (cross - 0.5 * (own[0] + own[1]))[0])
    if not np.isfinite(shape):
        raise ProblemError(f"epsilon={epsilon}: so little leaves some sample without any feature: give 0.3 or more")
    return float(apart @ apart) + shape


def in_their_span(samples: Float[np.ndarray, "n d"]) -> Float[np.ndarray, "n r"]:
    """The same products of samples in no more columns than there are samples: directions without any change nothing."""
    return samples if samples.shape[1] <= len(samples) else np.linalg.qr(samples.T)[1].T


class Proposals:
    """Normal laws from which positive features of centred samples are drawn, one variance a principal direction.

    Parameters
    ----------
    directions : ndarray of shape (d, d)
        Principal directions of the samples, one a column.
    q : ndarray of shape (d,)
        ``u_j ~ N(0, q_j ε/4)`` along them.
    scale : float
        ε.
    """

    def __init__(self, directions: Float[np.ndarray, "d d"], q: Float[np.ndarray, " d"], scale: float) -> None:
        self._directions, self._q, self._scale = directions, q, scale

    @classmethod
    def of(cls, scatter: Float[np.ndarray, "d d"], scale: float) -> "Proposals":
        """Those with the least relative second moment at the mean sample of both sides.

        Parameters
        ----------
        scatter : ndarray of shape (d, d)
            Σ of one side plus that of the other.
        scale : float
            ε.
        """
        values, directions = np.linalg.eigh(scatter)
        pull = 4.0 * np.maximum(values, 0.0) / scale
        return cls(directions, (3.0 + pull + np.sqrt((1.0 + pull) ** 2 + 4.0 * pull)) / 8.0, scale)

    def features(self, samples: Float[np.ndarray, "n d"], drawn: Float[np.ndarray, "r d"]) -> Floats:
        """Positive features, each row divided by its largest: a factor that a divergence does not see."""
        logs = self.logs(samples, drawn)
        logs -= logs.max(axis=1, keepdims=True)
        return np.exp(logs, out=logs)

    def common(self, samples: Float[np.ndarray, "n d"]) -> Float[np.ndarray, " n"]:
        """What `logs` leaves out."""
        return 0.25 * float(np.sum(np.log(2.0 * self._q))) - 2.0 * np.sum(samples**2, axis=1) / self._scale

    def logs(self, samples: Float[np.ndarray, "n d"], drawn: Float[np.ndarray, "r d"]) -> Floats:
        """Logarithms of positive features, but for what a row has in `common`.

        Parameters
        ----------
        samples : ndarray of shape (n, d)
        drawn : ndarray of shape (r, d)
            Standard normal numbers, the same for all samples whose kernel is wanted.

        Returns
        -------
        ndarray of shape (n, r)
        """
        points = drawn * np.sqrt(self._q * self._scale / 4.0)
        own = np.sum(points**2 * (1.0 / self._q - 2.0), axis=1) / self._scale
        return (4.0 / self._scale) * (samples @ self._directions) @ points.T + own


def divergences(kernel: Product, one: Float[np.ndarray, "N B"], other: Float[np.ndarray, "N B"]) -> Floats:
    """Sinkhorn divergences of many pairs of weights on the same N points, over ε.

    Parameters
    ----------
    kernel : callable
        Multiplies N × B numbers with the kernel of the points.
    one, other : ndarray of shape (N, B)
        Weights, each column of sum one.

    Returns
    -------
    ndarray of shape (B,)
    """
    return transport(kernel, kernel, one, other) - 0.5 * (_alone(kernel, one) + _alone(kernel, other))


def transport(forth: Product, back: Product, a: Floats, b: Floats) -> Floats:
    """Entropic optimal transport over ε by its dual, ``Σ a log u + Σ b log v``, column by column.

    Parameters
    ----------
    forth, back : callable
        Multiply weights of the second side, and of the first, with the kernel.
    a, b : ndarray of shape (n, B) and (m, B)
        Weights, each column of sum one.

    Returns
    -------
    ndarray of shape (B,)
    """
    v = np.ones_like(b)
    u = 1.0 / forth(b * v)
    for _ in range(_ITERATIONS):
        v = 1.0 / back(a * u)
        former, u = u, 1.0 / forth(b * v)
        if _settled(former, u):
            break
    return np.sum(a * np.log(u), axis=0) + np.sum(b * np.log(v), axis=0)


def _alone(kernel: Product, a: Floats) -> Floats:
    """The same of a law with itself: a root of the two halves of a step, which would alternate."""
    u = np.ones_like(a)
    for _ in range(_ITERATIONS):
        former, u = u, np.sqrt(u / kernel(a * u))
        if _settled(former, u):
            break
    return 2.0 * np.sum(a * np.log(u), axis=0)


def _settled(former: Floats, u: Floats) -> bool:
    return bool(np.abs(u / former - 1.0).max() < _TOLERANCE)


def _checked(samples: object, dimension: int | None) -> Floats:
    rows = as_features(samples, dimension).astype(np.float64)
    if len(rows) < 2 or not np.isfinite(rows).all():
        raise FeaturesError("a divergence takes two samples at least on each side, without NaN or infinity")
    return rows

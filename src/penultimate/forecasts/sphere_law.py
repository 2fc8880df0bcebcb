"""Row lengths under cross-entropy where every feature has the same length, with many more classes than dimensions.

Layer normalisation puts features on a sphere, |h| = R. A class's own row is then all that lengthens its margin
z = |w| R, and the pull of the loss on it, π q R with q the probability that it misses, balances the decay λ |w|. In the
mean-field model of docs/theory §11 this leaves one number and a closed form: free where lengths of a trained head are
explained, and given by λ and R before training. Derived for this project.
"""

import math

import numpy as np
from jaxtyping import Float, Int

# Points of the table that is inverted, and the smallest share of the bias in it.
_POINTS, _LEAST = 2048, 1e-15
# Margins that a weight decay and a radius may stand for, at equal counts: below the first all classes are near death,
# above the last exp(z) has no room.
_LOWEST, _HIGHEST = 1e-6, 600.0
_STEPS = 20


def sphere_margins(
    shares: Float[np.ndarray, " G"], sizes: Int[np.ndarray, " G"], margin: float
) -> Float[np.ndarray, " G"]:
    """The margin z of a class of each group; its row has the length z/R.

    Parameters
    ----------
    shares : ndarray of shape (G,)
        π, the share of all samples that one class of each group has; with `sizes` they add up to 1.
    sizes : ndarray of shape (G,)
        How many classes each group has.
    margin : float
        The one free number: z if all classes had equal counts. It stands for λ/R², and is larger where that is smaller.

    Returns
    -------
    ndarray of shape (G,)

    Notes
    -----
    With κ = z₀ K²/(K − 1) and β = softmax(b), every class has ``z = κ β (1 − β)`` and
    ``π = S β (1 − β + β exp(z))``; S makes the β add up to 1, and ``λ = S R²/κ``. β is held at ½ or below, which no
    class exceeds where there are many.

    Examples
    --------
    >>> import numpy as np
    >>> from penultimate.forecasts.sphere_law import sphere_margins
    >>> sphere_margins(np.array([0.01]), np.array([100]), 12.0)
    array([12.])
    >>> rare, frequent = sphere_margins(np.array([0.001, 0.019]), np.array([50, 50]), 12.0)
    >>> float(round(frequent / rare, 2))
    1.23
    """
    classes = int(sizes.sum())
    return _solved(shares, sizes, margin * classes**2 / (classes - 1))[0]


def sphere_margins_of(
    shares: Float[np.ndarray, " G"], sizes: Int[np.ndarray, " G"], room: float, *, free_bias: bool
) -> Float[np.ndarray, " G"]:
    """The margins z at a weight decay λ and a length R of the features.

    Parameters
    ----------
    shares, sizes : ndarray of shape (G,)
        As for `sphere_margins`.
    room : float
        R²/λ.
    free_bias : bool
        Whether the head has a bias, which is not regularised; otherwise it has none.

    Returns
    -------
    ndarray of shape (G,)

    Notes
    -----
    Without a bias β = 1/K for every class, so that ``λ z = π q R²`` is ``z (K − 1 + exp(z)) = π R² (K − 1)/λ``.

    Examples
    --------
    >>> import numpy as np
    >>> from penultimate.forecasts.sphere_law import sphere_margins_of
    >>> sphere_margins_of(np.array([0.01]), np.array([100]), 1e6, free_bias=True).round(2)
    array([11.37])
    """
    classes = int(sizes.sum())
    if not free_bias:
        return _without_bias(shares * room, classes)

    def off(log_margin: float) -> float:
        kappa = math.exp(log_margin) * classes**2 / (classes - 1)
        return _solved(shares, sizes, kappa)[1] + math.log(room / kappa)

    from scipy.optimize import brentq

    low, high = math.log(_LOWEST), math.log(_HIGHEST)
    if off(low) <= 0.0:
        return np.zeros_like(shares)
    margin = _HIGHEST if off(high) >= 0.0 else math.exp(float(brentq(off, low, high)))
    return sphere_margins(shares, sizes, margin)


def _solved(
    shares: Float[np.ndarray, " G"], sizes: Int[np.ndarray, " G"], kappa: float
) -> tuple[Float[np.ndarray, " G"], float]:
    """Margins for a κ, and log S."""
    from scipy.optimize import brentq

    log_beta: Float[np.ndarray, " p"] = np.linspace(math.log(_LEAST), math.log(0.5), _POINTS)
    beta = np.exp(log_beta)
    log_share: Float[np.ndarray, " p"] = log_beta + np.logaddexp(
        np.log1p(-beta), log_beta + kappa * beta * (1.0 - beta)
    )
    logs = np.log(shares)

    def bias_share(log_scale: float) -> Float[np.ndarray, " G"]:
        return np.exp(np.interp(logs - log_scale, log_share, log_beta))

    # With S so small that every β is ½ they add up to K/2, and with S so large that every β is at its least to nothing.
    low, high = float(logs.min() - log_share[-1]), float(logs.max() - log_share[0])
    scale = float(brentq(lambda log_scale: float(sizes @ bias_share(log_scale)) - 1.0, low, high))
    beta = bias_share(scale)
    return kappa * beta * (1.0 - beta), scale


def _without_bias(pull: Float[np.ndarray, " G"], classes: int) -> Float[np.ndarray, " G"]:
    """Solve ``z (K − 1 + exp(z)) = (K − 1) π R²/λ`` by Newton from above, where the left side is convex."""
    others = classes - 1.0
    # The left side is at least (K − 1) z, and at least z exp(z) ≥ exp(z) − 1.
    z = np.minimum(np.log1p(others * pull), pull)
    for _ in range(_STEPS):
        exp = np.exp(z)
        z = z - (z * (others + exp) - others * pull) / (others + exp * (1.0 + z))
    return z

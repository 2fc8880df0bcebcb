"""Row lengths under cross-entropy where every feature has the same length, with many more classes than dimensions.

Layer normalisation puts features on a sphere, |h| = R. A class's own row is then all that lengthens its margin
z = |w| R, and the pull of the loss on it, π q R with q the probability that it misses, balances the decay λ |w|. In the
mean-field model of docs/theory §11 this leaves one free number and a closed form. Derived for this project.
"""

import math

import numpy as np
from jaxtyping import Float, Int
from scipy.optimize import brentq

# Points of the table that is inverted, and the smallest share of the bias in it.
_POINTS, _LEAST = 2048, 1e-15


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
    kappa = margin * classes**2 / (classes - 1)
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
    return kappa * beta * (1.0 - beta)

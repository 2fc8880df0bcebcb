"""The search for a regularised bias, all else in closed form: L-BFGS from one start or several, and its certificate.

The objective φ of a bias b has a curvature of at most 1 + λ_b. Where it is convex, its modulus is λ_b, and so
``φ − φ_min ≤ ‖∇φ‖²/(2λ_b)`` (docs/theory §4.1).
"""

from collections.abc import Callable

import numpy as np
from jaxtyping import Float

from penultimate.minimisers.certificate import ROUNDING

# Relative gap that a convex solution must reach to be called optimal.
TARGET_GAP = 1e-10
_MAX_STEPS = 2000


def best_bias(
    objective: Callable[[Float[np.ndarray, " m"]], tuple[float, Float[np.ndarray, " m"]]],
    collapsed: Float[np.ndarray, " m"],
    decay: float,
    *,
    convex: bool,
) -> tuple[Float[np.ndarray, " m"], float, float | None]:
    """Minimise over the bias.

    Parameters
    ----------
    objective : callable
        Value and gradient at a bias.
    collapsed : ndarray of shape (m,)
        The bias that fits best with no features at all: where the search starts, and other starts lie around it where
        the objective is not convex.
    decay : float
        λ_b.
    convex : bool

    Returns
    -------
    bias : ndarray of shape (m,)
    value : float
    gap : float or None
        Upper bound of value minus minimum; None where it is not convex.
    """
    starts = [collapsed] if convex else [collapsed, np.zeros_like(collapsed), 0.5 * collapsed, 2.0 * collapsed]
    points = [_descend(objective, start) for start in starts]
    found = [objective(point) for point in points]
    best = int(np.argmin([value for value, _ in found]))
    value, gradient = found[best]
    # What the bound says below the rounding of the objective itself is luck.
    gap = max(float(gradient @ gradient) / (2.0 * decay), ROUNDING * value) if convex else None
    return points[best], value, gap


def _descend(
    objective: Callable[[Float[np.ndarray, " m"]], tuple[float, Float[np.ndarray, " m"]]],
    start: Float[np.ndarray, " m"],
) -> Float[np.ndarray, " m"]:
    """L-BFGS until rounding stops it: the curvature lies in [λ_b, 1 + λ_b], so no scaling is needed."""
    from scipy.optimize import minimize

    result = minimize(
        objective,
        start,
        jac=True,
        method="L-BFGS-B",
        options={"maxiter": _MAX_STEPS, "maxfun": 2 * _MAX_STEPS, "ftol": 0.0, "gtol": 1e-15, "maxcor": 30},
    )
    return result.x

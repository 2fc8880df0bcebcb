"""Cross-entropy with more classes than dimensions, descended on W, one feature a class, and bias, from many starts.

It knows nothing of laws or spectra. Features are free and decay, or have one length: then their direction is descended.
"""

from dataclasses import dataclass

import numpy as np
from scipy.optimize import OptimizeResult, minimize
from scipy.special import logsumexp

# Of the random entries.
_SCALE = 0.3
# Steps of every start, and how many of the best go on to the end.
_FIRST, _BEST = 150, 3


@dataclass(frozen=True)
class Descended:
    """The best of all starts.

    Attributes
    ----------
    objective : float
        With the decay of features, where they are free.
    head, means : ndarray of shape (K, d)
        Rows of the last layer, and features.
    """

    objective: float
    head: np.ndarray
    means: np.ndarray


def descend(
    shares: np.ndarray,
    width: int,
    decay: float,
    *,
    radius: float | None = None,
    free_bias: bool = True,
    starts: int = 20,
    steps: int = 1000,
    seed: int = 0,
) -> Descended:
    """Minimise the mean loss plus decays by L-BFGS, the most promising starts to the end; c = 1 for free features."""
    classes, rng = shares.size, np.random.default_rng(seed)
    size = classes * width
    own = np.arange(classes)

    def parts(flat: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        head, raw = flat[:size].reshape(classes, width), flat[size : 2 * size].reshape(classes, width)
        norms = np.linalg.norm(raw, axis=1, keepdims=True)
        return head, raw if radius is None else radius * raw / norms, norms, flat[2 * size :]

    def value(flat: np.ndarray) -> tuple[float, np.ndarray]:
        head, means, norms, bias = parts(flat)
        logits = means @ head.T + (bias if free_bias else 0.0)
        total = logsumexp(logits, axis=1)
        slope = np.exp(logits - total[:, None])
        slope[own, own] -= 1.0
        slope *= shares[:, None]
        objective = shares @ (total - logits[own, own]) + decay / 2.0 * np.sum(head**2)
        to_head, to_means = slope.T @ means + decay * head, slope @ head
        if radius is None:
            objective += decay / 2.0 * shares @ np.sum(means**2, axis=1)
            to_means += decay * shares[:, None] * means
        else:
            unit = means / radius
            to_means = radius / norms * (to_means - unit * np.sum(unit * to_means, axis=1, keepdims=True))
        to_bias = slope.sum(axis=0) if free_bias else np.empty(0)
        return float(objective), np.concatenate([to_head.ravel(), to_means.ravel(), to_bias])

    def towards(start: np.ndarray, most: int) -> OptimizeResult:
        options = {"maxiter": most, "maxfun": 2 * most, "ftol": 1e-13, "gtol": 1e-9, "maxcor": 20}
        return minimize(value, start, jac=True, method="L-BFGS-B", options=options)

    numbers = 2 * size + (classes if free_bias else 0)
    begun = [towards(_SCALE * rng.standard_normal(numbers), _FIRST) for _ in range(starts)]
    begun.sort(key=lambda end: end.fun)
    ends = [towards(end.x, steps) for end in begun[:_BEST]]
    best = min(ends, key=lambda end: end.fun)
    head, means, _, _ = parts(best.x)
    return Descended(float(best.fun), head, means)
